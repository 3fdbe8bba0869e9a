//! What an OAuth server gives for a code or a refresh token (RFC 6749, section 5).

use core::fmt;

use gatehouse_openid::LogText;
use gatehouse_protocol::SecretString;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// The tokens of a link. None of them ever reaches a client, a page, the log or an error.
#[derive(Clone)]
pub struct LinkedTokens {
    /// For the API.
    pub access_token: SecretString,
    /// For new tokens, where the server gives one.
    pub refresh_token: Option<SecretString>,
    /// How long the access token works, in seconds from the answer, where the server says.
    pub expires_in: Option<u64>,
}

/// There are no tokens. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotLinked {
    /// The code or the refresh token is worth nothing, or no longer: the user has to allow the link again.
    #[error("the server takes the grant no longer ({0})")]
    Over(LogText),
    /// The server is overloaded or broken; the same may work later.
    #[error("the server does not answer for now (status {0})")]
    Temporary(StatusCode),
    /// The server refuses us, and not the user; an operator has to do something.
    #[error("the server refuses our request ({error}, status {status}); check client_id, credentials and scopes there")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The error code.
        error: LogText,
    },
    /// Not an answer of a token endpoint.
    #[error("the server did not answer with the JSON of the protocol (status {0})")]
    Unreadable(StatusCode),
    /// Tokens that can be used in another way than a bearer's alone.
    #[error("the server gave tokens of the type {0}")]
    TokenType(LogText),
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<Value>,
}

/// Only for its `error`: every other member may have any type.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

/// What says that a grant is over: RFC 6749, OpenID Connect Core 1.0, section 3.1.2.6 (Entra), GitHub, and Slack.
const OVER: [&str; 12] = [
    "invalid_grant",
    "interaction_required",
    "login_required",
    "consent_required",
    "account_selection_required",
    "bad_refresh_token",
    "bad_verification_code",
    "invalid_code",
    "code_already_used",
    "invalid_refresh_token",
    "token_revoked",
    "token_expired",
];

impl LinkedTokens {
    /// Reads the answer.
    ///
    /// # Errors
    /// See [`NotLinked`].
    pub fn parse(response: &Response<Vec<u8>>) -> Result<Self, NotLinked> {
        let status = response.status();
        // First, and whatever the status: GitHub and Slack answer errors with 200.
        if let Ok(ErrorAnswer { error }) = serde_json::from_slice(response.body()) {
            return Err(match error.as_str() {
                over if OVER.contains(&over) => NotLinked::Over(LogText::new(over)),
                "temporarily_unavailable" | "server_error" | "slow_down" | "ratelimited" => {
                    NotLinked::Temporary(status)
                }
                _ if may_pass(status) => NotLinked::Temporary(status),
                other => NotLinked::Refused { status, error: LogText::new(other) },
            });
        }
        if may_pass(status) {
            return Err(NotLinked::Temporary(status));
        }
        let answer = serde_json::from_slice::<Answer>(response.body()).ok().filter(|_| status.is_success());
        let answer = answer.ok_or(NotLinked::Unreadable(status))?;
        // GitHub says `bearer`, and Slack whose token it is; some say nothing. What binds tokens to a key has another name.
        let token_type = answer.token_type.as_deref().unwrap_or("Bearer");
        if !["bearer", "user", "bot"].iter().any(|known| token_type.eq_ignore_ascii_case(known)) {
            return Err(NotLinked::TokenType(LogText::new(token_type)));
        }
        let secret = |text: Option<String>| text.filter(|text| !text.is_empty()).map(SecretString::new);
        Ok(Self {
            access_token: secret(answer.access_token).ok_or(NotLinked::Unreadable(status))?,
            refresh_token: secret(answer.refresh_token),
            expires_in: answer.expires_in.as_ref().and_then(seconds),
        })
    }
}

impl fmt::Debug for LinkedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkedTokens([redacted])")
    }
}

/// RFC 6749 makes it a number; others send a text or a fraction, of which the whole seconds count. It is a hint, and optional.
fn seconds(expires_in: &Value) -> Option<u64> {
    let text = match expires_in {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    text.split('.').next()?.parse().ok()
}

/// Whether the same request may succeed later.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(status: u16, body: &str) -> Result<LinkedTokens, NotLinked> {
        LinkedTokens::parse(&Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn the_answers_of_known_servers_are_read() {
        for (body, refresh, expires) in [
            (r#"{"access_token":"a","token_type":"bearer","scope":"repo,gist"}"#, None, None),
            (
                r#"{"access_token":"a","expires_in":28800,"refresh_token":"r","refresh_token_expires_in":1,"token_type":"bearer","scope":""}"#,
                Some("r"),
                Some(28_800),
            ),
            (
                r#"{"ok":true,"access_token":"a","token_type":"user","expires_in":"43200","refresh_token":"r"}"#,
                Some("r"),
                Some(43_200),
            ),
            (r#"{"access_token":"a","expires_in":3599.7,"refresh_token":"","id_token":"x"}"#, None, Some(3599)),
        ] {
            let tokens = parse(200, body).unwrap();
            assert_eq!(tokens.access_token.expose(), "a");
            assert_eq!(tokens.refresh_token.as_ref().map(SecretString::expose), refresh, "{body}");
            assert_eq!(tokens.expires_in, expires, "{body}");
            assert_eq!(format!("{tokens:?}"), "LinkedTokens([redacted])");
        }
    }

    #[test]
    fn what_is_over_is_told_from_what_is_wrong_and_from_what_may_pass() {
        let over = |text: &str| Err(NotLinked::Over(LogText::new(text)));
        let same = |one: Result<LinkedTokens, NotLinked>, other: Result<(), NotLinked>| {
            assert_eq!(one.map(|_| ()), other);
        };
        same(parse(400, r#"{"error":"invalid_grant"}"#), over("invalid_grant"));
        same(
            parse(200, r#"{"error":"bad_refresh_token","error_description":"secret text"}"#),
            over("bad_refresh_token"),
        );
        same(parse(200, r#"{"ok":false,"error":"invalid_refresh_token"}"#), over("invalid_refresh_token"));
        let refused = NotLinked::Refused { status: StatusCode::UNAUTHORIZED, error: LogText::new("invalid_client") };
        same(parse(401, r#"{"error":"invalid_client"}"#), Err(refused));
        same(parse(503, "<html>"), Err(NotLinked::Temporary(StatusCode::SERVICE_UNAVAILABLE)));
        same(parse(429, r#"{"error":"whatever"}"#), Err(NotLinked::Temporary(StatusCode::TOO_MANY_REQUESTS)));
        same(parse(200, "access_token=a&token_type=bearer"), Err(NotLinked::Unreadable(StatusCode::OK)));
        same(parse(302, r#"{"access_token":"a"}"#), Err(NotLinked::Unreadable(StatusCode::FOUND)));
        same(
            parse(200, r#"{"access_token":"a","token_type":"DPoP"}"#),
            Err(NotLinked::TokenType(LogText::new("DPoP"))),
        );
        same(parse(200, r#"{"access_token":""}"#), Err(NotLinked::Unreadable(StatusCode::OK)));
    }

    proptest! {
        #[test]
        fn no_answer_breaks_the_reader_or_shows_in_the_log(status in 200_u16..600, body in ".{0,200}") {
            if let Err(rejection) = parse(status, &format!("{{\"access_token\":\"very-secret\",\"x\":\"{body}")) {
                prop_assert!(!rejection.to_string().contains("very-secret"));
            }
        }
    }
}
