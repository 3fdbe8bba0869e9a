//! `backend_token` of a route with one server, and of members.

use std::fmt::Write as _;

use http::HeaderName;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::identity_headers::{is_audience, is_one};
use super::identity_provider::name;
use super::values::{header_name, scopes, secret_name};
use crate::error::problem;
use crate::{
    BackendFlow, BackendGrant, BackendToken, BackendTokenSource, ConfigurationError, Connection, IdentityProvider,
    KeptBackendToken, ProviderProfile, Route, Servers, TokenOwner, TokenService, TokenServiceKind, Upstream,
};

/// Of a session, for all routes together: so many records may be its own.
const MOST_USER_TOKENS: u8 = 64;

const FLOW: &str = r#"backend_token = { flow = "client-credentials", token_service = "apis", scopes = ["read"] }"#;
const SERVICE: &str = r#"token_service = "apis""#;
const SCOPES: &str = r#"scopes = ["api://orders/.default"]"#;
const AUDIENCE: &str = r#"audience = "https://api.example.com""#;
const RESOURCE: &str = r#"resource = "https://api.example.com""#;
const CONNECTION: &str = r#"backend_token = { connection = "github" }"#;
const HEADER: &str = r#"header = "x-backend-token""#;

/// The token with which Gatehouse calls the server ([Credentials for backends](backend-credentials.md)). Whatever the client sent in
/// the header is removed.
///
/// ```toml
/// [[token_services]]
/// name = "apis"
/// token_endpoint = "https://auth.example.com/token"
/// client_id = "gatehouse"
/// client_secret = { secret = "token_service_secret" }
///
/// [[routes]]
/// path = "/mcp"
/// url = "https://mcp.internal.example/mcp"
/// backend_token = { flow = "client-credentials", token_service = "apis", scopes = ["orders.read"] }
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackendTokenDocument {
    /// How the token is got. `on-behalf-of`: the user's access token of the identity provider is exchanged at Microsoft Entra ID.
    /// `token-exchange`: it is exchanged with RFC 8693. `client-credentials`: Gatehouse asks for itself. `workload-identity`: the
    /// platform gives it. `assertion`: Gatehouse signs an assertion of who calls; it needs `caller_assertion_keys`.
    ///
    /// Values: `on-behalf-of`, `token-exchange`, `client-credentials`, `workload-identity`, `assertion`
    flow: Option<String>,
    /// The `name` of an entry of `connections`: the server acts in the account that is linked there ([Connections](connections.md)).
    /// With it, only `header` may be set.
    ///
    /// Example: `"github"`
    connection: Option<String>,
    /// The `name` of an entry of `token_services`. With `on-behalf-of` and `token-exchange`, the default is the identity provider at
    /// which the user signed in.
    ///
    /// Example: `"apis"`
    token_service: Option<String>,
    /// The scopes that the token is to have. At Entra, one scope `API/.default` stands for all that Gatehouse may have there.
    ///
    /// Example: `["api://orders/.default"]`
    #[serde(default)]
    scopes: Vec<String>,
    /// For whom the token is to be: the parameter `audience` of RFC 8693, which others than its flow know, too; with `assertion`, the
    /// claim `aud`, by default the value of `url`.
    ///
    /// Example: `"https://api.example.com"`
    audience: Option<String>,
    /// Where the token is to be used: the parameter `resource` of RFC 8707, and of Azure's managed identities, which need it.
    ///
    /// Example: `"https://api.example.com"`
    resource: Option<String>,
    /// The header in which the server gets it. In `authorization`, the value has `Bearer` in front.
    ///
    /// Default: `"authorization"`
    header: Option<String>,
}

/// How a token is got, as it is written for the authorization server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackendGrantDocument {
    path: String,
    fingerprint: String,
    token: BackendTokenDocument,
}

/// The tokens of a route's servers, in their order, as they are written for the gateway.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenBackendToken {
    header: String,
    fingerprint: Option<String>,
    place: Option<u8>,
    secret: Option<String>,
    audience: Option<String>,
    connection: Option<String>,
}

/// What a flow is, where it is one that the authorization server has a part in.
fn flow(text: &str) -> Option<BackendFlow> {
    use BackendFlow::{ClientCredentials, OnBehalfOf, TokenExchange, WorkloadIdentity};
    [OnBehalfOf, TokenExchange, ClientCredentials, WorkloadIdentity].into_iter().find(|flow| flow.as_str() == text)
}

