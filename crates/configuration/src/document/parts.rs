//! The document in parts, each of which is read without the others.
//!
//! A part is written as JSON with the keys of the document, and read by the same types and the same checks. What it means
//! is therefore what the whole document means; what is checked across parts was checked when the whole one was divided.
//! The rules of a route are written in front of its other keys, in a form of their own ([`Policy`]), and not checked again.

use std::collections::BTreeMap;

use gatehouse_protocol::{ClientId, RedirectRules, Scopes};
use http::HeaderName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api_keys::{PoolDocument, api_key_header};
use super::backend_token::{BackendGrantDocument, WrittenBackendToken};
use super::branding::BrandingDocument;
use super::browser_sign_in::BrowserSignInDocument;
use super::client::ClientDocument;
use super::client_lists::{client_ids, preauthorized_are_known};
use super::connection::{self, ConnectionDocument};
use super::consistency::{browsers_can_sign_in, providers_are_elsewhere};
use super::environments::RouteEnvironmentsDocument;
use super::identity_provider::{self, ProviderDocument};
use super::lifetimes::LifetimesDocument;
use super::limits::{RateDocument, TotalsDocument, rates_by_address};
use super::networks::{RangesDocument, TrustedProxiesDocument};
use super::policy::rules;
use super::registration::{ClientDocumentsDocument, RegistrationDocument, SignInsDocument};
use super::route::RouteDocument;
use super::route_tokens::TokenRouteDocument;
use super::sign_in::provider_is_there_where_it_is_needed;
use super::token_issuer::{self, TokenIssuerDocument};
use super::token_page::TokenPageDocument;
use super::token_service::{self, TokenServiceDocument};
use super::urls::{allowed_origins, private_use_schemes, public_url};
use super::values::{SecretDocument, header_name, scopes, secret_name, unique};
use super::workload::{self, WorkloadDocument};
use crate::authorization_server::{self, RuleClaims};
use crate::error::{one_line, problem};
use crate::gateway::{self, Needs, Server};
use crate::{
    AcceptedTokens, ClientAddresses, CompiledError, ConfigurationError, Part, Policy, Revocation, Route, RoutePath,
    SecretName, Unauthenticated, Upstream,
};

/// What a document without routes lacks.
pub(super) const ROUTE_EXAMPLE: &str = r#"[[routes]] path = "/mcp" url = "https://mcp.internal.example/mcp""#;

/// A checked document.
pub(crate) struct Parts {
    pub(super) gateway: GatewayDocument,
    pub(super) authorization_server: AuthorizationServerDocument,
    pub(super) routes: Vec<WrittenRoute>,
}

/// A route, and what follows from its keys and from others.
pub(super) struct WrittenRoute {
    pub(super) document: RouteDocument,
    /// The tokens of other issuers that it accepts.
    pub(super) accepted: Option<Box<AcceptedTokens>>,
    /// The tokens of its servers, in their order; empty where they have none.
    pub(super) backend_tokens: Vec<Option<WrittenBackendToken>>,
}

/// What the gateway needs at every route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewayDocument {
    pub(super) public_url: String,
    #[serde(default)]
    pub(super) allowed_origins: Vec<String>,
    #[serde(default)]
    pub(super) limits: TotalsDocument,
    #[serde(default)]
    pub(super) api_key_headers: Vec<String>,
    #[serde(default)]
    pub(super) token_headers: Vec<String>,
    pub(super) caller_assertion_keys: Option<SecretDocument>,
    #[serde(default)]
    pub(super) identity_header_names: Vec<String>,
    #[serde(default)]
    pub(super) trusted_proxies: TrustedProxiesDocument,
    pub(super) log_addresses: Option<bool>,
    #[serde(default)]
    pub(super) probes: RangesDocument,
}

