//! Metrics and traces: what a host learns from the audit log of Gatehouse's components, and from what it sees itself, as numbers and
//! as spans.
//!
//! [`Telemetry`] is told what happens, with the time and the request that it belongs to. [`Telemetry::exposition`] is the text that
//! Prometheus reads; [`Telemetry::metrics_request`] and [`spans_request`] are requests of OTLP. [`Metric::ALL`] is all that is
//! measured.
//!
//! No label and no attribute holds what is personal or secret, and no client makes a series: each label is of a fixed set, or a name
//! that the configuration or a server's listing has told ([`Names`]), or `other`. However that may be, a metric has no more than
//! [`MOST_SERIES`] series.
//!
//! The crate does no I/O and reads no clock.

mod audit_line;
mod counted;
mod exposition;
mod label;
mod listing;
mod metric;
mod moment;
mod names;
mod otlp;
mod registry;
mod request;
mod span;
mod span_queue;
mod telemetry;
mod trace_context;

#[cfg(test)]
mod tests;

pub use counted::{Counted, Measured, Series};
pub use label::OTHER;
pub use listing::tool_names;
pub use metric::{Definition, Kind, Metric};
pub use moment::Moment;
pub use names::{Names, Peer};
pub use otlp::{Resource, spans_request};
pub use registry::MOST_SERIES;
pub use request::{EndedRequest, Exchange, RequestKey, StoreCall};
pub use span::{Attribute, Span, SpanKind};
pub use telemetry::{Process, Severity, Stream, Telemetry, TraceOptions};
