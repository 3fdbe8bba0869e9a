//! `[[connections]]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

use super::connection_preset::{Preset, PresetKeys};
use super::identity_provider::{authorization_parameters, metadata_url, name, secure_url};
use super::provider_authentication::{AssertionDocument, PrivateKeyDocument, authentication};
use super::values::{SecretDocument, scopes, unique};
use crate::error::problem;
use crate::{
    ConfigurationError, Connection, ConnectionEndpoints, IdentityProvider, ProviderAuthentication, SecretMethod,
};

const MOST_CONNECTIONS: usize = 64;
const ISSUER: &str = r#"issuer = "https://accounts.example.com""#;

/// A connection to an API of somebody else, in whose OAuth server users link an account of theirs at `/connections`
/// ([Connections](connections.md)). A route uses it by `backend_token`. Where the server is follows from `preset`, from `issuer`
/// (discovery), or from `authorization_endpoint` and `token_endpoint`. The redirect URI to register there is `public_url` with the
/// path `/connections/callback/NAME`.
///
/// ```toml
/// [[connections]]
/// name = "github"
/// preset = "github"
/// client_id = "Iv23liAbCdEfGh"
/// client_secret = { secret = "github_secret" }
/// scopes = ["repo"]
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionDocument {
    /// A short id: 1 to 32 lower-case letters, digits and `-`. With another name, place or `client_id`, everybody links their account
    /// again.
    ///
    /// Example: `"github"`
    name: String,
    /// The name that users read.
    ///
    /// Default: the value of `name`
    /// Example: `"GitHub"`
    display_name: Option<String>,
    /// A server whose endpoints and ways are known.
    ///
    /// Values: `github`, `google`, `microsoft-graph`, `slack`, `atlassian`
    preset: Option<String>,
    /// The id of the Entra tenant whose users link their accounts, or `organizations`, `common` or `consumers`. Only with the preset
    /// `microsoft-graph`.
    ///
    /// Default: `"common"`
    /// Example: `"8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"`
    tenant: Option<String>,
    /// The issuer, letter by letter as the server's metadata has it. Alone, the endpoints are read there (RFC 8414, OpenID Connect
    /// Discovery). With endpoints, it is what the server must call itself in its answers (RFC 9207). Not with `preset`.
    ///
    /// Example: `"https://accounts.example.com"`
    issuer: Option<String>,
    /// Where the server's metadata is, if it is not at one of the two usual places. Only with discovery.
    ///
    /// Example: `"https://accounts.example.com/tenant/.well-known/oauth-authorization-server"`
    metadata_url: Option<String>,
    /// Where users allow the link. It is https, or http on a loopback host.
    ///
    /// Example: `"https://accounts.example.com/authorize"`
    authorization_endpoint: Option<String>,
    /// Where codes and refresh tokens become tokens.
    ///
    /// Example: `"https://accounts.example.com/token"`
    token_endpoint: Option<String>,
    /// Where tokens are revoked (RFC 7009) when a user removes the link.
    ///
    /// Example: `"https://accounts.example.com/revoke"`
    revocation_endpoint: Option<String>,
    /// Gatehouse's client id there.
    ///
    /// Example: `"gatehouse"`
    client_id: String,
    /// The variable that holds Gatehouse's client secret. At most one of `client_secret`, `private_key` and `client_assertion` may be
    /// set. Without all three, Gatehouse is a public client there.
    ///
    /// Example: `{ secret = "github_secret" }`
    client_secret: Option<SecretDocument>,
    /// The private key with which Gatehouse signs (`private_key_jwt`).
    ///
    /// Example: `{ secret = "connection_key" }`
    private_key: Option<PrivateKeyDocument>,
    /// A signed assertion that somebody else makes for Gatehouse.
    ///
    /// Example: `{ secret = "connection_assertion" }`
    client_assertion: Option<AssertionDocument>,
    /// How the secret is sent. By default, it is sent as the metadata or the preset says, and otherwise in the header.
    ///
    /// Values: `client_secret_basic`, `client_secret_post`
    client_authentication: Option<String>,
    /// The scopes that are asked for. With `microsoft-graph` and `atlassian`, `offline_access` is added.
    ///
    /// Example: `["repo", "read:user"]`
    #[serde(default)]
    scopes: Vec<String>,
    /// Further parameters of the authorization request. Parameters that Gatehouse sets itself cannot be here.
    ///
    /// Example: `{ prompt = "consent" }`
    #[serde(default)]
    authorization_parameters: BTreeMap<String, String>,
    /// Further parameters of the token requests.
    ///
    /// Example: `{ audience = "api.example.com" }`
    #[serde(default)]
    token_parameters: BTreeMap<String, String>,
    /// Whether the authorization request has a code challenge (PKCE, S256). Only a server that refuses it needs `false`, and then a
    /// client secret, key or assertion is required.
    ///
    /// Default: `true`
    pkce: Option<bool>,
    /// Whether an administrator links one account for everybody, in place of each user their own. Every caller of the routes that name
    /// it then acts in that account, machines and API keys too.
    ///
    /// Default: `false`
    shared: Option<bool>,
    /// The identity provider whose `administrator_roles` may link a shared account. Only with `shared`.
    ///
    /// Default: the only provider that has `administrator_roles`
    /// Example: `"main"`
    administrators_of: Option<String>,
}

