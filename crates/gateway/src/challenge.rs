//! `WWW-Authenticate` (RFC 6750, section 3; RFC 9728, section 5.1).

use gatehouse_protocol::{Scope, Scopes};
use http::{HeaderName, HeaderValue};

use crate::Endpoint;

/// Bytes of `scope`. Clients and proxies read 8 KiB of all headers, and some proxies 4 KiB.
const LONGEST_SCOPE: usize = 2_048;

/// The error code of a challenge (RFC 6750, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
}

impl ErrorCode {
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

/// The challenge for `endpoint`. A request without a token gets none of the error codes.
///
/// `scopes` are all that the next token should have, so that one step of authorization is enough (MCP 2026-07-28,
/// authorization, "Scope Challenge Handling").
pub(crate) fn challenge<'a>(
    endpoint: &Endpoint<'a>,
    error: Option<(ErrorCode, &str)>,
    scopes: &'a Scopes,
) -> HeaderValue {
    let mut parameters = Vec::new();
    if let Some((code, description)) = error {
        parameters.push(("error", code.as_str().to_owned()));
        parameters.push(("error_description", description.to_owned()));
    }
    let asked_for = asked_for(endpoint, scopes.iter()).join(" ");
    // A part of them would send the client for a token that does not do. Without any, it asks for those of the metadata.
    if (1..=LONGEST_SCOPE).contains(&asked_for.len()) {
        parameters.push(("scope", asked_for));
    }
    parameters.push(("resource_metadata", endpoint.metadata_url()));
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    HeaderValue::try_from(format!("Bearer {}", parameters.join(", "))).unwrap_or(HeaderValue::from_static("Bearer"))
}

/// The challenge of a route that takes API keys alone. It leads to no authorization server, which could not help. The scheme
/// is registered nowhere: RFC 9110, section 11.6.1, wants one with every 401.
pub(crate) fn key_challenge(endpoint: &Endpoint<'_>, header: &HeaderName) -> HeaderValue {
    let text = format!("ApiKey realm={}, header={}", quoted(endpoint.path()), quoted(header.as_str()));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("ApiKey"))
}

/// How a client asks for these scopes: by their own names, or as the operator has published them of another issuer.
pub(crate) fn asked_for<'a>(endpoint: &Endpoint<'a>, scopes: impl Iterator<Item = &'a Scope>) -> Vec<&'a str> {
    match &endpoint.route.accepted_tokens {
        Some(accepted) if !endpoint.route.own_tokens => scopes.filter_map(|scope| accepted.asked_for(scope)).collect(),
        _ => scopes.map(Scope::as_str).collect(),
    }
}

/// A quoted-string (RFC 9110, section 5.6.4). A character that cannot stand in one becomes a space: nothing ends the
/// string, the header or the message early.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push(' '),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    fn scopes() -> Scopes {
        Scopes::parse("mcp files:read").unwrap()
    }

    #[test]
    fn the_challenge_of_the_older_transport_leads_to_the_metadata_of_its_event_stream() {
        let configuration = example::configuration();
        for path in ["/mcp/sse", "/mcp/message"] {
            let challenge = challenge(&Endpoint::at(&configuration, path).unwrap(), None, &Scopes::default());
            let metadata =
                r#"Bearer resource_metadata="https://gateway.example/.well-known/oauth-protected-resource/mcp/sse""#;
            assert_eq!(challenge, metadata);
        }
    }

    #[test]
    fn the_challenge_says_where_the_metadata_is_and_which_scopes_are_needed() {
        let configuration = example::configuration();
        let challenge = challenge(&example::endpoint(&configuration), None, &scopes());
        assert_eq!(
            challenge,
            r#"Bearer scope="mcp files:read", resource_metadata="https://gateway.example/.well-known/oauth-protected-resource/mcp""#
        );
    }

    #[test]
    fn the_challenge_with_an_error_has_the_code_of_the_rfc_first() {
        let configuration = example::configuration();
        for (code, name) in [
            (ErrorCode::InvalidRequest, "invalid_request"),
            (ErrorCode::InvalidToken, "invalid_token"),
            (ErrorCode::InsufficientScope, "insufficient_scope"),
        ] {
            let challenge = challenge(&example::endpoint(&configuration), Some((code, "Why")), &scopes());
            let start = format!(
                r#"Bearer error="{name}", error_description="Why", scope="mcp files:read", resource_metadata=""#
            );
            assert!(challenge.to_str().unwrap().starts_with(&start), "{challenge:?}");
        }
    }

    #[test]
    fn a_challenge_has_all_scopes_or_none_and_is_short_whatever_is_configured() {
        let configuration = example::configuration();
        let endpoint = example::endpoint(&configuration);
        let of = |length: usize| {
            let scopes: Vec<_> = (0..length / 8).map(|number| format!("s{number:06}")).collect();
            let scopes = Scopes::parse(&format!("{} x", scopes.join(" "))).unwrap();
            let text = challenge(&endpoint, Some((ErrorCode::InsufficientScope, "Why")), &scopes);
            (scopes, text.to_str().unwrap().to_owned())
        };
        let (scopes, within) = of(2_040);
        assert!(within.contains(&format!("scope=\"{scopes}\"")), "{within}");
        for length in [2_056, 100_000] {
            let (_, beyond) = of(length);
            assert!(!beyond.contains("scope=") && beyond.contains("resource_metadata=\"https"), "{beyond}");
            assert!(beyond.len() < 1_024, "{}", beyond.len());
        }
    }

    proptest! {
        #[test]
        fn no_text_gets_out_of_its_quotes(text in "\\PC*|[\\x00-\\x7f]*") {
            let quoted = quoted(&text);
            prop_assert!(HeaderValue::from_str(&quoted).is_ok());
            let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
            let mut characters = inner.chars();
            while let Some(character) = characters.next() {
                prop_assert!(character != '"');
                if character == '\\' {
                    prop_assert!(matches!(characters.next(), Some('"' | '\\')));
                }
            }
        }
    }
}
