//! The document as it is written, and its way into checked values.

mod access;
mod branding;
mod browser_sign_in;
mod claim_names;
mod client;
mod client_lists;
mod consistency;
mod hint;
mod identity_headers;
mod identity_provider;
mod lifetimes;
mod limits;
mod misread;
mod mistake;
mod parts;
mod policy;
mod provider_authentication;
#[cfg(not(target_family = "wasm"))]
mod reference;
mod registration;
mod route;
mod text;
mod token_page;
mod upstream;
mod urls;
mod values;

use serde::{Deserialize, Serialize};

use self::branding::BrandingDocument;
use self::browser_sign_in::BrowserSignInDocument;
use self::client::ClientDocument;
use self::consistency::{app_service_tells_providers_apart, descriptions_fit_scopes, rules_fit_providers};
use self::identity_headers::assertions_have_keys;
use self::identity_provider::ProviderDocument;
use self::lifetimes::LifetimesDocument;
use self::limits::TotalsDocument;
use self::misread::misread;
pub(crate) use self::parts::{
    AuthorizationServerDocument, GatewayDocument, NeedsDocument, Parts, ResourceDocument, read_part, read_route,
};
use self::registration::{ClientDocumentsDocument, RegistrationDocument, SignInsDocument};
use self::route::RouteDocument;
use self::token_page::TokenPageDocument;
use self::values::{SecretDocument, unique};
use crate::authorization_server::RuleClaims;
use crate::compiled::is_compiled;
use crate::error::one_line;
use crate::{CompiledError, Configuration, ConfigurationError, Route, gateway};

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
    /// The identity provider at which users sign in. Either this table or `identity_providers` is required.
    ///
    /// Example: `{ name = "main", issuer = "https://accounts.example.com", client_id = "gatehouse" }`
    identity_provider: Option<ProviderDocument>,
    /// Several identity providers. Users choose one of them. Each has a `name` of its own.
    ///
    /// Example: `[{ name = "main", issuer = "https://accounts.example.com", client_id = "gatehouse" }]`
    identity_providers: Option<Vec<ProviderDocument>>,
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
        let mut written = GatewayDocument {
            public_url: self.public_url,
            allowed_origins: self.allowed_origins,
            limits: self.limits,
            caller_assertion_keys: self.caller_assertion_keys.clone(),
            identity_header_names: Vec::new(),
        };
        let mut meant = written.clone().check()?;
        let routes = self.routes.iter().cloned().enumerate();
        let routes = routes.map(|(index, route)| route.check(&format!("routes[{index}]")));
        let routes = routes.collect::<Result<Vec<_>, _>>()?;
        assertions_have_keys(routes.iter().flat_map(Route::upstreams), meant.caller_assertion_keys.as_ref())?;
        meant.identity_header_names = gateway::identity_header_names(&routes);
        written.identity_header_names = meant.identity_header_names.iter().map(ToString::to_string).collect();
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
            routes: routes
                .iter()
                .zip(&self.routes)
                .map(|(route, document)| ResourceDocument::of(route, document))
                .collect(),
            rule_claims: RuleClaims::of(&routes),
            caller_assertion_keys: self.caller_assertion_keys,
            server_urls: routes.iter().flat_map(Route::upstreams).map(|upstream| upstream.url.to_string()).collect(),
        };
        let configuration =
            Configuration { gateway: meant, authorization_server: authorization_server.clone().check()?, routes };
        unique("routes", ".path", configuration.routes.iter().map(|route| route.path.as_str()))?;
        rules_fit_providers(&configuration)?;
        app_service_tells_providers_apart(&configuration)?;
        descriptions_fit_scopes(&configuration.routes, self.routes.iter().map(|route| &route.scope_descriptions))?;
        Ok((Parts { gateway: written, authorization_server, routes: self.routes }, configuration))
    }
}
