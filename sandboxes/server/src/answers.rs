//! HTTP responses.

use gatehouse_mcp_wire::header::{EVENT_STREAM, JSON, X_ACCEL_BUFFERING};
use gatehouse_mcp_wire::json_rpc::{Message, Reply, code};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

/// A refusal by the transport has an error of JSON-RPC as its body, since an empty one makes clients of 2026-07-28 fall back to
/// another revision.
pub fn refused(status: StatusCode, text: &str) -> Response<Vec<u8>> {
    reply(status, Reply::error::<()>(None, code::INVALID_REQUEST, text, None))
}

/// One message.
pub fn reply(status: StatusCode, reply: Reply) -> Response<Vec<u8>> {
    json(status, Message::Response(reply).to_text())
}

/// A text of JSON.
pub fn json(status: StatusCode, text: String) -> Response<Vec<u8>> {
    let mut response = Response::new(text.into_bytes());
    *response.status_mut() = status;
    *response.headers_mut() = headers(JSON);
    response
}

/// 405 for the methods that only sessions need.
pub fn only_post() -> Response<Vec<u8>> {
    let text = "Method not allowed: this server has no sessions, use POST";
    let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, text);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// 202: taken, and there is nothing to say.
pub fn accepted() -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// The headers of a stream of events.
pub fn event_stream() -> HeaderMap {
    let mut headers = headers(EVENT_STREAM);
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    headers
}

/// What is in an environment is its owner's alone: nobody keeps it on the way.
fn headers(media_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
}
