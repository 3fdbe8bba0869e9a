//! `[[token_services]]`.

use std::collections::BTreeMap;

use gatehouse_protocol::WebOrigin;
use serde::{Deserialize, Serialize};
use url::Url;

use super::identity_provider::{name, secure_url};
use super::provider_authentication::{AssertionDocument, PrivateKeyDocument, authentication, local_or_secure_url};
use super::values::{SecretDocument, unique};
use crate::error::problem;
use crate::{
    ConfigurationError, IdentityProvider, ManagedIdentity, ProviderAuthentication, TokenEndpoint, TokenService,
    TokenServiceKind,
};

const MOST_TOKEN_SERVICES: usize = 64;
/// Azure's instance metadata service.
const METADATA_SERVICE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
const METADATA_SERVICE_VERSION: &str = "2018-02-01";
const APP_SERVICE_VERSION: &str = "2019-08-01";

const NAME: &str = r#"name = "apis""#;
const ENDPOINT: &str = r#"token_endpoint = "https://auth.example.com/token""#;
const IDENTITY_ENDPOINT: &str = r#"token_endpoint = "http://localhost:42356/msi/token""#;
const CLIENT_ID: &str = r#"client_id = "gatehouse""#;
const SECRET: &str = r#"client_secret = { secret = "token_service_secret" }"#;
const IDENTITY_HEADER: &str = r#"identity_header = { secret = "identity_header" }"#;
const PARAMETERS: &str = r#"parameters = { tenant = "example" }"#;

