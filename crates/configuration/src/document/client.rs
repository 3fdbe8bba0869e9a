//! `[[clients]]`.

use gatehouse_protocol::{ClientId, ClientName, RedirectRules, RedirectUri, Scopes, Subject};
use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Host, Url};

use super::exchange::{self, ActorDocument, ExchangeDocument};
use super::values::{SecretDocument, scopes};
use crate::error::problem;
use crate::{ClientKeys, ConfigurationError, GrantType, RegisteredAuthentication, RegisteredClient, TokenIssuer};

/// A client that the operator knows. It does not register, and it never expires.
///
/// ```toml
/// [[clients]]
/// client_id = "my-client"
/// client_name = "My client"
/// redirect_uris = ["http://127.0.0.1/callback"]
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientDocument {
    /// The client's id. It must not start with `https://`.
    ///
    /// Example: `"my-client"`
    client_id: String,
    /// The name that users read on the consent page.
    ///
    /// Example: `"My client"`
    client_name: String,
    /// Where authorization codes may be sent. At least one is required if `grant_types` has `authorization_code`. None
    /// may lead to the host and port of `public_url`. The port of a loopback URI may differ in a request.
    ///
    /// Example: `["http://127.0.0.1/callback"]`
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// How the client authenticates at the token endpoint.
    ///
    /// Default: `"none"`
    /// Values: `none`, `client_secret_basic`, `client_secret_post`, `private_key_jwt`
    token_endpoint_auth_method: Option<String>,
    /// The variable that holds the client's secret. It is required with `client_secret_basic` and `client_secret_post`.
    ///
    /// Example: `{ secret = "client_secret" }`
    client_secret: Option<SecretDocument>,
    /// The client's public keys: a JWK Set (RFC 7517), written as JSON text. `private_key_jwt` requires `jwks` or
    /// `jwks_uri`.
    ///
    /// Example: `'{"keys":[{"kty":"EC","crv":"P-256","x":"…","y":"…"}]}'`
    jwks: Option<String>,
    /// The https URL of the client's public keys.
    ///
    /// Example: `"https://client.example.com/jwks.json"`
    jwks_uri: Option<String>,
    /// What the client may present at the token endpoint. `client_credentials`,
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer` and `urn:ietf:params:oauth:grant-type:token-exchange` are only for clients that
    /// authenticate.
    ///
    /// Default: `["authorization_code", "refresh_token"]`
    /// Values: `authorization_code`, `refresh_token`, `client_credentials`,
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer`, `urn:ietf:params:oauth:grant-type:token-exchange`
    grant_types: Option<Vec<String>>,
    /// The scopes that `client_credentials` and token exchange may be granted. Both require them, and no other grant uses them.
    ///
    /// Example: `["mcp"]`
    #[serde(default)]
    scopes: Vec<String>,
    /// The tokens of other issuers that the client may exchange for one of Gatehouse's (RFC 8693). The grant requires it.
    ///
    /// Example: `[{ issuer = "entra", audiences = ["api://frontend"], granted_scopes = ["mcp"] }]`
    #[serde(default)]
    may_exchange: Vec<ExchangeDocument>,
    /// Who may act for users through the client (`actor_token`, RFC 8693). Without this key, the client itself acts. Only with `may_exchange`.
    ///
    /// Example: `[{ issuer = "entra", audiences = ["api://frontend"] }]`
    #[serde(default)]
    accepted_actors: Vec<ActorDocument>,
    /// Whether the client may use `/introspect` (RFC 7662). Only a client that authenticates can.
    ///
    /// Default: `false`
    #[serde(default)]
    may_introspect: bool,
}

const CLIENT_ID: &str = r#"client_id = "my-client""#;
const REDIRECT_URIS: &str = r#"redirect_uris = ["http://127.0.0.1/callback"]"#;
const METHOD: &str = r#"token_endpoint_auth_method = "client_secret_basic""#;
const CLIENT_SECRET: &str = r#"client_secret = { secret = "my_client_secret" }"#;
const JWKS: &str = r#"jwks = '{"keys":[{"kty":"EC","crv":"P-256","x":"…","y":"…"}]}'"#;
const JWKS_URI: &str = r#"jwks_uri = "https://client.example.com/jwks.json""#;
const GRANT_TYPES: &str = r#"grant_types = ["authorization_code", "refresh_token"]"#;
const MACHINE: &str = r#"grant_types = ["client_credentials"] scopes = ["mcp"]"#;

