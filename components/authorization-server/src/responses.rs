//! Answers that are not pages.

use gatehouse_authorization_server::client::Client;
use gatehouse_authorization_server::return_address::ReturnAddress;
use gatehouse_authorization_server::{ErrorCode, error_description};
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{BoundRedirectUri, OwnPath, WebOrigin};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;

use crate::context::Context;
use crate::cookies;

/// A JSON answer that nobody may keep (RFC 6749, section 5.1).
pub(crate) fn json(status: u16, body: &impl Serialize) -> Response<Vec<u8>> {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            let mut response = Response::new(bytes);
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(_) => status_only(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'static str,
    error_description: &'a str,
}

/// An OAuth error (RFC 6749, section 5.2; RFC 7591, section 3.2.2).
pub(crate) fn error(status: u16, code: ErrorCode, description: &str) -> Response<Vec<u8>> {
    json(status, &ErrorBody { error: code.as_str(), error_description: &error_description(description) })
}

/// There is no endpoint at the path (RFC 9110, section 15.5.5).
pub(crate) fn not_found() -> Response<Vec<u8>> {
    error(404, ErrorCode::InvalidRequest, "there is nothing here")
}

/// A method that the endpoint does not have (RFC 9110, section 15.5.6).
pub(crate) fn method_not_allowed<'a>(allowed: impl Iterator<Item = &'a Method>) -> Response<Vec<u8>> {
    let mut response = error(405, ErrorCode::InvalidRequest, "this endpoint does not have this method");
    let list = allowed.map(Method::as_str).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::from_str(&list) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// Sends the user on to `client` with the parameters of an authorization response. 303 and never 307, which would repeat a
/// form with its contents at the next place (RFC 9700, section 4.12).
pub(crate) fn redirect_to_client(
    context: &Context,
    client: &Client,
    redirect_uri: &BoundRedirectUri,
    parameters: &[(&str, &str)],
) -> Response<Vec<u8>> {
    let mut response = see_other(&redirect_uri.location(parameters));
    cookies::set_departure(&mut response, &client.client_id, context);
    response
}

/// Sends the user to the identity provider, whose address comes from its own metadata.
pub(crate) fn redirect_to_identity_provider(authorization_url: &str) -> Response<Vec<u8>> {
    see_other(authorization_url)
}

/// Sends the user to a page of ours.
pub(crate) fn redirect_to_own_page(public_url: &WebOrigin, path: OwnPath) -> Response<Vec<u8>> {
    see_other(&public_url.join(path.as_str()))
}

/// Sends the browser to where it may be sent.
pub(crate) fn redirect_to(address: &ReturnAddress, configuration: &Configuration) -> Response<Vec<u8>> {
    see_other(&address.location(configuration))
}

fn see_other(location: &str) -> Response<Vec<u8>> {
    let Ok(value) = HeaderValue::from_str(location) else {
        return status_only(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = status_only(StatusCode::SEE_OTHER);
    response.headers_mut().insert(LOCATION, value);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer without a body.
pub(crate) fn status_only(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}