/// What the authorization server needs.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizationServerDocument {
    pub(super) public_url: String,
    #[serde(default)]
    pub(super) applications: Vec<String>,
    #[serde(default)]
    pub(super) private_use_schemes: Vec<String>,
    #[serde(default)]
    pub(super) branding: BrandingDocument,
    #[serde(default)]
    pub(super) lifetimes: LifetimesDocument,
    #[serde(default)]
    pub(super) registration: RegistrationDocument,
    #[serde(default)]
    pub(super) client_documents: ClientDocumentsDocument,
    #[serde(default)]
    pub(super) sign_ins: SignInsDocument,
    #[serde(default)]
    pub(super) token_page: TokenPageDocument,
    #[serde(default)]
    pub(super) browser_sign_in: BrowserSignInDocument,
    #[serde(default)]
    pub(super) clients: Vec<ClientDocument>,
    #[serde(default)]
    pub(super) preauthorized_clients: Vec<String>,
    pub(super) identity_provider: Option<ProviderDocument>,
    pub(super) identity_providers: Option<Vec<ProviderDocument>>,
    #[serde(default)]
    pub(super) token_issuers: Vec<TokenIssuerDocument>,
    #[serde(default)]
    pub(super) token_routes: Vec<TokenRouteDocument>,
    #[serde(default)]
    pub(super) workloads: Vec<WorkloadDocument>,
    #[serde(default)]
    pub(super) connections: Vec<ConnectionDocument>,
    #[serde(default)]
    pub(super) token_services: Vec<TokenServiceDocument>,
    #[serde(default)]
    pub(super) backend_grants: Vec<BackendGrantDocument>,
    #[serde(default)]
    pub(super) routes: Vec<ResourceDocument>,
    #[serde(default)]
    pub(super) session_pools: Vec<PoolDocument>,
    #[serde(default)]
    pub(super) environments: Vec<RouteEnvironmentsDocument>,
    #[serde(default)]
    pub(super) rule_claims: RuleClaims,
    pub(super) caller_assertion_keys: Option<SecretDocument>,
    pub(super) server_urls: Vec<String>,
    #[serde(default)]
    pub(super) trusted_proxies: TrustedProxiesDocument,
    pub(super) log_addresses: Option<bool>,
    #[serde(default)]
    pub(super) pages: RangesDocument,
    #[serde(default)]
    pub(super) endpoints: RangesDocument,
    #[serde(default)]
    pub(super) rates: Vec<RateDocument>,
}

/// A route as the authorization server knows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceDocument {
    path: String,
    name: String,
    scopes: Vec<String>,
    offered_scopes: Vec<String>,
    #[serde(default)]
    scope_descriptions: BTreeMap<String, String>,
    legacy_sse: bool,
    /// Whether revoked tokens work there until they expire.
    revocation_at_expiry: bool,
    needs_identity_provider_token: bool,
    #[serde(default)]
    takes_browsers: bool,
    #[serde(default)]
    preauthorized_clients: Vec<String>,
    #[serde(default)]
    allowed_clients: Vec<String>,
    /// Whether a server there is told what people call the user.
    keeps_names: Option<bool>,
}

/// What has to be there for Gatehouse to be ready.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NeedsDocument {
    #[serde(default)]
    provider_secrets: Vec<String>,
    servers: Vec<ServerDocument>,
}

/// A server of a route.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ServerDocument {
    route: String,
    url: String,
    #[serde(default)]
    secrets: Vec<String>,
}

impl Parts {
    /// The paths of the routes, in the order of the document.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().map(|route| route.document.path())
    }

    /// The part as JSON; `None` where there is no such route.
    pub(crate) fn write(&self, part: &Part<'_>) -> Result<Option<String>, ConfigurationError> {
        match part {
            Part::Gateway => written(&self.gateway).map(Some),
            Part::AuthorizationServer => written(&self.authorization_server).map(Some),
            Part::Servers => written(&self.needs()?).map(Some),
            Part::Route(path) => {
                self.routes.iter().find(|route| route.document.path() == *path).map(write_route).transpose()
            }
            Part::OnlyRoute => match self.routes.as_slice() {
                [only] => write_route(only).map(Some),
                _ => Ok(None),
            },
            Part::Piece(_) => Ok(None),
        }
    }

    fn needs(&self) -> Result<NeedsDocument, ConfigurationError> {
        let routes = self.routes.iter().map(|route| {
            let mut checked = route.document.clone().check("routes")?;
            with_backend_tokens(&mut checked, route.backend_tokens.clone())?;
            Ok(checked)
        });
        let keys = caller_assertion_keys(self.gateway.caller_assertion_keys.clone())?;
        let configuration = self.authorization_server.clone().check()?;
        let needs = Needs::of(&configuration, &routes.collect::<Result<Vec<_>, _>>()?, keys.as_ref());
        let texts = |names: Vec<SecretName>| names.iter().map(|name| name.as_str().to_owned()).collect();
        let document = |Server { route, url, secrets }| ServerDocument {
            route: route.to_string(),
            url: url.to_string(),
            secrets: texts(secrets),
        };
        Ok(NeedsDocument {
            provider_secrets: texts(needs.provider_secrets),
            servers: needs.servers.into_iter().map(document).collect(),
        })
    }
}

