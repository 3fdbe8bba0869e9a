//! The userinfo endpoint (OpenID Connect Core, section 5.3).

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Store, StoreUnavailable};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use crate::answers;
use crate::grants::{ACCESS_TOKEN, Grant};

/// Answers with the claims that the access token's scope allows.
///
/// # Errors
/// Where the store fails.
pub fn answer(headers: &HeaderMap, now: UnixTime, store: &impl Store) -> Result<Response<Vec<u8>>, StoreUnavailable> {
    let Some(token) = bearer_token(headers) else {
        // Without an error code: nothing was presented (RFC 6750, section 3.1).
        return Ok(answers::with_header(
            answers::text(StatusCode::UNAUTHORIZED, "an access token is required"),
            WWW_AUTHENTICATE,
            "Bearer",
        ));
    };
    let Some(presented) = ACCESS_TOKEN.present::<Grant>(token, now, store)? else {
        return Ok(answers::with_header(
            answers::private_json(StatusCode::UNAUTHORIZED, &json!({ "error": "invalid_token" })),
            WWW_AUTHENTICATE,
            "Bearer error=\"invalid_token\"",
        ));
    };
    let Grant { person, scope, .. } = presented.stands_for;
    Ok(answers::private_json(StatusCode::OK, &Value::Object(person.claims(&scope))))
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
