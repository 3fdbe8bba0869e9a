//! The records of the log, and how each of them becomes one line.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::request_id::RequestId;

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
        /// Which one.
        request: RequestId,
        /// The method.
        method: String,
        /// The path, without the query.
        path: String,
        /// The status that was sent; `None` where the client left before there was one.
        status: Option<u16>,
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
        /// The request that it answers.
        request: RequestId,
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
        /// The request that it is about.
        request: Option<RequestId>,
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

    /// What the host itself has to say.
    #[must_use]
    pub fn host(level: Level, component: Option<&str>, message: impl Into<String>) -> Self {
        let component = component.map(str::to_owned);
        Self::now(LogEvent::Host { level, request: None, component, message: message.into() })
    }

    /// What the host itself has to say about a request.
    pub(crate) fn about(request: RequestId, level: Level, component: Option<&str>, message: impl Into<String>) -> Self {
        let component = component.map(str::to_owned);
        Self::now(LogEvent::Host { level, request: Some(request), component, message: message.into() })
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
        let line = serde_json::to_string(&line).unwrap_or_default();
        // JSON may have these in a text as they are; some readers of lines take them for a line's end.
        line.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
    }

    fn to_text(&self) -> String {
        let (request, text) = match &self.event {
            LogEvent::Request { request, method, path, status, duration, bytes, component, complete } => (
                Some(request),
                format!(
                    "{} {method} {path} {} ms {bytes} bytes {}{}",
                    status.map_or_else(|| "---".to_owned(), |status| status.to_string()),
                    milliseconds(*duration),
                    component.as_deref().unwrap_or("-"),
                    if *complete { "" } else { " (cut off)" },
                ),
            ),
            LogEvent::Guest { request, component, line, .. } => (Some(request), format!("[{component}] {line}")),
            LogEvent::Host { request, level, component, message } => {
                let component = component.as_deref().map(|component| format!("[{component}] ")).unwrap_or_default();
                (request.as_ref(), format!("{}: {component}{message}", level.name()))
            }
        };
        let request = request.map(|request| format!(" {request}")).unwrap_or_default();
        format!("{:.3}{request} {}", self.time, visible(&text))
    }
}

/// A guest's line or a path must not be able to move a terminal's cursor, forge another line, or show in another order
/// than it was written.
fn visible(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn as_milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(milliseconds(*duration))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn record(event: LogEvent) -> LogRecord {
        LogRecord { time: "2026-11-21T10:00:00.1234Z".parse().unwrap(), event }
    }

    #[test]
    fn a_request_is_one_json_object() {
        let line = record(LogEvent::Request {
            request: RequestId::example(),
            method: "GET".to_owned(),
            path: "/a\n\"b".to_owned(),
            status: Some(200),
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
                "time": "2026-11-21T10:00:00.123Z", "kind": "request", "request": "000000ab-7", "method": "GET",
                "path": "/a\n\"b", "status": 200,
                "duration_ms": 1.5, "bytes": 12, "component": "gatehouse", "complete": true,
            })
        );
    }

    #[test]
    fn a_guest_cannot_forge_a_line_or_move_the_cursor_in_the_text_form() {
        let line = record(guest("a\r\n2026 error: forged\u{1b}[2J")).to_line(LogFormat::Text);
        assert_eq!(line, "2026-11-21T10:00:00.123Z 000000ab-7 [c] a\u{fffd}\u{fffd}2026 error: forged\u{fffd}[2J");
    }

    fn guest(line: &str) -> LogEvent {
        let (request, component) = (RequestId::example(), "c".to_owned());
        LogEvent::Guest { request, component, stream: "stderr", line: line.to_owned() }
    }

    /// Readers that take other characters than a line break for the end of a line see one line, too.
    fn lines(text: &str) -> usize {
        text.split(['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'])
            .count()
    }

    proptest! {
        #[test]
        fn whatever_a_guest_writes_it_is_one_line_of_that_guest_about_that_request(
            words in prop::collection::vec(prop_oneof![
                ".{0,10}", Just("\n".to_owned()), Just("\u{2028}".to_owned()), Just("\u{85}".to_owned()), Just("\",\"".to_owned()),
                Just("\"kind\":\"host\"".to_owned()), Just("request\":\"000000ab-8".to_owned()), Just("}\r\n{".to_owned()),
            ], 0..8),
        ) {
            let text = words.concat();
            let json = record(guest(&text)).to_line(LogFormat::Json);
            prop_assert_eq!(lines(&json), 1);
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(value, json!({
                "time": "2026-11-21T10:00:00.123Z", "kind": "guest", "request": "000000ab-7", "component": "c",
                "stream": "stderr", "message": text,
            }));
            let line = record(guest(&text)).to_line(LogFormat::Text);
            prop_assert_eq!(lines(&line), 1);
            prop_assert!(line.starts_with("2026-11-21T10:00:00.123Z 000000ab-7 [c] "));
        }
    }
}
