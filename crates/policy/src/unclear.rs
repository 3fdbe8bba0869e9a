//! Names that a server might read as others than they are.

use std::borrow::Cow;

use gatehouse_configuration::Policy;
use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::{Action, Target};

/// Bytes. Longer names are not in use, and comparing takes time by the product of the lengths of name and pattern.
const LONGEST: usize = 4096;

/// Why nobody can say which name is meant, so that what the rules say of this one may not be true of what the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unclear {
    /// Longer than any that is in use.
    #[error("its name is longer than {LONGEST} bytes")]
    TooLong,
    /// `Tools/Call` or `tools/call `: a forgiving server would do what nobody asked the rules about.
    #[error("its method is another spelling of a known one")]
    Method,
    /// A file server would take `file:///public/../secret` for `file:///secret`.
    #[error(
        "its URI has a second spelling: `.` or `..`, an escape that is not needed, white space, or a scheme with capitals"
    )]
    Uri,
}

/// Whether it is clear what an action is done to, where the rules ask for it.
pub(crate) fn check(policy: &Policy, action: &Action<'_>) -> Result<(), Unclear> {
    let name = action.target.as_ref().map_or("", Target::name);
    if action.method.len() > LONGEST || name.len() > LONGEST {
        return Err(Unclear::TooLong);
    }
    if is_other_spelling(&action.method) {
        return Err(Unclear::Method);
    }
    let is_resource = matches!(action.target, Some(Target::Resource(_) | Target::ResourceTemplate(_)));
    let rules_tell_apart = policy.rules.iter().any(|rule| !rule.what.resources.is_empty());
    if is_resource && rules_tell_apart && !is_normal(name) {
        return Err(Unclear::Uri);
    }
    Ok(())
}

/// The text behind the escapes, where there are any.
pub(crate) fn decoded(uri: &str) -> Option<Cow<'_, str>> {
    uri.contains('%').then(|| percent_decode_str(uri).decode_utf8_lossy())
}

/// Whether a method is one that is done to something, but not as MCP writes it.
fn is_other_spelling(method: &str) -> bool {
    const TARGETED: [&str; 7] = [
        "tools/call",
        "prompts/get",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "completion/complete",
        "subscriptions/listen",
    ];
    let bare =
        method.trim_matches(|character: char| character.is_whitespace() || character.is_control() || character == '/');
    TARGETED.iter().any(|known| known.eq_ignore_ascii_case(bare) && *known != method)
}

/// Whether a URI is in its normal form (RFC 3986, section 6.2.2), as far as readers make something else of those that are not:
/// no dot segments, also behind escapes; no escape of what needs none; nothing that the readers of browsers drop or replace
/// (WHATWG URL: white space, `\`); the scheme in lower case. Capitals in other places mean themselves.
fn is_normal(uri: &str) -> bool {
    let has_capital_scheme = uri.split_once(':').is_some_and(|(scheme, _)| {
        let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        is_scheme && scheme.bytes().any(|byte| byte.is_ascii_uppercase())
    });
    let is_dropped = |character: char| character.is_control() || character.is_whitespace() || character == '\\';
    !has_capital_scheme && !uri.contains(is_dropped) && !escapes_without_need(uri) && !has_dot_segment(uri)
}

/// Letters, digits and `-._~` mean the same with and without an escape (RFC 3986, section 2.3). `%25`, the escape of the
/// escape, is for servers that decode twice.
fn escapes_without_need(uri: &str) -> bool {
    uri.split('%').skip(1).any(|after| {
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%'))
    })
}

/// With `%2f` and `%5c` for what servers take them for, and without the parameters behind `;` that some drop.
fn has_dot_segment(uri: &str) -> bool {
    let text = decoded(uri).unwrap_or(Cow::Borrowed(uri));
    text.split(['/', '\\', '?', '#']).any(|segment| {
        let name = segment.split(';').next().unwrap_or(segment);
        matches!(name, "." | "..")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_with_a_second_spelling_is_told_from_one_without() {
        for normal in [
            "file:///public/a.txt",
            "file:///public/...",
            "file:///public/a..b/.hidden",
            "note://MyNote/Ä",
            "db://table/a%2Fb%20c%C3%A4",
            "https://user@example.com:8080/a?b=.c#d",
            "urn:isbn:0451450523",
            "files+file:///a",
            "a",
            "",
        ] {
            assert!(is_normal(normal), "{normal}");
        }
        for unclear in [
            "file:///public/../secret",
            "file:///public/..",
            "file:///public/./a",
            "file:///public/..;x/secret",
            "file:///public/..%2fsecret",
            "file:///public/%2e%2e/secret",
            "file:///public/%2E./secret",
            "file:///public/..%5csecret",
            "file:///public\\..\\secret",
            "file:///public/%252e%252e/secret",
            "file:///%73ecret",
            "file:///se\tcret",
            "file:///secret ",
            " file:///secret",
            "file:///secret\n",
            "FILE:///secret",
            "File+x:///secret",
            "https://example.com/a?../b",
            "..",
        ] {
            assert!(!is_normal(unclear), "{unclear}");
        }
    }

    #[test]
    fn another_spelling_of_a_method_is_not_a_method_of_its_own() {
        for other in
            ["Tools/Call", "tools/call ", " tools/call", "tools/call/", "/tools/call", "tools/call\n", "PROMPTS/GET"]
        {
            assert!(is_other_spelling(other), "{other:?}");
        }
        for itself in ["tools/call", "tools/calls", "tools/list", "Tools/List", "tasks/get", "", "/"] {
            assert!(!is_other_spelling(itself), "{itself:?}");
        }
    }
}
