//! The document as it is written, and its way into checked values.

mod access;
mod api_keys;
mod backend_token;
mod branding;
mod browser_sign_in;
mod claim_names;
mod client;
mod client_lists;
mod connection;
mod connection_preset;
mod consistency;
mod cross_origin;
mod environments;
mod exchange;
mod hint;
mod identity_headers;
mod identity_provider;
mod lifetimes;
mod limits;
mod misread;
mod mistake;
mod networks;
mod openapi;
mod parts;
mod policy;
mod provider_authentication;
#[cfg(not(target_family = "wasm"))]
mod reference;
mod registration;
mod route;
mod route_tokens;
mod sign_in;
mod text;
mod token_issuer;
mod token_page;
mod token_service;
mod upstream;
mod urls;
mod values;
mod workload;

use http::Uri;
use serde::{Deserialize, Serialize};

use self::api_keys::PoolDocument;
use self::backend_token::{Resolver, WrittenBackendToken};
use self::branding::BrandingDocument;
use self::browser_sign_in::BrowserSignInDocument;
use self::client::ClientDocument;
use self::connection::ConnectionDocument;
use self::consistency::{
    app_service_tells_providers_apart, descriptions_fit_scopes, issuers_fit_providers, rules_fit_providers,
};
use self::environments::RouteEnvironmentsDocument;
use self::identity_headers::assertions_have_keys;
use self::identity_provider::ProviderDocument;
use self::lifetimes::LifetimesDocument;
use self::limits::{RateDocument, TotalsDocument};
use self::misread::misread;
use self::networks::{NetworksDocument, TrustedProxiesDocument};
pub(crate) use self::parts::{
    AuthorizationServerDocument, GatewayDocument, NeedsDocument, Parts, ResourceDocument, read_part, read_route,
};
use self::parts::{ROUTE_EXAMPLE, WrittenRoute};
use self::registration::{ClientDocumentsDocument, RegistrationDocument, SignInsDocument};
use self::route::RouteDocument;
use self::route_tokens::{keys_and_tokens_are_apart, resolve};
use self::token_issuer::TokenIssuerDocument;
use self::token_page::TokenPageDocument;
use self::token_service::TokenServiceDocument;
use self::values::{SecretDocument, unique};
use self::workload::WorkloadDocument;
use crate::authorization_server::RuleClaims;
use crate::compiled::is_compiled;
use crate::error::{one_line, problem};
use crate::{CompiledError, Configuration, ConfigurationError, Route, Upstream, gateway};

