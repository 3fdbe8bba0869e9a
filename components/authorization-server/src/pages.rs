//! What a person sees.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_configuration::Configuration;
use gatehouse_oauth::authorization::{AuthorizationRequest, upstream_of};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::responses;

const STYLE: &str = include_str!("../templates/style.css");

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    style: &'static str,
    client_name: &'a str,
    is_configured: bool,
    redirect_host: String,
    is_loopback: bool,
    server_name: &'a str,
    resource: &'a str,
    scopes: Vec<&'a str>,
    identity_provider: &'a str,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    style: &'static str,
    title: &'a str,
    text: &'a str,
}

/// Asks the user.
pub(crate) fn consent(
    configuration: &Configuration,
    request: &AuthorizationRequest,
    ticket: &str,
) -> Response<Vec<u8>> {
    let Some(upstream) = upstream_of(configuration, &request.resource) else {
        return out_of_order();
    };
    let redirect_uri = request.redirect_uri.redirect_uri();
    let page = ConsentPage {
        style: STYLE,
        client_name: request.client.client_name.as_str(),
        is_configured: request.client.is_configured,
        redirect_host: redirect_uri.host_and_port(),
        is_loopback: redirect_uri.is_loopback(),
        server_name: &upstream.name,
        resource: request.resource.as_str(),
        scopes: request.scopes.iter().map(|scope| upstream.describe(scope)).collect(),
        identity_provider: &configuration.identity_providers[0].display_name,
        ticket,
    };
    html(200, &page)
}

/// Tells the user what went wrong, and what to do.
pub(crate) fn error(status: u16, title: &str, text: &str) -> Response<Vec<u8>> {
    html(status, &ErrorPage { style: STYLE, title, text })
}

/// Something of ours does not work; which thing is in the log.
pub(crate) fn out_of_order() -> Response<Vec<u8>> {
    error(
        503,
        "Signing in does not work at the moment",
        "Try again in a few minutes. If it stays like this, tell the people who run this server.",
    )
}

fn html(status: u16, page: &impl Template) -> Response<Vec<u8>> {
    let Ok(text) = page.render() else {
        return responses::status_only(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = Response::new(text.into_bytes());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // `same-origin` and not `no-referrer`, under which browsers send `Origin: null` with our own form.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy()) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Nothing runs, nothing loads, nobody frames. There is no `form-action`: Chromium applies it to every redirect after
/// the form, and the chain ends at the client's own redirect URI, anywhere. What it would protect against is markup
/// that somebody injects; the templates escape.
fn content_security_policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; frame-ancestors 'none'")
}
