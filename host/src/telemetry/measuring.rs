//! The numbers and spans of one application, with the clock that they are measured by.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use gatehouse_telemetry::{Moment, Process, RequestKey, Resource, Telemetry, TraceOptions};

use super::options::TelemetryOptions;
use super::process;
use crate::log::RequestId;

/// What is measured. Its clones are the same.
#[derive(Clone)]
pub(crate) struct Measuring(Arc<Shared>);

struct Shared {
    telemetry: Telemetry,
    clock: Clock,
}

/// The time since 1970 by the machine's clock when the process began, and by the monotonic one from then on.
struct Clock {
    began: Duration,
    since: Instant,
}

impl Clock {
    fn now(&self) -> Moment {
        let now = self.began.saturating_add(self.since.elapsed());
        Moment(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Measuring {
    pub(crate) fn new(options: &TelemetryOptions) -> Self {
        let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let clock = Clock { began, since: Instant::now() };
        let recorded = |ratio: f64| (ratio > 0.0).then_some(TraceOptions { ratio });
        let traces = options.otlp.as_ref().and_then(|otlp| recorded(otlp.trace_ratio));
        let telemetry = Telemetry::new(clock.now(), env!("CARGO_PKG_VERSION"), traces);
        Self(Arc::new(Shared { telemetry, clock }))
    }

    pub(crate) fn now(&self) -> Moment {
        self.0.clock.now()
    }

    /// What Prometheus reads. Blocks on `/proc`.
    pub(crate) fn exposition(&self) -> String {
        self.0.telemetry.exposition(&process::figures())
    }

    /// The request with all metrics. Blocks on `/proc`.
    pub(crate) fn metrics_request(&self, resource: &Resource) -> Vec<u8> {
        let process: Process = process::figures();
        self.0.telemetry.metrics_request(resource, &process, self.now())
    }
}

impl Deref for Measuring {
    type Target = Telemetry;

    fn deref(&self) -> &Telemetry {
        &self.0.telemetry
    }
}

impl From<RequestId> for RequestKey {
    fn from(id: RequestId) -> Self {
        Self(id.to_bytes())
    }
}