/// The variable `config` holds one document: JSON if it begins with `{`, TOML otherwise. If the document is
/// wrong, Gatehouse answers 503, and the log names the key, the problem and a right example. `gatehouse check FILE` says
/// the same beforehand, and lists the outbound hosts and the variables that the configuration needs.
///
/// This is the smallest document that is complete:
///
/// ```toml
/// public_url = "https://gateway.example.com"
///
/// [identity_provider]
/// name = "main"
/// issuer = "https://accounts.example.com"
/// client_id = "gatehouse"
/// client_secret = { secret = "identity_provider_secret" }
///
/// [[routes]]
/// path = "/mcp"
/// url = "http://10.0.0.7:8080/mcp"
/// ```
///
/// [examples/gatehouse.toml](../examples/gatehouse.toml) is the configuration of the demo. Editors can check a document
/// against its JSON Schema, [configuration.schema.json](configuration.schema.json). An unknown key is an error.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// The URL at which clients reach Gatehouse: `https://host[:port]`, or `http://…` on a loopback host. It has no
    /// path. It is also the issuer of the authorization server. It never comes from a request's header.
    ///
    /// Example: `"https://gateway.example.com"`
    public_url: String,
    /// The origins of web pages that may call the MCP endpoints. Pages at `public_url` always may. `"*"` means every
    /// page.
    ///
    /// Example: `["http://localhost:6274"]`
    #[serde(default)]
    allowed_origins: Vec<String>,
    /// Applications whose redirect URIs have a private-use scheme, by name: `cursor` is Cursor, `vscode` and
    /// `vscode-insiders` are extensions of VS Code such as Cline (VS Code itself needs no entry), `warp` is Warp. Each
    /// name allows one scheme, as `private_use_schemes` does.
    ///
    /// Values: `cursor`, `vscode`, `vscode-insiders`, `warp`
    /// Example: `["cursor"]`
    #[serde(default)]
    applications: Vec<String>,
    /// Further private-use URI schemes (RFC 8252, section 7.1) that redirect URIs may have, beside https and loopback http.
    /// Any application on the user's machine can claim such a scheme.
    ///
    /// Example: `["com.example.app"]`
    #[serde(default)]
    private_use_schemes: Vec<String>,
    /// What users see of the operator on every page.
    #[serde(default)]
    branding: BrandingDocument,
    /// How long tokens, sessions and remembered consents live.
    ///
    /// Example: `{ access_token = 300, session = 86400 }`
    #[serde(default)]
    lifetimes: LifetimesDocument,
    /// Dynamic client registration (RFC 7591).
    #[serde(default)]
    registration: RegistrationDocument,
    /// Clients whose id is the URL of a document about them (client ID metadata documents).
    #[serde(default)]
    client_documents: ClientDocumentsDocument,
    /// How many users may begin to sign in.
    #[serde(default)]
    sign_ins: SignInsDocument,
    /// The page on which a person gets an access token by hand. It is off by default.
    #[serde(default)]
    token_page: TokenPageDocument,
    /// People who sign in with a browser, and not through a client. It is off by default.
    #[serde(default)]
    browser_sign_in: BrowserSignInDocument,
    /// Clients that the operator knows. They do not register.
    ///
    /// Example: `[{ client_id = "my-client", client_name = "My client", redirect_uris = ["http://127.0.0.1/callback"] }]`
    #[serde(default)]
    clients: Vec<ClientDocument>,
    /// Clients that no user is asked about ([Preauthorized clients](clients.md#preauthorized-clients)): the ids of `clients`,
    /// or the URLs of client ID metadata documents. A client that registered itself is always asked about.
    ///
    /// Example: `["my-client", "https://client.example.com/metadata.json"]`
    #[serde(default)]
    preauthorized_clients: Vec<String>,
    /// The identity provider at which users sign in. Either this table or `identity_providers` is required if a route accepts
    /// Gatehouse's own tokens, unless only `workloads` and `clients` without users get any: then nobody can sign in.
    ///
    /// Example: `{ name = "main", issuer = "https://accounts.example.com", client_id = "gatehouse" }`
    identity_provider: Option<ProviderDocument>,
    /// Several identity providers. Users choose one of them. Each has a `name` of its own.
    ///
    /// Example: `[{ name = "main", issuer = "https://accounts.example.com", client_id = "gatehouse" }]`
    identity_providers: Option<Vec<ProviderDocument>>,
    /// Issuers of access tokens that routes can accept beside Gatehouse's own.
    ///
    /// Most: `MOST_TOKEN_ISSUERS`
    /// Example: `[{ name = "entra", profile = "entra", tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10" }]`
    #[serde(default)]
    token_issuers: Vec<TokenIssuerDocument>,
    /// Machines that come in with a token of their own platform: Kubernetes, GitHub Actions, SPIFFE.
    ///
    /// Most: `MOST_WORKLOADS`
    /// Example: `[{ name = "deploy", issuer = "github", claims = { repository_id = "123456789" }, routes = ["/mcp"], scopes = ["mcp"] }]`
    #[serde(default)]
    workloads: Vec<WorkloadDocument>,
    /// Connections to APIs of others, in which users link accounts of theirs.
    ///
    /// Most: `MOST_CONNECTIONS`
    /// Example: `[{ name = "github", preset = "github", client_id = "Iv23liAbCdEfGh", client_secret = { secret = "github_secret" } }]`
    #[serde(default)]
    connections: Vec<ConnectionDocument>,
    /// Who gives tokens for MCP servers and what is behind them.
    ///
    /// Most: `MOST_TOKEN_SERVICES`
    /// Example: `[{ name = "apis", token_endpoint = "https://auth.example.com/token", client_id = "gatehouse", client_secret = { secret = "token_service_secret" } }]`
    #[serde(default)]
    token_services: Vec<TokenServiceDocument>,
    /// The MCP endpoints. At least one is required, and each has a `path` of its own.
    ///
    /// Example: `[{ path = "/mcp", url = "https://mcp.internal.example/mcp" }]`
    #[serde(default)]
    routes: Vec<RouteDocument>,
    /// Limits that hold for all routes together.
    #[serde(default)]
    limits: TotalsDocument,
    /// The secret with the private keys that sign assertions for MCP servers (`assertion_header`): PEM, PKCS #8, EC P-256 or
    /// Ed25519. Several stand one after another: the first one signs, and all are published
    /// ([Assertions](identity-headers.md#assertions)).
    ///
    /// Example: `{ secret = "caller_assertion_keys" }`
    caller_assertion_keys: Option<SecretDocument>,
    /// How often one address may call the pages and endpoints of the authorization server, before anybody is known. Only `per = "address"`. The
    /// metadata is not counted.
    ///
    /// Most: `MOST_RATES`
    /// Example: `[{ per = "address", requests = 120, seconds = 60 }]`
    #[serde(default)]
    rates: Vec<RateDocument>,
    /// From where Gatehouse's own pages, endpoints and probes may be reached.
    ///
    /// Example: `{ pages = { allow = ["192.0.2.0/24"] } }`
    #[serde(default)]
    networks: NetworksDocument,
    /// The proxies in front, which say where a request comes from.
    ///
    /// Example: `{ ranges = ["10.0.0.0/8"] }`
    #[serde(default)]
    trusted_proxies: TrustedProxiesDocument,
    /// Whether the log has the addresses of clients. They are personal data.
    ///
    /// Default: `true`
    log_addresses: Option<bool>,
}

