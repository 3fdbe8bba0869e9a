//! Whether a token allows what its bearer asks for.

use gatehouse_protocol::{Scope, Scopes};

use crate::endpoint::OFFLINE_ACCESS;
use crate::{Endpoint, Refusal};

/// Checks that `granted` has every scope that `endpoint` needs.
///
/// # Errors
/// [`Refusal::InsufficientScope`], which names all that the client should ask for.
pub fn check_scopes(endpoint: &Endpoint<'_>, granted: &Scopes) -> Result<(), Refusal> {
    let has = |scope: &Scope| granted.iter().any(|granted| granted == scope);
    if endpoint.required_scopes().all(has) {
        Ok(())
    } else {
        Err(Refusal::InsufficientScope(asked_for(endpoint, granted, &Scopes::default())))
    }
}

/// What a policy's denial means for the client: to ask for `step_up` as well, where these scopes would help, or no.
pub fn denied(endpoint: &Endpoint<'_>, granted: &Scopes, step_up: Option<&Scopes>) -> Refusal {
    match step_up {
        Some(missing) => Refusal::InsufficientScope(asked_for(endpoint, granted, missing)),
        None => Refusal::Denied,
    }
}

/// All that the next token should have, in one challenge: what the endpoint needs, what is missing, and what this token
/// has. The last is for clients that ask for exactly what a challenge says, and would lose the rest (TypeScript SDK,
/// issue 1582).
fn asked_for(endpoint: &Endpoint<'_>, granted: &Scopes, missing: &Scopes) -> Scopes {
    let granted = granted.iter().filter(|scope| scope.as_str() != OFFLINE_ACCESS);
    endpoint.required_scopes().chain(missing.iter()).chain(granted).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn every_scope_of_the_endpoint_is_needed_and_others_do_no_harm() {
        let configuration = example::configuration();
        let endpoint = example::endpoint(&configuration);
        assert_eq!(check_scopes(&endpoint, &scopes("other files:read mcp")), Ok(()));
        for granted in ["", "mcp", "files:read", "MCP files:read", "mcp files:reader"] {
            let refusal = check_scopes(&endpoint, &scopes(granted)).unwrap_err();
            assert!(matches!(refusal, Refusal::InsufficientScope(_)), "{granted:?}");
        }
    }

    #[test]
    fn one_challenge_names_what_is_needed_and_what_there_is_already() {
        let configuration = example::configuration();
        let endpoint = example::endpoint(&configuration);
        let granted = scopes("extra offline_access mcp");
        let expected = Scopes::parse("mcp files:read extra").unwrap();
        assert_eq!(check_scopes(&endpoint, &granted), Err(Refusal::InsufficientScope(expected)));
        let expected = Scopes::parse("mcp files:read files:write extra").unwrap();
        let missing = Scopes::parse("files:write").unwrap();
        assert_eq!(denied(&endpoint, &granted, Some(&missing)), Refusal::InsufficientScope(expected));
        assert_eq!(denied(&endpoint, &granted, None), Refusal::Denied);
    }
}
