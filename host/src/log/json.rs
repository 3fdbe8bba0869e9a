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
        LogEvent::Host { level, request_id, guest, message } => {
            line.field("level", level.name());
            line.field("component", HOST);
            line.optional("request_id", request_id.as_ref());
            line.field("event", "notice");
            line.optional("guest", guest.as_ref());
            line.field("message", message);
        }
    }
    line.end()
}

/// A JSON object that is being written.
struct Line(String);

impl Line {
    fn begin() -> Self {
        Self("{".to_owned())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        // Text, numbers and JSON always have a JSON form.
        let [name, value] = [serde_json::to_string(name), serde_json::to_string(value)].map(Result::unwrap_or_default);
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&name);
        self.0.push(':');
        self.0.push_str(&value);
    }

    fn optional<T: Serialize>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// JSON may have some characters in a text as they are that readers of lines take for a line's end; and a guest's own
    /// JSON may have a carriage return between two of its parts, where it means nothing.
    fn end(mut self) -> String {
        self.0.push('}');
        self.0
            .replace('\r', " ")
            .replace('\u{85}', "\\u0085")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029")
    }
}
