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

pub(crate) fn is_bytes(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == "application/octet-stream"
        || ["image/", "audio/", "video/"].iter().any(|kind| essence.starts_with(kind))
        || matches!(essence.as_str(), "application/pdf" | "application/zip" | "application/gzip")
}

pub(crate) fn default_type(format: BodyFormat) -> &'static str {
    match format {
        BodyFormat::Json => "application/json",
        BodyFormat::Form => "application/x-www-form-urlencoded",
        BodyFormat::Text => "text/plain",
        BodyFormat::Bytes => "application/octet-stream",
    }
}
