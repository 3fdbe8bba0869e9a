//! `/.well-known/…`: what the server says of itself.

use gatehouse_authorization_server::ErrorCode;
use gatehouse_authorization_server::caller_assertion::key_set;
use gatehouse_authorization_server::metadata::AuthorizationServerMetadata;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Request, Response};

use crate::context::Context;
use crate::responses;

/// What the log calls them.
const CALLER_KEYS: &str = "caller-assertion-keys";
const NOT_A_PROVIDER: &str =
    "this is no OpenID provider; its metadata is at /.well-known/oauth-authorization-server (RFC 8414)";

/// The metadata (RFC 8414, section 3.2). It changes with the configuration only, and clients ask often.
pub(crate) fn answer(context: &Context, _request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let mut response = responses::json(200, &AuthorizationServerMetadata::of(&context.configuration));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// The public keys of the assertions that MCP servers get. No metadata leads here: no client verifies anything with them, and our tokens
/// are no JWTs.
pub(crate) fn caller_keys(context: &Context, _request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let Some(setting) = &context.configuration.caller_assertion_keys else { return responses::not_found() };
    let keys = shell_configuration::secret(setting).map_err(|error| error.to_string());
    match keys.and_then(|keys| key_set(&keys).map_err(|rejection| rejection.to_string())) {
        Ok(keys) => {
            let mut response = responses::json(200, &keys);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
            response
        }
        Err(reason) => {
            context.log.failed(CALLER_KEYS, None, reason);
            responses::error(503, ErrorCode::ServerError, "the keys are not available")
        }
    }
}

/// That there is nothing of OpenID Connect Discovery here. Clients that look there first then look on; an incomplete document
/// would stop them.
pub(crate) fn not_a_provider(_context: &Context, _request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    responses::error(404, ErrorCode::InvalidRequest, NOT_A_PROVIDER)
}