/// Reads the document without judging its values. What is wrong is said with the path of its table or key.
pub(crate) fn parse(text: &str) -> Result<Document, ConfigurationError> {
    if is_compiled(text) {
        return Err(ConfigurationError::Compiled(CompiledError::NeedsDocument));
    }
    let tree = text::tree(text).map_err(|message| ConfigurationError::Unreadable(one_line(&message)))?;
    serde_path_to_error::deserialize(tree).map_err(|error| misread(text, error.path(), &error.inner().to_string()))
}

impl Document {
    /// The parts of the document, as they are written and as they are meant.
    pub(crate) fn divide(self) -> Result<(Parts, Configuration), ConfigurationError> {
        let NetworksDocument { pages, endpoints, probes } = self.networks;
        let mut written = GatewayDocument {
            public_url: self.public_url,
            allowed_origins: self.allowed_origins,
            limits: self.limits,
            caller_assertion_keys: self.caller_assertion_keys.clone(),
            identity_header_names: Vec::new(),
            trusted_proxies: self.trusted_proxies,
            log_addresses: self.log_addresses,
            probes,
            api_key_headers: Vec::new(),
            token_headers: Vec::new(),
        };
        let mut meant = written.clone().check()?;
        if self.routes.is_empty() {
            return Err(problem("routes", "is missing: there is nothing to protect", ROUTE_EXAMPLE));
        }
        let routes = self.routes.iter().cloned().enumerate();
        let routes = routes.map(|(index, route)| route.check(&format!("routes[{index}]")));
        let mut routes = routes.collect::<Result<Vec<_>, _>>()?;
        meant.identity_header_names = gateway::identity_header_names(&routes);
        written.identity_header_names = meant.identity_header_names.iter().map(ToString::to_string).collect();
        meant.api_key_headers = gateway::api_key_headers(&routes);
        written.api_key_headers = meant.api_key_headers.iter().map(ToString::to_string).collect();
        let issuers = token_issuer::check(self.token_issuers.clone(), &meant.public_url)?;
        let rule_claims = RuleClaims::of(&routes);
        let mut token_routes = Vec::new();
        let providers = identity_provider::check(self.identity_provider.clone(), self.identity_providers.clone())?;
        let services = token_service::check(self.token_services.clone(), &meant.public_url, &providers)?;
        let mut resolver = Resolver { services: &services, providers: &providers, grants: Vec::new(), of_users: 0 };
        for (index, (route, document)) in routes.iter_mut().zip(&self.routes).enumerate() {
            let (table, tokens) = (format!("routes[{index}]"), document.tokens.clone());
            let names_scopes = document.scopes.is_some();
            let resolved = resolve(&table, route, names_scopes, tokens, &issuers, &rule_claims.groups)?;
            if let Some(resolved) = resolved {
                route.accepted_tokens = Some(Box::new(resolved.accepted));
                token_routes.push(resolved.route);
            }
            resolver.resolve(&table, route, document.backend_tokens())?;
            keys_and_tokens_are_apart(&table, route)?;
            if !route.takes_tokens() && route.api_keys.is_none() {
                let text = "must not be false without tokens or api_keys: nobody could come in";
                return Err(problem(format!("{table}.own_tokens"), text, "own_tokens = true"));
            }
        }
        assertions_have_keys(routes.iter().flat_map(Route::upstreams), meant.caller_assertion_keys.as_ref())?;
        meant.token_headers = gateway::token_headers(&routes);
        written.token_headers = meant.token_headers.iter().map(ToString::to_string).collect();
        let authorization_server = AuthorizationServerDocument {
            public_url: written.public_url.clone(),
            applications: self.applications,
            private_use_schemes: self.private_use_schemes,
            branding: self.branding,
            lifetimes: self.lifetimes,
            registration: self.registration,
            client_documents: self.client_documents,
            sign_ins: self.sign_ins,
            token_page: self.token_page,
            browser_sign_in: self.browser_sign_in,
            clients: self.clients,
            preauthorized_clients: self.preauthorized_clients,
            identity_provider: self.identity_provider,
            identity_providers: self.identity_providers,
            token_issuers: self.token_issuers,
            token_routes,
            workloads: self.workloads,
            connections: self.connections,
            token_services: self.token_services,
            backend_grants: resolver.grants,
            routes: routes
                .iter()
                .zip(&self.routes)
                .filter(|(route, _)| route.own_tokens)
                .map(|(route, document)| ResourceDocument::of(route, document))
                .collect(),
            session_pools: routes.iter().filter_map(PoolDocument::of).collect(),
            environments: routes.iter().filter_map(RouteEnvironmentsDocument::of).collect(),
            rule_claims,
            caller_assertion_keys: self.caller_assertion_keys,
            trusted_proxies: written.trusted_proxies.clone(),
            log_addresses: written.log_addresses,
            pages,
            endpoints,
            rates: self.rates,
            server_urls: routes
                .iter()
                .flat_map(Route::upstreams)
                .flat_map(Upstream::urls)
                .chain(routes.iter().filter_map(|route| route.environments.as_deref()).map(|it| &it.url))
                .map(Uri::to_string)
                .collect(),
        };
        let configuration =
            Configuration { gateway: meant, authorization_server: authorization_server.clone().check()?, routes };
        unique("routes", ".path", configuration.routes.iter().map(|route| route.path.as_str()))?;
        backend_token::connections_are_there(&configuration.routes, &configuration.authorization_server.connections)?;
        api_keys::are_apart(configuration.routes.iter().map(|route| route.api_keys.as_ref()))?;
        issuers_fit_providers(&configuration.authorization_server)?;
        rules_fit_providers(&configuration)?;
        app_service_tells_providers_apart(&configuration)?;
        descriptions_fit_scopes(&configuration.routes, self.routes.iter().map(|route| &route.scope_descriptions))?;
        let written_route = |(document, route): (RouteDocument, &Route)| WrittenRoute {
            document,
            accepted: route.accepted_tokens.clone(),
            backend_tokens: WrittenBackendToken::of(route),
        };
        let routes = self.routes.into_iter().zip(&configuration.routes).map(written_route).collect();
        Ok((Parts { gateway: written, authorization_server, routes }, configuration))
    }
}
