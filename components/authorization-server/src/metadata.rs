//! `/.well-known/…`: what the server says of itself.

use gatehouse_authorization_server::metadata::AuthorizationServerMetadata;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Request, Response};

use crate::context::Context;
use crate::responses;

/// The metadata (RFC 8414, section 3.2). It changes with the configuration only, and clients ask often.
pub(crate) fn answer(context: &Context, _request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let mut response = responses::json(200, &AuthorizationServerMetadata::of(&context.configuration));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
