//! The values of the protocols that Gatehouse speaks, each parsed once and then known to be well formed.
//!
//! No type here can be made from an unchecked string, secrets print as `[redacted]` and compare in constant
//! time, and nothing reads a clock or a source of randomness: both are arguments ([`UnixTime`], [`Entropy`]).

mod actors;
mod browser_session;
mod claims;
mod client;
mod entropy;
mod log_text;
mod media_type;
mod own_path;
mod parameters;
mod pkce;
mod private_use_scheme;
mod redirect_uri;
mod resource;
mod same_host;
mod scope;
mod secret;
mod single;
mod subject;
mod time;
mod web_origin;

pub use actors::{Actor, Actors, InvalidActor, TooManyActors};
pub use browser_session::{BROWSER_CLIENT_ID, browser_resource, browser_session_cookie, parsed_browser_resource};
pub use claims::{Claims, Names, TooManyClaims};
pub use client::{ClientId, ClientName, InvalidClientId, InvalidClientName, is_unshowable};
pub use entropy::Entropy;
pub use log_text::LogText;
pub use media_type::essence;
pub use own_path::{OwnPath, ServedBy};
pub use parameters::{ParameterError, Parameters};
pub use pkce::{CodeChallenge, CodeVerifier, InvalidChallenge, InvalidVerifier};
pub use private_use_scheme::{InvalidPrivateUseScheme, PrivateUseScheme};
pub use redirect_uri::{BoundRedirectUri, InvalidRedirectUri, RedirectRules, RedirectUri};
pub use resource::{InvalidResource, ResourceUri};
pub use scope::{InvalidScope, Scope, Scopes};
pub use secret::{SecretBytes, SecretString};
pub use single::single;
pub use subject::{InvalidSubject, Subject};
pub use time::UnixTime;
pub use web_origin::{InvalidWebOrigin, WebOrigin, is_loopback_host};
