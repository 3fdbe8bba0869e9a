//! The headers that the client gets with the upstream's answer.

use gatehouse_audit_log::{RequestId, X_REQUEST_ID};
use gatehouse_configuration::CrossOrigin;
use gatehouse_mcp_wire::header::{EVENT_STREAM, MCP_PREFIX, MCP_SESSION_ID, X_ACCEL_BUFFERING};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::answer::BodyFormat;
use crate::hop_by_hop::HopByHop;
use crate::protection::protect;
use crate::{Origin, cors};

/// What an upstream may say beside the body. Everything else would be said in our name, of our origin: to browsers
/// (`set-cookie`, `link`, `content-security-policy`, `clear-site-data`, `access-control-*`), to caches (`cache-control`,
/// `age`, `etag`), to web servers in front of us (`x-accel-redirect`, `x-sendfile`), to OAuth clients
/// (`www-authenticate`), to whoever looks for the server itself (`location`, `alt-svc`, `server`, `server-timing`).
const PASSED: [HeaderName; 5] = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, RETRY_AFTER, ALLOW];

/// What describes a body to the last byte.
const OF_THE_BYTES: [HeaderName; 2] = [CONTENT_LENGTH, CONTENT_ENCODING];

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
    /// What the operator has said of web pages at the route.
    pub cors: Option<&'a CrossOrigin>,
}

