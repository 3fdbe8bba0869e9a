//! The headers that the client gets with the upstream's answer.

use gatehouse_protocol::essence;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
    LOCATION,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::hop_by_hop::HopByHop;
use crate::request_id::X_REQUEST_ID;
use crate::session_id::SESSION_ID;
use crate::{Origin, RequestId, cors};

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What an upstream must not say in our name.
const REMOVED: [&str; 26] = [
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
    "public-key-pins",
    "expect-ct",
    // Browsers would report our users' addresses to whom it names.
    "nel",
    "report-to",
    "reporting-endpoints",
    // They lead to the upstream past the gateway, and show its address.
    "alt-svc",
    "content-location",
    "location",
    "refresh",
    // A web server in front of the gateway would send its own files, or other addresses' answers, instead.
    "x-accel-redirect",
    "x-accel-expires",
    "x-sendfile",
    "x-lighttpd-send-file",
    "x-reproxy-url",
    "x-reproxy-file",
    "x-original-url",
    // Ours are set afterwards: bound to the user, and that of our log.
    "mcp-session-id",
    "x-request-id",
];

/// What describes a body to the last byte.
const OF_THE_BYTES: [HeaderName; 10] = [
    CONTENT_LENGTH,
    CONTENT_ENCODING,
    CONTENT_RANGE,
    ACCEPT_RANGES,
    ETAG,
    LAST_MODIFIED,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// What the gateway itself says with an upstream's answer.
#[derive(Debug)]
pub struct Own<'a> {
    /// The id of the request.
    pub request_id: &'a RequestId,
    /// The bound form of the upstream's session id.
    pub session_id: Option<HeaderValue>,
    /// How the client stands with a rate limit: the RateLimit header fields.
    pub rate_limit: &'a HeaderMap,
    /// Whether the gateway changes the body, so that nothing that describes its bytes is true any more.
    pub is_rewritten: bool,
}

/// The headers for the client: the upstream's without those that are not its to send, and our own.
pub fn returned(upstream: &HeaderMap, own: &Own<'_>, origin: &Origin) -> HeaderMap {
    let hop_by_hop = HopByHop::of(upstream);
    let ends_here = |name: &HeaderName| {
        let is_ours = REMOVED.contains(&name.as_str()) || name.as_str().starts_with("access-control-");
        hop_by_hop.has(name) || is_ours || own.is_rewritten && OF_THE_BYTES.contains(name)
    };
    let mut headers = HeaderMap::new();
    for (name, value) in upstream.iter().filter(|(name, _)| !ends_here(name)) {
        headers.append(name, value.clone());
    }
    if is_event_stream(upstream) {
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    add_own(&mut headers, own, origin);
    headers
}

/// The headers of an event stream that the gateway begins itself.
pub fn event_stream(own: &Own<'_>, origin: &Origin) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx and its kin hold events back otherwise (MCP 2026-07-28, transports).
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    add_own(&mut headers, own, origin);
    headers
}

/// Says in an answer of the gateway's own which request it answers.
pub fn mark(headers: &mut HeaderMap, request_id: &RequestId) {
    headers.insert(X_REQUEST_ID, request_id.value());
}

fn add_own(headers: &mut HeaderMap, own: &Own<'_>, origin: &Origin) {
    if let Some(id) = &own.session_id {
        headers.insert(SESSION_ID, id.clone());
    }
    for (name, value) in own.rate_limit {
        headers.insert(name, value.clone());
    }
    mark(headers, own.request_id);
    cors::allow(headers, origin);
}

/// Whether the upstream sends the client elsewhere: nothing in MCP does, so its configured `url` is wrong, and the
/// operator should know.
pub fn redirects(upstream: &HeaderMap) -> bool {
    upstream.contains_key(LOCATION)
}

/// Whether the body is an event stream.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    essence(kind) == "text/event-stream"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{self, Counting};

    fn id() -> RequestId {
        RequestId::generate(&mut Counting::default())
    }

    fn returned_with(answer: &HeaderMap, session_id: Option<&'static str>, is_rewritten: bool) -> HeaderMap {
        let rate_limit = HeaderMap::new();
        let session_id = session_id.map(HeaderValue::from_static);
        let own = Own { request_id: &id(), session_id, rate_limit: &rate_limit, is_rewritten };
        returned(answer, &own, &Origin::Absent)
    }

    #[test]
    fn what_describes_the_answer_passes_unchanged() {
        let answer = example::headers(&[
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("content-encoding", "gzip"),
            ("cache-control", "no-cache, no-transform"),
            ("vary", "Accept"),
            ("etag", "\"1\""),
            ("retry-after", "5"),
            ("allow", "POST"),
        ]);
        let mut expected = answer.clone();
        expected.append("vary", HeaderValue::from_static("Origin"));
        expected.append("x-request-id", id().value());
        assert_eq!(returned_with(&answer, None, false), expected);
        for name in ["content-length", "content-encoding", "etag"] {
            expected.remove(name);
        }
        assert_eq!(returned_with(&answer, None, true), expected);
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
            ("x-request-id", "theirs"),
            ("x-accel-redirect", "/internal/secrets"),
            ("report-to", "{}"),
            ("ratelimit", "theirs"),
            ("alt-svc", "h3=\":443\""),
        ]);
        let origin = Origin::Allowed(HeaderValue::from_static("http://localhost:6274"));
        let rate_limit = example::headers(&[("ratelimit", "\"subject\";r=1;t=2")]);
        let session_id = Some(HeaderValue::from_static("bound"));
        let own = Own { request_id: &id(), session_id, rate_limit: &rate_limit, is_rewritten: false };
        let exposed = "WWW-Authenticate, Mcp-Session-Id, Retry-After, RateLimit, RateLimit-Policy, x-request-id";
        let expected = example::headers(&[
            ("mcp-session-id", "bound"),
            ("ratelimit", "\"subject\";r=1;t=2"),
            ("x-request-id", "000102030405060708090a0b0c0d0e0f"),
            ("vary", "Origin"),
            ("access-control-allow-origin", "http://localhost:6274"),
            ("access-control-expose-headers", exposed),
        ]);
        assert_eq!(returned(&answer, &own, &origin), expected);
        assert!(redirects(&answer) && !redirects(&expected));
    }

    #[test]
    fn a_stream_of_our_own_is_neither_buffered_nor_stored() {
        let own = Own { request_id: &id(), session_id: None, rate_limit: &HeaderMap::new(), is_rewritten: true };
        let expected = example::headers(&[
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store"),
            ("x-accel-buffering", "no"),
            ("x-request-id", id().as_str()),
            ("vary", "Origin"),
        ]);
        assert_eq!(event_stream(&own, &Origin::Absent), expected);
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
            assert_eq!(returned_with(&answer, None, false)["x-accel-buffering"], expected, "{kind}");
        }
    }
}
