//! `[[routes]]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::api_keys::ApiKeysDocument;
use super::backend_token::BackendTokenDocument;
use super::client_lists::client_ids;
use super::cross_origin::CrossOriginDocument;
use super::environments::EnvironmentsDocument;
use super::identity_headers::IdentityHeadersDocument;
use super::limits::{LimitsDocument, RateDocument};
use super::networks::RangesDocument;
use super::openapi::OpenApiKeys;
use super::policy::{RuleDocument, rules};
use super::route_tokens::RouteTokensDocument;
use super::upstream::{MemberDocument, TimeoutsDocument, UpstreamKeys, members};
use super::values::{SecretDocument, scopes};
use crate::error::problem;
use crate::{ConfigurationError, Revocation, Route, RoutePath, Servers, Transport, Unauthenticated};

/// An MCP endpoint. Either `url` (one MCP server) or `members` (several MCP servers) is required. `url`, `transport`,
/// `subject_header`, `secret_headers`, `identity_provider_token_header`, `identity_headers`, `timeouts` and those that begin with
/// `openapi` are keys of the one server; with `members`, each member has its own.
///
/// ```toml
/// [[routes]]
/// path = "/files"
/// url = "https://files.internal.example/mcp"
/// name = "Files"
/// scopes = ["files:read"]
/// scope_descriptions = { "files:read" = "Read the files of your projects" }
/// subject_header = "x-gatehouse-subject"
/// secret_headers = { "x-functions-key" = { secret = "upstream_secret" } }
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteDocument {
    /// Gatehouse's own path for the MCP server. `public_url` with this path is the resource for which tokens are
    /// issued.
    ///
    /// Example: `"/mcp"`
    path: String,
    /// The name that users read on the consent page.
    ///
    /// Default: the value of `path`
    /// Example: `"Files"`
    name: Option<String>,
    /// The scopes that every request needs. The token must have all of them.
    ///
    /// Default: `["mcp"]`
    pub(super) scopes: Option<Vec<String>>,
    /// Callers that show a key in place of a token.
    ///
    /// Example: `{ session_pool = "code", administrators = [{ label = "operations", secret = "api_keys_administrator" }] }`
    api_keys: Option<ApiKeysDocument>,
    /// The environments of a sandbox behind the route.
    ///
    /// Example: `{ url = "http://127.0.0.1:3010/environments", secret = "sandbox_administration" }`
    environments: Option<EnvironmentsDocument>,
    /// What each scope means, in words for the consent page. A scope without an entry is shown as it is.
    ///
    /// Example: `{ mcp = "Use the tools of this server in your name" }`
    #[serde(default)]
    pub(super) scope_descriptions: BTreeMap<String, String>,
    /// The MCP server's own address. `allowed_outbound_hosts` in `spin.toml` must allow it.
    ///
    /// Example: `"https://mcp.internal.example/mcp"`
    url: Option<String>,
    /// How Gatehouse speaks to the server. `sse` is the transport HTTP+SSE of 2024-11-05; `url` is then the URL of the
    /// event stream.
    ///
    /// Default: `"streamable-http"`
    /// Values: `streamable-http`, `sse`
    transport: Option<String>,
    /// The header in which the server gets the subject. Whatever the client sent in this header is removed.
    ///
    /// Example: `"x-gatehouse-subject"`
    subject_header: Option<String>,
    /// Headers that every request to the server gets, whatever the client sent in them. The values are secrets.
    ///
    /// Example: `{ "x-functions-key" = { secret = "upstream_secret" } }`
    #[serde(default)]
    secret_headers: BTreeMap<String, SecretDocument>,
    /// The header in which the server gets the user's access token of the identity provider. In `authorization`, the
    /// value has `Bearer` in front. The provider's refresh token is used to keep the token fresh.
    ///
    /// Example: `"x-identity-provider-token"`
    identity_provider_token_header: Option<String>,
    /// What else the server is told of who calls.
    identity_headers: Option<IdentityHeadersDocument>,
    /// The token with which Gatehouse calls the server.
    ///
    /// Example: `{ flow = "client-credentials", token_service = "apis", scopes = ["orders.read"] }`
    backend_token: Option<BackendTokenDocument>,
    /// How long the server may take.
    ///
    /// Example: `{ connect = 5, answer = 600 }`
    timeouts: Option<TimeoutsDocument>,
    /// The OpenAPI document (3.0 or 3.1; JSON or YAML) of the REST API at `url`, whose operations are served as tools: its URL, which
    /// `allowed_outbound_hosts` must allow, or `@` with the name of a file that `gatehouse check --compile` reads
    /// ([REST APIs](rest-apis.md)).
    ///
    /// Example: `"https://api.internal.example/openapi.json"`
    openapi: Option<String>,
    /// Which operations of the document become tools. `*` stands for any characters. A pattern is compared with the
    /// `operationId`, the method and path, and each tag. A pattern that begins with `!` leaves operations out.
    ///
    /// Default: every operation
    /// Most: `MOST_OPERATIONS`
    /// Example: `["GET *", "createOrder", "!tag:admin"]`
    #[serde(default)]
    openapi_operations: Vec<String>,
    /// Whether the tools of the document have output schemas.
    ///
    /// Default: `true`
    openapi_output_schemas: Option<bool>,
    /// Several MCP servers as one ([Several servers](federation.md)).
    ///
    /// Most: `MOST_MEMBERS`
    /// Example: `[{ prefix = "files", url = "https://files.internal.example/mcp" }]`
    #[serde(default)]
    members: Vec<MemberDocument>,
    /// Who may do what. Without rules, every token with the route's scopes may do everything.
    ///
    /// Most: `MOST_RULES`
    #[serde(default)]
    pub(super) policy: Vec<RuleDocument>,
    /// How much one request, one subject and all of them may use at this route.
    #[serde(default)]
    limits: LimitsDocument,
    /// How often requests and calls may come.
    ///
    /// Most: `MOST_RATES`
    #[serde(default)]
    rates: Vec<RateDocument>,
    /// Whether clients of 2024-11-05 are served, at the path with `/sse` and `/message` behind it.
    ///
    /// Default: `true`
    legacy_sse: Option<bool>,
    /// Whether the arguments of a tool call must fit the tool's input schema. Not for `transport = "sse"` ([Validating
    /// arguments](federation.md#validating-arguments)).
    ///
    /// Default: `false`
    validate_arguments: Option<bool>,
    /// When a token that was revoked stops to work here. `immediate`: at once, because each request asks the store. `at-expiry`: when
    /// the access token expires, after `lifetimes.access_token` at the latest; requests are answered without the store
    /// ([Revocation](security.md#revocation)).
    ///
    /// Default: `"immediate"`
    /// Values: `immediate`, `at-expiry`
    revocation: Option<String>,
    /// Whether `server/discover` (MCP 2026-07-28) is answered only if every member that answers has it. Clients that speak several
    /// versions then use one that all members speak. Only with `members` ([Members of different
    /// versions](federation.md#members-of-different-versions)).
    ///
    /// Default: `false`
    discover_needs_all: Option<bool>,
    /// Tokens of other issuers that the route accepts.
    ///
    /// Most: `MOST_TOKENS`
    /// Example: `[{ issuer = "entra", audiences = ["api://mcp"] }]`
    #[serde(default)]
    pub(super) tokens: Vec<RouteTokensDocument>,
    /// Whether the route accepts Gatehouse's own access tokens. If no route does, Gatehouse needs no identity provider, and offers none
    /// of the authorization server's endpoints.
    ///
    /// Default: whether the route has neither `tokens` nor `api_keys`
    pub(super) own_tokens: Option<bool>,
    /// Whether the log holds the arguments of calls and the URIs of resources. They can be personal data.
    ///
    /// Default: `false`
    log_arguments: Option<bool>,
    /// From where the route and its metadata may be reached. Nobody's token is looked at before.
    ///
    /// Example: `{ allow = ["192.0.2.0/24"] }`
    #[serde(default)]
    networks: RangesDocument,
    /// Which web pages of other origins may call the route, in place of `allowed_origins`.
    ///
    /// Example: `{ origins = ["https://vscode.dev"] }`
    cors: Option<CrossOriginDocument>,
    /// The ids of the only clients that may be used here: at the sign-in, and again at each request. A client that
    /// registers itself has an id that nobody knows beforehand, so with this list no such client may be used. A client of another
    /// issuer is `ISSUER:ID`, a caller with an API key `key:LABEL`, a workload `workload:NAME`
    /// ([Which clients a route allows](clients.md#which-clients-a-route-allows)).
    ///
    /// Default: every client
    /// Example: `["my-client", "https://client.example.com/metadata.json"]`
    #[serde(default)]
    allowed_clients: Vec<String>,
    /// What becomes of a request without a credential. `401`: it is told how to get a token. `403`: it is refused. `redirect`: a browser
    /// that opens a page is sent to `/.auth/login`, and anybody else gets 401; this needs `browser_sign_in`. `allow`: it goes on
    /// without an identity ([People in browsers](browser-sign-in.md#nobody-signed-in)).
    ///
    /// Default: `"401"`
    /// Values: `401`, `403`, `redirect`, `allow`
    unauthenticated: Option<String>,
    /// Clients that no user is asked about at this route, beside those of the key `preauthorized_clients` of the document.
    ///
    /// Example: `["my-client"]`
    #[serde(default)]
    pub(super) preauthorized_clients: Vec<String>,
}

