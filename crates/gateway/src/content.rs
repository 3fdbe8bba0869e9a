//! What a posted body may be: JSON in UTF-8, not compressed.
//!
//! Whoever reads the body as something else than the gateway did would do something else than it allowed.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::Refusal;

/// Checks `Content-Type` and `Content-Encoding`.
///
/// # Errors
/// [`Refusal::MediaType`] and [`Refusal::ContentEncoding`].
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let is_json = match (types.next(), types.next()) {
        (Some(value), None) => value.to_str().is_ok_and(is_json),
        _ => false,
    };
    if !is_json {
        return Err(Refusal::MediaType);
    }
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    if codings.any(|value| !value.to_str().is_ok_and(is_identity)) { Err(Refusal::ContentEncoding) } else { Ok(()) }
}

/// `application/json`, with no parameter but `charset=utf-8`: JSON has none (RFC 8259, section 11), and another charset
/// would make other text of the bytes.
pub fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(|part| part.trim_matches([' ', '\t']));
    let is_utf8 = |parameter: &str| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            let unquoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
            name.eq_ignore_ascii_case("charset") && unquoted.eq_ignore_ascii_case("utf-8")
        })
    };
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| parameter.is_empty() || is_utf8(parameter))
}

fn is_identity(codings: &str) -> bool {
    codings
        .split(',')
        .map(|coding| coding.trim_matches([' ', '\t']))
        .all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    #[test]
    fn json_in_utf_8_is_taken() {
        for good in [
            "application/json",
            "Application/JSON",
            " application/json ",
            "application/json;charset=utf-8",
            "application/json; charset=UTF-8",
            "application/json ; Charset=\"utf-8\" ;",
            "application/json;",
        ] {
            assert_eq!(check(&example::headers(&[("content-type", good)])), Ok(()), "{good}");
            for coding in ["identity", "Identity", "", "identity, identity"] {
                let pairs = [("content-type", good), ("content-encoding", coding)];
                assert_eq!(check(&example::headers(&pairs)), Ok(()), "{coding}");
            }
        }
    }

    #[test]
    fn everything_else_is_not() {
        for bad in [
            "",
            "text/plain",
            "text/json",
            "application/json-rpc",
            "application/jsonrequest",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/vnd.api+json",
            "application/json, text/plain",
            "application/json text/plain",
            "application/json;charset=utf-16",
            "application/json;charset=utf-7",
            "application/json;charset=utf-8;charset=utf-16",
            "application/json;charset",
            "application/json;charset=",
            "application/json;charset=\"utf-8",
            "application/json;charset='utf-8'",
            "application/json;charset = utf-8",
            "application/json;boundary=x",
            "application/json;text/plain",
            "application/json\u{e9}",
            "application /json",
        ] {
            assert_eq!(check(&example::headers(&[("content-type", bad)])), Err(Refusal::MediaType), "{bad}");
        }
        assert_eq!(check(&HeaderMap::new()), Err(Refusal::MediaType));
        let twice = [("content-type", "application/json"), ("content-type", "application/json")];
        assert_eq!(check(&example::headers(&twice)), Err(Refusal::MediaType));
        for coding in ["gzip", "deflate", "br", "zstd", "identity, gzip", "gzip, identity", "x", "\u{e9}"] {
            let pairs = [("content-type", "application/json"), ("content-encoding", coding)];
            assert_eq!(check(&example::headers(&pairs)), Err(Refusal::ContentEncoding), "{coding}");
        }
        let split =
            [("content-type", "application/json"), ("content-encoding", "identity"), ("content-encoding", "br")];
        assert_eq!(check(&example::headers(&split)), Err(Refusal::ContentEncoding));
    }

    proptest! {
        #[test]
        fn no_parameter_but_the_charset_passes(parameters in "(;[ -~]{0,16}){0,3}") {
            let passes = is_json(&format!("application/json{parameters}"));
            let plain: String = parameters.to_ascii_lowercase().chars().filter(|c| !" \t;\"".contains(*c)).collect();
            prop_assert!(!passes || plain.replace("charset=utf-8", "").is_empty(), "{}", parameters);
        }
    }
}
