//! The answers of a gateway that cannot tell yet which endpoint is meant.

use http::{Response, StatusCode};

use crate::json_rpc::{self, INTERNAL_ERROR, INVALID_REQUEST};

/// For a request whose method, target or headers are not HTTP.
pub fn malformed_request() -> Response<Vec<u8>> {
    json_rpc::error(StatusCode::BAD_REQUEST, INVALID_REQUEST, "The request is malformed")
}

/// For every request, while the configuration cannot be used: without it nothing can be checked, so nothing is passed
/// on, not even to the authorization server. What is wrong with it is for the log.
pub fn not_configured() -> Response<Vec<u8>> {
    json_rpc::error(StatusCode::SERVICE_UNAVAILABLE, INTERNAL_ERROR, "The gateway is not configured")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_say_no_in_the_form_that_mcp_clients_read() {
        for (response, status) in [(malformed_request(), 400), (not_configured(), 503)] {
            assert_eq!(response.status(), status);
            assert!(response.body().starts_with(b"{") && response.headers()["content-type"] == "application/json");
        }
    }
}