impl ClientDocument {
    /// `of_routes` are the scopes that routes need.
    pub(super) fn check(
        self,
        index: usize,
        rules: &RedirectRules,
        of_routes: &Scopes,
        issuers: &[TokenIssuer],
    ) -> Result<RegisteredClient, ConfigurationError> {
        let key = |name: &str| format!("clients[{index}].{name}");
        if self.client_id.starts_with("https://") {
            let text = "starts with https://, which is for client ID metadata documents";
            return Err(problem(key("client_id"), text, CLIENT_ID));
        }
        let beginning = self.client_id.split_once(':').map(|(beginning, _)| beginning);
        let of_others = match beginning {
            Some(Subject::WORKLOADS) => Some("starts with workload:, which is for workloads".to_owned()),
            Some(Subject::KEYS) => Some("starts with key:, which is for API keys".to_owned()),
            Some(ClientId::OWN) => Some("starts with gatehouse:, which is for Gatehouse itself".to_owned()),
            Some(name) if issuers.iter().any(|issuer| issuer.name == name) => {
                Some(format!("starts with {name}:, which is for the clients of that entry of token_issuers"))
            }
            Some(_) | None => None,
        };
        if let Some(text) = of_others {
            return Err(problem(key("client_id"), text, CLIENT_ID));
        }
        let redirect_uris = self.redirect_uris.iter().enumerate().map(|(uri_index, uri)| {
            RedirectUri::parse(uri, rules)
                .map_err(|error| problem(format!("{}[{uri_index}]", key("redirect_uris")), error, REDIRECT_URIS))
        });
        let client = RegisteredClient {
            client_id: ClientId::parse(&self.client_id)
                .map_err(|error| problem(key("client_id"), format!("is refused: {error}"), CLIENT_ID))?,
            client_name: ClientName::parse(&self.client_name).map_err(|error| {
                problem(key("client_name"), format!("is refused: {error}"), r#"client_name = "My client""#)
            })?,
            redirect_uris: redirect_uris.collect::<Result<_, _>>()?,
            authentication: Credentials {
                method: self.token_endpoint_auth_method.as_deref(),
                client_secret: self.client_secret,
                jwks: self.jwks,
                jwks_uri: self.jwks_uri,
            }
            .check(key)?,
            grant_types: grant_types(self.grant_types, &key("grant_types"))?,
            scopes: scopes(key("scopes"), &self.scopes)?,
            exchangeable: exchange::check(self.may_exchange, self.accepted_actors, key, issuers)?,
            may_introspect: self.may_introspect,
        };
        without_contradictions(&client, of_routes, key)?;
        Ok(client)
    }
}

/// How a client proves who it is, as written.
struct Credentials<'a> {
    method: Option<&'a str>,
    client_secret: Option<SecretDocument>,
    jwks: Option<String>,
    jwks_uri: Option<String>,
}

impl Credentials<'_> {
    fn check(self, key: impl Fn(&str) -> String) -> Result<RegisteredAuthentication, ConfigurationError> {
        let method = self.method.unwrap_or("none");
        let of_another_method = |name: &str, example| {
            problem(key(name), format!("is not used with token_endpoint_auth_method {method:?}"), example)
        };
        let is_secret = matches!(method, "client_secret_basic" | "client_secret_post");
        if !is_secret && method != "none" && method != "private_key_jwt" {
            let text = "must be none, client_secret_basic, client_secret_post or private_key_jwt";
            return Err(problem(key("token_endpoint_auth_method"), text, METHOD));
        }
        if self.client_secret.is_some() && !is_secret {
            return Err(of_another_method("client_secret", METHOD));
        }
        for (name, given) in [("jwks", &self.jwks), ("jwks_uri", &self.jwks_uri)] {
            if given.is_some() && method != "private_key_jwt" {
                return Err(of_another_method(name, r#"token_endpoint_auth_method = "private_key_jwt""#));
            }
        }
        match (method, self.client_secret) {
            ("client_secret_basic", Some(secret)) => {
                Ok(RegisteredAuthentication::SecretBasic(secret.check(&key("client_secret"))?))
            }
            ("client_secret_post", Some(secret)) => {
                Ok(RegisteredAuthentication::SecretPost(secret.check(&key("client_secret"))?))
            }
            ("client_secret_basic" | "client_secret_post", None) => {
                let text = format!("is missing: token_endpoint_auth_method {method:?} needs it");
                Err(problem(key("client_secret"), text, CLIENT_SECRET))
            }
            ("private_key_jwt", _) => match (self.jwks, self.jwks_uri) {
                (Some(jwks), None) => {
                    public_keys(&jwks).map_err(|text| problem(key("jwks"), text, JWKS))?;
                    Ok(RegisteredAuthentication::PrivateKeyJwt(ClientKeys::Inline(jwks)))
                }
                (None, Some(uri)) => {
                    place_of_keys(&uri).map_err(|text| problem(key("jwks_uri"), text, JWKS_URI))?;
                    Ok(RegisteredAuthentication::PrivateKeyJwt(ClientKeys::At(uri)))
                }
                (Some(_), Some(_)) => Err(problem(
                    key("jwks_uri"),
                    "must not be given together with jwks (RFC 7591 allows one of them)",
                    JWKS_URI,
                )),
                (None, None) => {
                    let text = r#"is missing: token_endpoint_auth_method "private_key_jwt" needs it, or jwks_uri"#;
                    Err(problem(key("jwks"), text, JWKS))
                }
            },
            _ => Ok(RegisteredAuthentication::None),
        }
    }
}

/// A JWK Set (RFC 7517, section 5) of public keys. Which of them can be used is for those who verify to say.
pub(super) fn public_keys(text: &str) -> Result<(), &'static str> {
    let set: Value = serde_json::from_str(text).map_err(|_| "is not JSON")?;
    let keys = set.get("keys").and_then(Value::as_array).filter(|keys| !keys.is_empty());
    let keys = keys.ok_or("is not a JWK Set with at least one key")?;
    if keys.iter().any(|key| key.get("kty").is_none_or(|kty| !kty.is_string())) {
        return Err("holds something that is not a JWK");
    }
    if keys.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
        return Err("holds a private key, which must stay with the client: leave out d and k");
    }
    Ok(())
}

