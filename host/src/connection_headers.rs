//! Headers that `Connection` names (RFC 9110, section 7.6.1).
//!
//! They are for this connection only. WASI takes `Connection` itself away before a guest could read it, so the guest
//! cannot know which they were: they are removed here.

use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName};

/// What a message cannot do without, wherever it goes: `Connection` may not name it.
const NEEDED: [HeaderName; 4] = [HOST, CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING];

/// Removes every header that `Connection` names, but for those that are needed. `Connection` itself stays, for those who
/// still need it.
pub(crate) fn remove_named_by_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| *name != CONNECTION && !NEEDED.contains(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connection_names_is_removed_in_every_spelling_and_nothing_else() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Secret-Hop ,,keep-alive"),
            ("connection", "x-other-hop"),
            ("x-secret-hop", "1"),
            ("x-other-hop", "1"),
            ("x-end-to-end", "1"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        remove_named_by_connection(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["connection", "x-end-to-end"]);
    }
    #[test]
    fn what_the_message_needs_stays_whatever_connection_names() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "host, Content-Length, CONTENT-TYPE, content-encoding, x-hop"),
            ("host", "a"),
            ("content-length", "1"),
            ("content-type", "text/plain"),
            ("content-encoding", "identity"),
            ("x-hop", "1"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        remove_named_by_connection(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["connection", "host", "content-length", "content-type", "content-encoding"]);
    }
}
