//! The answers of a gateway that cannot tell yet which endpoint is meant.

use gatehouse_mcp_wire::json_rpc::{Reply, code};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use crate::protection::protect;

/// With every 503: seconds after which it is worth a try again.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 5;

/// For a request whose method, target or headers are not HTTP.
pub fn malformed_request() -> Response<Vec<u8>> {
    error(StatusCode::BAD_REQUEST, code::INVALID_REQUEST, "The request is malformed")
}

/// For every request, while the configuration cannot be used: without it nothing can be checked, so nothing is passed
/// on, not even to the authorization server. What is wrong with it is for the log.
pub fn not_configured() -> Response<Vec<u8>> {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, code::INTERNAL_ERROR, "The gateway is not configured");
    response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    response
}

/// An error in the form that MCP clients read. It answers no request that anybody has read.
pub(crate) fn error(status: StatusCode, code: i32, message: &str) -> Response<Vec<u8>> {
    let body = Reply::error::<()>(None, code, message, None).to_object().to_string();
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    protect(headers);
    response
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn both_say_no_in_the_form_that_mcp_clients_read_and_nobody_caches() {
        for (response, status, code) in [(malformed_request(), 400, -32600), (not_configured(), 503, -32603)] {
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert_eq!(response.headers().get(RETRY_AFTER).is_some(), status == 503);
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!((&body["error"]["code"], &body["id"]), (&json!(code), &Value::Null));
        }
    }
}
