//! How we authenticate at the provider's token endpoint (RFC 6749, section 2.3; RFC 7521, section 4.2; OpenID Connect
//! Core 1.0, section 9).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatehouse_configuration::{IdentityProvider, ProviderProfile};
use gatehouse_jose::{SigningAlgorithm, SigningHeader, SigningKey, SigningRejection, TimeClaims};
use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use http::HeaderValue;
use serde::Serialize;
use thiserror::Error;
use url::form_urlencoded;

use crate::{Endpoint, ProviderMetadata};

/// How long an assertion of ours works, in seconds: for one request, and for clocks that differ.
const ASSERTION_SECONDS: u64 = 5 * 60;

/// What the operator gave us to prove who we are; the values, no longer their names.
#[derive(Clone, Debug)]
pub enum ClientCredentials {
    /// Nothing: a public client.
    None,
    /// A secret that the provider knows.
    Secret(SecretString),
    /// A key whose public half the provider knows.
    PrivateKey {
        /// The key.
        key: SigningKey,
        /// `kid`, where the provider needs one.
        key_id: Option<String>,
        /// `x5t#S256`: the certificate's SHA-256 thumbprint, base64url. Entra finds the key by it.
        certificate_thumbprint: Option<String>,
    },
    /// An assertion that somebody else has signed for us, just read.
    Assertion(SecretString),
}

/// A method of the token endpoint, with what it needs. For one request: an assertion works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `none`: a public client says who it is; PKCE protects the code.
    None,
    /// `client_secret_basic`.
    SecretBasic(SecretString),
    /// `client_secret_post`.
    SecretPost(SecretString),
    /// `private_key_jwt`, or an assertion of another issuer that the provider trusts (RFC 7523, section 2.2).
    Assertion(SecretString),
}

/// We cannot authenticate at this provider. The text is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClientAuthenticationRejection {
    /// There is a secret.
    #[error("the provider's token endpoint takes neither client_secret_basic nor client_secret_post")]
    NoSecrets,
    /// There is a key or an assertion.
    #[error("the provider's token endpoint does not take private_key_jwt")]
    NoAssertions,
    /// Our key.
    #[error("no client assertion can be made: {0}")]
    Key(#[from] SigningRejection),
}

/// RFC 7523, section 3, without the times.
#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
}

impl ClientAuthentication {
    /// Chooses the method: none without credentials, for a secret the first of `client_secret_basic` and
    /// `client_secret_post` that the provider takes, an assertion otherwise.
    ///
    /// Whether the provider lists `none` is not looked at: Entra serves public clients and does not.
    ///
    /// # Errors
    /// Where the provider lists methods, and the one that is needed is not among them; or our key cannot sign.
    pub fn choose(
        credentials: &ClientCredentials,
        provider: &IdentityProvider,
        metadata: &ProviderMetadata,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<Self, ClientAuthenticationRejection> {
        // "If omitted, the default is client_secret_basic" (OpenID Connect Discovery, section 3). Whoever configures a
        // key knows that the provider takes it.
        let methods = metadata.token_endpoint_auth_methods();
        let takes = |method: &str| methods.is_none_or(|methods| methods.iter().any(|listed| listed == method));
        match credentials {
            ClientCredentials::None => Ok(Self::None),
            ClientCredentials::Secret(secret) if takes("client_secret_basic") => Ok(Self::SecretBasic(secret.clone())),
            ClientCredentials::Secret(secret) if takes("client_secret_post") => Ok(Self::SecretPost(secret.clone())),
            ClientCredentials::Secret(_) => Err(ClientAuthenticationRejection::NoSecrets),
            ClientCredentials::PrivateKey { .. } | ClientCredentials::Assertion(_) if !takes("private_key_jwt") => {
                Err(ClientAuthenticationRejection::NoAssertions)
            }
            ClientCredentials::PrivateKey { .. } | ClientCredentials::Assertion(_) => {
                let algorithms = assertion_algorithms(provider, metadata);
                Self::asserted(credentials, &provider.client_id, metadata.token_endpoint(), algorithms, now, entropy)
            }
        }
    }

    /// At a token endpoint of which nothing else is known than what the operator says.
    ///
    /// # Errors
    /// Where our key cannot sign.
    pub fn at_endpoint(
        credentials: &ClientCredentials,
        client_id: &str,
        endpoint: &Endpoint,
        secret_in_body: bool,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<Self, ClientAuthenticationRejection> {
        match credentials {
            ClientCredentials::None => Ok(Self::None),
            ClientCredentials::Secret(secret) if secret_in_body => Ok(Self::SecretPost(secret.clone())),
            ClientCredentials::Secret(secret) => Ok(Self::SecretBasic(secret.clone())),
            ClientCredentials::PrivateKey { .. } | ClientCredentials::Assertion(_) => {
                Self::asserted(credentials, client_id, endpoint, &SigningAlgorithm::ALL, now, entropy)
            }
        }
    }

    fn asserted(
        credentials: &ClientCredentials,
        client_id: &str,
        endpoint: &Endpoint,
        algorithms: &[SigningAlgorithm],
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<Self, ClientAuthenticationRejection> {
        match credentials {
            ClientCredentials::PrivateKey { key, key_id, certificate_thumbprint } => {
                let header = SigningHeader {
                    typ: Some("JWT"),
                    kid: key_id.as_deref(),
                    x5t_s256: certificate_thumbprint.as_deref(),
                };
                let key = key.clone().accepted_as(algorithms)?;
                let claims = AssertionClaims {
                    iss: client_id,
                    sub: client_id,
                    aud: &endpoint.to_string(),
                    jti: URL_SAFE_NO_PAD.encode(entropy.bytes::<16>()),
                };
                let times = TimeClaims { exp: Some(now.plus(ASSERTION_SECONDS)), nbf: Some(now), iat: Some(now) };
                Ok(Self::Assertion(key.sign(&header, &times, &claims, entropy)?))
            }
            ClientCredentials::Assertion(assertion) => Ok(Self::Assertion(assertion.clone())),
            ClientCredentials::None | ClientCredentials::Secret(_) => Err(ClientAuthenticationRejection::NoAssertions),
        }
    }
}

/// The algorithms that the provider takes for assertions.
fn assertion_algorithms<'a>(provider: &IdentityProvider, metadata: &'a ProviderMetadata) -> &'a [SigningAlgorithm] {
    use SigningAlgorithm::{EdDsa, Es256, Es384, Rs256};
    match (metadata.assertion_algorithms(), &provider.profile) {
        (Some(algorithms), _) => algorithms,
        // Entra lists none, and takes both of RSA; PS256 is what it recommends.
        (None, ProviderProfile::Entra(_)) => &SigningAlgorithm::ALL,
        // "Servers SHOULD support RS256" (OpenID Connect Discovery, section 3).
        (None, ProviderProfile::OpenId) => &[Rs256, Es256, Es384, EdDsa],
    }
}

/// The `Authorization` header of `client_secret_basic`. Both parts are form-encoded first (RFC 6749, section 2.3.1):
/// a colon in the id would otherwise end it. A space is written in the longer of its two forms, which those who decode percent
/// signs alone read, too.
pub(crate) fn basic(client_id: &str, secret: &SecretString) -> HeaderValue {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let credentials = SecretString::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    let text = SecretString::new(format!("Basic {}", STANDARD.encode(credentials.expose())));
    // Base64 is always a valid header value.
    let mut value = HeaderValue::from_str(text.expose()).unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests;
