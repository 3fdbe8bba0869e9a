//! What a REST API answers, as the result of a tool.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_mcp_wire::json_rpc::Object;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::operation::Operation;
use crate::pagination::next_page;
use crate::result_schema::WRAPPER;
use crate::text::shortened;

/// Bytes of an answer that are read. A model has room for less.
pub const LARGEST_ANSWER: usize = 2 * 1024 * 1024;
/// Characters of the body of an error.
const LONGEST_ERROR: usize = 8 * 1024;
/// Levels of arrays and objects in structured content: what stands around it in a message needs some of those that are read.
const DEEPEST: usize = 100;
/// Bytes. A shorter secret is no secret, and would be found everywhere.
const SHORTEST_SECRET: usize = 6;
const REMOVED: &str = "[removed]";

/// What an API answered.
#[derive(Clone, Debug)]
pub struct RestAnswer<'a> {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// The body, or its beginning.
    pub body: Vec<u8>,
    /// Whether the body is not longer than [`LARGEST_ANSWER`].
    pub is_whole: bool,
}

/// What a body is.
enum Format {
    Json,
    Text,
    /// Of this media type.
    Bytes(String),
}

/// What a result may hold, by its revision.
#[derive(Clone, Copy)]
pub(crate) struct ResultForm {
    /// Since 2025-06-18.
    pub(crate) has_structured_content: bool,
    /// Since 2025-03-26.
    pub(crate) has_audio: bool,
}

impl RestAnswer<'_> {
    /// The result of the tool `tool`. What the operator keeps secret from the client is not in it, even if the API repeats it.
    pub(crate) fn result(mut self, tool: &str, operation: &Operation, form: ResultForm, secrets: &[String]) -> Object {
        self.body = without(self.body, secrets);
        if self.status.is_redirection() {
            return error(&format!("{}. Redirects are not followed.", title(self.status)));
        }
        if !self.status.is_success() {
            return error(&self.error_text());
        }
        if !self.is_whole {
            return error(&format!("The answer of the API is larger than {LARGEST_ANSWER} bytes. Ask for less."));
        }
        let mut result = Object::new();
        let (content, structured) = self.content(tool, form);
        let mut content = vec![content];
        if let Some(hint) = next_page(self.headers, operation) {
            let hint = String::from_utf8_lossy(&without(hint.into_bytes(), secrets)).into_owned();
            content.push(text_content(&hint));
        }
        result.set("content", &content);
        let structured = structured.or_else(|| operation.has_output.then(Object::new));
        if let Some(structured) = structured.filter(|_| form.has_structured_content) {
            result.set_raw("structuredContent", structured.to_raw());
        }
        result
    }

    fn content(&self, tool: &str, form: ResultForm) -> (Value, Option<Object>) {
        if self.body.is_empty() {
            return (text_content(&title(self.status)), None);
        }
        let format = self.format();
        match (&format, core::str::from_utf8(&self.body)) {
            (Format::Json, Ok(text)) => (text_content(text), structured(text)),
            (Format::Text, Ok(text)) => (text_content(text), None),
            (Format::Bytes(media_type), _) => (bytes_content(tool, media_type, &self.body, form), None),
            // It says that it is a text, and is none in UTF-8.
            (Format::Json | Format::Text, Err(_)) => {
                (bytes_content(tool, "application/octet-stream", &self.body, form), None)
            }
        }
    }

    fn format(&self) -> Format {
        let named = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media_type.split_once('/') {
            Some(("application", "json")) => Format::Json,
            Some((_, kind)) if kind.ends_with("+json") => Format::Json,
            Some(("text", _)) => Format::Text,
            Some((
                "application",
                "xml" | "javascript" | "yaml" | "x-yaml" | "x-ndjson" | "jsonl" | "x-www-form-urlencoded",
            )) => Format::Text,
            Some((_, kind)) if kind.ends_with("+xml") || kind.ends_with("+yaml") => Format::Text,
            Some(_) => Format::Bytes(media_type),
            None if core::str::from_utf8(&self.body).is_ok() => Format::Json,
            None => Format::Bytes("application/octet-stream".to_owned()),
        }
    }

    fn error_text(&self) -> String {
        let mut text = title(self.status);
        if let Some(time) = self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) {
            text.push_str(&format!("\nRetry-After: {}", shortened(time, 64)));
        }
        match (self.format(), core::str::from_utf8(&self.body)) {
            (Format::Json | Format::Text, body) => {
                // The beginning alone may end within a character.
                let body = match body {
                    Ok(body) => body.to_owned(),
                    Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
                };
                if !body.trim().is_empty() {
                    text.push_str(&format!("\n\n{}", shortened(&body, LONGEST_ERROR)));
                }
            }
            (Format::Bytes(_), _) => {}
        }
        text
    }
}