/// A URL from which keys may be fetched: https (RFC 7591, section 2), on a host with a public-looking name. The keys
/// are as good as the client's secret, so nothing else vouches for them than TLS for that name.
fn place_of_keys(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if url.scheme() != "https" {
        return Err("must use https");
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a fragment or a user");
    }
    // The request for the keys is made by another parser, which takes no spaces around a URL and only ASCII in it.
    if text.parse::<Uri>().is_err() {
        return Err("must be written as it is sent: in ASCII, without spaces, a domain in its xn-- form");
    }
    match url.host() {
        Some(Host::Domain(name)) if name.contains('.') && !name.ends_with(".localhost") => Ok(()),
        _ => Err("must name a host with a domain, not an address or this machine"),
    }
}

fn grant_types(names: Option<Vec<String>>, key: &str) -> Result<Vec<GrantType>, ConfigurationError> {
    let Some(names) = names else { return Ok(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]) };
    let mut grant_types = Vec::new();
    for name in names {
        let grant_type = GrantType::parse(&name).ok_or_else(|| {
            let known = GrantType::ALL.map(GrantType::as_str).join(", ");
            problem(key, format!("may hold only {known}"), GRANT_TYPES)
        })?;
        if !grant_types.contains(&grant_type) {
            grant_types.push(grant_type);
        }
    }
    Ok(grant_types)
}

/// Refuses what would leave the client without what the operator meant it to have, or with more.
fn without_contradictions(
    client: &RegisteredClient,
    of_routes: &Scopes,
    key: impl Fn(&str) -> String,
) -> Result<(), ConfigurationError> {
    let with_users = client.has(GrantType::AuthorizationCode);
    let alone = client.has(GrantType::ClientCredentials);
    let exchanges = client.has(GrantType::TokenExchange);
    let is_public = matches!(client.authentication, RegisteredAuthentication::None);
    if with_users && client.redirect_uris.is_empty() {
        return Err(problem(key("redirect_uris"), "is empty", REDIRECT_URIS));
    }
    if client.has(GrantType::RefreshToken) && !with_users {
        let text = "has refresh_token without authorization_code: no other grant gives refresh tokens";
        return Err(problem(key("grant_types"), text, GRANT_TYPES));
    }
    if client.grant_types.is_empty() && !client.may_introspect {
        return Err(problem(key("grant_types"), "is empty: the client could do nothing", GRANT_TYPES));
    }
    // Anybody who knows the id of a public client is that client.
    if is_public && (alone || exchanges || client.has(GrantType::JwtBearer)) {
        let text = "must not be none: client_credentials, jwt-bearer and token-exchange are for clients that prove who they are";
        return Err(problem(key("token_endpoint_auth_method"), text, METHOD));
    }
    if is_public && client.may_introspect {
        let text = "must not be none: may_introspect is for clients that prove who they are";
        return Err(problem(key("token_endpoint_auth_method"), text, METHOD));
    }
    if alone && client.scopes.is_empty() {
        return Err(problem(key("scopes"), "is missing: client_credentials needs it", MACHINE));
    }
    if exchanges && client.scopes.is_empty() {
        return Err(problem(key("scopes"), "is missing: token-exchange needs it", r#"scopes = ["mcp"]"#));
    }
    if !exchanges && !client.exchangeable.actors.is_empty() {
        let text = "must be there only if grant_types has token-exchange";
        let example = r#"accepted_actors = [{ issuer = "entra", audiences = ["api://frontend"] }]"#;
        return Err(problem(key("accepted_actors"), text, example));
    }
    if exchanges == client.exchangeable.is_empty() {
        let text = "must be there if grant_types has token-exchange, and only then";
        return Err(problem(
            key("may_exchange"),
            text,
            r#"may_exchange = [{ issuer = "entra", audiences = ["api://frontend"] }]"#,
        ));
    }
    if !alone && !exchanges && !client.scopes.is_empty() {
        let text = "is not used without client_credentials or token-exchange: for users, the scopes of the route count";
        return Err(problem(key("scopes"), text, MACHINE));
    }
    if let Some(unknown) = client.scopes.iter().find(|scope| !of_routes.iter().any(|known| known == *scope)) {
        let text = format!("has {:?}, which no route offers", unknown.as_str());
        return Err(problem(key("scopes"), text, MACHINE));
    }
    if alone && Subject::of_machine(&client.client_id).is_err() {
        let text = "must be 1 to 255 visible characters where the client has client_credentials: it is in its subject";
        return Err(problem(key("client_id"), text, CLIENT_ID));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
