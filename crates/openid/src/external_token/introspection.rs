//! Tokens that their issuer is asked about (RFC 7662).

use gatehouse_configuration::{Introspection, RouteTokens, TokenIssuer, TokenVerification};
use gatehouse_protocol::{LogText, SecretString, UnixTime};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use url::form_urlencoded;

use super::claims::AccessClaims;
use super::kind::ExternalTokenKind;
use super::principal::ExternalPrincipal;
use super::rejection::ExternalTokenRejection;
use super::without_groups::SignedPrincipal;
use crate::answer::{json, successful};
use crate::client_authentication::basic;
use crate::{Endpoint, InvalidEndpoint, IssuerRejection};

/// The largest answer worth reading, in bytes.
pub const INTROSPECTION_BYTES: usize = 64 * 1024;
/// Seconds for which a token counts whose end the issuer does not say; it is asked again after that.
const WITHOUT_END: u64 = 60;

/// The request about `token`. Its body holds the token, and our secret is in it or in its header.
///
/// # Errors
/// Where the endpoint cannot be one.
pub fn introspection_request(
    introspection: &Introspection,
    secret: &SecretString,
    token: &str,
) -> Result<Request<Vec<u8>>, InvalidEndpoint> {
    let endpoint = Endpoint::parse(&introspection.url)?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token).append_pair("token_type_hint", "access_token");
    let mut request = Request::new(Vec::new());
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    if introspection.secret_in_form {
        form.append_pair("client_id", &introspection.client_id).append_pair("client_secret", secret.expose());
    } else {
        headers.insert(AUTHORIZATION, basic(&introspection.client_id, secret));
    }
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.uri().clone();
    *request.body_mut() = form.finish().into_bytes();
    Ok(request)
}

/// What the issuer says of a token.
#[derive(Debug)]
pub struct Introspected {
    /// Who bears it.
    pub principal: ExternalPrincipal,
}

#[derive(Deserialize)]
struct Answer {
    active: Option<bool>,
    token_type: Option<String>,
    exp: Option<u64>,
    nbf: Option<u64>,
}

/// Reads the answer to [`introspection_request`].
///
/// # Errors
/// See [`ExternalTokenRejection`]; [`ExternalTokenRejection::Answer`] where it is no answer about the token.
pub fn introspected(
    response: &Response<Vec<u8>>,
    issuer: &TokenIssuer,
    accepted: &RouteTokens,
    now: UnixTime,
) -> Result<Introspected, ExternalTokenRejection> {
    if is_of_no_kind_there(response) {
        return Err(ExternalTokenRejection::Inactive);
    }
    let body = successful(response)?;
    let answer: Answer = json(body)?;
    match answer.active {
        Some(true) => {}
        Some(false) => return Err(ExternalTokenRejection::Inactive),
        None => return Err(ExternalTokenRejection::Missing("active")),
    }
    // Some issuers tell of every token that they have made.
    if answer
        .token_type
        .is_some_and(|typ| !typ.eq_ignore_ascii_case("bearer") && !typ.eq_ignore_ascii_case("access_token"))
    {
        return Err(ExternalTokenRejection::NotForAccess("token_type"));
    }
    let skew = issuer.clock_skew;
    if answer.nbf.is_some_and(|from| UnixTime::from_seconds(from) > now.plus(skew)) {
        return Err(ExternalTokenRejection::Inactive);
    }
    let ends_at = answer.exp.map_or(now.plus(WITHOUT_END), |exp| UnixTime::from_seconds(exp).plus(skew));
    if ends_at <= now {
        return Err(ExternalTokenRejection::Inactive);
    }
    let claims: AccessClaims = json(body)?;
    claims.check_for_access()?;
    if let TokenVerification::Introspected { issuer: Some(issuer), .. } = &issuer.verification
        && !claims.is_of(issuer)
    {
        return Err(IssuerRejection::Differs(LogText::new("another one (iss)")).into());
    }
    match claims.principal(ExternalTokenKind::Access, issuer, accepted, None, ends_at)? {
        SignedPrincipal::Whole(principal) => Ok(Introspected { principal }),
        SignedPrincipal::WithoutGroups(_) => Err(ExternalTokenRejection::Elsewhere("groups")),
    }
}

/// Whether the issuer says that it tells nothing of such tokens, as `oidc-provider` does of JWTs: the error of RFC 7009, section 2.2.1, in
/// place of `{"active": false}` (RFC 7662, section 2.2).
fn is_of_no_kind_there(response: &Response<Vec<u8>>) -> bool {
    #[derive(Deserialize)]
    struct ErrorAnswer {
        error: String,
    }
    response.status() == StatusCode::BAD_REQUEST
        && serde_json::from_slice::<ErrorAnswer>(response.body())
            .is_ok_and(|answer| answer.error == "unsupported_token_type")
}
