//! HTTP responses.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use crate::json_rpc::{self, Code, RpcError};

/// A JSON-RPC message, or an array of them.
pub fn json(status: StatusCode, message: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(message.to_string().into_bytes());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Snippets are one user's own.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A refusal by the transport, before any message was read. With a body, since an empty one makes clients of 2026-07-28
/// fall back to the older era.
pub fn refused(status: StatusCode, message: &str) -> Response<Vec<u8>> {
    json(status, &json_rpc::response(None, Err(RpcError::new(Code::Transport, message))))
}

/// 405 for the methods that only sessions need.
pub fn only_post() -> Response<Vec<u8>> {
    let mut response =
        refused(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed: this server has no sessions, use POST");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// 202: taken, and there is nothing to say.
pub fn accepted() -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}
