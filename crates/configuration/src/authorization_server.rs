//! What the authorization server reads of the document, and who asks identity providers for it.
//!
//! Of a route it is what clients and users are told of it: the resource that tokens are for. Servers, policies and limits
//! are the gateway's.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse_protocol::{
    Claims, ClientId, PrivateUseScheme, RedirectRules, ResourceUri, Scope, Scopes, WebOrigin, parsed_browser_resource,
};
use serde::{Deserialize, Serialize};

use crate::{
    BackendGrant, BackendTokenSource, Branding, BrowserSignIn, ClientAddresses, ClientDocuments, Connection, Effect,
    IdentityProvider, LEGACY_SSE, Lifetimes, ListKind, Networks, Rate, RegisteredClient, Registration, Revocation,
    RoutePath, Rule, SandboxEnvironments, SecretName, SessionPool, SignIns, TokenIssuer, TokenPage, TokenRoute,
    TokenService, Upstream, Workload,
};

/// What an operator can decide of the authorization server.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// Where clients reach Gatehouse: also the issuer. Never taken from a request's headers, which an attacker writes.
    pub public_url: WebOrigin,
    /// Whose pages these are.
    pub branding: Branding,
    /// How long codes and tokens live.
    pub lifetimes: Lifetimes,
    /// Dynamic client registration (RFC 7591).
    pub registration: Registration,
    /// Users who are sent to an identity provider.
    pub sign_ins: SignIns,
    /// Access tokens by hand.
    pub token_page: TokenPage,
    /// People in browsers.
    pub browser_sign_in: BrowserSignIn,
    /// Client ID metadata documents.
    pub client_documents: ClientDocuments,
    /// The private-use schemes that redirect URIs may have (RFC 8252, section 7.1), such as `cursor`.
    pub private_use_schemes: Vec<PrivateUseScheme>,
    /// Clients that need not register.
    pub clients: Vec<RegisteredClient>,
    /// Clients that no user is asked about, at any route: of the configuration, or described by a document at this URL.
    pub preauthorized_clients: Vec<ClientId>,
    /// Where users sign in, each with a name of its own; none where only machines get tokens, or nobody does.
    pub identity_providers: Vec<IdentityProvider>,
    /// Issuers of other tokens than ours, each with a name of its own.
    pub token_issuers: Vec<TokenIssuer>,
    /// The routes that accept tokens of those, each with a path of its own.
    pub token_routes: Vec<TokenRoute>,
    /// Machines that come in with a token of their platform, each with a name of its own.
    pub workloads: Vec<Workload>,
    /// Connections to APIs of others, each with a name of its own.
    pub connections: Vec<Connection>,
    /// Who gives tokens for MCP servers, each with a name of its own.
    pub token_services: Vec<TokenService>,
    /// How those tokens are got.
    pub backend_grants: Vec<BackendGrant>,
    /// The resources that tokens of ours are for, each with a path of its own; none where no route accepts any.
    pub routes: Vec<Route>,
    /// The routes that have a key which administrators fetch and replace, and who they are.
    pub session_pools: Vec<(RoutePath, SessionPool)>,
    /// The routes whose environments operators see, and where those are.
    pub environments: Vec<(RoutePath, SandboxEnvironments)>,
    /// What the policies of all routes name of users.
    pub rule_claims: RuleClaims,
    /// The setting with the keys that sign assertions for MCP servers.
    pub caller_assertion_keys: Option<SecretName>,
    /// The URLs of the MCP servers, and of their environments: places that nobody else may make us talk to.
    pub server_urls: Vec<String>,
    /// How a client's address is found out.
    pub client_addresses: ClientAddresses,
    /// From where the pages may be reached.
    pub pages: Networks,
    /// From where the other endpoints may be reached.
    pub endpoints: Networks,
    /// How often an address may call them.
    pub rates: Vec<Rate>,
}

