//! Connections that could not be accepted. They fail by the thousand, or not at all.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::log::{Level, LogRecord, LogSink};

/// Logs those of one host, at most once a second.
#[derive(Default)]
pub(crate) struct AcceptFailures(Mutex<Failures>);

#[derive(Default)]
struct Failures {
    logged: Option<Instant>,
    since: usize,
}

impl AcceptFailures {
    /// Logs one more, with those of which there was no line.
    pub(crate) fn log(&self, log: &dyn LogSink, error: &io::Error) {
        let message = self.0.lock().unwrap_or_else(PoisonError::into_inner).message(error);
        if let Some(message) = message {
            log.record(&LogRecord::host(Level::Warn, None, message));
        }
    }
}

impl Failures {
    fn message(&mut self, error: &io::Error) -> Option<String> {
        self.since += 1;
        if self.logged.is_some_and(|logged| logged.elapsed() < Duration::from_secs(1)) {
            return None;
        }
        let times =
            if self.since > 1 { format!(" ({} times since the last such line)", self.since) } else { String::new() };
        *self = Self { logged: Some(Instant::now()), since: 0 };
        Some(format!("cannot accept a connection: {error}{times}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::CapturedLog;

    #[test]
    fn failures_to_accept_are_logged_once_a_second_with_their_number() {
        let (failures, log) = (AcceptFailures::default(), CapturedLog::new());
        let error = io::Error::other("too many open files");
        failures.log(&log, &error);
        (0..99).for_each(|_| failures.log(&log, &error));
        failures.0.lock().unwrap().logged = Instant::now().checked_sub(Duration::from_secs(2));
        failures.log(&log, &error);
        let lines = log.lines();
        let [first, second] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(first.contains("cannot accept a connection: too many open files"), "{first}");
        assert!(second.contains("too many open files (100 times since the last such line)"), "{second}");
    }
}
