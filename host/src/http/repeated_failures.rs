//! What fails by the thousand, or not at all: connections that could not be accepted, and handshakes.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::log::{Level, LogRecord, LogSink};

/// Logs failures of one kind, of one host, at most once in a time.
pub(crate) struct RepeatedFailures {
    what: &'static str,
    every: Duration,
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    logged: Option<Instant>,
    since: usize,
}

impl RepeatedFailures {
    /// `what` failed; there is a line at most once in `every`.
    pub(crate) fn new(what: &'static str, every: Duration) -> Self {
        Self { what, every, failures: Mutex::default() }
    }

    /// Logs one more, with those of which there was no line.
    pub(crate) fn log(&self, log: &dyn LogSink, error: &dyn Display) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.since += 1;
        if failures.logged.is_some_and(|logged| logged.elapsed() < self.every) {
            return;
        }
        let times = match failures.since {
            0 | 1 => String::new(),
            since => format!(" ({since} times since the last such line)"),
        };
        *failures = Failures { logged: Some(Instant::now()), since: 0 };
        drop(failures);
        log.record(&LogRecord::host(Level::Warn, None, format!("{}: {error}{times}", self.what)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::CapturedLog;

    #[test]
    fn failures_are_logged_once_in_their_time_with_their_number() {
        let failures = RepeatedFailures::new("cannot accept a connection", Duration::from_secs(1));
        let log = CapturedLog::new();
        let error = "too many open files";
        failures.log(&log, &error);
        (0..99).for_each(|_| failures.log(&log, &error));
        failures.failures.lock().unwrap().logged = Instant::now().checked_sub(Duration::from_secs(2));
        failures.log(&log, &error);
        let lines = log.lines();
        let [first, second] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(first.contains("cannot accept a connection: too many open files"), "{first}");
        assert!(second.contains("too many open files (100 times since the last such line)"), "{second}");
    }
}
