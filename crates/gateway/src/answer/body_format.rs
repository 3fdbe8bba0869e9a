//! What a body is, and what a client reads.

use gatehouse_mcp_wire::header::{EVENT_STREAM, JSON};
use gatehouse_protocol::essence;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};

/// The media type of a server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    /// `text/event-stream`.
    EventStream,
    /// `application/json`.
    Json,
    /// Neither.
    Other,
}

impl BodyFormat {
    /// The format of the body with these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match essence(content_type).as_str() {
            EVENT_STREAM => Self::EventStream,
            JSON => Self::Json,
            _ => Self::Other,
        }
    }
}

/// Whether the body is compressed, although we asked for it as it is.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity")
}

/// Whether the client reads event streams: by a range of its `Accept` (RFC 9110, section 12.5.1). One that says nothing does
/// not.
pub fn accepts_event_stream(headers: &HeaderMap) -> bool {
    let ranges = [EVENT_STREAM, "text/*", "*/*"];
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accepted = values.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    accepted.map(str::trim).any(|accepted| ranges.iter().any(|range| accepted.eq_ignore_ascii_case(range)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::headers;

    #[test]
    fn the_format_is_the_media_type_without_its_parameters() {
        for (content_type, format) in [
            ("text/event-stream", BodyFormat::EventStream),
            ("Text/Event-Stream; charset=utf-8", BodyFormat::EventStream),
            ("application/json", BodyFormat::Json),
            ("application/JSON;charset=utf-8", BodyFormat::Json),
            ("application/json-rpc", BodyFormat::Other),
            ("text/html", BodyFormat::Other),
            ("", BodyFormat::Other),
        ] {
            assert_eq!(BodyFormat::of(&headers(&[("content-type", content_type)])), format, "{content_type}");
        }
        assert_eq!(BodyFormat::of(&headers(&[])), BodyFormat::Other);
    }

    #[test]
    fn a_body_is_encoded_where_a_coding_is_not_identity() {
        assert!(!is_encoded(&headers(&[])));
        assert!(!is_encoded(&headers(&[("content-encoding", "identity")])));
        assert!(is_encoded(&headers(&[("content-encoding", "gzip")])));
        assert!(is_encoded(&headers(&[("content-encoding", "identity"), ("content-encoding", "br")])));
    }

    #[test]
    fn a_client_reads_events_where_a_range_of_its_accept_has_them() {
        for (accept, reads) in [
            ("application/json, text/event-stream", true),
            ("TEXT/EVENT-STREAM;q=0.5", true),
            ("text/*", true),
            ("*/*", true),
            ("application/json", false),
            ("text/html, application/json;q=0.9", false),
        ] {
            assert_eq!(accepts_event_stream(&headers(&[("accept", accept)])), reads, "{accept}");
        }
        assert!(!accepts_event_stream(&headers(&[])));
        assert!(accepts_event_stream(&headers(&[("accept", "application/json"), ("accept", "text/event-stream")])));
    }
}
