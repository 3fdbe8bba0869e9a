//! Every way in which the gateway itself says no: one text for the client, one for the log.

use std::borrow::Cow;

use http::header::{ALLOW, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::admission::METHODS;
use crate::challenge::{ErrorCode, challenge};
use crate::json_rpc::{self, INTERNAL_ERROR, INVALID_REQUEST, SERVER_ERROR, SESSION_NOT_FOUND};
use crate::{Endpoint, NoBearer};

/// Why the gateway answers in place of the upstream. The texts in the variants are for the log, never for the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A web page that may not call us: 403.
    Origin,
    /// A method that no MCP transport has: 405.
    Method,
    /// No usable bearer token: 401 without an error code, or 400 `invalid_request`.
    NoBearer(NoBearer),
    /// The token was not accepted: 401 `invalid_token`, the same for every reason.
    InvalidToken(&'static str),
    /// The token lacks a scope: 403 `insufficient_scope`.
    InsufficientScope,
    /// A header that must be single is not: 400.
    DoubledHeader(HeaderName),
    /// A session id that does not open for this user: 404, after which clients start a new session.
    UnknownSession,
    /// The body is larger than the endpoint takes: 413.
    BodyTooLarge,
    /// The body broke off: 400.
    BodyBroken,
    /// Sessions, handles or a secret are not available: 503. Never 401, which would cost the client its tokens.
    Unavailable(String),
    /// The upstream cannot be reached: 502.
    UpstreamUnreachable(String),
    /// The upstream's answer cannot be passed on: 502.
    UpstreamMalformed(&'static str),
    /// The upstream did not answer in time: 504.
    UpstreamTimedOut,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Origin | Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoBearer(NoBearer::Missing) | Self::InvalidToken(_) => StatusCode::UNAUTHORIZED,
            Self::NoBearer(NoBearer::Doubled | NoBearer::Malformed) | Self::DoubledHeader(_) | Self::BodyBroken => {
                StatusCode::BAD_REQUEST
            }
            Self::UnknownSession => StatusCode::NOT_FOUND,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamUnreachable(_) | Self::UpstreamMalformed(_) => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The reason in words, for the log.
    pub fn reason(&self) -> Cow<'_, str> {
        match self {
            Self::Origin => "the Origin is not allowed; see allowed_origins".into(),
            Self::Method => "the method is not one of MCP".into(),
            Self::NoBearer(reason) => reason.to_string().into(),
            Self::InvalidToken(reason) => format!("the token is {reason}").into(),
            Self::InsufficientScope => "the token lacks a scope".into(),
            Self::DoubledHeader(name) => format!("{name} is given more than once").into(),
            Self::UnknownSession => "the Mcp-Session-Id was not given to this user here".into(),
            Self::BodyTooLarge => "the body is larger than request_bytes".into(),
            Self::BodyBroken => "the body broke off".into(),
            Self::Unavailable(reason) | Self::UpstreamUnreachable(reason) => reason.as_str().into(),
            Self::UpstreamMalformed(reason) => format!("the upstream's answer cannot be passed on: {reason}").into(),
            Self::UpstreamTimedOut => "the upstream did not answer in time".into(),
        }
    }

    /// The answer for the client of `endpoint`. It still needs [`crate::allow_cross_origin`].
    pub fn response(&self, endpoint: &Endpoint<'_>) -> Response<Vec<u8>> {
        let mut response = json_rpc::error(self.status(), self.code(), &self.message(endpoint));
        let headers = response.headers_mut();
        match self {
            Self::Method => {
                headers.insert(ALLOW, HeaderValue::from_static(METHODS));
            }
            Self::NoBearer(NoBearer::Missing) => {
                headers.insert(WWW_AUTHENTICATE, challenge(endpoint, None));
            }
            _ => {
                if let Some(code) = self.challenge_code() {
                    headers.insert(WWW_AUTHENTICATE, challenge(endpoint, Some((code, &self.message(endpoint)))));
                }
            }
        }
        response
    }

    fn challenge_code(&self) -> Option<ErrorCode> {
        match self {
            Self::NoBearer(_) => Some(ErrorCode::InvalidRequest),
            Self::InvalidToken(_) => Some(ErrorCode::InvalidToken),
            Self::InsufficientScope => Some(ErrorCode::InsufficientScope),
            _ => None,
        }
    }

    fn code(&self) -> i32 {
        match self {
            Self::NoBearer(NoBearer::Doubled | NoBearer::Malformed) | Self::DoubledHeader(_) | Self::BodyBroken => {
                INVALID_REQUEST
            }
            Self::UnknownSession => SESSION_NOT_FOUND,
            Self::Unavailable(_)
            | Self::UpstreamUnreachable(_)
            | Self::UpstreamMalformed(_)
            | Self::UpstreamTimedOut => INTERNAL_ERROR,
            Self::Origin
            | Self::Method
            | Self::NoBearer(NoBearer::Missing)
            | Self::InvalidToken(_)
            | Self::InsufficientScope
            | Self::BodyTooLarge => SERVER_ERROR,
        }
    }

    fn message(&self, endpoint: &Endpoint<'_>) -> Cow<'static, str> {
        let path = endpoint.path();
        match self {
            Self::Origin => "This Origin is not allowed".into(),
            Self::Method => "Method not allowed".into(),
            Self::NoBearer(NoBearer::Missing) => "Authorization is required".into(),
            Self::NoBearer(NoBearer::Doubled) => "Only one Authorization header is allowed".into(),
            Self::NoBearer(NoBearer::Malformed) => "The Authorization header is malformed".into(),
            Self::InvalidToken(_) => "The access token is invalid or has expired".into(),
            Self::InsufficientScope => "The access token lacks a scope that is needed here".into(),
            Self::DoubledHeader(name) => format!("Only one {name} header is allowed").into(),
            Self::UnknownSession => "Session not found".into(),
            Self::BodyTooLarge => format!(
                "The request is larger than the {} bytes allowed at {path}",
                endpoint.route.limits.request_bytes
            )
            .into(),
            Self::BodyBroken => "The request is incomplete".into(),
            Self::Unavailable(_) => "The gateway cannot answer at the moment".into(),
            Self::UpstreamUnreachable(_) => format!("The MCP server at {path} cannot be reached").into(),
            Self::UpstreamMalformed(_) => {
                format!("The MCP server at {path} gave an answer that cannot be passed on").into()
            }
            Self::UpstreamTimedOut => format!("The MCP server at {path} did not answer in time").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::example;

    const SECRET: &str = "connection to 10.0.0.7:8080 refused";

    fn all() -> [(Refusal, u16, i64, Option<&'static str>); 15] {
        [
            (Refusal::Origin, 403, -32000, None),
            (Refusal::Method, 405, -32000, None),
            (Refusal::NoBearer(NoBearer::Missing), 401, -32000, Some("Bearer scope=")),
            (Refusal::NoBearer(NoBearer::Doubled), 400, -32600, Some("Bearer error=\"invalid_request\"")),
            (Refusal::NoBearer(NoBearer::Malformed), 400, -32600, Some("Bearer error=\"invalid_request\"")),
            (Refusal::InvalidToken("expired"), 401, -32000, Some("Bearer error=\"invalid_token\"")),
            (Refusal::InsufficientScope, 403, -32000, Some("Bearer error=\"insufficient_scope\"")),
            (Refusal::DoubledHeader(HeaderName::from_static("mcp-session-id")), 400, -32600, None),
            (Refusal::UnknownSession, 404, -32001, None),
            (Refusal::BodyTooLarge, 413, -32000, None),
            (Refusal::BodyBroken, 400, -32600, None),
            (Refusal::Unavailable(SECRET.to_owned()), 503, -32603, None),
            (Refusal::UpstreamUnreachable(SECRET.to_owned()), 502, -32603, None),
            (Refusal::UpstreamMalformed("it is odd"), 502, -32603, None),
            (Refusal::UpstreamTimedOut, 504, -32603, None),
        ]
    }

    #[test]
    fn every_refusal_has_its_status_its_json_rpc_code_and_its_challenge() {
        let configuration = example::configuration();
        for (refusal, status, code, start) in all() {
            let response = refusal.response(&example::endpoint(&configuration));
            assert_eq!(response.status(), status, "{refusal:?}");
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(body["error"]["code"], code, "{refusal:?}");
            assert_eq!(body["id"], Value::Null);
            let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap());
            assert_eq!(challenge.is_some(), start.is_some(), "{refusal:?}");
            if let (Some(challenge), Some(start)) = (challenge, start) {
                assert!(challenge.starts_with(start), "{challenge}");
                assert!(challenge.contains(r#"scope="mcp files:read""#));
                assert!(challenge.ends_with(
                    r#"resource_metadata="https://gateway.example/.well-known/oauth-protected-resource/mcp""#
                ));
            }
            assert!(!refusal.reason().is_empty());
        }
    }

    #[test]
    fn the_wire_names_the_route_and_never_the_address_nor_the_operators_text() {
        let configuration = example::configuration();
        for (refusal, ..) in all() {
            let response = refusal.response(&example::endpoint(&configuration));
            let text = format!("{:?} {}", response.headers(), String::from_utf8_lossy(response.body()));
            assert!(!text.contains("10.0.0.7") && !text.contains("refused") && !text.contains("expired;"), "{text}");
            let upstream = matches!(response.status().as_u16(), 502 | 504);
            assert!(!upstream || text.contains("/mcp "), "{text}");
        }
    }

    #[test]
    fn all_reasons_for_a_token_not_to_be_accepted_look_the_same() {
        let configuration = example::configuration();
        let wire = |reason| {
            let response = Refusal::InvalidToken(reason).response(&example::endpoint(&configuration));
            (response.status(), response.headers().clone(), response.into_body())
        };
        assert_eq!(wire("expired"), wire("not one of ours"));
    }

    #[test]
    fn a_method_that_is_not_allowed_is_told_those_that_are() {
        let configuration = example::configuration();
        let response = Refusal::Method.response(&example::endpoint(&configuration));
        assert_eq!(response.headers()[ALLOW], "GET, POST, DELETE, OPTIONS");
    }
}
