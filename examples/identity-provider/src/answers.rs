//! Responses, each with the headers that belong to its sort.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

/// The pages' style sheet. It stands in the page, and the policy names its hash: nothing else may style the page.
pub const STYLE: &str = include_str!("../templates/style.css");

/// A page. No script runs on it and no other site can frame it.
pub fn page(status: StatusCode, html: String) -> Response<Vec<u8>> {
    let mut response = with_type(status, "text/html; charset=utf-8", html.into_bytes());
    // Without `form-action`: Chromium applies it to the whole chain of redirects that follows the form, and the chain
    // ends at a client that this provider does not know.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; frame-ancestors 'none'",
        STANDARD.encode(Sha256::digest(STYLE))
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    set(&mut response, X_FRAME_OPTIONS, "DENY");
    set(&mut response, REFERRER_POLICY, "no-referrer");
    uncached(response)
}

/// A JSON document that anyone may read and keep for a while.
pub fn public_json(document: &Value) -> Response<Vec<u8>> {
    let mut response = with_type(StatusCode::OK, "application/json", document.to_string().into_bytes());
    set(&mut response, CACHE_CONTROL, "public, max-age=60");
    response
}

/// A JSON document for one client's eyes (RFC 6749, section 5.1).
pub fn private_json(status: StatusCode, document: &Value) -> Response<Vec<u8>> {
    uncached(with_type(status, "application/json", document.to_string().into_bytes()))
}

/// Sends the browser on. 303, so that it does not send the form along (RFC 9700, section 4.12).
pub fn see_other(location: &Url) -> Response<Vec<u8>> {
    let mut response = with_type(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Vec::new());
    if let Ok(location) = HeaderValue::from_str(location.as_str()) {
        response.headers_mut().insert(LOCATION, location);
    }
    set(&mut response, REFERRER_POLICY, "no-referrer");
    uncached(response)
}

/// A line of text.
pub fn text(status: StatusCode, line: &str) -> Response<Vec<u8>> {
    uncached(with_type(status, "text/plain; charset=utf-8", format!("{line}\n").into_bytes()))
}

/// The path exists, but not with this method.
pub fn wrong_method(allowed: &'static str) -> Response<Vec<u8>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    set(&mut response, ALLOW, allowed);
    response
}

/// The same response with a header more.
pub fn with_header(mut response: Response<Vec<u8>>, name: HeaderName, value: &'static str) -> Response<Vec<u8>> {
    set(&mut response, name, value);
    response
}

fn with_type(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

fn uncached(mut response: Response<Vec<u8>>) -> Response<Vec<u8>> {
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, PRAGMA, "no-cache");
    response
}

fn set(response: &mut Response<Vec<u8>>, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}