/// A route as the authorization server knows it: a resource that tokens are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Our path for it. `public_url` and the path are its resource indicator.
    pub path: RoutePath,
    /// What people read on the consent page.
    pub name: String,
    /// The scopes that a token needs for anything at all here; at least one.
    pub scopes: Scopes,
    /// What a token for it can have: the scopes that it needs, and those by which rules allow more.
    pub offered_scopes: Scopes,
    /// What each scope means, in words, for the consent page.
    pub scope_descriptions: BTreeMap<String, String>,
    /// Whether the transport of 2024-11-05 is offered, at the path with `/sse` and `/message` behind it.
    pub legacy_sse: bool,
    /// When a token that was revoked stops to work here.
    pub revocation: Revocation,
    /// Whether every server behind it gets the user's access token of the identity provider, so that nothing works without one.
    pub needs_identity_provider_token: bool,
    /// Clients that no user is asked about here, beside those of all routes.
    pub preauthorized_clients: Vec<ClientId>,
    /// Whether people in browsers come in with the sign-in of their browser.
    pub takes_browsers: bool,
    /// The only clients that get tokens for it; every client where there is none.
    pub allowed_clients: Vec<ClientId>,
    /// Whether a server behind it is told what people call the user, so that its sessions keep it.
    pub keeps_names: bool,
}

/// The groups and roles that the rules of all routes name, whichever provider has them. A user may go to any route, so all
/// of it must be known at the sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuleClaims {
    /// By rules of either effect.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// By rules that deny.
    #[serde(default)]
    pub denied_groups: BTreeSet<String>,
    /// Whether a rule denies something by roles.
    #[serde(default)]
    pub denies_by_role: bool,
}

impl Configuration {
    /// Where identity providers send users back to.
    pub fn callback_url(&self) -> String {
        self.public_url.join("/callback")
    }

    /// What a redirect URI must be.
    pub fn redirect_rules(&self) -> RedirectRules {
        RedirectRules { own: self.public_url.clone(), private_use_schemes: self.private_use_schemes.clone() }
    }

    /// The route that a resource indicator (RFC 8707) is for: that of its endpoint, or of its event stream for clients of
    /// 2024-11-05, who call another URL and ask for a token for that one.
    pub fn route_of(&self, resource: &ResourceUri) -> Option<&Route> {
        let is = |url: String| ResourceUri::parse(&url).is_ok_and(|own| own == *resource);
        let root = match self.routes.as_slice() {
            [only] if only.legacy_sse && is(self.public_url.join(LEGACY_SSE)) => Some(only),
            _ => None,
        };
        root.or_else(|| {
            self.routes.iter().find(|route| {
                let path = self.public_url.join(route.path.as_str());
                route.legacy_sse && is(format!("{path}{LEGACY_SSE}")) || is(path)
            })
        })
    }

    /// The resource indicator of a route: the audience of its tokens, whichever of its URLs a client named.
    pub fn resource_of(&self, route: &Route) -> Option<ResourceUri> {
        ResourceUri::parse(&self.public_url.join(route.path.as_str())).ok()
    }

    /// The audience that a client means by this resource: the route's own, whichever of its URLs is named. What names no
    /// route stays as it is; nothing is ever granted for it.
    pub fn audience_of(&self, resource: ResourceUri) -> ResourceUri {
        self.route_of(&resource).and_then(|route| self.resource_of(route)).unwrap_or(resource)
    }

    /// Whether clients can get tokens here: whether a route accepts tokens of ours.
    pub fn issues_tokens(&self) -> bool {
        !self.routes.is_empty()
    }

    /// Whether people can sign in, which all of the authorization endpoint, registrations and clients' documents are for.
    pub fn signs_users_in(&self) -> bool {
        !self.identity_providers.is_empty()
    }

    /// The issuer with this name of other tokens than ours.
    pub fn token_issuer(&self, name: &str) -> Option<&TokenIssuer> {
        self.token_issuers.iter().find(|issuer| issuer.name == name)
    }

    /// The names of all whose users can be subjects.
    pub fn subject_providers(&self) -> BTreeSet<&str> {
        let providers = self.identity_providers.iter().map(|provider| provider.name.as_str());
        providers.chain(self.token_issuers.iter().map(|issuer| issuer.name.as_str())).collect()
    }

