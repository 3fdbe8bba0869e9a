//! Metrics and traces of the host: what it sees itself, and what the guests' lines tell (`gatehouse-telemetry`), for Prometheus to
//! fetch and for a receiver of OTLP.
//!
//! Nothing here runs, and nothing is counted, where the operator has asked for neither.

mod exporter;
mod gauges;
mod listener;
mod listing;
mod measured_log;
mod measuring;
mod options;
mod process;

pub(crate) use self::exporter::Exporter;
pub(crate) use self::gauges::{OpenConnection, OpenStream};
pub(crate) use self::listener::listen;
pub(crate) use self::listing::ListingReader;
pub(crate) use self::measured_log::MeasuredLog;
pub(crate) use self::measuring::Measuring;
pub use self::options::{NamesOf, OtlpOptions, TelemetryOptions};
