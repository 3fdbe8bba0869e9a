use gatehouse_protocol::Claims;
use gatehouse_sessions::Device;

use super::*;
use crate::example::{START, World, alice, configuration, configuration_with};

fn further(names: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    names.iter().copied()
}

/// With a rule that allows more by a scope that the route does not need.
fn enabled() -> Configuration {
    configuration_with(
        "scopes = [\"mcp\", \"files:read\"]",
        "scopes = [\"mcp\", \"files:read\"]\npolicy = [{ name = \"writers\", scopes = [\"files:write\"] }]\n[token_page]\nenabled = true",
    )
}

#[test]
fn a_token_has_what_its_route_needs_and_what_was_picked() {
    let configuration = enabled();
    let route = &configuration.routes[0];
    assert_eq!(TokenPageRequest::further_scopes(route).map(Scope::as_str).collect::<Vec<_>>(), ["files:write"]);
    for (picked, scopes) in [(&[][..], "mcp files:read"), (&["files:write"], "mcp files:read files:write")] {
        let request = TokenPageRequest::parse("/mcp", further(picked), &configuration).unwrap();
        assert_eq!(
            (request.resource.as_str(), request.scopes.clone()),
            ("https://gateway.example/mcp", Scopes::parse(scopes).unwrap())
        );
        assert_eq!(TokenPageRequest::restore(&request.to_text(), &configuration), Ok(request));
    }
}

#[test]
fn there_is_no_token_for_what_the_operator_does_not_offer() {
    let configuration = enabled();
    for (path, picked) in [
        ("/mcp/", &[][..]),
        ("/other", &[]),
        ("", &[]),
        ("https://gateway.example/mcp", &[]),
        ("/mcp", &["admin"]),
        ("/mcp", &["files:write", "admin"]),
        ("/mcp", &["files:write\n"]),
    ] {
        let refused = TokenPageRequest::parse(path, further(picked), &configuration);
        assert_eq!(refused, Err(UnboundRejection::WithdrawnResource), "{path} {picked:?}");
    }
}

#[test]
fn what_was_wanted_is_withdrawn_with_the_route_the_scope_or_the_page() {
    let request = TokenPageRequest::parse("/mcp", further(&["files:write"]), &enabled()).unwrap();
    let text = request.to_text();
    let renamed = configuration_with("/mcp\"", "/tools\"");
    let mut disabled = enabled();
    disabled.token_page.enabled = false;
    let mut narrowed = configuration();
    narrowed.token_page.enabled = true;
    for configuration in [renamed, disabled, narrowed] {
        assert_eq!(TokenPageRequest::restore(&text, &configuration), Err(UnboundRejection::WithdrawnResource));
    }
}

#[test]
fn the_session_is_the_persons_own_is_listed_and_ends_with_the_token() {
    let mut world = World::new();
    let request = TokenPageRequest::parse("/mcp", further(&[]), &enabled()).unwrap();
    let browser = SessionBrowser { digest: world.browser.digest(), device: Device::default() };
    let tokens = ProviderTokens::default();
    let opening = request.opening(alice(), Claims::default(), browser, tokens, 600, START, &mut world.entropy);
    let (root, opening) = opening.unwrap();
    assert_eq!(root.expires_at, START.plus(600));
    assert_eq!(
        (opening.principal.subject, opening.access_tokens),
        (alice(), AccessTokenTerms { lifetime: 600, self_contained: false })
    );
    assert_eq!((opening.principal.resource, opening.principal.scopes), (request.resource, request.scopes));
    assert!(opening.listed && !opening.refreshable && opening.browser.is_some());
}

#[test]
fn a_form_counts_in_the_browser_that_was_shown_the_page_for_a_quarter_of_an_hour() {
    let mut world = World::new();
    let sealed = ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    assert!(check(&sealed, &world.browser, &world.keys, START.plus(899)).is_ok());
    assert_eq!(check(&sealed, &world.browser, &world.keys, START.plus(900)), Err(PageRejection::Expired));
    let other = Browser::generate(&mut world.entropy);
    assert_eq!(check(&sealed, &other, &world.keys, START), Err(PageRejection::Foreign));
    let foreign = crate::sessions_page::sign_in_ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    assert_eq!(check(&foreign, &world.browser, &world.keys, START), Err(PageRejection::Foreign), "of another page");
}

#[test]
fn different_requests_of_one_page_begin_different_logins() {
    let configuration = enabled();
    let one = TokenPageRequest::parse("/mcp", further(&[]), &configuration).unwrap();
    let other = TokenPageRequest::parse("/mcp", further(&["files:write"]), &configuration).unwrap();
    assert_ne!(one.label(), other.label());
}
