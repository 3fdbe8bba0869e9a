//! How we prove to a provider who we are: `client_secret`, `private_key` or `client_assertion`.

use std::collections::BTreeMap;

use gatehouse_protocol::is_loopback_host;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::values::{SecretDocument, header_name, secret_name};
use crate::error::problem;
use crate::{AssertionSource, ConfigurationError, ProviderAuthentication, SecretName};

/// The private key with which Gatehouse proves its identity to the provider.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table { secret = \"VARIABLE\" }")]
pub(super) struct PrivateKeyDocument {
    /// The variable that holds the key: PEM, PKCS #8 (`BEGIN PRIVATE KEY`).
    ///
    /// Example: `"identity_provider_key"`
    secret: String,
    /// The key's id (`kid`), if the provider needs it.
    ///
    /// Example: `"2026-11"`
    key_id: Option<String>,
    /// The SHA-256 thumbprint of the key's certificate in base64url (`x5t#S256`). Entra finds the key by it.
    ///
    /// Example: `"kLx0VSyIaB7yvtUYQRZBPiXYB3cQbfi5GCk6YV0aZHs"`
    certificate_thumbprint: Option<String>,
}

/// Where Gatehouse reads an assertion (RFC 7523) that proves its identity to the provider. It is read anew for each
/// use. Exactly one of `secret` and `url` is required.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table { secret = \"VARIABLE\" } or { url = \"URL\" }")]
pub(super) struct AssertionDocument {
    /// The variable that holds the assertion. Something else must keep it fresh.
    ///
    /// Example: `"identity_provider_assertion"`
    secret: Option<String>,
    /// The endpoint that gives the assertion: a GET request, answered by JSON with `access_token`. It is https, or http
    /// on a loopback or link-local address (169.254.0.0/16).
    ///
    /// Example: `"http://169.254.169.254/metadata/identity/oauth2/token"`
    url: Option<String>,
    /// Fixed headers of that request. Only with `url`.
    ///
    /// Example: `{ Metadata = "true" }`
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Headers of that request whose values are secrets. Only with `url`.
    ///
    /// Example: `{ X-IDENTITY-HEADER = { secret = "identity_header" } }`
    #[serde(default)]
    secret_headers: BTreeMap<String, SecretDocument>,
}

