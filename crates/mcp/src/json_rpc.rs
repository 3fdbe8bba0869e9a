//! Error answers in the form that MCP clients read (JSON-RPC 2.0, section 5.1).
//!
//! An answer of 400 or 404 without such a body makes some clients fall back to an older transport.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

/// Not a valid request (JSON-RPC 2.0).
pub(crate) const INVALID_REQUEST: i32 = -32600;
/// Something on our side failed (JSON-RPC 2.0).
pub(crate) const INTERNAL_ERROR: i32 = -32603;
/// For a server's own errors; the TypeScript SDK's server uses it for everything that is wrong with the HTTP around a
/// message.
pub(crate) const SERVER_ERROR: i32 = -32000;
/// "Session not found", as the TypeScript SDK's server says it.
pub(crate) const SESSION_NOT_FOUND: i32 = -32001;

/// An error answer. The `id` is null: the gateway does not read which request it answers.
pub(crate) fn error(status: StatusCode, code: i32, message: &str) -> Response<Vec<u8>> {
    let body = json!({ "jsonrpc": "2.0", "error": { "code": code, "message": message }, "id": null });
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_error_is_a_json_rpc_message_that_nobody_caches() {
        let response = error(StatusCode::NOT_FOUND, SESSION_NOT_FOUND, "Session not \"found\"");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        let expected =
            json!({"jsonrpc": "2.0", "error": {"code": -32001, "message": "Session not \"found\""}, "id": null});
        assert_eq!(body, expected);
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    }
}
