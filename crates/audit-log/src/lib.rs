//! The audit log: one line of JSON for each decision, with the same fields for every component.
//!
//! A line says who asked for what, what was decided and what came of it ([`AuditRecord`]). [`RequestId`] and [`TraceId`]
//! join the lines of one request with each other, with its answer, and with what other systems log about it.
//!
//! There is no field for a token, a code, a secret, a cookie, a person's name or an address. Text of other parties is
//! bounded, and no text can end a line. The crate writes nothing and reads no clock: components write the line to
//! standard error, where every host collects it.

mod credential_kind;
mod hexadecimal;
mod log_time;
mod mcp_call;
mod record;
mod request_id;
mod schema;
mod text;
mod trace_parent;

pub use credential_kind::CredentialKind;
pub use hexadecimal::hexadecimal;
pub use log_time::LogTime;
pub use mcp_call::McpCall;
pub use record::{AuditRecord, Component, Decision, Event, TokenEvent};
pub use request_id::{RequestId, X_REQUEST_ID};
pub use schema::{SCHEMA, Schema};
pub use trace_parent::{TRACEPARENT, TraceId, TraceParent};
