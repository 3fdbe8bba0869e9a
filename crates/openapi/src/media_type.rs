//! Media types, as far as it matters what is in them.

use crate::operation::BodyFormat;

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(crate) fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == "application/json"
        || essence == "*/*"
        || essence == "application/*"
        || (essence.ends_with("+json") && essence.contains('/'))
}

pub(crate) fn is_form(media_type: &str) -> bool {
    essence(media_type) == "application/x-www-form-urlencoded"
}

pub(crate) fn is_text(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence.starts_with("text/") || essence == "application/xml" || essence.ends_with("+xml")
}

/// Whatever has no parts of its own is sent as it is.
pub(crate) fn is_bytes(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence.contains('/') && !essence.starts_with("multipart/")
}

pub(crate) fn default_type(format: BodyFormat) -> &'static str {
    match format {
        BodyFormat::Json => "application/json",
        BodyFormat::Form => "application/x-www-form-urlencoded",
        BodyFormat::Text => "text/plain",
        BodyFormat::Bytes => "application/octet-stream",
    }
}