/// The tokens of all servers, resolved one route after another.
pub(super) struct Resolver<'a> {
    pub(super) services: &'a [TokenService],
    pub(super) providers: &'a [IdentityProvider],
    /// For the authorization server.
    pub(super) grants: Vec<BackendGrantDocument>,
    /// How many of them are users'.
    pub(super) of_users: u8,
}

impl Resolver<'_> {
    /// Gives each server of the route its token, as the documents of the servers say in their order.
    pub(super) fn resolve(
        &mut self,
        table: &str,
        route: &mut Route,
        documents: Vec<Option<&BackendTokenDocument>>,
    ) -> Result<(), ConfigurationError> {
        let is_one = matches!(route.servers, Servers::One(_));
        let path = route.path.to_string();
        let takes_own = route.own_tokens;
        for (index, (upstream, document)) in route.upstreams_mut().zip(documents).enumerate() {
            let Some(document) = document else { continue };
            let table = if is_one { table.to_owned() } else { format!("{table}.members[{index}]") };
            let token = self.token(&format!("{table}.backend_token"), &path, index, document, upstream)?;
            if !takes_own
                && matches!(&token.source, BackendTokenSource::Kept(kept) if kept.owner != TokenOwner::Gateway)
            {
                let text =
                    "must be another one where own_tokens is false: nobody there has a session with the user's token";
                return Err(problem(format!("{table}.backend_token.flow"), text, FLOW));
            }
            upstream.backend_token = Some(Box::new(token));
        }
        Ok(())
    }

    fn token(
        &mut self,
        table: &str,
        path: &str,
        index: usize,
        document: &BackendTokenDocument,
        upstream: &Upstream,
    ) -> Result<BackendToken, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        let header = document.header.as_deref().unwrap_or("authorization");
        let header = header_name(&key("header"), header, HEADER)?;
        one_meaning(&header, upstream).map_err(|text| problem(key("header"), text, HEADER))?;
        if let Some(connection) = &document.connection {
            let source = BackendTokenSource::Connection(document.connection(connection, key)?);
            return Ok(BackendToken { header, source });
        }
        for (name, value) in [("audience", &document.audience), ("resource", &document.resource)] {
            if value.as_deref().is_some_and(|value| !is_audience(value)) {
                return Err(problem(key(name), "must be 1 to 512 visible ASCII characters", AUDIENCE));
            }
        }
        if document.flow.as_deref() == Some("assertion") {
            let other = [
                ("token_service", document.token_service.is_some()),
                ("scopes", !document.scopes.is_empty()),
                ("resource", document.resource.is_some()),
            ];
            if let Some((name, _)) = other.into_iter().find(|(_, is_given)| *is_given) {
                return Err(problem(key(name), "means nothing with the flow assertion", FLOW));
            }
            let audience = document.audience.clone().unwrap_or_else(|| upstream.url.to_string());
            return Ok(BackendToken { header, source: BackendTokenSource::Assertion { audience } });
        }
        let grant = document.clone().check(table, path.to_owned(), String::new())?;
        if grant.flow.is_of_user() && self.providers.is_empty() {
            let text = "is for users, and there is no identity_provider where they could sign in";
            return Err(problem(key("flow"), text, FLOW));
        }
        let service = self.service_of(&grant, table)?;
        let kind = self.services.iter().find(|it| grant.service.as_ref() == Some(&it.name)).map(|it| &it.kind);
        if let Some(TokenServiceKind::Setting(name)) = kind {
            return Ok(BackendToken { header, source: BackendTokenSource::Setting(name.clone()) });
        }
        let mut sum = Sha256::new();
        // What is meant, and not how it is written; and where: no token is for two servers.
        sum.update(format!("{path} {index} {grant:?} {service:?}"));
        let mut fingerprint = String::new();
        // 128 bits: nobody who could choose two documents with the same sum would need to.
        for byte in sum.finalize().into_iter().take(16) {
            // Writing into a text cannot fail.
            let _ = write!(fingerprint, "{byte:02x}");
        }
        let owner = match grant.flow.is_of_user() {
            false => TokenOwner::Gateway,
            true => {
                let place = self.of_users;
                self.of_users = place.saturating_add(1);
                if self.of_users > MOST_USER_TOKENS {
                    let text = format!("is the 65th token of a user: {MOST_USER_TOKENS} are the most");
                    return Err(problem(table, text, FLOW));
                }
                TokenOwner::User { place }
            }
        };
        self.grants.push(BackendGrantDocument {
            path: path.to_owned(),
            fingerprint: fingerprint.clone(),
            token: BackendTokenDocument { header: None, ..document.clone() },
        });
        Ok(BackendToken { header, source: BackendTokenSource::Kept(KeptBackendToken { fingerprint, owner }) })
    }

    /// What the service is, or all identity providers where it is that of the user.
    fn service_of(&self, grant: &BackendGrant, table: &str) -> Result<String, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        let Some(name) = &grant.service else {
            if grant.flow == BackendFlow::OnBehalfOf && !self.providers.iter().any(is_entra) {
                let text =
                    "is missing: on-behalf-of is a flow of Entra, and no identity provider has profile = \"entra\"";
                return Err(problem(key("token_service"), text, SERVICE));
            }
            return Ok(format!("{:?}", self.providers));
        };
        let service = self.services.iter().find(|service| service.name == *name);
        let service = service.ok_or_else(|| {
            let text = "is no name of an entry of token_services";
            problem(key("token_service"), text, r#"[[token_services]] name = "apis""#)
        })?;
        let provider = match &service.kind {
            TokenServiceKind::IdentityProvider(name) => self.providers.iter().find(|provider| provider.name == *name),
            TokenServiceKind::Endpoint(_) | TokenServiceKind::ManagedIdentity(_) | TokenServiceKind::Setting(_) => None,
        };
        match (&service.kind, grant.flow) {
            (TokenServiceKind::ManagedIdentity(_), BackendFlow::WorkloadIdentity) if grant.resource.is_none() => {
                let text = "is missing: a managed identity's token is for a resource";
                return Err(problem(key("resource"), text, RESOURCE));
            }
            (TokenServiceKind::Setting(_), BackendFlow::WorkloadIdentity) if grant.resource.is_some() => {
                return Err(problem(key("resource"), "means nothing for the token of a variable", SERVICE));
            }
            (TokenServiceKind::ManagedIdentity(_) | TokenServiceKind::Setting(_), BackendFlow::WorkloadIdentity) => {}
            (TokenServiceKind::ManagedIdentity(_) | TokenServiceKind::Setting(_), _) => {
                let text = "gives tokens of the workload alone, which need the flow workload-identity";
                return Err(problem(key("token_service"), text, SERVICE));
            }
            (_, BackendFlow::WorkloadIdentity) => {
                let text = "is no platform: the flow workload-identity needs managed_identity or token there";
                return Err(problem(key("token_service"), text, SERVICE));
            }
            _ => {}
        }
        if provider.is_some_and(|it| it.authentication == crate::ProviderAuthentication::None) {
            let text = "is an identity provider where Gatehouse is a public client, which could be anybody";
            return Err(problem(key("token_service"), text, SERVICE));
        }
        Ok(format!("{service:?} {provider:?}"))
    }
}