/// Its rules as a [`Policy`] has them, the tokens of its servers, the other keys without what only the authorization server needs, and
/// what its tokens of other issuers come to.
fn write_route(route: &WrittenRoute) -> Result<String, ConfigurationError> {
    let WrittenRoute { document, accepted, backend_tokens } = route;
    let mut route = document.clone().without_backend_tokens();
    route.scope_descriptions.clear();
    route.own_tokens = route.own_tokens_alone();
    route.tokens.clear();
    route.preauthorized_clients.clear();
    let policy = rules("policy", std::mem::take(&mut route.policy))?;
    // Behind the route's own keys, which say nothing of issuers.
    let accepted = accepted.as_ref().map(written).transpose()?.unwrap_or_default();
    let backend_tokens = match backend_tokens.is_empty() {
        true => String::new(),
        false => serde_json::to_string(backend_tokens).map_err(unreadable)?,
    };
    Ok(policy.written_before(&(backend_tokens + &written(&route)? + &accepted)))
}

/// Compact JSON without what is absent.
fn written(document: &impl Serialize) -> Result<String, ConfigurationError> {
    let mut value = serde_json::to_value(document).map_err(unreadable)?;
    prune(&mut value);
    serde_json::to_string(&value).map_err(unreadable)
}

/// Removes keys that mean the same where they are absent. An empty list of grant types is one that was given; every other
/// list of the document that is not refused where it is empty is as if it were absent.
fn prune(value: &mut Value) {
    let is_absent = |key: &str, value: &Value| match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty() && key != "grant_types",
        Value::Object(table) => table.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(table) => {
            table.values_mut().for_each(prune);
            table.retain(|key, value| !is_absent(key, value));
        }
        Value::Array(list) => list.iter_mut().for_each(prune),
        _ => {}
    }
}

/// The part of a route, as it is written.
pub(crate) fn read_route(text: &str) -> Result<Route, ConfigurationError> {
    let damaged = || ConfigurationError::Compiled(CompiledError::Part("routes".to_owned()));
    let (policy, keys) = Policy::read(text).ok_or_else(damaged)?;
    let mut reader = serde_json::Deserializer::from_str(keys);
    // Nothing of a route is a list but these.
    let backend_tokens = match keys.starts_with('[') {
        true => Vec::<Option<WrittenBackendToken>>::deserialize(&mut reader).map_err(unreadable)?,
        false => Vec::new(),
    };
    let mut route = RouteDocument::deserialize(&mut reader).map_err(unreadable)?.check("routes")?;
    with_backend_tokens(&mut route, backend_tokens)?;
    let accepted_tokens = match reader.end() {
        Ok(()) => None,
        Err(_) => Some(Deserialize::deserialize(&mut reader).map_err(unreadable)?),
    };
    reader.end().map_err(unreadable)?;
    Ok(Route { policy, accepted_tokens, ..route })
}

/// Gives the servers of the route their tokens.
fn with_backend_tokens(route: &mut Route, tokens: Vec<Option<WrittenBackendToken>>) -> Result<(), ConfigurationError> {
    for (upstream, token) in route.upstreams_mut().zip(tokens) {
        upstream.backend_token = token.map(WrittenBackendToken::check).transpose()?.map(Box::new);
    }
    Ok(())
}

