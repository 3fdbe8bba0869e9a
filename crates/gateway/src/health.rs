//! `/healthz`: whether this instance could serve.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};

use crate::before_routing::RETRY_AFTER_SECONDS;
use crate::protection::protect;

/// The answer of the health check. Why something is not usable is for the log: anyone may ask here.
pub fn health(method: &Method, usable: bool) -> Response<Vec<u8>> {
    let (status, body): (_, &str) = match (method, usable) {
        (&Method::GET | &Method::HEAD, true) => (StatusCode::OK, r#"{"status":"ok"}"#),
        (&Method::GET | &Method::HEAD, false) => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"unavailable"}"#),
        _ => (StatusCode::METHOD_NOT_ALLOWED, r#"{"status":"method not allowed"}"#),
    };
    let body = if method == Method::HEAD { "" } else { body };
    let mut response = Response::new(body.as_bytes().to_vec());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    protect(headers);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_told_to_anyone_without_details() {
        for (method, usable, status, body) in [
            (Method::GET, true, 200, r#"{"status":"ok"}"#),
            (Method::HEAD, true, 200, ""),
            (Method::GET, false, 503, r#"{"status":"unavailable"}"#),
            (Method::HEAD, false, 503, ""),
            (Method::POST, true, 405, r#"{"status":"method not allowed"}"#),
        ] {
            let response = health(&method, usable);
            assert_eq!((response.status().as_u16(), response.body().as_slice()), (status, body.as_bytes()), "{method}");
            assert_eq!(response.headers().get(ALLOW).is_some(), status == 405);
            assert_eq!(response.headers().get(RETRY_AFTER).is_some(), status == 503);
        }
    }
}