impl BackendTokenDocument {
    /// The name of the connection, which says all that there is to say.
    fn connection(&self, connection: &str, key: impl Fn(&str) -> String) -> Result<String, ConfigurationError> {
        name(connection).map_err(|text| problem(key("connection"), text, CONNECTION))?;
        let others = [
            ("flow", self.flow.is_some()),
            ("token_service", self.token_service.is_some()),
            ("scopes", !self.scopes.is_empty()),
            ("audience", self.audience.is_some()),
            ("resource", self.resource.is_some()),
        ];
        match others.into_iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(problem(key(name), "means nothing with connection", CONNECTION)),
            None => Ok(connection.to_owned()),
        }
    }

    fn check(self, table: &str, path: String, fingerprint: String) -> Result<BackendGrant, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        let written = self.flow.as_deref().ok_or_else(|| problem(key("flow"), "is missing", FLOW))?;
        let flow = flow(written).ok_or_else(|| {
            let text = "must be on-behalf-of, token-exchange, client-credentials, workload-identity or assertion";
            problem(key("flow"), text, FLOW)
        })?;
        if self.token_service.is_none() && !flow.is_of_user() {
            return Err(problem(key("token_service"), "is missing", SERVICE));
        }
        let scopes = scopes(key("scopes"), &self.scopes)?;
        if flow == BackendFlow::OnBehalfOf && scopes.is_empty() {
            return Err(problem(key("scopes"), "is missing: they say for which API the token is", SCOPES));
        }
        if flow == BackendFlow::WorkloadIdentity && (!scopes.is_empty() || self.audience.is_some()) {
            let name = if scopes.is_empty() { "audience" } else { "scopes" };
            return Err(problem(key(name), "means nothing with the flow workload-identity", RESOURCE));
        }
        Ok(BackendGrant {
            path,
            fingerprint,
            flow,
            service: self.token_service,
            scopes,
            audience: self.audience,
            resource: self.resource,
        })
    }
}