pub(super) fn authentication(
    client_secret: Option<SecretDocument>,
    private_key: Option<PrivateKeyDocument>,
    client_assertion: Option<AssertionDocument>,
    key: impl Fn(&str) -> String,
) -> Result<ProviderAuthentication, ConfigurationError> {
    match (client_secret, private_key, client_assertion) {
        (None, None, None) => Ok(ProviderAuthentication::None),
        (Some(secret), None, None) => Ok(ProviderAuthentication::Secret(secret.check(&key("client_secret"))?)),
        (None, Some(private_key), None) => private_key.check(&key("private_key")),
        (None, None, Some(assertion)) => {
            Ok(ProviderAuthentication::Assertion(assertion.check(&key("client_assertion"))?))
        }
        (secret, _, assertion) => {
            let second = if assertion.is_some() { "client_assertion" } else { "private_key" };
            let first = if secret.is_some() { "client_secret" } else { "private_key" };
            let text = format!("must not be given together with {first}: Gatehouse proves its identity in one way");
            Err(problem(key(second), text, r#"client_secret = { secret = "identity_provider_secret" }"#))
        }
    }
}

impl PrivateKeyDocument {
    fn check(self, key: &str) -> Result<ProviderAuthentication, ConfigurationError> {
        const KEY_ID: &str = r#"private_key = { secret = "identity_provider_key", key_id = "2026-11" }"#;
        const THUMBPRINT: &str = r#"certificate_thumbprint = "kLx0VSyIaB7yvtUYQRZBPiXYB3cQbfi5GCk6YV0aZHs""#;
        if self.key_id.as_ref().is_some_and(|id| id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(problem(format!("{key}.key_id"), "must be visible ASCII characters", KEY_ID));
        }
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if self.certificate_thumbprint.as_ref().is_some_and(|it| it.len() != 43 || !it.bytes().all(is_base64url)) {
            let text = "must be the certificate's SHA-256 in base64url: 43 characters, not hexadecimal";
            return Err(problem(format!("{key}.certificate_thumbprint"), text, THUMBPRINT));
        }
        Ok(ProviderAuthentication::PrivateKey {
            key: secret_name(key, &self.secret)?,
            key_id: self.key_id,
            certificate_thumbprint: self.certificate_thumbprint,
        })
    }
}

impl AssertionDocument {
    fn check(self, key: &str) -> Result<AssertionSource, ConfigurationError> {
        const SECRET: &str = r#"client_assertion = { secret = "identity_provider_assertion" }"#;
        const URL: &str = r#"url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2FAzureADTokenExchange""#;
        match (self.secret, self.url) {
            (Some(secret), None) => {
                if !self.headers.is_empty() || !self.secret_headers.is_empty() {
                    return Err(problem(key, "has headers, but no url to which they could be sent", URL));
                }
                Ok(AssertionSource::Setting(secret_name(key, &secret)?))
            }
            (None, Some(url)) => {
                local_or_secure_url(&url).map_err(|text| problem(format!("{key}.url"), text, URL))?;
                let uri = url.parse().map_err(|_| problem(format!("{key}.url"), "is not a URL", URL))?;
                let (headers, secret_headers) = endpoint_headers(self.headers, self.secret_headers, key)?;
                Ok(AssertionSource::Endpoint { url: uri, headers, secret_headers })
            }
            (Some(_), Some(_)) => Err(problem(key, "has both secret and url", SECRET)),
            (None, None) => Err(problem(key, "has neither secret nor url", SECRET)),
        }
    }
}

/// Metadata services answer in clear, on this machine or the link to it (169.254.0.0/16). Farther away, everybody on the
/// way could be us.
pub(super) fn local_or_secure_url(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    let host = url.host().ok_or("is not an http(s) URL")?;
    let local = is_loopback_host(&host) || matches!(host, Host::Ipv4(address) if address.is_link_local());
    match url.scheme() {
        "https" => {}
        "http" if local => {}
        "http" => return Err("uses http on a host that is neither loopback nor link-local (169.254.0.0/16)"),
        _ => return Err("is not an http(s) URL"),
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a fragment or a user");
    }
    Ok(())
}

type EndpointHeaders = (BTreeMap<String, String>, Vec<(HeaderName, SecretName)>);

fn endpoint_headers(
    fixed: BTreeMap<String, String>,
    secret: BTreeMap<String, SecretDocument>,
    key: &str,
) -> Result<EndpointHeaders, ConfigurationError> {
    const FIXED: &str = r#"headers = { Metadata = "true" }"#;
    const SECRET: &str = r#"secret_headers = { "X-IDENTITY-HEADER" = { secret = "identity_header" } }"#;
    let mut headers = BTreeMap::new();
    for (name, value) in fixed {
        let key = format!("{key}.headers.{name}");
        let name = header_name(&key, &name, FIXED)?;
        HeaderValue::from_str(&value).map_err(|_| problem(&key, "is not a header value", FIXED))?;
        headers.insert(name.as_str().to_owned(), value);
    }
    let secret_headers = secret.into_iter().map(|(name, secret)| {
        let key = format!("{key}.secret_headers.{name}");
        let name = header_name(&key, &name, SECRET)?;
        if headers.contains_key(name.as_str()) {
            return Err(problem(key, "must not be one of headers", SECRET));
        }
        Ok((name, secret.check(&key)?))
    });
    let secret_headers = secret_headers.collect::<Result<_, _>>()?;
    Ok((headers, secret_headers))
}
