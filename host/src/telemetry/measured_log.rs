//! The log, of which what can be counted is counted on its way.

use std::pin::Pin;
use std::sync::Arc;

use gatehouse_telemetry::Severity;

use super::measuring::Measuring;
use crate::log::{Level, LogEvent, LogRecord, LogSink, LogState};

/// Counts what guests and the host say, and passes it on.
pub(crate) struct MeasuredLog {
    pub(crate) log: Arc<dyn LogSink>,
    pub(crate) measuring: Measuring,
}

/// Components write their audit log there.
const STANDARD_ERROR: &str = "stderr";

impl LogSink for MeasuredLog {
    fn record(&self, record: &LogRecord) {
        match &record.event {
            LogEvent::Guest { request_id, stream: STANDARD_ERROR, line, .. } => {
                self.measuring.guest_wrote((*request_id).into(), self.measuring.now(), line);
            }
            LogEvent::Host { level: Level::Warn, request_id, limit, .. } => {
                self.measuring.noticed(request_id.map(Into::into), Severity::Warning, *limit);
            }
            LogEvent::Host { level: Level::Error, request_id, limit, .. } => {
                self.measuring.noticed(request_id.map(Into::into), Severity::Error, *limit);
            }
            // A request's end is told by whoever answers it, also where the log takes no line of it.
            LogEvent::Guest { .. } | LogEvent::Host { level: Level::Info, .. } | LogEvent::Request { .. } => {}
        }
        self.log.record(record);
    }

    fn state(&self) -> LogState {
        self.log.state()
    }

    fn admits_request(&self) -> bool {
        self.log.admits_request()
    }

    fn has_room(&self) -> bool {
        self.log.has_room()
    }

    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.log.room()
    }
}