/// Somebody who gives tokens for MCP servers and what is behind them ([Credentials for backends](backend-credentials.md)). It is one
/// of four: an authorization server (`token_endpoint`), an identity provider of this document (`identity_provider`), Azure's service
/// for managed identities (`managed_identity`), or a variable in which the platform keeps a token (`token`).
///
/// ```toml
/// [[token_services]]
/// name = "apis"
/// token_endpoint = "https://auth.example.com/token"
/// client_id = "gatehouse"
/// client_secret = { secret = "token_service_secret" }
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenServiceDocument {
    /// A short id: 1 to 32 lower-case letters, digits and `-`.
    ///
    /// Example: `"apis"`
    pub(super) name: String,
    /// The URL of the token endpoint: https, or http on a loopback host. With `managed_identity = "app-service"`, it is the value of
    /// the environment variable `IDENTITY_ENDPOINT` there.
    ///
    /// Example: `"https://auth.example.com/token"`
    token_endpoint: Option<String>,
    /// The `name` of the identity provider whose token endpoint it is. Gatehouse is then the client through which users sign in.
    ///
    /// Example: `"main"`
    identity_provider: Option<String>,
    /// Azure's service for managed identities: that of virtual machines (`vm`), or of App Service, Functions and Container Apps
    /// (`app-service`).
    ///
    /// Values: `vm`, `app-service`
    managed_identity: Option<String>,
    /// The variable that holds the token itself. Something else must keep it fresh: Kubernetes a token of the service account, a
    /// SPIFFE agent a JWT-SVID.
    ///
    /// Example: `{ secret = "workload_token" }`
    token: Option<SecretDocument>,
    /// Gatehouse's client id there. It is required with `token_endpoint`. With `managed_identity`, it names one of several identities.
    ///
    /// Example: `"gatehouse"`
    client_id: Option<String>,
    /// The variable that holds Gatehouse's client secret. Exactly one of `client_secret`, `private_key` and `client_assertion` is
    /// required with `token_endpoint`.
    ///
    /// Example: `{ secret = "token_service_secret" }`
    client_secret: Option<SecretDocument>,
    /// The private key with which Gatehouse signs (`private_key_jwt`).
    ///
    /// Example: `{ secret = "token_service_key" }`
    private_key: Option<PrivateKeyDocument>,
    /// A signed assertion that somebody else makes for Gatehouse, such as a token of its workload identity.
    ///
    /// Example: `{ secret = "workload_token" }`
    client_assertion: Option<AssertionDocument>,
    /// How a `client_secret` is sent.
    ///
    /// Default: `"client_secret_basic"`
    /// Values: `client_secret_basic`, `client_secret_post`
    authentication_method: Option<String>,
    /// The variable that holds the value of the environment variable `IDENTITY_HEADER`. It is required with
    /// `managed_identity = "app-service"`.
    ///
    /// Example: `{ secret = "identity_header" }`
    identity_header: Option<SecretDocument>,
    /// Further parameters of each request to the token endpoint. Those that Gatehouse sets itself cannot be here.
    ///
    /// Example: `{ tenant = "example" }`
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

/// The services, none of which is Gatehouse itself.
pub(super) fn check(
    documents: Vec<TokenServiceDocument>,
    public_url: &WebOrigin,
    providers: &[IdentityProvider],
) -> Result<Vec<TokenService>, ConfigurationError> {
    if documents.len() > MOST_TOKEN_SERVICES {
        let text = format!("has more than {MOST_TOKEN_SERVICES} tables");
        return Err(problem("token_services", text, NAME));
    }
    let mut services = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        let table = format!("token_services[{index}]");
        let service = document.check(&table)?;
        if service.urls().iter().any(|url| Url::parse(url).is_ok_and(|url| public_url.is_reached_by(&url))) {
            let text = "leads to Gatehouse's own public_url";
            return Err(problem(format!("{table}.token_endpoint"), text, ENDPOINT));
        }
        if let TokenServiceKind::IdentityProvider(name) = &service.kind
            && !providers.iter().any(|provider| provider.name == *name)
        {
            let text = "is no name of an identity provider";
            return Err(problem(format!("{table}.identity_provider"), text, r#"identity_provider = "main""#));
        }
        services.push(service);
    }
    unique("token_services", ".name", services.iter().map(|service| service.name.as_str()))?;
    Ok(services)
}

impl TokenServiceDocument {
    fn check(self, table: &str) -> Result<TokenService, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        name(&self.name).map_err(|text| problem(key("name"), text, NAME))?;
        let misplaced = self.misplaced();
        let kind = match (&self.token, &self.identity_provider, self.managed_identity.as_deref()) {
            (None, None, None) => "token_endpoint",
            (Some(_), None, None) => "token",
            (None, Some(_), None) => "identity_provider",
            (None, None, Some("vm" | "app-service")) => "managed_identity",
            (None, None, Some(_)) => {
                let text = "must be vm or app-service";
                return Err(problem(key("managed_identity"), text, r#"managed_identity = "vm""#));
            }
            _ => {
                let text = "is more than one of token, identity_provider and managed_identity";
                return Err(problem(table, text, ENDPOINT));
            }
        };
        if let Some(name) = misplaced {
            return Err(problem(key(name), format!("must not be given together with {kind}"), ENDPOINT));
        }
        let kind = match (self.token, self.identity_provider, self.managed_identity) {
            (Some(token), ..) => TokenServiceKind::Setting(token.check(&key("token"))?),
            (None, Some(provider), _) => TokenServiceKind::IdentityProvider(provider),
            (None, None, Some(platform)) => {
                let identity_header = self.identity_header.map(|secret| secret.check(&key("identity_header")));
                let is_app_service = platform == "app-service";
                if is_app_service && identity_header.is_none() {
                    return Err(problem(key("identity_header"), "is missing", IDENTITY_HEADER));
                }
                let url = match self.token_endpoint {
                    None if is_app_service => {
                        return Err(problem(key("token_endpoint"), "is missing", IDENTITY_ENDPOINT));
                    }
                    None => METADATA_SERVICE.to_owned(),
                    Some(url) => url,
                };
                let wrong = |text: &'static str| problem(key("token_endpoint"), text, IDENTITY_ENDPOINT);
                local_or_secure_url(&url).map_err(wrong)?;
                let uri: http::Uri = url.parse().map_err(|_| wrong("is not a URL"))?;
                if uri.query().is_some() {
                    return Err(wrong("must not have a query: Gatehouse adds it"));
                }
                TokenServiceKind::ManagedIdentity(Box::new(ManagedIdentity {
                    url: uri,
                    api_version: if is_app_service { APP_SERVICE_VERSION } else { METADATA_SERVICE_VERSION },
                    identity_header: identity_header.transpose()?,
                    client_id: self.client_id,
                }))
            }
            (None, None, None) => {
                let url = self.token_endpoint.ok_or_else(|| problem(key("token_endpoint"), "is missing", ENDPOINT))?;
                secure_url(&url).map_err(|text| problem(key("token_endpoint"), text, ENDPOINT))?;
                let client_id = self.client_id.filter(|id| !id.is_empty());
                let client_id = client_id.ok_or_else(|| problem(key("client_id"), "is missing", CLIENT_ID))?;
                let authentication = authentication(self.client_secret, self.private_key, self.client_assertion, key)?;
                if authentication == ProviderAuthentication::None {
                    let text = "is missing: a client without a secret, key or assertion could be anybody";
                    return Err(problem(key("client_secret"), text, SECRET));
                }
                let is_secret = matches!(authentication, ProviderAuthentication::Secret(_));
                let secret_in_body = match self.authentication_method.as_deref() {
                    None => false,
                    Some(_) if !is_secret => {
                        let text = "is for a client_secret alone";
                        return Err(problem(key("authentication_method"), text, SECRET));
                    }
                    Some("client_secret_basic") => false,
                    Some("client_secret_post") => true,
                    Some(_) => {
                        let text = "must be client_secret_basic or client_secret_post";
                        let example = r#"authentication_method = "client_secret_post""#;
                        return Err(problem(key("authentication_method"), text, example));
                    }
                };
                parameters(&self.parameters, &key("parameters"))?;
                TokenServiceKind::Endpoint(Box::new(TokenEndpoint {
                    url,
                    client_id,
                    authentication,
                    secret_in_body,
                    parameters: self.parameters,
                }))
            }
        };
        Ok(TokenService { name: self.name, kind })
    }

    /// A key that means nothing for this kind of service.
    fn misplaced(&self) -> Option<&'static str> {
        let is_endpoint = self.token.is_none() && self.identity_provider.is_none() && self.managed_identity.is_none();
        let is_platform = self.managed_identity.is_some();
        let has_credentials = [
            ("client_secret", self.client_secret.is_some()),
            ("private_key", self.private_key.is_some()),
            ("client_assertion", self.client_assertion.is_some()),
            ("authentication_method", self.authentication_method.is_some()),
            ("parameters", !self.parameters.is_empty()),
        ];
        let of_endpoint = has_credentials.into_iter().filter(|_| !is_endpoint);
        let of_address = [("token_endpoint", self.token_endpoint.is_some()), ("client_id", self.client_id.is_some())];
        let of_address = of_address.into_iter().filter(|_| !is_endpoint && !is_platform);
        let header = ("identity_header", self.identity_header.is_some());
        let is_app_service = self.managed_identity.as_deref() == Some("app-service");
        let header = Some(header).filter(|_| !is_app_service);
        of_endpoint.chain(of_address).chain(header).find_map(|(name, is_given)| is_given.then_some(name))
    }
}

/// Those that say who asks, for whom and for what are ours.
fn parameters(given: &BTreeMap<String, String>, key: &str) -> Result<(), ConfigurationError> {
    const OWN: [&str; 15] = [
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "scope",
        "resource",
        "audience",
        "assertion",
        "requested_token_use",
        "requested_token_type",
        "subject_token",
        "subject_token_type",
        "actor_token",
        "actor_token_type",
    ];
    for (name, value) in given {
        let at = || format!("{key}.{name}");
        if OWN.contains(&name.as_str()) {
            return Err(problem(at(), "is a parameter that Gatehouse sets itself", PARAMETERS));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.is_empty() || !name.bytes().all(is_plain) {
            return Err(problem(at(), "must have a name of letters, digits and _ - . only", PARAMETERS));
        }
        if value.is_empty() || value.len() > 256 || value.chars().any(char::is_control) {
            return Err(problem(at(), "must have 1 to 256 bytes and no control characters", PARAMETERS));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
