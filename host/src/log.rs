//! The host's log: one line for each request, each line that a guest writes, and what the host itself has to say.
//!
//! A request's query string and headers are never part of it, since they carry codes and tokens.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::sync::watch;

/// Takes the log's records.
pub trait LogSink: Send + Sync {
    /// Takes one record. Called from within requests: it must not wait for long.
    fn record(&self, record: &LogRecord);
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object for each line.
    Json,
    /// For people.
    Text,
}

/// How much a line of the host's own matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing is wrong.
    Info,
    /// Something was refused or failed outside.
    Warn,
    /// A guest or the host itself failed.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line of the log.
#[derive(Debug, Clone)]
pub struct LogRecord {
    /// When it happened, by the machine's clock.
    pub time: jiff::Timestamp,
    /// What happened.
    pub event: LogEvent,
}

/// What a line of the log tells. In JSON, `kind` says which of these it is.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum LogEvent {
    /// A request was answered, or its client went away.
    Request {
        /// The method.
        method: String,
        /// The path, without the query.
        path: String,
        /// The status that was sent.
        status: u16,
        /// From the request's head to the end of the response's body.
        #[serde(rename = "duration_ms", serialize_with = "as_milliseconds")]
        duration: Duration,
        /// Bytes of the response's body.
        bytes: u64,
        /// The component that answered; `None` when the host itself did.
        component: Option<String>,
        /// Whether the whole response was handed to the connection: not so when the client left or the guest failed.
        complete: bool,
    },
    /// A guest wrote a line to its standard output or error.
    Guest {
        /// The component.
        component: String,
        /// `stdout` or `stderr`.
        stream: &'static str,
        /// The line.
        #[serde(rename = "message")]
        line: String,
    },
    /// The host has something to say.
    Host {
        /// How much it matters.
        level: Level,
        /// The component that it is about.
        component: Option<String>,
        /// The message.
        message: String,
    },
}

impl LogRecord {
    pub(crate) fn now(event: LogEvent) -> Self {
        Self { time: jiff::Timestamp::now(), event }
    }

    pub(crate) fn host(level: Level, component: Option<&str>, message: impl Into<String>) -> Self {
        let component = component.map(str::to_owned);
        Self::now(LogEvent::Host { level, component, message: message.into() })
    }

    /// The record in one line, without the line break.
    #[must_use]
    pub fn to_line(&self, format: LogFormat) -> String {
        match format {
            LogFormat::Json => self.to_json(),
            LogFormat::Text => self.to_text(),
        }
    }

    fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            time: String,
            #[serde(flatten)]
            event: &'a LogEvent,
        }
        let line = Line { time: format!("{:.3}", self.time), event: &self.event };
        // Text and numbers always have a JSON form.
        serde_json::to_string(&line).unwrap_or_default()
    }

    fn to_text(&self) -> String {
        let time = format!("{:.3}", self.time);
        let text = match &self.event {
            LogEvent::Request { method, path, status, duration, bytes, component, complete } => format!(
                "{status} {method} {path} {} ms {bytes} bytes {}{}",
                milliseconds(*duration),
                component.as_deref().unwrap_or("-"),
                if *complete { "" } else { " (cut off)" },
            ),
            LogEvent::Guest { component, line, .. } => format!("[{component}] {line}"),
            LogEvent::Host { level, component, message } => match component {
                Some(component) => format!("{}: [{component}] {message}", level.name()),
                None => format!("{}: {message}", level.name()),
            },
        };
        // A guest's line or a path must not be able to move a terminal's cursor or forge another line.
        let visible: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        format!("{time} {visible}")
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn as_milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(milliseconds(*duration))
}

/// Writes to standard error.
#[derive(Debug, Clone)]
pub struct StandardErrorLog {
    /// How lines are written.
    pub format: LogFormat,
    /// Leaves the request lines out.
    pub quiet: bool,
}

impl LogSink for StandardErrorLog {
    fn record(&self, record: &LogRecord) {
        if self.quiet && matches!(record.event, LogEvent::Request { .. }) {
            return;
        }
        let line = record.to_line(self.format) + "\n";
        // Without anywhere to write to, a log line is lost; the request is not.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(event: LogEvent) -> LogRecord {
        LogRecord { time: "2026-11-21T10:00:00.1234Z".parse().unwrap(), event }
    }

    #[test]
    fn a_request_is_one_json_object() {
        let line = record(LogEvent::Request {
            method: "GET".to_owned(),
            path: "/a\n\"b".to_owned(),
            status: 200,
            duration: Duration::from_micros(1500),
            bytes: 12,
            component: Some("gatehouse".to_owned()),
            complete: true,
        })
        .to_line(LogFormat::Json);
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            value,
            json!({
                "time": "2026-11-21T10:00:00.123Z", "kind": "request", "method": "GET", "path": "/a\n\"b", "status": 200,
                "duration_ms": 1.5, "bytes": 12, "component": "gatehouse", "complete": true,
            })
        );
    }

    #[test]
    fn a_guest_cannot_forge_a_line_or_move_the_cursor_in_the_text_form() {
        let event = LogEvent::Guest {
            component: "c".to_owned(),
            stream: "stderr",
            line: "a\r\n2026 error: forged\u{1b}[2J".to_owned(),
        };
        let line = record(event).to_line(LogFormat::Text);
        assert_eq!(line, "2026-11-21T10:00:00.123Z [c] a\u{fffd}\u{fffd}2026 error: forged\u{fffd}[2J");
    }
}
