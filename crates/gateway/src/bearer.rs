//! The bearer token of a request (RFC 6750, section 2.1).
//!
//! Only the header counts: a token in the query or in a form is as good as none (MCP, authorization, "access token
//! usage").

use gatehouse_protocol::SecretString;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use thiserror::Error;

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoBearer {
    /// No `Authorization`, or one with another scheme: the client does not know yet what we need (RFC 6750, section
    /// 3.1).
    #[error("no bearer token")]
    Missing,
    /// The same, and an API key is shown, which the route does not take.
    #[error("an API key in place of the bearer token")]
    KeyInstead,
    /// Two `Authorization` fields, or tokens in two headers: another reader might take the other one.
    #[error("more than one Authorization header, or header with a token")]
    Doubled,
    /// Not `Bearer b64token`.
    #[error("a malformed Authorization header, or header with a token")]
    Malformed,
}

/// Takes the token out of the `Authorization` header.
pub(crate) fn token(headers: &HeaderMap) -> Result<SecretString, NoBearer> {
    token_in(headers, AUTHORIZATION.as_str(), "Bearer")
}

/// Takes the token out of the header with this name, where it stands behind this word; alone, where that is empty.
pub(crate) fn token_in(headers: &HeaderMap, name: &str, expected: &str) -> Result<SecretString, NoBearer> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(NoBearer::Missing)?;
    if values.next().is_some() {
        return Err(NoBearer::Doubled);
    }
    let text = value.to_str().map_err(|_| NoBearer::Malformed)?;
    let rest = if expected.is_empty() {
        text
    } else {
        let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
        if scheme.is_empty() {
            return Err(NoBearer::Malformed);
        }
        if !scheme.eq_ignore_ascii_case(expected) {
            return Err(NoBearer::Missing);
        }
        rest
    };
    let token = rest.trim_matches(' ');
    if is_b64token(token) { Ok(SecretString::new(token.to_owned())) } else { Err(NoBearer::Malformed) }
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    fn of(values: &[&str]) -> Result<String, NoBearer> {
        let pairs: Vec<_> = values.iter().map(|value| ("authorization", *value)).collect();
        token(&example::headers(&pairs)).map(|token| token.expose().to_owned())
    }

    #[test]
    fn the_token_of_the_rfc_is_taken_whatever_the_case_of_the_scheme() {
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            assert_eq!(of(&[&format!("{scheme} mF_9.B5f-4.1JqM")]), Ok("mF_9.B5f-4.1JqM".to_owned()));
        }
        assert_eq!(of(&["Bearer   a~+/b=="]), Ok("a~+/b==".to_owned()));
    }

    #[test]
    fn no_header_and_other_schemes_are_a_client_that_does_not_know_yet() {
        for values in
            [&[][..], &["Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"], &["DPoP abc"], &["Bearerabc"], &["BearerX abc"]]
        {
            assert_eq!(of(values), Err(NoBearer::Missing), "{values:?}");
        }
    }

    #[test]
    fn malformed_headers_are_told_from_missing_ones() {
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer  ",
            "Bearer =",
            "Bearer a=b",
            "Bearer a b",
            "Bearer a,b",
            "Bearer a, Bearer b",
            "Bearer \"a\"",
            "Bearer a\tb",
            "Bearer é",
            "Bearer a%20b",
            "Bearer a:b",
            " Bearer a",
        ] {
            assert_eq!(of(&[bad]), Err(NoBearer::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn a_second_authorization_header_is_refused_even_if_it_is_equal() {
        assert_eq!(of(&["Bearer a", "Bearer a"]), Err(NoBearer::Doubled));
        assert_eq!(of(&["Bearer a", "Basic b"]), Err(NoBearer::Doubled));
    }

    proptest! {
        #[test]
        fn any_header_holds_a_token_of_the_rfc_or_none(value in "[ -~]{0,60}") {
            if let Ok(token) = of(&[&value]) {
                prop_assert!(value.ends_with(&token) || value.trim_end().ends_with(&token));
                prop_assert!(is_b64token(&token));
                prop_assert!(of(&[&value, &value]) == Err(NoBearer::Doubled));
            }
        }
    }
}
