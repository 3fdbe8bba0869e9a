//! The configuration document: one TOML or JSON text, parsed into values that need no further checking.
//!
//! Secrets are not in it. Where one is needed, the document names the setting that holds it
//! (`{ secret = "identity_provider_secret" }`), so that it can be shown, committed and compared.

mod accepted_tokens;
mod api_keys;
pub mod authorization_server;
mod backend_token;
mod branding;
mod browser_sign_in;
mod compile;
mod compiled;
mod configuration;
mod configured_urls;
mod connection;
mod cross_origin;
mod document;
mod error;
mod exchangeable_tokens;
pub mod gateway;
mod identity_headers;
mod identity_provider;
mod lifetimes;
mod limits;
mod networks;
mod openapi;
mod origins;
mod part;
mod policy;
mod reading;
mod registered_client;
mod registration;
mod route;
mod sandbox_environments;
mod secret_name;
mod source;
mod token_issuer;
mod token_page;
mod upstream;
mod workload;

pub use accepted_tokens::{AcceptedTokens, RequiredClaim, RouteTokens, TokenPresentation, TokenRoute};
pub use api_keys::{Administrator, ApiKeys, ConfiguredKey, SessionPool};
pub use backend_token::{
    BackendFlow, BackendGrant, BackendToken, BackendTokenSource, KeptBackendToken, ManagedIdentity, TokenEndpoint,
    TokenOwner, TokenService, TokenServiceKind,
};
pub use branding::{Branding, Logo};
pub use browser_sign_in::BrowserSignIn;
pub use compile::{compile, compile_with, piece_name};
pub use configuration::Configuration;
pub use connection::{Connection, ConnectionEndpoints, SecretMethod};
pub use cross_origin::{CrossOrigin, PageOrigin, PageOrigins};
pub use error::{CompiledError, ConfigurationError, Problem};
pub use exchangeable_tokens::ExchangeableTokens;
pub use identity_headers::{CallerAssertion, IdentityClaim, IdentityHeaders};
pub use identity_provider::{
    AccessRules, AssertionSource, ClaimNames, EntraProfile, IdentityProvider, ProviderAuthentication, ProviderProfile,
};
pub use lifetimes::Lifetimes;
pub use limits::{Counted, Limits, Rate};
pub use networks::{AddressRange, ClientAddresses, ForwardingHeader, NetworkRefusal, Networks, TrustedProxies};
pub use openapi::{OpenApi, OpenApiDocument};
pub use origins::AllowedOrigins;
pub use part::Part;
pub use policy::{Beginnings, Effect, List, ListKind, Pattern, Policy, Rule};
pub use registered_client::{ClientKeys, GrantType, RegisteredAuthentication, RegisteredClient};
pub use registration::{ClientDocuments, Registration, SignIns};
pub use route::{Member, Prefix, Revocation, Route, RoutePath, Servers, Unauthenticated};
pub use sandbox_environments::SandboxEnvironments;
pub use secret_name::SecretName;
pub use source::Source;
pub use token_issuer::{
    EntraVersion, GroupLookup, Introspection, IssuerKeys, TokenClaimNames, TokenIssuer, TokenVerification,
};
pub use token_page::TokenPage;
pub use upstream::{Timeouts, Transport, Upstream};
pub use workload::{ClaimRule, Workload};

/// The setting that holds the document.
pub const SETTING: &str = "config";
/// Behind a route's path: the event stream of the transport of 2024-11-05. At the root, too, where there is one route.
pub const LEGACY_SSE: &str = "/sse";
/// Behind a route's path: where messages go in the transport of 2024-11-05. At the root, too, where there is one route.
pub const LEGACY_MESSAGE: &str = "/message";
/// The setting that holds the server keys: a secret, and therefore never part of the document.
pub const SERVER_KEYS_SETTING: &str = "server_keys";

#[cfg(test)]
mod tests;
