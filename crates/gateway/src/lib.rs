//! What the gateway decides about a request to an MCP server, without doing any of it.
//!
//! The order of a request:
//!
//! 1. [`route`] finds the [`Endpoint`], and says how it is spoken to ([`EndpointKind`]). A request id and a [`Trace`] begin.
//! 2. [`admit`] answers preflights, checks the [`Origin`] and the method, and takes the [`Credential`] out. The component
//!    validates it for [`Endpoint::resource`].
//! 3. [`check_client`] and [`check_scopes`], then [`request_headers::check`]: all that headers alone can be refused for.
//! 4. Of a POST, the body is received and parsed (`gatehouse_mcp_wire::json_rpc::Body`), and [`message::admit`] finds its [`ProtocolRevision`] and
//!    holds its headers against it. Of a GET or DELETE, the revision is [`ProtocolRevision::of`].
//! 5. [`Session::presented`] and [`legacy_endpoint::presented`] are what the client brings sealed; opened, they are
//!    [`SealedReference`]s. [`judge_by_policy`], [`check_calls_under_way`], rates and [`tool_calls`] come next.
//! 6. [`target()`] and [`request_headers::forwarded`] are what the upstream gets, [`response_headers::returned`] what comes
//!    back with its answer. The body is read, rewritten or passed on by [`answer`].
//!
//! Every answer that the gateway makes itself is a [`Refusal`] or a document of its own, and every decision is a line of
//! the log ([`MessageRecord`]).
//!
//! Sources: MCP 2024-11-05 to 2026-07-28 (transports, authorization), RFC 6750, RFC 9110, RFC 9728, the Fetch standard
//! (CORS), W3C Trace Context.

mod admission;
mod allowed_client;
pub mod answer;
mod api_key;
mod bearer;
mod before_routing;
mod browser_session;
mod caller;
mod challenge;
mod client_principal;
mod clock;
mod content;
mod cors;
mod credential;
mod endpoint;
#[cfg(test)]
mod example;
mod health;
mod hop_by_hop;
mod identity_headers;
mod judge;
mod last_event_id;
mod legacy_delivery;
pub mod legacy_endpoint;
mod legacy_replies;
pub mod legacy_stream;
mod link_told;
mod long_request;
mod mailbox_polling;
mod mcp_call;
pub mod message;
mod message_record;
mod mirrored;
mod needed_link;
mod origin;
mod posted;
mod protected_resource;
mod protection;
mod protocol_revision;
pub mod readiness;
mod refusal;
pub mod request_headers;
mod reserved;
pub mod response_headers;
pub mod rest;
mod route;
mod scopes;
mod sealed_reference;
mod session;
mod session_id;
mod target;
pub mod tool_calls;
mod trace;
mod upstream_timeouts;

pub use admission::{Admission, admit};
pub use allowed_client::check_client;
pub use api_key::NoApiKey;
pub use bearer::NoBearer;
pub use before_routing::{malformed_request, not_configured};
pub use caller::{Caller, SealReferences};
pub use clock::{Clock, Milliseconds};
pub use content::is_json;
pub use cors::allow as allow_cross_origin;
pub use credential::{Credential, PresentedToken, browser_refusal};
pub use endpoint::{Endpoint, EndpointKind};
pub use health::{health, not_from_here};
pub use identity_headers::identity_headers;
pub use judge::judge_by_policy;
pub use last_event_id::last_event_id;
pub use legacy_delivery::{LegacyDelivery, Mailbox};
pub use legacy_replies::LegacyReplies;
pub use link_told::acts_for_the_user;
pub use long_request::{LongRequest, Renewed, check_calls_under_way};
pub use mailbox_polling::MailboxPolling;
pub use message_record::MessageRecord;
pub use needed_link::{LinkTold, NeededLink};
pub use origin::Origin;
pub use posted::PostedMessages;
pub use protected_resource::metadata;
pub use protocol_revision::ProtocolRevision;
pub use refusal::{LongRequestLimit, NoBackendToken, Refusal};
pub use reserved::is_reserved;
pub use route::{Found, Probe, Route, Routes, route};
pub use scopes::{check_scopes, denied};
pub use sealed_reference::SealedReference;
pub use session::Session;
pub use session_id::SessionId;
pub use target::target;
pub use trace::{Hop, Trace};
pub use upstream_timeouts::UpstreamTimeouts;
