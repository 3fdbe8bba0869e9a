use super::*;
use crate::example::*;
use crate::{Opening, Tokens};

fn resources() -> Vec<ResourceUri> {
    vec![resource("https://g.example/other"), mcp()]
}

fn introspect(world: &World, token: &str, now: UnixTime) -> Option<Introspection> {
    world.at(now).introspect(token, &resources()).unwrap()
}

#[test]
fn an_active_token_says_whose_it_is_which_kind_and_until_when() {
    let world = World::new();
    let tokens = world.open();
    let access = introspect(&world, tokens.access_token.expose(), START.plus(LIFETIME - 1)).unwrap();
    let expected = Introspection { principal: alice(), kind: TokenKind::Access, expires_at: START.plus(LIFETIME) };
    assert_eq!(access, expected);
    let refresh = introspect(&world, &refresh_token(&tokens), START.plus(SESSION - 1)).unwrap();
    let expected = Introspection { principal: alice(), kind: TokenKind::Refresh, expires_at: START.plus(SESSION) };
    assert_eq!(refresh, expected);
}

#[test]
fn whatever_is_not_active_says_nothing_and_changes_nothing() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START.plus(10)).unwrap();
    let ended = world.open_with(&root(2), opening());
    world.at(START).end(&root(2)).unwrap();
    let before = world.store.snapshot();
    let late = START.plus(41);
    for (what, token, now) in [
        ("not ours", "x".to_owned(), START),
        ("empty", String::new(), START),
        ("expired", first.access_token.expose().to_owned(), START.plus(LIFETIME)),
        ("past the end of the session", refresh_token(&second), START.plus(SESSION)),
        ("used before, past the grace", refresh_token(&first), late),
        ("of an ended session", ended.access_token.expose().to_owned(), START),
        ("of an ended session", refresh_token(&ended), START),
    ] {
        assert_eq!(introspect(&world, &token, now), None, "{what}");
        assert_eq!(world.store.snapshot(), before, "{what}");
    }
    assert!(introspect(&world, &refresh_token(&first), START.plus(40)).is_some(), "in the grace");
    for token in [second.access_token.expose(), &refresh_token(&second)] {
        let elsewhere = world.at(START.plus(10)).introspect(token, &[resource("https://g.example/other")]);
        assert_eq!(elsewhere, Ok(None), "of a resource that is none of ours any more");
    }
}

#[test]
fn a_client_that_gives_back_any_of_its_tokens_ends_the_whole_session() {
    let old = |_: &Tokens, first: &Tokens| refresh_token(first);
    let current = |second: &Tokens, _: &Tokens| refresh_token(second);
    let access = |second: &Tokens, _: &Tokens| second.access_token.expose().to_owned();
    let old_access = |_: &Tokens, first: &Tokens| first.access_token.expose().to_owned();
    let picks: [fn(&Tokens, &Tokens) -> String; 4] = [old, current, access, old_access];
    for pick in picks {
        let mut world = World::new();
        let first = world.open();
        let second = world.refresh(&first, START.plus(10)).unwrap();
        let now = START.plus(LIFETIME + 10);
        let token = pick(&second, &first);
        assert_eq!(world.at(now).revoke(&token, &client("a"), &resources()), Ok(Revocation::Ended));
        assert_eq!(world.validate(&second, START.plus(10)), Err(Rejection::Revoked));
        assert_eq!(world.refresh(&second, now).unwrap_err(), Rejection::Revoked);
        assert_eq!(world.at(now).revoke(&token, &client("a"), &resources()), Ok(Revocation::Unknown));
    }
}

#[test]
fn a_foreign_or_unknown_token_that_is_given_back_changes_nothing() {
    let world = World::new();
    let tokens = world.open();
    let before = world.store.snapshot();
    for token in [tokens.access_token.expose(), &refresh_token(&tokens)] {
        assert_eq!(world.at(START).revoke(token, &client("b"), &resources()), Ok(Revocation::Foreign));
    }
    for token in ["", "x", &tokens.access_token.expose()[1..]] {
        assert_eq!(world.at(START).revoke(token, &client("a"), &resources()), Ok(Revocation::Unknown));
    }
    assert_eq!(world.store.snapshot(), before);
    assert!(world.validate(&tokens, START).is_ok());
}

#[test]
fn a_store_that_is_down_is_no_answer() {
    let world = World::new();
    let tokens = world.open_with(&world.root, Opening { listed: false, ..opening() });
    world.store.go_down();
    for token in [tokens.access_token.expose(), &refresh_token(&tokens)] {
        assert!(matches!(world.at(START).introspect(token, &resources()), Err(Rejection::Unavailable(_))));
        let revoked = world.at(START).revoke(token, &client("a"), &resources());
        assert!(matches!(revoked, Err(Rejection::Unavailable(_))));
    }
}
