//! A record for people.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::event::{LogEvent, milliseconds};
use super::guest_fields::GuestFields;
use super::request_id::RequestId;

/// The record in one line, without the line break: the time, the beginning of the request's id, and what there is to say.
pub(super) fn to_text(time: Timestamp, event: &LogEvent) -> String {
    let (request, text) = match event {
        LogEvent::Request { request_id, method, path, status, duration, bytes, guest, complete } => (
            Some(*request_id),
            format!(
                "{} {method} {path} {} ms {bytes} bytes {}{}",
                status.map_or_else(|| "---".to_owned(), |status| status.to_string()),
                milliseconds(*duration),
                guest.as_deref().unwrap_or("-"),
                if *complete { "" } else { " (cut off)" },
            ),
        ),
        LogEvent::Guest { request_id, guest, line, .. } => {
            let words = GuestFields::parse(line).map(|fields| words(&fields, *request_id));
            (Some(*request_id), format!("[{guest}] {}", words.as_deref().unwrap_or(line)))
        }
        LogEvent::Host { request_id, level, guest, message, .. } => {
            let guest = guest.as_deref().map(|guest| format!("[{guest}] ")).unwrap_or_default();
            (*request_id, format!("{}: {guest}{message}", level.name()))
        }
    };
    let request = request.map(|request| format!(" {}", request.short())).unwrap_or_default();
    format!("{time:.3}{request} {}", visible(&text))
}

/// An object's fields as `name=value`; who writes and what happened without their names, since all lines have those. Which schema
/// a line is of is for programs.
fn words(fields: &GuestFields, request: RequestId) -> String {
    let mut words = String::new();
    if let Some(level) = fields.level() {
        let _infallible = write!(words, "{}: ", level.name());
    }
    let fields = fields.beside_those_of_host(request).into_iter().filter(|(name, _)| name != "schema");
    for (index, (name, value)) in fields.enumerate() {
        if index > 0 {
            words.push(' ');
        }
        if !matches!(name.as_str(), "component" | "event") {
            words.push_str(&name);
            words.push('=');
        }
        words.push_str(&plain(value));
    }
    words
}

/// A text without its quotation marks, where it is one word; any other value as JSON.
fn plain(value: &RawValue) -> String {
    let is_word = |text: &String| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "\"=,".contains(c));
    let text = serde_json::from_str::<String>(value.get()).ok().filter(is_word);
    text.unwrap_or_else(|| value.get().to_owned())
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
