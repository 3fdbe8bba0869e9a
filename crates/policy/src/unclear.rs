//! Names that a server might read as others than they are.

use std::borrow::Cow;

use gatehouse_configuration::{Effect, ListKind, Policy};
use gatehouse_mcp_wire::json_rpc::is_misspelt_request;
use icu_normalizer::ComposingNormalizerBorrowed;
use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::{Action, Target};

/// Bytes. Longer names are not in use, and comparing takes time by the product of the lengths of name and pattern.
const LONGEST: usize = 4096;
/// Characters of a tool's name (MCP 2025-11-25 and later, tools, "Tool Names"), and of a federation's prefix before it.
const LONGEST_TOOL: usize = 128 + 33;

/// Why nobody can say which name is meant, so that what the rules say of this one may not be true of what the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unclear {
    /// Longer than any that is in use.
    #[error("its name is longer than {LONGEST} bytes")]
    TooLong,
    /// `Tools/Call` or `tools/call `: a forgiving server would do what nobody asked the rules about.
    #[error("its method is another spelling of a known one, or has characters that no method has")]
    Method,
    /// `write_secret ` or `write_secret\0`: a server that cleans names would do what a rule denies.
    #[error(
        "its name is none of MCP's (1 to 128 of A-Z, a-z, 0-9, `_`, `-`, `.`), and no rule that allows tools has exactly this name"
    )]
    Tool,
    /// The same of a prompt, for whose names MCP has no alphabet.
    #[error(
        "its name has white space around it or several in a row, or is not visible ASCII, and no rule that allows prompts has \
         exactly this name"
    )]
    Prompt,
    /// A file server would take `file:///public/../secret` for `file:///secret`.
    #[error(
        "its URI has a second spelling: `.` or `..`, an escape that is not needed, white space, a scheme with capitals, or \
         characters that Unicode has others for"
    )]
    Uri,
}

/// Whether it is clear what an action is done to, where the rules ask for it.
pub(crate) fn check(policy: &Policy, action: &Action<'_>) -> Result<(), Unclear> {
    let name = action.target.as_ref().map_or("", Target::name);
    if action.method.len() > LONGEST || name.len() > LONGEST {
        return Err(Unclear::TooLong);
    }
    if is_misspelt_request(&action.method) || !action.method.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Unclear::Method);
    }
    match &action.target {
        Some(Target::Tool(name)) if !is_tool_name(name) && !is_allowed_by_name(policy, name, ListKind::Tools) => {
            return Err(Unclear::Tool);
        }
        Some(Target::Prompt(name)) if !is_prompt_name(name) && !is_allowed_by_name(policy, name, ListKind::Prompts) => {
            return Err(Unclear::Prompt);
        }
        _ => {}
    }
    let is_resource = matches!(action.target, Some(Target::Resource(_) | Target::ResourceTemplate(_)));
    let rules_tell_apart = || policy.rules().any(|rule| !rule.list(ListKind::Resources).is_empty());
    if is_resource && rules_tell_apart() && !is_normal(name) {
        return Err(Unclear::Uri);
    }
    Ok(())
}

/// The text behind the escapes, where there are any.
pub(crate) fn decoded(uri: &str) -> Option<Cow<'_, str>> {
    uri.contains('%').then(|| percent_decode_str(uri).decode_utf8_lossy())
}

/// Whether a name is of MCP's alphabet for tools. Beyond it, a server may cut off, drop or fold something.
fn is_tool_name(name: &str) -> bool {
    let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !name.is_empty() && name.len() <= LONGEST_TOOL && name.bytes().all(is_of_it)
}

/// Whether a prompt's name is visible ASCII, with single spaces in it.
fn is_prompt_name(name: &str) -> bool {
    let is_visible = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    name.split(' ').all(is_visible)
}

/// Whether a rule that allows something has exactly this name: the operator knows the server, and means it.
fn is_allowed_by_name(policy: &Policy, name: &str, kind: ListKind) -> bool {
    let allowing = policy.rules().filter(|rule| rule.effect == Effect::Allow);
    let mut patterns = allowing.flat_map(|rule| rule.list(kind).patterns());
    patterns.any(|pattern| pattern.is_one_name() && pattern.matches(name))
}

/// Whether a URI is in its normal form (RFC 3986, section 6.2.2), as far as readers make something else of those that are not:
/// no dot segments, also behind escapes; no escape of what needs none; nothing that the readers of browsers drop or replace
/// (WHATWG URL: white space, `\`); nothing that Unicode's normal form for comparing (NFKC) has other characters for; the scheme
/// in lower case. Capitals in other places mean themselves where a rule allows.
fn is_normal(uri: &str) -> bool {
    let has_capital_scheme = uri.split_once(':').is_some_and(|(scheme, _)| {
        let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        is_scheme && scheme.bytes().any(|byte| byte.is_ascii_uppercase())
    });
    let is_dropped = |character: char| character.is_control() || character.is_whitespace() || character == '\\';
    let is_composed = ComposingNormalizerBorrowed::new_nfkc().is_normalized(uri);
    !has_capital_scheme
        && !uri.contains(is_dropped)
        && is_composed
        && !uri.contains(is_invisible)
        && !escapes_without_need(uri)
        && !has_dot_segment(uri)
}

/// Characters that are not seen, and that who cleans a name drops.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}'
    )
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
            "file:///\u{ff53}ecret",
            "file:///secret\u{200b}",
            "file:///se\u{ad}cret",
            "note://A\u{308}",
        ] {
            assert!(!is_normal(unclear), "{unclear}");
        }
    }

    #[test]
    fn another_spelling_of_a_method_is_not_a_method_of_its_own() {
        let check = |method: &'static str| check(&Policy::default(), &Action::of(method));
        for other in [
            "Tools/Call",
            "tools/call ",
            " tools/call",
            "tools/call/",
            "/tools/call",
            "tools/call\n",
            "PROMPTS/GET",
            "Tools/List",
            "TASKS/get",
            "tools/\0call",
            "tools /call",
            "tasks/g\u{e9}t",
        ] {
            assert_eq!(check(other), Err(Unclear::Method), "{other:?}");
        }
        for itself in ["tools/call", "tools/calls", "tools/list", "tasks/get", "extension/x.y$z", "", "/"] {
            assert_eq!(check(itself), Ok(()), "{itself:?}");
        }
    }

    #[test]
    fn a_tools_name_is_of_mcps_alphabet() {
        for name in ["getUser", "DATA_EXPORT_v2", "admin.tools.list", "a-b", "0", &"a".repeat(161)] {
            assert!(is_tool_name(name), "{name}");
        }
        for name in
            ["", " a", "a ", "a b", "a\0", "\0a", "a\u{200b}", "\u{e4}", "a/b", "a:b", "a,b", "a*", &"a".repeat(162)]
        {
            assert!(!is_tool_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_prompts_name_is_visible() {
        for name in ["greet", "Review this code", "a/b:c, d!"] {
            assert!(is_prompt_name(name), "{name}");
        }
        for name in ["", " ", " a", "a ", "a  b", "a\tb", "a\0", "\u{e4}", "a\u{a0}b"] {
            assert!(!is_prompt_name(name), "{name:?}");
        }
    }
}
