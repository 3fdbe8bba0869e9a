//! Text in headers that repeat what the body says (MCP 2026-07-28, Streamable HTTP, "Value Encoding").

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// Around a value that is in Base64; case-sensitive.
const SENTINEL: (&str, &str) = ("=?base64?", "?=");

/// Reads a value that may be in Base64, once: `=?base64?…?=` always is. `None` for a value that is not ASCII, or whose
/// Base64 is not canonical or not UTF-8.
pub fn decoded(value: &HeaderValue) -> Option<Cow<'_, str>> {
    let text = plain(value)?;
    if !is_sentinel(text) {
        return Some(Cow::Borrowed(text));
    }
    let encoded = text.strip_prefix(SENTINEL.0)?.strip_suffix(SENTINEL.1)?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok().map(Cow::Owned)
}

/// The value for a name: as it is where every reader reads it back, in Base64 otherwise.
pub fn encoded(name: &str) -> HeaderValue {
    let is_plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let is_whole = !name.is_empty() && name.trim() == name;
    let text = if is_plain && is_whole && !is_sentinel(name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("{}{}{}", SENTINEL.0, STANDARD.encode(name), SENTINEL.1))
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Whether a text has the marks of Base64 around it. In `=?base64?=` they share a character: it holds nothing.
fn is_sentinel(text: &str) -> bool {
    text.starts_with(SENTINEL.0) && text.ends_with(SENTINEL.1)
}

/// The value without the space around it (RFC 9110, section 5.5). `None` where it is not ASCII.
pub fn plain(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().map(|text| text.trim_matches([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// MCP 2026-07-28, Streamable HTTP, "Encoding examples".
    #[test]
    fn a_name_that_no_header_can_hold_is_encoded() {
        for (name, value) in [
            ("us-west1", "us-west1"),
            ("a b", "a b"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("=?base64?open", "=?base64?open"),
            ("", "=?base64??="),
            ("a\tb", "=?base64?YQli?="),
            ("\u{7f}", "=?base64?fw==?="),
        ] {
            assert_eq!(encoded(name), value);
        }
    }

    proptest! {
        #[test]
        fn every_name_is_read_back_as_it_was_written(name in "\\PC{0,40}|[ \t=?]{0,3}(=\\?base64\\?)?[ -~]{0,20}(\\?=)?") {
            let value = encoded(&name);
            let read = decoded(&value).map(Cow::into_owned);
            prop_assert_eq!(read, Some(name));
        }

        #[test]
        fn a_value_is_read_as_one_name_or_none(value in "(=\\?base64\\?)?[A-Za-z0-9+/=]{0,12}(\\?=)?|[ -~\t]{0,40}") {
            let value = HeaderValue::from_str(&value).unwrap();
            if let Some(name) = decoded(&value) {
                let again = encoded(&name);
                prop_assert_eq!(decoded(&again), Some(name));
            }
        }

        #[test]
        fn no_two_names_have_one_value(one in "\\PC{0,12}", other in "\\PC{0,12}") {
            prop_assert_eq!(encoded(&one) == encoded(&other), one == other);
        }
    }
}
