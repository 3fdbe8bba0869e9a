//! The first event of a stream, as far as a doctor needs it (HTML, server-sent events).

use gatehouse_mcp_wire::header::EVENT_STREAM;
use http::HeaderValue;

/// Whether the media type is that of a stream.
pub(super) fn is_stream(media_type: Option<&HeaderValue>) -> bool {
    media_type.is_some_and(|value| value.as_bytes().starts_with(EVENT_STREAM.as_bytes()))
}

/// The data of the first whole event that has some.
pub(super) fn first(stream: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n");
    let (whole, _) = text.rsplit_once("\n\n")?;
    let data = |event: &str| event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect();
    whole.split("\n\n").map(data).find(|data: &String| !data.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_event_with_data_counts_once_it_is_whole() {
        for (stream, expected) in [
            ("", None),
            ("data: {\"a\":", None),
            (": comment\n\nid: 1\ndata:\n\n", None),
            (": comment\r\n\r\nevent: message\r\ndata: {\"a\":1}\r\n\r\ndata: x", Some("{\"a\":1}")),
        ] {
            assert_eq!(first(stream.as_bytes()).as_deref(), expected, "{stream:?}");
        }
    }
}
