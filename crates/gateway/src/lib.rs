//! What the gateway decides about a request to an MCP server, without doing any of it.
//!
//! The order of a request:
//!
//! 1. [`route`] finds the [`Endpoint`], and says how it is spoken to ([`EndpointKind`]). [`RequestId`] and [`Trace`] begin.
//! 2. [`admit`] answers preflights, checks the [`Origin`] and the method, and takes the bearer token out. The component
//!    validates the token for [`Endpoint::resource`].
//! 3. [`check_scopes`], then [`request_headers::check`]: all that headers alone can be refused for.
//! 4. Of a POST, the body is received and parsed (`gatehouse_mcp_wire::json_rpc::Body`), and [`message::admit`] finds its [`Era`] and
//!    holds its headers against it. Of a GET or DELETE, the era is [`Era::of`].
//! 5. [`SessionId::presented`], [`last_event_id()`] and [`legacy_endpoint::presented`] are what the client brings sealed;
//!    opened, they are [`Handle`]s. Policy, rates and schemas come next; [`denied`] says what a policy's denial means.
//! 6. [`target()`] and [`request_headers::forwarded`] are what the upstream gets, [`response_headers::returned`] what comes
//!    back with its answer.
//!
//! Every answer that the gateway makes itself is a [`Refusal`] or a document of its own, and every decision is a line of
//! the log ([`Decision`]).
//!
//! Sources: MCP 2024-11-05 to 2026-07-28 (transports, authorization), RFC 6750, RFC 9110, RFC 9728, the Fetch standard
//! (CORS), W3C Trace Context.

mod admission;
mod bearer;
mod before_routing;
mod challenge;
mod content;
mod cors;
mod decision;
mod endpoint;
mod era;
mod handle;
mod health;
mod hop_by_hop;
mod last_event_id;
pub mod legacy_endpoint;
pub mod message;
pub mod mirrored;
mod origin;
mod protected_resource;
pub mod readiness;
mod refusal;
pub mod request_headers;
mod request_id;
mod reserved;
pub mod response_headers;
mod route;
mod scopes;
mod session_id;
mod target;
mod trace;

pub use admission::{Admission, admit};
pub use bearer::NoBearer;
pub use before_routing::{malformed_request, not_configured};
pub use content::is_json;
pub use cors::allow as allow_cross_origin;
pub use decision::{About, Decision, Verdict};
pub use endpoint::{Endpoint, EndpointKind};
pub use era::Era;
pub use handle::Handle;
pub use health::health;
pub use last_event_id::last_event_id;
pub use origin::Origin;
pub use protected_resource::metadata;
pub use refusal::{NoPlace, Refusal};
pub use request_id::RequestId;
pub use route::{Found, Route, Routes, route};
pub use scopes::{check_scopes, denied};
pub use session_id::SessionId;
pub use target::target;
pub use trace::{Hop, Trace};

#[cfg(test)]
mod example;
