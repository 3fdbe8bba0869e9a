//! Where the log's records go, and what it says of its state.

use std::future::ready;
use std::pin::Pin;

use super::record::LogRecord;

/// Takes the log's records.
pub trait LogSink: Send + Sync {
    /// Takes one record. Called from within requests: it must not wait.
    fn record(&self, record: &LogRecord);

    /// Whether what happens now can be logged.
    fn state(&self) -> LogState {
        LogState::Open
    }

    /// Whether a request may begin. Where not, it must be answered with 503, and there is no line about it: the log
    /// counts it.
    fn admits_request(&self) -> bool {
        true
    }

    /// Whether a guest may write more. Where not, it waits for [`Self::room`].
    fn has_room(&self) -> bool {
        true
    }

    /// Waits until a guest may write more.
    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(ready(()))
    }
}

/// Whether what happens now can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogState {
    /// It can.
    Open,
    /// Not now, and requests are refused until it can be again.
    Full,
    /// Never again: whoever read the log is gone.
    Closed,
}

/// Takes nothing: for what must not be logged.
pub(crate) struct Unlogged;

impl LogSink for Unlogged {
    fn record(&self, _: &LogRecord) {}
}
