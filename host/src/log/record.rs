//! One record of the log, and the line that it becomes.

use super::event::{Level, LogEvent, LogFormat};
use super::json::to_json;
use super::request_id::RequestId;
use super::text::to_text;

/// One line of the log.
#[derive(Debug, Clone)]
pub struct LogRecord {
    /// When it happened, by the machine's clock.
    pub time: jiff::Timestamp,
    /// What happened.
    pub event: LogEvent,
}

impl LogRecord {
    pub(crate) fn now(event: LogEvent) -> Self {
        Self { time: jiff::Timestamp::now(), event }
    }

    /// What the host itself has to say.
    #[must_use]
    pub fn host(level: Level, guest: Option<&str>, message: impl Into<String>) -> Self {
        let guest = guest.map(str::to_owned);
        Self::now(LogEvent::Host { level, request_id: None, guest, limit: None, message: message.into() })
    }

    /// What the host itself has to say about a request.
    pub(crate) fn about(request: RequestId, level: Level, guest: Option<&str>, message: impl Into<String>) -> Self {
        let guest = guest.map(str::to_owned);
        Self::now(LogEvent::Host { level, request_id: Some(request), guest, limit: None, message: message.into() })
    }

    /// The same of what the host itself has to say, because of this limit.
    pub(crate) fn at_limit(mut self, name: &'static str) -> Self {
        if let LogEvent::Host { limit, .. } = &mut self.event {
            *limit = Some(name);
        }
        self
    }

    /// The record in one line, without the line break.
    #[must_use]
    pub fn to_line(&self, format: LogFormat) -> String {
        match format {
            LogFormat::Json => to_json(self.time, &self.event),
            LogFormat::Text => to_text(self.time, &self.event),
        }
    }
}

#[cfg(test)]
mod tests;