impl BackendGrantDocument {
    pub(super) fn check(self) -> Result<BackendGrant, ConfigurationError> {
        self.token.check("routes.backend_token", self.path, self.fingerprint)
    }
}

impl WrittenBackendToken {
    /// Of the servers of a route, in their order; empty where none has a token.
    pub(super) fn of(route: &Route) -> Vec<Option<Self>> {
        let tokens: Vec<_> =
            route.upstreams().map(|upstream| upstream.backend_token.as_deref().map(Self::new)).collect();
        if tokens.iter().all(Option::is_none) { Vec::new() } else { tokens }
    }

    fn new(BackendToken { header, source }: &BackendToken) -> Self {
        let header = header.as_str().to_owned();
        match source {
            BackendTokenSource::Connection(name) => Self { connection: Some(name.clone()), ..Self::at(header) },
            BackendTokenSource::Assertion { audience } => Self { audience: Some(audience.clone()), ..Self::at(header) },
            BackendTokenSource::Setting(name) => Self { secret: Some(name.as_str().to_owned()), ..Self::at(header) },
            BackendTokenSource::Kept(KeptBackendToken { fingerprint, owner }) => {
                let place = match owner {
                    TokenOwner::User { place } => Some(*place),
                    TokenOwner::Gateway => None,
                };
                Self { fingerprint: Some(fingerprint.clone()), place, ..Self::at(header) }
            }
        }
    }

    const fn at(header: String) -> Self {
        Self { header, fingerprint: None, place: None, secret: None, audience: None, connection: None }
    }

    pub(super) fn check(self) -> Result<BackendToken, ConfigurationError> {
        let Self { header, fingerprint, place, secret, audience, connection } = self;
        let owner = place.map_or(TokenOwner::Gateway, |place| TokenOwner::User { place });
        let source = match (fingerprint, audience, secret, connection) {
            (None, None, None, Some(name)) => BackendTokenSource::Connection(name),
            (None, None, Some(secret), None) => {
                BackendTokenSource::Setting(secret_name("routes.backend_token", &secret)?)
            }
            (Some(fingerprint), None, None, None) => BackendTokenSource::Kept(KeptBackendToken { fingerprint, owner }),
            (None, Some(audience), None, None) => BackendTokenSource::Assertion { audience },
            _ => return Err(problem("routes.backend_token", "is neither kept nor an assertion", FLOW)),
        };
        Ok(BackendToken { header: header_name("routes.backend_token.header", &header, HEADER)?, source })
    }
}

/// Each connection that a server's token is from is there.
pub(super) fn connections_are_there(routes: &[Route], connections: &[Connection]) -> Result<(), ConfigurationError> {
    for (index, route) in routes.iter().enumerate() {
        for token in route.upstreams().filter_map(|upstream| upstream.backend_token.as_deref()) {
            let BackendTokenSource::Connection(name) = &token.source else { continue };
            if !connections.iter().any(|connection| connection.name == *name) {
                let text = format!("names {name:?}, which is no connection: write a table [[connections]] for it");
                return Err(problem(format!("routes[{index}].backend_token.connection"), text, CONNECTION));
            }
        }
    }
    Ok(())
}

/// Each header says one thing.
fn one_meaning(header: &HeaderName, upstream: &Upstream) -> Result<(), &'static str> {
    let is = |name: &HeaderName| is_one(name, header);
    if upstream.subject_header.as_ref().is_some_and(is) {
        return Err("must not be subject_header");
    }
    if upstream.secret_headers.iter().any(|(name, _)| is(name)) {
        return Err("must not be one of secret_headers");
    }
    if upstream.identity_provider_token_header.as_ref().is_some_and(is) {
        return Err("must not be identity_provider_token_header");
    }
    if upstream.identity_headers.iter().flat_map(|headers| headers.headers()).any(|name| is(&name)) {
        return Err("must not be one of identity_headers");
    }
    Ok(())
}

/// Whether a provider knows the grant of the flow on-behalf-of.
fn is_entra(provider: &IdentityProvider) -> bool {
    matches!(provider.profile, ProviderProfile::Entra(_))
}

#[cfg(test)]
mod tests;
