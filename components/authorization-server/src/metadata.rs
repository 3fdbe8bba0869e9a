//! `/.well-known/…`: what the server says of itself.

use gatehouse_authorization_server::ErrorCode;
use gatehouse_authorization_server::metadata::AuthorizationServerMetadata;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Request, Response};

use crate::context::Context;
use crate::responses;

const NOT_A_PROVIDER: &str =
    "this is no OpenID provider; its metadata is at /.well-known/oauth-authorization-server (RFC 8414)";

/// The metadata (RFC 8414, section 3.2). It changes with the configuration only, and clients ask often.
pub(crate) fn answer(context: &Context, _request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let mut response = responses::json(200, &AuthorizationServerMetadata::of(&context.configuration));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// That there is nothing of OpenID Connect Discovery here. Clients that look there first then look on; an incomplete document
/// would stop them.
pub(crate) fn not_a_provider(_context: &Context, _request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    responses::error(404, ErrorCode::InvalidRequest, NOT_A_PROVIDER)
}