/// A part, as it is written.
pub(crate) fn read_part<T: DeserializeOwned>(text: &str) -> Result<T, ConfigurationError> {
    serde_json::from_str(text).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> ConfigurationError {
    ConfigurationError::Unreadable(one_line(&error.to_string()))
}

impl NeedsDocument {
    pub(crate) fn check(self) -> Result<Needs, ConfigurationError> {
        let names = |names: Vec<String>| {
            names.iter().map(|name| secret_name("secrets", name)).collect::<Result<Vec<_>, ConfigurationError>>()
        };
        let server = |ServerDocument { route, url, secrets }| {
            let route = RoutePath::parse(&route).map_err(|text| problem("routes.path", text, ROUTE_EXAMPLE))?;
            let url = url.parse().map_err(|_| problem("routes.url", "is not a URL", ROUTE_EXAMPLE))?;
            Ok(Server { route, url, secrets: names(secrets)? })
        };
        Ok(Needs {
            provider_secrets: names(self.provider_secrets)?,
            servers: self.servers.into_iter().map(server).collect::<Result<_, _>>()?,
        })
    }
}

fn client_addresses(
    proxies: TrustedProxiesDocument,
    are_logged: Option<bool>,
) -> Result<ClientAddresses, ConfigurationError> {
    Ok(ClientAddresses { proxies: proxies.check()?, are_hidden: are_logged == Some(false) })
}

impl GatewayDocument {
    pub(crate) fn check(self) -> Result<gateway::Configuration, ConfigurationError> {
        Ok(gateway::Configuration {
            public_url: public_url(&self.public_url)?,
            allowed_origins: allowed_origins(self.allowed_origins)?,
            long_requests: self.limits.check()?,
            api_key_headers: self.api_key_headers.iter().map(|name| api_key_header(name)).collect::<Result<_, _>>()?,
            token_headers: header_names("token_headers", &self.token_headers)?,
            caller_assertion_keys: caller_assertion_keys(self.caller_assertion_keys)?,
            identity_header_names: header_names("identity_header_names", &self.identity_header_names)?,
            client_addresses: client_addresses(self.trusted_proxies, self.log_addresses)?,
            probes: self.probes.check("networks.probes")?,
        })
    }
}

fn header_names(key: &str, names: &[String]) -> Result<Vec<HeaderName>, ConfigurationError> {
    names.iter().map(|name| header_name(key, name, ROUTE_EXAMPLE)).collect()
}

fn caller_assertion_keys(keys: Option<SecretDocument>) -> Result<Option<SecretName>, ConfigurationError> {
    keys.map(|keys| keys.check("caller_assertion_keys")).transpose()
}

impl AuthorizationServerDocument {
    pub(crate) fn check(self) -> Result<authorization_server::Configuration, ConfigurationError> {
        let public_url = public_url(&self.public_url)?;
        let rules = RedirectRules {
            own: public_url.clone(),
            private_use_schemes: private_use_schemes(&self.applications, &self.private_use_schemes)?,
        };
        let are_listed = self.identity_providers.is_some();
        let identity_providers = identity_provider::check(self.identity_provider, self.identity_providers)?;
        providers_are_elsewhere(&identity_providers, are_listed, &public_url)?;
        let routes = self.routes.into_iter().map(ResourceDocument::check).collect::<Result<Vec<_>, _>>()?;
        let offered: Scopes = routes.iter().flat_map(|route| route.offered_scopes()).cloned().collect();
        let token_issuers = token_issuer::check(self.token_issuers, &public_url)?;
        let clients = self.clients.into_iter().enumerate();
        let clients = clients.map(|(index, client)| client.check(index, &rules, &offered, &token_issuers));
        let clients = clients.collect::<Result<_, _>>()?;
        let connections = connection::check(self.connections, &identity_providers)?;
        let workloads = workload::check(self.workloads, &public_url, &token_issuers, &routes)?;
        let token_services = token_service::check(self.token_services, &public_url, &identity_providers)?;
        let lifetimes = self.lifetimes.check()?;
        // Both are for clients of people.
        let signs_in = !identity_providers.is_empty();
        let (mut registration, mut client_documents) = (self.registration.check()?, self.client_documents.check()?);
        registration.enabled &= signs_in;
        client_documents.enabled &= signs_in;
        let configuration = authorization_server::Configuration {
            branding: self.branding.check()?,
            registration,
            client_documents,
            sign_ins: self.sign_ins.check()?,
            token_page: self.token_page.check(lifetimes.session)?,
            browser_sign_in: self.browser_sign_in.check(lifetimes.session)?,
            lifetimes,
            clients,
            preauthorized_clients: client_ids("preauthorized_clients", &self.preauthorized_clients)?,
            private_use_schemes: rules.private_use_schemes,
            identity_providers,
            token_issuers,
            token_routes: self.token_routes.into_iter().map(TokenRouteDocument::check).collect::<Result<_, _>>()?,
            workloads,
            connections,
            token_services,
            backend_grants: self
                .backend_grants
                .into_iter()
                .map(BackendGrantDocument::check)
                .collect::<Result<_, _>>()?,
            routes,
            session_pools: self.session_pools.into_iter().map(PoolDocument::check).collect::<Result<_, _>>()?,
            environments: self
                .environments
                .into_iter()
                .map(RouteEnvironmentsDocument::check)
                .collect::<Result<_, _>>()?,
            rule_claims: self.rule_claims,
            caller_assertion_keys: caller_assertion_keys(self.caller_assertion_keys)?,
            server_urls: self.server_urls,
            client_addresses: client_addresses(self.trusted_proxies, self.log_addresses)?,
            pages: self.pages.check("networks.pages")?,
            endpoints: self.endpoints.check("networks.endpoints")?,
            rates: rates_by_address(self.rates)?,
            public_url,
        };
        preauthorized_are_known(&configuration)?;
        browsers_can_sign_in(&configuration)?;
        provider_is_there_where_it_is_needed(&configuration)?;
        unique("clients", ".client_id", configuration.clients.iter().map(|client| client.client_id.as_str()))?;
        Ok(configuration)
    }
}

impl ResourceDocument {
    /// What the authorization server needs of a route.
    pub(super) fn of(route: &Route, written: &RouteDocument) -> Self {
        let texts = |scopes: &Scopes| scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        Self {
            path: route.path.to_string(),
            name: route.name.clone(),
            scopes: texts(&route.scopes),
            offered_scopes: texts(&route.offered_scopes()),
            scope_descriptions: written.scope_descriptions.clone(),
            legacy_sse: route.legacy_sse,
            revocation_at_expiry: route.revocation == Revocation::AtExpiry,
            needs_identity_provider_token: route.upstreams().all(Upstream::needs_session_of_user),
            takes_browsers: route.unauthenticated == Unauthenticated::SignIn,
            preauthorized_clients: written.preauthorized_clients.clone(),
            allowed_clients: route.allowed_clients.iter().map(ClientId::to_string).collect(),
            keeps_names: route
                .upstreams()
                .any(|upstream| upstream.identity_headers.as_ref().is_some_and(|headers| headers.names))
                .then_some(true),
        }
    }

    fn check(self) -> Result<authorization_server::Route, ConfigurationError> {
        Ok(authorization_server::Route {
            path: RoutePath::parse(&self.path).map_err(|text| problem("routes.path", text, ROUTE_EXAMPLE))?,
            name: self.name,
            scopes: scopes("routes.scopes", &self.scopes)?,
            offered_scopes: scopes("routes.offered_scopes", &self.offered_scopes)?,
            scope_descriptions: self.scope_descriptions,
            legacy_sse: self.legacy_sse,
            revocation: if self.revocation_at_expiry { Revocation::AtExpiry } else { Revocation::Immediate },
            needs_identity_provider_token: self.needs_identity_provider_token,
            takes_browsers: self.takes_browsers,
            preauthorized_clients: client_ids("routes.preauthorized_clients", &self.preauthorized_clients)?,
            allowed_clients: client_ids("routes.allowed_clients", &self.allowed_clients)?,
            keeps_names: self.keeps_names.unwrap_or(false),
        })
    }
}
