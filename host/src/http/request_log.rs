//! The line of the log that each request gets, whatever becomes of it.

use std::sync::Arc;
use std::time::Instant;

use gatehouse_telemetry::EndedRequest;
use http::{HeaderMap, Method, StatusCode};

use crate::log::RequestId;
use crate::log::{Level, LogEvent, LogRecord, LogSink};
use crate::telemetry::Measuring;

/// The longest path and method that are logged, in characters: with longer ones, few requests of strangers would fill the
/// log.
const LONGEST_PATH: usize = 1024;
const LONGEST_METHOD: usize = 32;

/// W3C Trace Context, section 3.2.
const TRACEPARENT: &str = "traceparent";

/// What the line of a request is made of. It is written when this is dropped.
pub(crate) struct RequestLog {
    pub(crate) log: Arc<dyn LogSink>,
    pub(crate) id: RequestId,
    pub(crate) component: Option<String>,
    /// What measures, if something does.
    pub(crate) measuring: Option<Measuring>,
    started: Instant,
    method: Method,
    path: String,
    answer: Option<Answer>,
}

struct Answer {
    status: StatusCode,
    bytes: u64,
    complete: bool,
}

impl RequestLog {
    /// For a request that begins now.
    pub(crate) fn begin(log: &Arc<dyn LogSink>, method: &Method, path: &str) -> Self {
        Self {
            log: Arc::clone(log),
            id: RequestId::generate(),
            component: None,
            measuring: None,
            started: Instant::now(),
            method: method.clone(),
            path: cut(path, LONGEST_PATH),
            answer: None,
        }
    }

    /// The same, and it is measured; by its headers it may be a part of a trace.
    pub(crate) fn measured(mut self, measuring: Option<&Measuring>, headers: &HeaderMap) -> Self {
        self.measuring = measuring.cloned();
        if let Some(measuring) = measuring {
            // Two of them are none.
            let mut parents = headers.get_all(TRACEPARENT).iter();
            let parent = parents.next().filter(|_| parents.next().is_none());
            measuring.request_began(self.id.into(), measuring.now(), parent.and_then(|parent| parent.to_str().ok()));
        }
        self
    }

    /// The request's method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// How it was answered; `failed` says that the guest, and not the client, is why the answer is not complete.
    pub(crate) fn answered(&mut self, status: StatusCode, bytes: u64, complete: bool, failed: bool) {
        if !complete && !failed {
            self.say(Level::Info, "the connection ended before the answer was complete".to_owned());
        }
        self.answer = Some(Answer { status, bytes, complete });
    }

    /// Says that something about this request is not as it should be.
    pub(crate) fn warn(&self, message: String) {
        self.say(Level::Warn, message);
    }

    /// Says that the request was refused because of a limit, by its name in `--limit`; `None`: it has none there.
    pub(crate) fn refused(&self, limit: Option<&'static str>, reason: &str) {
        let message = format!("the request was refused: {reason}");
        let record = LogRecord::about(self.id, Level::Warn, self.component.as_deref(), message);
        self.log.record(&match limit {
            Some(limit) => record.at_limit(limit),
            None => record,
        });
    }

    /// Says that a guest failed, or the host.
    pub(crate) fn error(&self, message: String) {
        self.say(Level::Error, message);
    }

    fn say(&self, level: Level, message: String) {
        self.log.record(&LogRecord::about(self.id, level, self.component.as_deref(), message));
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        if self.answer.is_none() {
            self.say(Level::Info, "the connection ended before the answer began".to_owned());
        }
        let answer = self.answer.as_ref();
        if let Some(measuring) = &self.measuring {
            let status = answer.map(|answer| answer.status.as_u16());
            let (method, path, ended) = (self.method.as_str(), self.path.as_str(), measuring.now());
            measuring.request_ended(self.id.into(), &EndedRequest { method, path, status, ended });
        }
        self.log.record(&LogRecord::now(LogEvent::Request {
            request_id: self.id,
            method: cut(self.method.as_str(), LONGEST_METHOD),
            path: std::mem::take(&mut self.path),
            status: answer.map(|answer| answer.status.as_u16()),
            duration: self.started.elapsed(),
            bytes: answer.map_or(0, |answer| answer.bytes),
            guest: self.component.take(),
            complete: answer.is_some_and(|answer| answer.complete),
        }));
    }
}

/// The first `length` characters of `text`, and a mark where there are more.
fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::CapturedLog;

    #[test]
    fn nobody_makes_the_line_of_a_request_longer_than_it_has_to_be() {
        for (length, logged) in [(1023, 1023), (1024, 1024), (1025, 1025), (60_000, 1025)] {
            let captured = Arc::new(CapturedLog::new());
            let log: Arc<dyn LogSink> = captured.clone();
            let method = Method::from_bytes(&vec![b'M'; length]).unwrap();
            let mut request = RequestLog::begin(&log, &method, &format!("/{}", "\u{e4}".repeat(length - 1)));
            request.answered(StatusCode::OK, 0, true, false);
            drop(request);
            let line: serde_json::Value = serde_json::from_str(&captured.lines()[0]).unwrap();
            assert_eq!(line["path"].as_str().unwrap().chars().count(), logged, "{length}");
            assert_eq!(line["method"].as_str().unwrap().chars().count(), 33);
        }
    }
}