impl RouteDocument {
    /// The key `own_tokens` as it is written where the tokens of other issuers are not.
    pub(super) fn own_tokens_alone(&self) -> Option<bool> {
        let own_tokens = self.own_tokens.unwrap_or(self.tokens.is_empty() && self.api_keys.is_none());
        (own_tokens != self.api_keys.is_none()).then_some(own_tokens)
    }

    /// The tokens of its servers, in their order.
    pub(super) fn backend_tokens(&self) -> Vec<Option<&BackendTokenDocument>> {
        match self.members.as_slice() {
            [] => vec![self.backend_token.as_ref()],
            members => members.iter().map(|member| member.backend_token.as_ref()).collect(),
        }
    }

    /// Without those.
    pub(super) fn without_backend_tokens(mut self) -> Self {
        self.backend_token = None;
        self.members.iter_mut().for_each(|member| member.backend_token = None);
        self
    }

    /// As it is written.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// `route` is where the keys stand.
    pub(crate) fn check(self, route: &str) -> Result<Route, ConfigurationError> {
        let key = |name: &str| format!("{route}.{name}");
        let path = RoutePath::parse(&self.path).map_err(|text| problem(key("path"), text, r#"path = "/mcp""#))?;
        let requested = self.scopes.unwrap_or_else(|| vec!["mcp".to_owned()]);
        let scopes = scopes(key("scopes"), &requested)?;
        if scopes.is_empty() {
            return Err(problem(
                key("scopes"),
                "must not be empty: every request needs at least one scope",
                r#"scopes = ["mcp"]"#,
            ));
        }
        let own_tokens = self.own_tokens.unwrap_or(self.tokens.is_empty() && self.api_keys.is_none());
        let one = UpstreamKeys {
            url: self.url,
            transport: self.transport,
            subject_header: self.subject_header,
            secret_headers: self.secret_headers,
            identity_provider_token_header: self.identity_provider_token_header,
            identity_headers: self.identity_headers,
            has_backend_token: self.backend_token.is_some(),
            timeouts: self.timeouts,
            openapi: OpenApiKeys {
                document: self.openapi,
                operations: self.openapi_operations,
                output_schemas: self.openapi_output_schemas,
            },
        };
        let servers = servers(route, one, self.members)?;
        let api_keys = self.api_keys.map(|keys| keys.check(&key("api_keys"), &scopes)).transpose()?;
        let environments = self.environments.map(|environments| environments.check(&key("environments")));
        let is_sse = matches!(&servers, Servers::One(upstream) if upstream.transport == Transport::Sse);
        if is_sse && self.legacy_sse == Some(false) {
            let text = "must not be false with transport = \"sse\": the server speaks nothing else";
            return Err(problem(key("legacy_sse"), text, "legacy_sse = true"));
        }
        if is_sse && self.validate_arguments == Some(true) {
            let text = "must not be true with transport = \"sse\": such a server cannot be asked for its schemas";
            return Err(problem(key("validate_arguments"), text, "validate_arguments = false"));
        }
        if self.discover_needs_all == Some(true) && matches!(servers, Servers::One(_)) {
            let text = "must not be true without members: a server that stands alone answers for itself";
            return Err(problem(key("discover_needs_all"), text, "discover_needs_all = false"));
        }
        let unauthenticated = unauthenticated(key("unauthenticated"), self.unauthenticated.as_deref())?;
        if unauthenticated == Unauthenticated::SignIn && !own_tokens {
            let text = "must not be redirect where own_tokens is false: a browser that signs in has a token of ours";
            return Err(problem(key("unauthenticated"), text, "own_tokens = true"));
        }
        if unauthenticated == Unauthenticated::Allow && !self.allowed_clients.is_empty() {
            let text = "must not be allow with allowed_clients, which nobody unknown is one of";
            return Err(problem(key("unauthenticated"), text, r#"unauthenticated = "401""#));
        }
        Ok(Route {
            unauthenticated,
            name: self.name.unwrap_or_else(|| path.as_str().to_owned()),
            policy: rules(&key("policy"), self.policy)?,
            limits: self.limits.check(&key("limits"))?,
            rates: super::limits::rates(&key("rates"), self.rates)?,
            legacy_sse: self.legacy_sse.unwrap_or(true),
            validate_arguments: self.validate_arguments.unwrap_or(false),
            revocation: revocation(key("revocation"), self.revocation.as_deref())?,
            discover_needs_all: self.discover_needs_all.unwrap_or(false),
            log_arguments: self.log_arguments.unwrap_or(false),
            networks: self.networks.check(&key("networks"))?,
            cors: self.cors.map(|cors| cors.check(&key("cors"))).transpose()?,
            own_tokens,
            accepted_tokens: None,
            api_keys,
            environments: environments.transpose()?.map(Box::new),
            allowed_clients: client_ids(&key("allowed_clients"), &self.allowed_clients)?,
            path,
            scopes,
            servers,
        })
    }
}

fn revocation(key: String, given: Option<&str>) -> Result<Revocation, ConfigurationError> {
    match given {
        None | Some("immediate") => Ok(Revocation::Immediate),
        Some("at-expiry") => Ok(Revocation::AtExpiry),
        Some(_) => Err(problem(key, "must be immediate or at-expiry", r#"revocation = "at-expiry""#)),
    }
}

fn unauthenticated(key: String, given: Option<&str>) -> Result<Unauthenticated, ConfigurationError> {
    match given {
        None | Some("401") => Ok(Unauthenticated::Challenge),
        Some("403") => Ok(Unauthenticated::Refuse),
        Some("redirect") => Ok(Unauthenticated::SignIn),
        Some("allow") => Ok(Unauthenticated::Allow),
        Some(_) => Err(problem(key, "must be 401, 403, redirect or allow", r#"unauthenticated = "redirect""#)),
    }
}

fn servers(route: &str, one: UpstreamKeys, several: Vec<MemberDocument>) -> Result<Servers, ConfigurationError> {
    const EXAMPLE: &str = r#"url = "https://mcp.internal.example/mcp""#;
    if several.is_empty() {
        return Ok(Servers::One(one.check(route)?));
    }
    if let Some(name) = one.given() {
        let text = "must not be given together with members: each member has its own";
        return Err(problem(format!("{route}.{name}"), text, EXAMPLE));
    }
    Ok(Servers::Federated(members(route, several)?))
}

#[cfg(test)]
mod tests;