/// The headers for the client: of the upstream's those that are its to send, and our own.
pub fn returned(upstream: &HeaderMap, own: &Own<'_>, origin: &Origin) -> HeaderMap {
    let hop_by_hop = HopByHop::of(upstream);
    let passes = |name: &HeaderName| {
        let passes = PASSED.contains(name) || is_of_mcp(name.as_str()) && *name != MCP_SESSION_ID;
        passes && !hop_by_hop.has(name) && !(own.is_rewritten && OF_THE_BYTES.contains(name))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in upstream.iter().filter(|(name, _)| passes(name)) {
        headers.append(name, value.clone());
    }
    if BodyFormat::of(upstream) == BodyFormat::EventStream {
        unbuffered(&mut headers);
    }
    if let Some(id) = &own.session_id {
        headers.insert(MCP_SESSION_ID, id.clone());
    }
    for (name, value) in own.rate_limit {
        headers.insert(name, value.clone());
    }
    mark(&mut headers, own.request_id);
    cors::allow(&mut headers, origin, own.cors);
    headers
}

/// Whether it is one of MCP's own headers, in MCP's spelling: some readers take `_` for `-`.
fn is_of_mcp(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    name.starts_with(MCP_PREFIX) && name.bytes().all(is_plain)
}

/// Makes the headers those of an event stream, whatever they were of.
pub fn make_event_stream(headers: &mut HeaderMap) {
    for name in OF_THE_BYTES {
        headers.remove(name);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    unbuffered(headers);
}

/// nginx and its kin hold events back otherwise (MCP 2026-07-28, transports).
fn unbuffered(headers: &mut HeaderMap) {
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
}

/// What every answer of an MCP endpoint says: which request it answers, that it is nobody else's, and that it is what its
/// `Content-Type` says.
pub fn mark(headers: &mut HeaderMap, request_id: &RequestId) {
    headers.insert(X_REQUEST_ID, request_id.to_header_value());
    protect(headers);
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
        let own = Own { request_id: &id(), session_id, rate_limit: &rate_limit, is_rewritten, cors: None };
        returned(answer, &own, &Origin::Absent)
    }

    /// What every answer has, whatever the upstream says.
    fn always() -> HeaderMap {
        example::headers(&[
            ("x-request-id", id().as_str()),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("vary", "Origin"),
        ])
    }

    #[test]
    fn what_describes_the_answer_passes_unchanged() {
        let answer = example::headers(&[
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("content-encoding", "gzip"),
            ("retry-after", "5"),
            ("allow", "POST"),
            ("mcp-protocol-version", "2025-11-25"),
            ("mcp-of-tomorrow", "1"),
        ]);
        let mut expected = answer.clone();
        expected.extend(always());
        assert_eq!(returned_with(&answer, None, false), expected);
        for name in ["content-length", "content-encoding"] {
            expected.remove(name);
        }
        assert_eq!(returned_with(&answer, None, true), expected);
    }

    #[test]
    fn what_the_upstream_may_not_say_in_our_name_is_removed() {
        for (name, value) in [
            ("www-authenticate", "Bearer resource_metadata=\"https://evil.example\""),
            ("authentication-info", "nextnonce=1"),
            ("proxy-authenticate", "Basic"),
            ("set-cookie", "a=b"),
            ("set-cookie2", "a=b"),
            ("clear-site-data", "\"*\""),
            ("strict-transport-security", "max-age=0"),
            ("content-security-policy", "default-src *"),
            ("content-security-policy-report-only", "default-src *"),
            ("permissions-policy", "camera=*"),
            ("cross-origin-opener-policy", "unsafe-none"),
            ("cross-origin-embedder-policy", "unsafe-none"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("origin-agent-cluster", "?0"),
            ("referrer-policy", "unsafe-url"),
            ("x-frame-options", "ALLOWALL"),
            ("x-xss-protection", "0"),
            ("x-content-type-options", "sniff"),
            ("service-worker-allowed", "/"),
            ("sourcemap", "/map"),
            ("speculation-rules", "\"/rules\""),
            ("link", "</a>; rel=preload"),
            ("nel", "{}"),
            ("report-to", "{}"),
            ("reporting-endpoints", "a=\"https://evil.example\""),
            ("accept-ch", "Sec-CH-UA"),
            ("critical-ch", "Sec-CH-UA"),
            ("timing-allow-origin", "*"),
            ("server-timing", "db;dur=5"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "*"),
            ("cache-control", "public, max-age=600"),
            ("cdn-cache-control", "public"),
            ("surrogate-control", "max-age=600"),
            ("surrogate-key", "a"),
            ("pragma", "cache"),
            ("expires", "Fri, 31 Dec 2100 00:00:00 GMT"),
            ("age", "5"),
            ("etag", "\"1\""),
            ("last-modified", "Fri, 31 Dec 2021 00:00:00 GMT"),
            ("vary", "Accept"),
            ("no-vary-search", "params"),
            ("accept-ranges", "bytes"),
            ("content-range", "bytes 0-1/2"),
            ("content-disposition", "attachment"),
            ("content-location", "http://10.0.0.7/"),
            ("content-digest", "sha-256=:AA==:"),
            ("location", "http://10.0.0.7:8080/mcp/"),
            ("refresh", "0; url=http://evil.example/"),
            ("alt-svc", "h3=\":443\""),
            ("server", "inside/1.0"),
            ("via", "1.1 inside"),
            ("x-powered-by", "Express"),
            ("x-backend", "10.0.0.7"),
            ("x-accel-redirect", "/internal/secrets"),
            ("x-accel-expires", "600"),
            ("x-accel-buffering", "yes"),
            ("x-sendfile", "/etc/passwd"),
            ("x-lighttpd-send-file", "/etc/passwd"),
            ("x-reproxy-url", "http://10.0.0.7/"),
            ("x-original-url", "/a"),
            ("x-rewrite-url", "/a"),
            ("connection", "close, retry-after"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("trailer", "a"),
            ("x-request-id", "theirs"),
            ("mcp-session-id", "theirs"),
            ("mcp-session_id", "theirs"),
            ("mcp_session_id", "theirs"),
            ("ratelimit", "theirs"),
            ("traceparent", "theirs"),
            ("x-own", "theirs"),
        ] {
            let answer = example::headers(&[(name, value), ("content-type", "text/plain")]);
            let mut expected = always();
            expected.insert("content-type", HeaderValue::from_static("text/plain"));
            assert_eq!(returned_with(&answer, None, false), expected, "{name}");
        }
        let hop_by_hop = example::headers(&[("connection", "retry-after"), ("retry-after", "5")]);
        assert_eq!(returned_with(&hop_by_hop, None, false), always());
    }

    #[test]
    fn what_is_ours_is_said_by_us() {
        let answer = example::headers(&[("mcp-session-id", "upstream"), ("ratelimit", "theirs")]);
        let origin = Origin::Allowed(HeaderValue::from_static("http://localhost:6274"));
        let rate_limit = example::headers(&[("ratelimit", "\"subject\";r=1;t=2")]);
        let session_id = Some(HeaderValue::from_static("bound"));
        let own = Own { request_id: &id(), session_id, rate_limit: &rate_limit, is_rewritten: false, cors: None };
        let exposed = "WWW-Authenticate, Mcp-Session-Id, Retry-After, RateLimit, RateLimit-Policy, x-request-id";
        let mut expected = always();
        expected.extend(example::headers(&[
            ("mcp-session-id", "bound"),
            ("ratelimit", "\"subject\";r=1;t=2"),
            ("access-control-allow-origin", "http://localhost:6274"),
            ("access-control-expose-headers", exposed),
        ]));
        assert_eq!(returned(&answer, &own, &origin), expected);
    }

    #[test]
    fn a_stream_of_our_own_is_neither_buffered_nor_stored() {
        let answer = example::headers(&[("content-type", "application/json"), ("content-length", "2")]);
        let mut headers = returned_with(&answer, None, false);
        make_event_stream(&mut headers);
        let mut expected = always();
        expected.extend(example::headers(&[("content-type", "text/event-stream"), ("x-accel-buffering", "no")]));
        assert_eq!(headers, expected);
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
            let returned = returned_with(&answer, None, false);
            let said = returned.get("x-accel-buffering").map(|value| value.to_str().unwrap());
            assert_eq!(said, is_stream.then_some("no"), "{kind}");
        }
    }
}
