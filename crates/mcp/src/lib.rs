//! What the gateway decides about a request to an MCP server, without doing any of it.
//!
//! The order of a request: [`route`] finds the [`Endpoint`], [`admit`] answers preflights, checks the `Origin` and
//! takes the bearer token out; the component validates the token; [`check_scopes`] and [`SessionId`] say whether the
//! caller may go on; [`request_headers`] and [`target`] say what the upstream gets, [`response_headers`] what the
//! client gets back. Every answer that the gateway makes itself is a [`Refusal`] or a document of its own.
//!
//! Sources: MCP 2025-11-25 and 2026-07-28 (transports, authorization), RFC 6750, RFC 9110, RFC 9728, the Fetch standard
//! (CORS).

mod admission;
mod bearer;
mod before_routing;
mod challenge;
mod cors;
mod decision;
mod endpoint;
mod era;
mod health;
mod hop_by_hop;
mod json_rpc;
mod origin;
mod protected_resource;
mod refusal;
pub mod request_headers;
mod reserved;
pub mod response_headers;
mod route;
mod scopes;
mod session_id;
mod target;

pub use admission::{Admission, admit};
pub use bearer::NoBearer;
pub use before_routing::{malformed_request, not_configured};
pub use cors::allow as allow_cross_origin;
pub use decision::Decision;
pub use endpoint::Endpoint;
pub use era::Era;
pub use health::health;
pub use origin::Origin;
pub use protected_resource::metadata;
pub use refusal::Refusal;
pub use route::{Route, route};
pub use scopes::check_scopes;
pub use session_id::SessionId;
pub use target::target;

#[cfg(test)]
mod example;