    /// What of a user's `claims` a session at `resource` keeps: what people call the user only where a server there is told.
    pub fn kept_claims(&self, claims: Claims, resource: &ResourceUri) -> Claims {
        let of_browsers = || {
            let is_theirs = parsed_browser_resource(&self.public_url).as_ref() == Some(resource);
            is_theirs && self.routes.iter().any(|route| route.takes_browsers && route.keeps_names)
        };
        let keeps_names = self.route_of(resource).is_some_and(|route| route.keeps_names) || of_browsers();
        if keeps_names { claims } else { Claims { names: None, ..claims } }
    }

    /// The connection with this name.
    pub fn connection(&self, name: &str) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.name == name)
    }

    /// The token service with this name.
    pub fn token_service(&self, name: &str) -> Option<&TokenService> {
        self.token_services.iter().find(|service| service.name == name)
    }

    /// The secrets with which the token of this server is got, but for those of identity providers.
    pub(crate) fn backend_secrets<'a>(&'a self, upstream: &'a Upstream) -> impl Iterator<Item = &'a SecretName> {
        let (kept, setting) = match upstream.backend_token.as_deref().map(|token| &token.source) {
            Some(BackendTokenSource::Kept(kept)) => (Some(kept), None),
            Some(BackendTokenSource::Setting(name)) => (None, Some(name)),
            Some(BackendTokenSource::Assertion { .. } | BackendTokenSource::Connection(_)) | None => (None, None),
        };
        let grant = kept.and_then(|kept| self.backend_grants.iter().find(|it| it.fingerprint == kept.fingerprint));
        let service = grant.and_then(|grant| self.token_service(grant.service.as_deref()?));
        service.into_iter().flat_map(TokenService::secrets).chain(setting)
    }

    /// The identity provider with this name.
    pub fn identity_provider(&self, name: &str) -> Option<&IdentityProvider> {
        self.identity_providers.iter().find(|provider| provider.name == name)
    }
}

impl Route {
    /// Whether the client may have tokens for it.
    pub fn allows_client(&self, client_id: &ClientId) -> bool {
        self.allowed_clients.is_empty() || self.allowed_clients.contains(client_id)
    }

    /// What a scope means in words; the scope itself where the operator gave none.
    pub fn describe<'a>(&'a self, scope: &'a Scope) -> &'a str {
        self.scope_descriptions.get(scope.as_str()).map_or(scope.as_str(), String::as_str)
    }

    /// What a token for it can have: the scopes that it needs, and those by which rules allow more. Nobody who asks for
    /// nothing in particular gets the latter; a client is told to ask for them when it needs them (step-up).
    pub fn offered_scopes(&self) -> impl Iterator<Item = &Scope> {
        self.offered_scopes.iter()
    }

    /// What is granted to who asks for `requested`: that much, or the scopes that the route needs where nothing is asked
    /// for. `None` where something else is asked for; scopes of OpenID that are not among the offered ones do not count.
    pub fn granted(&self, requested: &Scopes) -> Option<Scopes> {
        let requested = requested.without_openid_but(&self.offered_scopes);
        if requested.is_empty() {
            return Some(self.scopes.clone());
        }
        self.offered_scopes.contains_all(&requested).then_some(requested)
    }
}

impl RuleClaims {
    /// What the policies of `routes` name.
    pub fn of(routes: &[crate::Route]) -> Self {
        let rules = || routes.iter().flat_map(|route| route.policy.rules());
        let denying = || rules().filter(|rule| matches!(rule.effect, Effect::Deny));
        let groups = |rule: Rule<'_>| rule.list(ListKind::Groups).values().map(str::to_owned).collect::<Vec<_>>();
        Self {
            groups: rules().flat_map(groups).collect(),
            denied_groups: denying().flat_map(groups).collect(),
            denies_by_role: denying().any(|rule| !rule.list(ListKind::Roles).is_empty()),
        }
    }
}
