//! The answers to probes: `/healthz`, `/readyz`, and `/readyz` with a route's path behind it.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};

use crate::before_routing::RETRY_AFTER_SECONDS;
use crate::protection::protect;
use crate::readiness::Readiness;

/// The answer to a probe from where none may be asked.
pub fn not_from_here(method: &Method) -> Response<Vec<u8>> {
    let mut response = health(method, None);
    *response.status_mut() = StatusCode::FORBIDDEN;
    if !response.body().is_empty() {
        *response.body_mut() = br#"{"status":"forbidden"}"#.to_vec();
    }
    response
}

/// The answer to a probe; `None` where there is no such route. What is not usable, and why, is for the log: anyone may ask here.
pub fn health(method: &Method, readiness: Option<Readiness>) -> Response<Vec<u8>> {
    let (status, body): (_, &str) = match (method, readiness) {
        (&Method::GET | &Method::HEAD, Some(Readiness::Ready)) => (StatusCode::OK, r#"{"status":"ok"}"#),
        (&Method::GET | &Method::HEAD, Some(Readiness::Partly)) => (StatusCode::OK, r#"{"status":"degraded"}"#),
        (&Method::GET | &Method::HEAD, Some(Readiness::NotReady)) => {
            (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"unavailable"}"#)
        }
        (&Method::GET | &Method::HEAD, None) => (StatusCode::NOT_FOUND, r#"{"status":"not found"}"#),
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
        let (ready, not_ready) = (Some(Readiness::Ready), Some(Readiness::NotReady));
        for (method, readiness, status, body) in [
            (Method::GET, ready, 200, r#"{"status":"ok"}"#),
            (Method::HEAD, ready, 200, ""),
            (Method::GET, Some(Readiness::Partly), 200, r#"{"status":"degraded"}"#),
            (Method::GET, not_ready, 503, r#"{"status":"unavailable"}"#),
            (Method::HEAD, not_ready, 503, ""),
            (Method::GET, None, 404, r#"{"status":"not found"}"#),
            (Method::POST, ready, 405, r#"{"status":"method not allowed"}"#),
            (Method::POST, None, 405, r#"{"status":"method not allowed"}"#),
        ] {
            let response = health(&method, readiness);
            assert_eq!((response.status().as_u16(), response.body().as_slice()), (status, body.as_bytes()), "{method}");
            assert_eq!(response.headers().get(ALLOW).is_some(), status == 405);
            assert_eq!(response.headers().get(RETRY_AFTER).is_some(), status == 503);
        }
    }
}