/// The connections of the document.
pub(super) fn check(
    documents: Vec<ConnectionDocument>,
    providers: &[IdentityProvider],
) -> Result<Vec<Connection>, ConfigurationError> {
    if documents.len() > MOST_CONNECTIONS {
        return Err(problem("connections", "has more than 64 tables", r#"[[connections]] name = "github""#));
    }
    if !documents.is_empty() && providers.is_empty() {
        let text = "must not be given without an identity provider: nobody could sign in to link an account";
        return Err(problem("connections", text, r#"[identity_provider] name = "main""#));
    }
    let each = documents.into_iter().enumerate();
    let each = each.map(|(index, document)| document.check(&format!("connections[{index}]"), providers));
    let connections = each.collect::<Result<Vec<_>, _>>()?;
    unique("connections", ".name", connections.iter().map(|connection| connection.name.as_str()))?;
    Ok(connections)
}

impl ConnectionDocument {
    fn check(self, table: &str, providers: &[IdentityProvider]) -> Result<Connection, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        name(&self.name).map_err(|text| problem(key("name"), text, r#"name = "github""#))?;
        if self.client_id.is_empty() || self.client_id.chars().any(char::is_control) {
            return Err(problem(
                key("client_id"),
                "must be the client id that the server gave",
                r#"client_id = "gatehouse""#,
            ));
        }
        let written = PresetKeys {
            issuer: self.issuer.is_some(),
            metadata_url: self.metadata_url.is_some(),
            authorization_endpoint: self.authorization_endpoint.is_some(),
            token_endpoint: self.token_endpoint.is_some(),
        };
        let preset = Preset::parse(self.preset.as_deref(), self.tenant.as_deref(), &written, key)?;
        let revocation = self.revocation_endpoint;
        if let Some(url) = &revocation {
            endpoint(url, &key("revocation_endpoint"))?;
        }
        let endpoints = match &preset {
            Some(preset) => preset.endpoints(revocation),
            None => endpoints(
                (self.issuer, self.metadata_url),
                (self.authorization_endpoint, self.token_endpoint, revocation),
                key,
            )?,
        };
        let authentication = authentication(self.client_secret, self.private_key, self.client_assertion, key)?;
        let uses_pkce = self.pkce.unwrap_or(true);
        if !uses_pkce && authentication == ProviderAuthentication::None {
            let text = "must not be false for a public client: whoever had the code would have the tokens";
            return Err(problem(key("pkce"), text, "pkce = true"));
        }
        let secret_method = match self.client_authentication.as_deref() {
            None => preset.as_ref().map(Preset::secret_method),
            Some("client_secret_basic") => Some(SecretMethod::Basic),
            Some("client_secret_post") => Some(SecretMethod::Post),
            Some(_) => {
                let text = "must be client_secret_basic or client_secret_post";
                return Err(problem(
                    key("client_authentication"),
                    text,
                    r#"client_authentication = "client_secret_post""#,
                ));
            }
        };
        let mut requested = self.scopes;
        requested.extend(preset.as_ref().and_then(Preset::further_scope).map(str::to_owned));
        authorization_parameters(&self.authorization_parameters, &key("authorization_parameters"))?;
        token_parameters(&self.token_parameters, &key("token_parameters"))?;
        let mut further = preset.as_ref().map(Preset::authorization_parameters).unwrap_or_default();
        further.extend(self.authorization_parameters);
        Ok(Connection {
            display_name: self.display_name.unwrap_or_else(|| self.name.clone()),
            scopes: scopes(key("scopes"), &requested)?,
            shared_by: shared_by(self.shared.unwrap_or(false), self.administrators_of, providers, key)?,
            authorization_parameters: further,
            token_parameters: self.token_parameters,
            name: self.name,
            client_id: self.client_id,
            endpoints,
            authentication,
            secret_method,
            uses_pkce,
        })
    }
}

fn endpoints(
    (issuer, metadata): (Option<String>, Option<String>),
    (authorization, token, revocation): (Option<String>, Option<String>, Option<String>),
    key: impl Fn(&str) -> String,
) -> Result<ConnectionEndpoints, ConfigurationError> {
    if let Some(issuer) = &issuer {
        secure_url(issuer).map_err(|text| problem(key("issuer"), text, ISSUER))?;
    }
    match (authorization, token, issuer) {
        (Some(authorization), Some(token), issuer) => {
            endpoint(&authorization, &key("authorization_endpoint"))?;
            endpoint(&token, &key("token_endpoint"))?;
            if metadata.is_some() {
                return Err(problem(key("metadata_url"), "is only for discovery, without endpoints", ISSUER));
            }
            Ok(ConnectionEndpoints::Given { issuer, authorization, token, revocation })
        }
        (None, None, Some(issuer)) => {
            if revocation.is_some() {
                let text = "is only for a server without discovery: the metadata says where tokens are revoked";
                return Err(problem(key("revocation_endpoint"), text, ISSUER));
            }
            let metadata_url = metadata_url(metadata, None, &key("metadata_url"))?;
            Ok(ConnectionEndpoints::Discovered { issuer, metadata_url })
        }
        (None, None, None) => Err(problem(key("issuer"), "is missing, and so are preset and the endpoints", ISSUER)),
        (Some(_), None, _) => {
            let example = r#"token_endpoint = "https://accounts.example.com/token""#;
            Err(problem(key("token_endpoint"), "is missing", example))
        }
        (None, Some(_), _) => {
            let example = r#"authorization_endpoint = "https://accounts.example.com/authorize""#;
            Err(problem(key("authorization_endpoint"), "is missing", example))
        }
    }
}

/// An endpoint may have a query (RFC 6749, section 3.1).
fn endpoint(text: &str, key: &str) -> Result<(), ConfigurationError> {
    const EXAMPLE: &str = r#""https://accounts.example.com/authorize""#;
    let without_query = text.split_once('?').map_or(text, |(before, _)| before);
    secure_url(without_query).map_err(|text| problem(key, text, EXAMPLE))?;
    let is_whole = Url::parse(text).is_ok_and(|url| url.fragment().is_none()) && !text.contains(char::is_whitespace);
    if is_whole { Ok(()) } else { Err(problem(key, "holds a fragment or a space", EXAMPLE)) }
}

/// Those that make a grant what it is are ours.
fn token_parameters(given: &BTreeMap<String, String>, key: &str) -> Result<(), ConfigurationError> {
    const OWN: [&str; 11] = [
        "grant_type",
        "code",
        "redirect_uri",
        "code_verifier",
        "refresh_token",
        "scope",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "token",
    ];
    const EXAMPLE: &str = r#"token_parameters = { audience = "api.example.com" }"#;
    for (name, value) in given {
        let at = || format!("{key}.{name}");
        if OWN.contains(&name.as_str()) {
            return Err(problem(at(), "is a parameter that Gatehouse sets itself", EXAMPLE));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.is_empty() || !name.bytes().all(is_plain) {
            return Err(problem(at(), "must have a name of letters, digits and _ - . only", EXAMPLE));
        }
        if value.is_empty() || value.len() > 256 || value.chars().any(char::is_control) {
            return Err(problem(at(), "must have 1 to 256 bytes and no control characters", EXAMPLE));
        }
    }
    Ok(())
}

/// Whose administrators link it. With several providers that have some, it must be said: those of one would otherwise decide in
/// which account the users of another act.
fn shared_by(
    shared: bool,
    named: Option<String>,
    providers: &[IdentityProvider],
    key: impl Fn(&str) -> String,
) -> Result<Option<String>, ConfigurationError> {
    const EXAMPLE: &str = r#"administrators_of = "main""#;
    if !shared {
        return match named {
            None => Ok(None),
            Some(_) => Err(problem(key("administrators_of"), "is only for a shared connection", "shared = true")),
        };
    }
    let with_roles: Vec<_> = providers.iter().filter(|provider| !provider.administrator_roles.is_empty()).collect();
    let provider = match (&named, with_roles.as_slice()) {
        (Some(name), _) => with_roles.iter().find(|provider| provider.name == *name).copied(),
        (None, [only]) => Some(*only),
        (None, []) => None,
        (None, _) => {
            let text = "is missing: several identity providers have administrator_roles";
            return Err(problem(key("administrators_of"), text, EXAMPLE));
        }
    };
    match provider {
        Some(provider) => Ok(Some(provider.name.clone())),
        None => {
            let text = "needs an identity provider with administrator_roles, whose holders link the account";
            Err(problem(key(if named.is_some() { "administrators_of" } else { "shared" }), text, EXAMPLE))
        }
    }
}

#[cfg(test)]
mod tests;
