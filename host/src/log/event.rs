//! What the log tells.

use std::time::Duration;

use super::request_id::RequestId;

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One flat JSON object for each line.
    Json,
    /// For people.
    Text,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing is wrong.
    Info,
    /// Something was refused or failed outside.
    Warn,
    /// A guest or the host itself failed.
    Error,
}

impl Level {
    /// The word for it in a line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Info, Self::Warn, Self::Error].into_iter().find(|level| level.name() == name)
    }
}

/// What a line of the log tells.
#[derive(Debug, Clone)]
pub enum LogEvent {
    /// A request has ended: it was answered, or its client disconnected.
    Request {
        /// Which one.
        request_id: RequestId,
        /// The method.
        method: String,
        /// The path, without the query.
        path: String,
        /// The status that was sent; `None` where the client disconnected before there was one.
        status: Option<u16>,
        /// From the request's head to the end of the response's body.
        duration: Duration,
        /// Bytes of the response's body.
        bytes: u64,
        /// The component that answered, by its id in the manifest; `None` where the host itself did.
        guest: Option<String>,
        /// Whether the whole response was handed to the connection: not so when the client left or the guest failed.
        complete: bool,
    },
    /// A guest wrote a line to its standard output or error.
    Guest {
        /// The request that it answers.
        request_id: RequestId,
        /// The component, by its id in the manifest.
        guest: String,
        /// `stdout` or `stderr`.
        stream: &'static str,
        /// The line.
        line: String,
    },
    /// The host has something to say.
    Host {
        /// How much it matters.
        level: Level,
        /// The request that it is about.
        request_id: Option<RequestId>,
        /// The component that it is about, by its id in the manifest.
        guest: Option<String>,
        /// The limit because of which a request was refused, as `--limit` names it.
        limit: Option<&'static str>,
        /// The message.
        message: String,
    },
}

/// A duration in milliseconds, to three digits behind the point.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
