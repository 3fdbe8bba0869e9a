//! How we authenticate at the provider's token endpoint (RFC 6749, section 2.3; OpenID Connect Core 1.0, section 9).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_protocol::SecretString;
use http::HeaderValue;
use thiserror::Error;
use url::form_urlencoded;

use crate::ProviderMetadata;

/// A method of the token endpoint, with what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `none`: a public client says who it is; PKCE protects the code.
    None,
    /// `client_secret_basic`.
    SecretBasic(SecretString),
    /// `client_secret_post`.
    SecretPost(SecretString),
}

/// The provider takes no method that we can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the provider's token endpoint takes neither client_secret_basic nor client_secret_post")]
pub struct UnsupportedClientAuthentication;

impl ClientAuthentication {
    /// Chooses the method: none without a secret, otherwise the first of `client_secret_basic` and
    /// `client_secret_post` that the provider takes.
    ///
    /// Whether the provider lists `none` is not looked at: Entra serves public clients and does not.
    ///
    /// # Errors
    /// Where there is a secret, and the provider lists methods but neither of the two.
    pub fn choose(
        client_secret: Option<SecretString>,
        metadata: &ProviderMetadata,
    ) -> Result<Self, UnsupportedClientAuthentication> {
        let Some(secret) = client_secret else {
            return Ok(Self::None);
        };
        // "If omitted, the default is client_secret_basic" (OpenID Connect Discovery, section 3).
        let Some(methods) = metadata.token_endpoint_auth_methods() else {
            return Ok(Self::SecretBasic(secret));
        };
        let takes = |method: &str| methods.iter().any(|listed| listed == method);
        if takes("client_secret_basic") {
            Ok(Self::SecretBasic(secret))
        } else if takes("client_secret_post") {
            Ok(Self::SecretPost(secret))
        } else {
            Err(UnsupportedClientAuthentication)
        }
    }
}

/// The `Authorization` header of `client_secret_basic`. Both parts are form-encoded first (RFC 6749, section 2.3.1):
/// a colon in the id would otherwise end it.
pub(crate) fn basic(client_id: &str, secret: &SecretString) -> HeaderValue {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = SecretString::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    let text = SecretString::new(format!("Basic {}", STANDARD.encode(credentials.expose())));
    // Base64 is always a valid header value.
    let mut value = HeaderValue::from_str(text.expose()).unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_provider::metadata_with;

    #[test]
    fn the_method_follows_the_secret_and_what_the_provider_takes() {
        let secret = || SecretString::new("s".to_owned());
        let basic = Ok(ClientAuthentication::SecretBasic(secret()));
        let post = Ok(ClientAuthentication::SecretPost(secret()));
        for (methods, expected) in [
            (serde_json::Value::Null, basic.clone()),
            (serde_json::json!(["client_secret_basic"]), basic.clone()),
            (serde_json::json!(["client_secret_post", "client_secret_basic"]), basic),
            (serde_json::json!(["client_secret_post", "private_key_jwt"]), post),
            (serde_json::json!(["private_key_jwt", "none"]), Err(UnsupportedClientAuthentication)),
            (serde_json::json!([]), Err(UnsupportedClientAuthentication)),
        ] {
            let metadata = metadata_with(|document| document["token_endpoint_auth_methods_supported"] = methods);
            assert_eq!(ClientAuthentication::choose(Some(secret()), &metadata), expected);
            assert_eq!(ClientAuthentication::choose(None, &metadata), Ok(ClientAuthentication::None));
        }
    }

    #[test]
    fn basic_credentials_are_those_of_rfc_6749_section_2_3_1() {
        let value = basic("s6BhdRkqt3", &SecretString::new("7Fjfp0ZBr1KtDRbnfVdmIw".to_owned()));
        assert_eq!(value, "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3");
        assert!(value.is_sensitive());
    }

    #[test]
    fn id_and_secret_are_form_encoded_before_they_are_joined() {
        let value = basic("https://a b:c", &SecretString::new("p%:+é~".to_owned()));
        let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        let joined = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        assert_eq!(joined, "https%3A%2F%2Fa+b%3Ac:p%25%3A%2B%C3%A9%7E");
    }
}