/// A result with `isError`, which the model reads.
pub(crate) fn error(text: &str) -> Object {
    let mut result = Object::new();
    result.set("content", &[text_content(text)]);
    result.set("isError", &true);
    result
}

fn title(status: StatusCode) -> String {
    format!(
        "HTTP {}{}",
        status.as_u16(),
        status.canonical_reason().map_or_else(String::new, |reason| format!(" {reason}"))
    )
}

fn text_content(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn bytes_content(tool: &str, media_type: &str, bytes: &[u8], form: ResultForm) -> Value {
    let data = STANDARD.encode(bytes);
    match media_type.split('/').next() {
        Some("image") if media_type != "image/svg+xml" => {
            json!({ "type": "image", "data": data, "mimeType": media_type })
        }
        Some("audio") if form.has_audio => json!({ "type": "audio", "data": data, "mimeType": media_type }),
        // No address of the API: that is the operator's.
        _ => {
            json!({ "type": "resource", "resource": { "uri": format!("rest:{tool}"), "mimeType": media_type, "blob": data } })
        }
    }
}

/// The JSON as an object; where it is none, in one. `None` for what not every reader reads alike: the text has it.
fn structured(text: &str) -> Option<Object> {
    let text = text.trim();
    if is_deeper(text, DEEPEST) {
        return None;
    }
    if text.starts_with('{') {
        return Object::parse(text).ok();
    }
    // Before it is put into something, it must be one value and nothing else.
    serde_json::from_str::<&RawValue>(text).ok()?;
    Object::parse(&format!("{{\"{WRAPPER}\":{text}}}")).ok()
}

/// Whether arrays and objects are nested deeper than `depth`.
fn is_deeper(text: &str, depth: usize) -> bool {
    let (mut level, mut in_string, mut escaped) = (0_usize, false, false);
    text.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => level = level.saturating_add(1),
            b']' | b'}' if !in_string => level = level.saturating_sub(1),
            _ => {}
        }
        level > depth
    })
}

/// The bytes without the secrets, in the forms in which an API repeats them.
fn without(bytes: Vec<u8>, secrets: &[String]) -> Vec<u8> {
    let mut kept = bytes;
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET) {
        let escaped = Value::from(secret.as_str()).to_string();
        let escaped = escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default().to_owned();
        let encoded = crate::arguments::encoded(secret).into_owned();
        for form in [secret.as_str(), &escaped, &encoded] {
            kept = replaced(kept, form.as_bytes());
        }
    }
    kept
}

fn replaced(bytes: Vec<u8>, found: &[u8]) -> Vec<u8> {
    let (Some(first), true) = (found.first(), bytes.len() >= found.len()) else { return bytes };
    let (mut kept, mut rest, mut is_changed) = (Vec::new(), bytes.as_slice(), false);
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        let (before, behind) = rest.split_at(at);
        kept.extend_from_slice(before);
        match behind.strip_prefix(found) {
            Some(behind) => {
                kept.extend_from_slice(REMOVED.as_bytes());
                rest = behind;
                is_changed = true;
            }
            None => {
                kept.push(*first);
                rest = behind.get(1..).unwrap_or_default();
            }
        }
    }
    if !is_changed {
        return bytes;
    }
    kept.extend_from_slice(rest);
    kept
}
