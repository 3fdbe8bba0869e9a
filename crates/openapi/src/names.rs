//! Names of tools and of their arguments: letters that MCP, and the models behind its clients, take.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

/// Characters of a name. MCP allows 128 (2025-11-25, tools, "Tool Names"); OpenAI's and Anthropic's models take 64.
const LONGEST: usize = 64;
/// Hexadecimal digits that tell two names apart.
const DIGITS: usize = 8;

/// The name that an operation has by itself: its `operationId`, or else its method and path.
pub(crate) fn tool_name(operation_id: Option<&str>, method: &str, path: &str) -> String {
    let own = operation_id.map(|id| plain(id, false)).filter(|name| !name.is_empty());
    let own = own.unwrap_or_else(|| plain(&format!("{}_{path}", method.to_ascii_lowercase()), false));
    if own.len() <= LONGEST { own } else { told_apart(&own, operation_id.unwrap_or(path)) }
}

/// The names, each once: of those that are the same, every one gets a part of the digest of its operation. So no name depends on
/// the order of the document.
pub(crate) fn unique(tools: &[(String, String)]) -> Vec<String> {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for (name, _) in tools {
        *uses.entry(name.as_str()).or_default() += 1;
    }
    let is_shared = |name: &str| uses.get(name).is_some_and(|uses| *uses > 1);
    tools
        .iter()
        .map(|(name, operation)| if is_shared(name) { told_apart(name, operation) } else { name.clone() })
        .collect()
}

/// The name of an argument for a parameter: the parameter's own, as far as it can be one.
pub(crate) fn argument_name(parameter: &str) -> String {
    let name = plain(parameter, true);
    let name = if name.is_empty() { "value".to_owned() } else { name };
    if name.len() <= LONGEST { name } else { told_apart(&name, parameter) }
}

fn told_apart(name: &str, what: &str) -> String {
    let kept: String = name.chars().take(LONGEST - DIGITS - 1).collect();
    format!("{}_{}", kept.trim_end_matches('_'), digest(what))
}

/// The first hexadecimal digits of the SHA-256.
pub(crate) fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

/// Letters, digits, `-` and `_`; one `_` for whatever else stands between them.
fn plain(text: &str, with_dots: bool) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => plain.push(character),
            '.' if with_dots => plain.push(character),
            _ if plain.ends_with('_') => {}
            _ => plain.push('_'),
        }
    }
    plain.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_called_as_its_operation_or_as_its_method_and_path() {
        for (id, expected) in [
            (Some("getUser"), "getUser"),
            (Some("repos/list-for-org"), "repos_list-for-org"),
            (Some("Pets::find by {tag}"), "Pets_find_by_tag"),
            (Some("日本"), "get_users_id_keys"),
            (None, "get_users_id_keys"),
        ] {
            assert_eq!(tool_name(id, "GET", "/users/{id}/keys"), expected);
        }
    }

    #[test]
    fn a_long_name_is_cut_and_still_its_own() {
        let (one, other) = ("a".repeat(80) + "1", "a".repeat(80) + "2");
        let names = [tool_name(Some(&one), "GET", "/"), tool_name(Some(&other), "GET", "/")];
        assert!(names.iter().all(|name| name.len() == LONGEST));
        assert_ne!(names[0], names[1]);
    }

    #[test]
    fn two_operations_of_one_name_are_told_apart_whatever_their_order() {
        let tools = [
            ("a".to_owned(), "GET /a".to_owned()),
            ("b".to_owned(), "GET /b".to_owned()),
            ("a".to_owned(), "GET /c".to_owned()),
        ];
        let names = unique(&tools);
        assert_eq!(names[1], "b");
        assert_ne!(names[0], names[2]);
        let mut turned = tools.to_vec();
        turned.reverse();
        let mut again = unique(&turned);
        again.reverse();
        assert_eq!(again, names);
    }

    #[test]
    fn an_argument_has_a_name_that_models_take() {
        for (parameter, expected) in [
            ("page", "page"),
            ("filter[name]", "filter_name"),
            ("$top", "top"),
            ("X-Api.Version", "X-Api.Version"),
            ("[]", "value"),
        ] {
            assert_eq!(argument_name(parameter), expected);
        }
    }
}
