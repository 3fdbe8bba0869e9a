//! What a request says of the media types of its body and of its answer (RFC 9110, sections 8.3 and 12.5.1).

use gatehouse_mcp_wire::header::JSON;
use gatehouse_protocol::essence;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

/// Whether the body is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| essence(value) == JSON)
}

/// Whether the client takes this media type. One that says nothing takes everything.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let whole = media_type.split('/').next().map(|whole| format!("{whole}/*")).unwrap_or_default();
    let takes = |range: &str| [media_type, whole.as_str(), "*/*"].contains(&essence(range).as_str());
    !headers.contains_key(ACCEPT) || accepted(headers).any(takes)
}

/// Whether the client names this media type.
pub fn accepts_by_name(headers: &HeaderMap, media_type: &str) -> bool {
    accepted(headers).any(|range| essence(range) == media_type)
}

fn accepted(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','))
}
