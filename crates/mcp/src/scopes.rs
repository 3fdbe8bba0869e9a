//! Whether a token allows what its bearer asks for.

use crate::{Endpoint, Refusal};

/// Checks that `granted` has every scope that `endpoint` needs.
///
/// # Errors
/// [`Refusal::InsufficientScope`], which names them all.
pub fn check_scopes(endpoint: &Endpoint<'_>, granted: &[String]) -> Result<(), Refusal> {
    let has = |scope: &str| granted.iter().any(|granted| granted == scope);
    if endpoint.required_scopes().all(has) { Ok(()) } else { Err(Refusal::InsufficientScope) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn every_scope_of_the_endpoint_is_needed_and_others_do_no_harm() {
        let configuration = example::configuration();
        let endpoint = example::endpoint(&configuration);
        let check =
            |granted: &[&str]| check_scopes(&endpoint, &granted.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(check(&["other", "files:read", "mcp"]), Ok(()));
        for granted in
            [&[][..], &["mcp"], &["files:read"], &["mcp files:read"], &["MCP", "files:read"], &["mcp", "files:reader"]]
        {
            assert_eq!(check(granted), Err(Refusal::InsufficientScope), "{granted:?}");
        }
    }
}
