//! A record as one flat JSON object, with the names that the audit log of Gatehouse's components has
//! (`gatehouse-audit-log`).

use jiff::Timestamp;
use serde::Serialize;

use super::event::{Level, LogEvent, milliseconds};
use super::guest_fields::{GuestFields, HOST};

/// The record in one line, without the line break.
///
/// A line of the host's own says `"component":"host"`, which no line of a guest does. A line of a guest says which of its
/// two outputs it was written to (`stream`), which no line of the host's own does.
pub(super) fn to_json(time: Timestamp, event: &LogEvent) -> String {
    let mut line = Line::begin();
    line.field("time", &format_args!("{time:.3}"));
    match event {
        LogEvent::Request { request_id, method, path, status, duration, bytes, guest, complete } => {
            line.field("level", Level::Info.name());
            line.field("component", HOST);
            line.field("request_id", request_id);
            line.field("event", "request-ended");
            line.field("method", method);
            line.field("path", path);
            line.optional("status", status.as_ref());
            line.field("total_ms", &milliseconds(*duration));
            line.field("bytes", bytes);
            line.optional("guest", guest.as_ref());
            line.field("complete", complete);
        }
        LogEvent::Guest { request_id, guest, stream, line: text } => {
            let fields = GuestFields::parse(text);
            let level = fields.as_ref().and_then(GuestFields::level).unwrap_or(Level::Info);
            line.field("level", level.name());
            line.field("request_id", request_id);
            line.field("guest", guest);
            line.field("stream", stream);
            match fields {
                Some(fields) => {
                    for (name, value) in fields.beside_those_of_host(*request_id) {
                        line.field(&name, value);
                    }
                }
                None => {
                    line.field("event", "output");
                    line.field("message", text);
                }
            }
        }
        LogEvent::Host { level, request_id, guest, limit, message } => {
            line.field("level", level.name());
            line.field("component", HOST);
            line.optional("request_id", request_id.as_ref());
            line.field("event", "notice");
            line.optional("guest", guest.as_ref());
            line.optional("limit", limit.as_ref());
            line.field("message", message);
        }
    }
    line.end()
}

/// A JSON object that is being written.
struct Line(Vec<u8>);

impl Line {
    fn begin() -> Self {
        Self(b"{".to_vec())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        // Text, numbers and JSON always have a JSON form, and memory takes all of it.
        let _never = serde_json::to_writer(&mut self.0, name);
        self.0.push(b':');
        let _never = serde_json::to_writer(&mut self.0, value);
    }

    fn optional<T: Serialize>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// JSON may have some characters in a text as they are that readers of lines take for a line's end; and a guest's own
    /// JSON may have a carriage return between two of its parts, where it means nothing.
    fn end(mut self) -> String {
        self.0.push(b'}');
        let line = String::from_utf8(self.0).unwrap_or_default();
        if !line.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}']) {
            return line;
        }
        line.replace('\r', " ")
            .replace('\u{85}', "\\u0085")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029")
    }
}
