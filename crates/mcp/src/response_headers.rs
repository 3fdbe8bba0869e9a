//! The headers that the client gets with the upstream's answer.

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::hop_by_hop::HopByHop;
use crate::session_id::SESSION_ID;
use crate::{Origin, cors};

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What an upstream must not say in our name.
const REMOVED: [&str; 13] = [
    // It would send clients to a foreign authorization server, with our user's consent at stake.
    "www-authenticate",
    "authentication-info",
    "proxy-authentication-info",
    // For our origin, which the authorization server's pages share.
    "set-cookie",
    "set-cookie2",
    "clear-site-data",
    "strict-transport-security",
    "service-worker-allowed",
    // They lead to the upstream past the gateway, and show its address.
    "alt-svc",
    "content-location",
    "location",
    "refresh",
    // Bound to the user; ours is set afterwards.
    "mcp-session-id",
];

/// The headers for the client: the upstream's without those that are not its to send, and our own.
/// `session_id` is the bound form of the upstream's.
pub fn returned(upstream: &HeaderMap, session_id: Option<HeaderValue>, origin: &Origin) -> HeaderMap {
    let hop_by_hop = HopByHop::of(upstream);
    let passes = |name: &HeaderName| {
        !hop_by_hop.has(name) && !REMOVED.contains(&name.as_str()) && !name.as_str().starts_with("access-control-")
    };
    let mut headers = HeaderMap::new();
    for (name, value) in upstream.iter().filter(|(name, _)| passes(name)) {
        headers.append(name, value.clone());
    }
    if let Some(id) = session_id {
        headers.insert(SESSION_ID, id);
    }
    if is_event_stream(upstream) {
        // nginx and its kin hold events back otherwise (MCP 2026-07-28, transports).
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    cors::allow(&mut headers, origin);
    headers
}

/// Whether the upstream sends the client elsewhere: nothing in MCP does, so its configured `url` is wrong, and the
/// operator should know.
pub fn redirects(upstream: &HeaderMap) -> bool {
    upstream.contains_key(LOCATION)
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn what_describes_the_answer_passes_unchanged() {
        let answer = example::headers(&[
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("content-encoding", "gzip"),
            ("cache-control", "no-cache, no-transform"),
            ("vary", "Accept"),
            ("x-request-id", "1"),
            ("retry-after", "5"),
            ("allow", "POST"),
        ]);
        let mut expected = answer.clone();
        expected.append("vary", HeaderValue::from_static("Origin"));
        assert_eq!(returned(&answer, None, &Origin::Absent), expected);
    }

    #[test]
    fn what_the_upstream_may_not_say_in_our_name_is_removed() {
        let answer = example::headers(&[
            ("www-authenticate", "Bearer resource_metadata=\"https://evil.example\""),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("location", "http://10.0.0.7:8080/mcp/"),
            ("mcp-session-id", "upstream"),
            ("alt-svc", "h3=\":443\""),
        ]);
        let origin = Origin::Allowed(HeaderValue::from_static("http://localhost:6274"));
        let expected = example::headers(&[
            ("mcp-session-id", "bound"),
            ("vary", "Origin"),
            ("access-control-allow-origin", "http://localhost:6274"),
            ("access-control-expose-headers", "WWW-Authenticate, Mcp-Session-Id"),
        ]);
        assert_eq!(returned(&answer, Some(HeaderValue::from_static("bound")), &origin), expected);
        assert!(redirects(&answer) && !redirects(&expected));
    }

    #[test]
    fn only_event_streams_ask_not_to_be_buffered() {
        for (kind, is_stream) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/event-stream ;a", true),
            ("application/json", false),
            ("text/event-streams", false),
            ("", false),
        ] {
            let answer = example::headers(&[("content-type", kind), ("x-accel-buffering", "yes")]);
            let expected = if is_stream { "no" } else { "yes" };
            assert_eq!(returned(&answer, None, &Origin::Absent)["x-accel-buffering"], expected, "{kind}");
        }
    }
}
