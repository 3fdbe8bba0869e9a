//! A log that is kept in memory, for tests.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::event::LogFormat;
use super::record::LogRecord;
use super::sink::LogSink;

/// Keeps the log in memory, as JSON lines, for tests.
#[derive(Debug)]
pub struct CapturedLog {
    lines: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

impl CapturedLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self { lines: Mutex::default(), count: watch::Sender::new(0) }
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a line is there that `matches`, among those before the call too, and returns it.
    pub async fn wait_for(&self, matches: impl Fn(&str) -> bool) -> String {
        let mut count = self.count.subscribe();
        let mut seen = 0;
        loop {
            count.mark_unchanged();
            let lines = self.lines();
            if let Some(line) = lines.iter().skip(seen).find(|line| matches(line)) {
                return line.clone();
            }
            seen = lines.len();
            // The sender lives in `self`, so it cannot be gone.
            let _ = count.changed().await;
        }
    }
}

impl Default for CapturedLog {
    fn default() -> Self {
        Self::new()
    }
}

impl LogSink for CapturedLog {
    fn record(&self, record: &LogRecord) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(record.to_line(LogFormat::Json));
        self.count.send_modify(|count| *count += 1);
    }
}
