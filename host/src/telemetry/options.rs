//! What is measured for whom.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatehouse_telemetry::Names;
use http::{HeaderName, HeaderValue, Uri};

/// What is measured for whom.
#[derive(Clone)]
pub struct TelemetryOptions {
    /// Where Prometheus fetches the metrics, at `/metrics`: an address of their own, which clients need not reach. Port 0 picks a
    /// free one.
    pub metrics: Option<SocketAddr>,
    /// Who gets metrics and traces.
    pub otlp: Option<OtlpOptions>,
    /// Which names may stand in labels.
    pub names: NamesOf,
}

/// Tells, by the variables of a component, which names may stand in labels; `None`: this component tells nothing.
pub type NamesOf = fn(&BTreeMap<String, Arc<str>>) -> Option<Names>;

/// A receiver of OTLP over HTTP.
#[derive(Clone)]
pub struct OtlpOptions {
    /// Its URL, without `/v1/metrics` and `/v1/traces`.
    pub endpoint: Uri,
    /// Headers for it, such as a key.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `service.name`
    pub service: String,
    /// The part of the traces that are recorded, from 0 to 1.
    pub trace_ratio: f64,
    /// How often the metrics are sent.
    pub every: Duration,
}
