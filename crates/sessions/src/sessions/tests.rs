use gatehouse_protocol::Actor;
use gatehouse_storage::memory::FailingStore;

use super::*;
use crate::example::*;
use crate::record::GRACE_SECONDS;

mod lineage;

#[test]
fn an_access_token_is_valid_for_its_resource_until_some_seconds_after_its_announced_end() {
    let world = World::new();
    let tokens = world.open();
    assert_eq!(tokens.expires_in, LIFETIME);
    assert_eq!(world.validate(&tokens, START), Ok(alice()));
    for seconds in [299, 300, 309] {
        assert_eq!(world.validate(&tokens, START.plus(seconds)), Ok(alice()), "{seconds}");
    }
    assert_eq!(world.validate(&tokens, START.plus(310)), Err(Rejection::Expired));
    let elsewhere = resource("https://g.example/other");
    let elsewhere = world.at(START).validate(&presented(&tokens, &elsewhere), |_| Ok(None));
    assert_eq!(elsewhere, Err(Rejection::Unrecognised));
}

#[test]
fn a_refresh_token_is_no_access_token_and_the_reverse() {
    let mut world = World::new();
    let tokens = world.open();
    let refresh_token = refresh_token(&tokens);
    let resource = mcp();
    let as_access = ValidationRequest { access_token: &refresh_token, ..presented(&tokens, &resource) };
    let as_access = world.at(START).validate(&as_access, |_| Ok(None));
    assert_eq!(as_access, Err(Rejection::Unrecognised));
    let before = world.store.snapshot();
    let access = tokens.access_token.expose().to_owned();
    let as_refresh = world.refresh_with(&RefreshRequest { refresh_token: &access, ..request(&client("a")) }, START);
    assert_eq!(as_refresh.unwrap_err(), Rejection::Unrecognised);
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn a_refresh_rotates_and_the_access_token_before_stays_valid_until_it_expires() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START.plus(100)).unwrap();
    assert_ne!(refresh_token(&first), refresh_token(&second));
    assert_eq!(world.validate(&first, START.plus(299)), Ok(alice()));
    assert_eq!(world.validate(&second, START.plus(409)), Ok(alice()));
    assert_eq!(world.validate(&second, START.plus(410)), Err(Rejection::Expired));
}

#[test]
fn the_same_refresh_token_within_the_grace_period_gets_the_same_lineage() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START.plus(10)).unwrap();
    let again = world.refresh(&first, START.plus(10 + GRACE_SECONDS)).unwrap();
    assert!(world.validate(&again, START.plus(50)).is_ok());
    let third = world.refresh(&again, START.plus(50)).unwrap();
    let same = world.refresh(&second, START.plus(60)).unwrap();
    assert!(world.validate(&third, START.plus(60)).is_ok() && world.validate(&same, START.plus(60)).is_ok());
}

#[test]
fn a_refresh_token_reused_after_the_grace_period_ends_the_session_and_all_its_tokens() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START.plus(10)).unwrap();
    let late = START.plus(10 + GRACE_SECONDS + 1);
    assert_eq!(world.refresh(&first, late).unwrap_err(), Rejection::Reused);
    assert_eq!(world.validate(&first, late), Err(Rejection::Revoked));
    assert_eq!(world.validate(&second, late), Err(Rejection::Revoked));
    assert_eq!(world.refresh(&second, late).unwrap_err(), Rejection::Revoked);
}

#[test]
fn a_token_two_generations_old_ends_the_session_even_within_the_grace_period() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START).unwrap();
    let third = world.refresh(&second, START).unwrap();
    assert_eq!(world.refresh(&first, START).unwrap_err(), Rejection::Reused);
    assert_eq!(world.validate(&third, START), Err(Rejection::Revoked));
}

#[test]
fn refreshing_never_extends_the_session_but_for_the_seconds_of_its_last_access_token() {
    let mut world = World::new();
    let first = world.open();
    let near_the_end = START.plus(86_400 - 100);
    let second = world.refresh(&first, near_the_end).unwrap();
    assert_eq!(second.expires_in, 100);
    assert_eq!(world.refresh(&second, START.plus(86_400)).unwrap_err(), Rejection::Expired);
    assert_eq!(world.validate(&second, START.plus(86_409)), Ok(alice()));
    assert_eq!(world.validate(&second, START.plus(86_410)), Err(Rejection::Expired));
}

#[test]
fn a_refresh_by_another_client_or_beyond_the_grant_changes_nothing() {
    let mut world = World::new();
    let tokens = world.open();
    let token = refresh_token(&tokens);
    let (mine, other, elsewhere) = (client("a"), client("b"), resource("https://g.example/other"));
    let wider = Scopes::parse("read admin").unwrap();
    let before = world.store.snapshot();
    for (request, expected) in [
        (RefreshRequest { client_id: &other, ..request(&mine) }, Rejection::WrongClient),
        (RefreshRequest { resource: Some(&elsewhere), ..request(&mine) }, Rejection::OtherResource),
        (RefreshRequest { scopes: Some(&wider), ..request(&mine) }, Rejection::BeyondGrant),
    ] {
        let refused = world.refresh_with(&RefreshRequest { refresh_token: &token, ..request }, START).unwrap_err();
        assert_eq!(refused, expected);
        assert_eq!(world.store.snapshot(), before);
    }
}

#[test]
fn a_narrowed_access_token_allows_less_and_the_next_refresh_may_have_all_again() {
    let mut world = World::new();
    let first = world.open();
    let (mine, token, narrow) = (client("a"), refresh_token(&first), Scopes::parse("read").unwrap());
    let request = RefreshRequest { refresh_token: &token, scopes: Some(&narrow), ..request(&mine) };
    let narrowed = world.refresh_with(&request, START).unwrap();
    assert_eq!(world.validate(&narrowed, START).unwrap().scopes, narrow);
    let whole = world.refresh(&narrowed, START).unwrap();
    assert_eq!(world.validate(&whole, START).unwrap().scopes, alice().scopes);
}

#[test]
fn the_scopes_that_are_passed_over_at_authorize_are_passed_over_at_a_refresh() {
    let mut world = World::new();
    let first = world.open();
    let (mine, token) = (client("a"), refresh_token(&first));
    let scopes = Scopes::parse("openid profile email offline_access read").unwrap();
    let request = RefreshRequest { refresh_token: &token, scopes: Some(&scopes), ..request(&mine) };
    let tokens = world.refresh_with(&request, START).unwrap();
    assert_eq!(world.validate(&tokens, START).unwrap().scopes.to_string(), "read");
}

#[test]
fn ending_a_session_deletes_every_record_that_opens_with_its_tokens() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START).unwrap();
    world.at(START).end(&world.root).unwrap();
    for tokens in [&first, &second] {
        assert_eq!(world.validate(tokens, START), Err(Rejection::Revoked));
        assert_eq!(world.refresh(tokens, START).unwrap_err(), Rejection::Revoked);
    }
    let left = world.store.values();
    assert!(left.iter().all(|value| value.is_empty() || is_place(&world, value)), "the note, and the place");
    world.at(START).end(&world.root).unwrap();
}

#[test]
fn the_store_holds_nothing_in_clear() {
    let mut world = World::new();
    let tokens = world.open();
    world.refresh(&tokens, START).unwrap();
    let dump = world.store.values().concat();
    let holds = |secret: &[u8]| dump.windows(secret.len()).any(|window| window == secret);
    for secret in
        ["provider-access", "provider-refresh", "alice", "g.example", "read", "An Editor", "a-tenant", "engineering"]
    {
        assert!(!holds(secret.as_bytes()), "{secret}");
    }
    assert!(!holds(world.root.secret.expose()), "the root opens the session");
}

#[test]
fn a_store_that_is_down_denies_everything() {
    let mut world = World::new();
    let tokens = world.open();
    world.store.go_down();
    assert!(matches!(world.validate(&tokens, START), Err(Rejection::Unavailable(_))));
    assert!(matches!(world.refresh(&tokens, START), Err(Rejection::Unavailable(_))));
    assert!(matches!(world.at(START).end(&world.root), Err(Rejection::Unavailable(_))));
}

#[test]
fn a_session_may_go_without_refresh_tokens() {
    let world = World::new();
    let tokens = world.open_with(&world.root, Opening { refreshable: false, ..opening() });
    assert!(tokens.refresh_token.is_none());
    assert!(world.validate(&tokens, START).is_ok());
}

#[test]
fn a_validation_is_one_read_and_no_write() {
    let world = World::new();
    let tokens = world.open();
    let before = world.store.snapshot();
    for operation in 0..3 {
        let store = Interrupted::before(operation, &world.store, || {});
        let sessions = Sessions { store: &store, keys: &world.keys, now: START };
        sessions.validate(&presented(&tokens, &mcp()), |_| Ok(None)).unwrap();
        assert_eq!(store.was_interrupted(), operation == 0);
    }
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn what_is_read_beside_a_record_is_named_by_whose_the_token_is_and_costs_no_read_of_its_own() {
    let world = World::new();
    let tokens = world.open();
    let of = |subject: &Subject| Key::new("note", &subject.as_str().replace(':', "-"), START.plus(60)).unwrap();
    let read = |operation| {
        let store = Interrupted::before(operation, &world.store, || {});
        let sessions = Sessions { store: &store, keys: &world.keys, now: START };
        let validated = sessions.validate(&presented(&tokens, &mcp()), |subject| Ok(Some(of(subject)))).unwrap();
        assert_eq!((validated.principal, store.was_interrupted()), (alice(), operation == 0));
        validated.note
    };
    assert_eq!(read(0), None);
    world.store.put(&of(&subject("bob")), b"bob's").unwrap();
    assert_eq!(read(1), None);
    world.store.put(&of(&subject("alice")), b"hers").unwrap();
    assert_eq!(read(2), Some(b"hers".to_vec()));
    // Without a key for it, nothing is known of the token.
    let unavailable = || Rejection::Unavailable("no key".to_owned());
    let refused = world.at(START).validate(&presented(&tokens, &mcp()), |_| Err(unavailable()));
    assert_eq!(refused, Err(unavailable()));
    world.at(START).end(&world.root).unwrap();
    let ended = world.at(START).validate(&presented(&tokens, &mcp()), |subject| Ok(Some(of(subject))));
    assert_eq!(ended, Err(Rejection::Revoked));
}

/// The terms of a route where tokens are believed until they expire.
const SELF_CONTAINED: AccessTokenTerms = AccessTokenTerms { self_contained: true, ..TERMS };

fn believed<'a>(tokens: &'a Tokens, resource: &'a ResourceUri) -> ValidationRequest<'a> {
    ValidationRequest { without_record: true, ..presented(tokens, resource) }
}

/// They are kept in the record, and no token leaves them out.
#[test]
fn who_acts_is_read_with_the_session_also_where_tokens_are_believed() {
    let world = World::new();
    let actors = Actors::of(Actor::new("agent", None).unwrap());
    let principal = Principal { actors, ..alice() };
    let opening = Opening { principal: principal.clone(), access_tokens: SELF_CONTAINED, ..opening() };
    let tokens = world.open_with(&world.root, opening);
    let validate = || world.at(START).validate(&believed(&tokens, &mcp()), |_| Ok(None));
    assert_eq!(validate().map(|found| found.principal), Ok(principal));
    world.at(START).end(&world.root).unwrap();
    assert_eq!(validate(), Err(Rejection::Revoked));
}

#[test]
fn a_token_that_tells_everything_itself_is_believed_without_a_read_until_it_expires_and_no_longer() {
    let world = World::new();
    let tokens = world.open_with(&world.root, Opening { access_tokens: SELF_CONTAINED, ..opening() });
    let validate = |world: &World, tokens: &Tokens, now| {
        world.at(now).validate(&believed(tokens, &mcp()), |_| panic!("nothing is read")).map(|found| found.principal)
    };
    for seconds in [0, 299, 309] {
        assert_eq!(validate(&world, &tokens, START.plus(seconds)), Ok(alice()), "{seconds}");
    }
    assert_eq!(validate(&world, &tokens, START.plus(310)), Err(Rejection::Expired));
    let elsewhere = resource("https://g.example/other");
    let elsewhere = world.at(START).validate(&believed(&tokens, &elsewhere), |_| panic!("nothing is read"));
    assert_eq!(elsewhere, Err(Rejection::Unrecognised));
    let (token, narrow) = (refresh_token(&tokens), Scopes::parse("read").unwrap());
    let of_a = client("a");
    let request = RefreshRequest { refresh_token: &token, scopes: Some(&narrow), ..request(&of_a) };
    let terms = |resource: &ResourceUri| AccessTokenTerms { self_contained: *resource == mcp(), ..TERMS };
    let next = world.at(START).refresh(&request, terms, &mut Counting(7)).unwrap();
    assert_eq!(validate(&world, &next, START), Ok(Principal { scopes: narrow.clone(), ..alice() }));
    // The session has ended: that is known where its record is asked, and by refreshing.
    world.at(START).end(&world.root).unwrap();
    assert_eq!(world.validate(&next, START), Err(Rejection::Revoked));
    assert!(validate(&world, &next, START).is_ok());
    let token = refresh_token(&next);
    let request = RefreshRequest { refresh_token: &token, ..request };
    assert_eq!(world.at(START).refresh(&request, terms, &mut Counting(8)).unwrap_err(), Rejection::Revoked);
    world.store.go_down();
    assert!(validate(&world, &next, START).is_ok());
}

#[test]
fn a_token_that_does_not_tell_everything_is_asked_for_by_its_record_everywhere() {
    let world = World::new();
    // One for a route where records are asked, and one whose user is in more groups than a header has room for.
    let mut crowded = alice();
    crowded.claims.groups = (0..30).map(|number| format!("{number:08}-0000-0000-0000-000000000000")).collect();
    let openings = [opening(), Opening { principal: crowded, access_tokens: SELF_CONTAINED, ..opening() }];
    for (byte, opening) in (1..).zip(openings) {
        let (root, principal) = (root(byte), opening.principal.clone());
        let tokens = world.open_with(&root, opening);
        let validate = || {
            let found = world.at(START).validate(&believed(&tokens, &mcp()), |_| Ok(None));
            found.map(|found| found.principal)
        };
        assert_eq!(validate(), Ok(principal));
        assert!(tokens.access_token.expose().len() < 1_000, "{}", tokens.access_token.expose().len());
        world.at(START).end(&root).unwrap();
        assert_eq!(validate(), Err(Rejection::Revoked));
    }
}

#[test]
fn a_token_that_claims_to_last_longer_than_any_may_is_looked_up() {
    for (lifetime, expected) in [(3_600, Ok(alice())), (3_601, Err(Rejection::Revoked))] {
        let world = World::new();
        let access_tokens = AccessTokenTerms { lifetime, ..SELF_CONTAINED };
        let tokens = world.open_with(&world.root, Opening { access_tokens, ..opening() });
        world.at(START).end(&world.root).unwrap();
        let found = world.at(START).validate(&believed(&tokens, &mcp()), |_| Ok(None));
        assert_eq!(found.map(|found| found.principal), expected, "{lifetime}");
    }
}

#[test]
fn the_claims_in_a_token_are_bounded() {
    let world = World::new();
    let mut longest = 0;
    for groups in 0..60 {
        let root = root(groups + 1);
        let mut principal = alice();
        principal.claims.groups = vec!["a".repeat(36); usize::from(groups)];
        let tokens = world.open_with(&root, Opening { principal, access_tokens: SELF_CONTAINED, ..opening() });
        longest = longest.max(tokens.access_token.expose().len());
    }
    assert!((1_500..2_500).contains(&longest), "{longest}");
}

#[test]
fn a_session_that_ends_at_any_moment_of_a_refresh_stays_ended() {
    for operation in 0.. {
        let world = World::new();
        let first = world.open();
        let interrupted = Interrupted::before(operation, &world.store, || world.at(START).end(&world.root).unwrap());
        let sessions = Sessions { store: &interrupted, keys: &world.keys, now: START };
        let (mine, token) = (client("a"), refresh_token(&first));
        let refreshed = sessions.refresh(
            &RefreshRequest { refresh_token: &token, ..request(&mine) },
            |_| TERMS,
            &mut Counting(5_000),
        );
        if !interrupted.was_interrupted() {
            assert!(operation > 5 && refreshed.is_ok());
            break;
        }
        assert_eq!(refreshed.unwrap_err(), Rejection::Revoked, "before operation {operation}");
        assert_eq!(world.validate(&first, START), Err(Rejection::Revoked));
        assert!(world.store.values().iter().all(|value| value.is_empty() || is_place(&world, value)));
    }
}

/// Of all who redeem a code one succeeds; what a replay ended meanwhile is dead all the same (OAuth 2.1, section 4.1.3).
#[test]
fn a_session_that_ends_at_any_moment_of_its_opening_is_ended() {
    for operation in 0.. {
        let world = World::new();
        let interrupted = Interrupted::before(operation, &world.store, || world.at(START).end(&world.root).unwrap());
        let sessions = Sessions { store: &interrupted, keys: &world.keys, now: START };
        // On the terms of a route where tokens are believed: one that is issued dead is not.
        let opening = Opening { access_tokens: SELF_CONTAINED, ..opening() };
        let tokens = sessions.open(&world.root, opening, &mut Counting(5_000)).unwrap();
        let believed =
            || world.at(START).validate(&believed(&tokens, &mcp()), |_| Ok(None)).map(|found| found.principal);
        if !interrupted.was_interrupted() {
            assert!(operation > 5 && world.validate(&tokens, START).is_ok() && believed().is_ok());
            break;
        }
        assert_eq!(world.validate(&tokens, START), Err(Rejection::Revoked), "before operation {operation}");
        assert_eq!(believed(), Err(Rejection::Revoked), "before operation {operation}");
        assert!(world.store.values().iter().all(|value| value.is_empty() || is_place(&world, value)));
    }
}

#[test]
fn an_end_at_any_moment_of_which_a_refresh_succeeds_ends_that_too() {
    for operation in 0.. {
        let world = World::new();
        let first = world.open();
        let refreshed = core::cell::RefCell::new(None);
        let interrupted = Interrupted::before(operation, &world.store, || {
            let (mine, token) = (client("a"), refresh_token(&first));
            let request = RefreshRequest { refresh_token: &token, ..request(&mine) };
            *refreshed.borrow_mut() = world.at(START).refresh(&request, |_| TERMS, &mut Counting(5_000)).ok();
        });
        Sessions { store: &interrupted, keys: &world.keys, now: START }.end(&world.root).unwrap();
        if !interrupted.was_interrupted() {
            break;
        }
        for tokens in refreshed.borrow().iter().chain([&first]) {
            assert_eq!(world.validate(tokens, START), Err(Rejection::Revoked), "before operation {operation}");
        }
        assert!(world.store.values().iter().all(|value| value.is_empty() || is_place(&world, value)));
    }
}

#[test]
fn a_refresh_that_breaks_off_anywhere_neither_ends_the_session_nor_keeps_it_from_being_ended() {
    for operation in 0.. {
        let mut world = World::new();
        let first = world.open();
        let (mine, token) = (client("a"), refresh_token(&first));
        let broken = FailingStore::after(operation, &world.store);
        let sessions = Sessions { store: &broken, keys: &world.keys, now: START };
        let request = RefreshRequest { refresh_token: &token, ..request(&mine) };
        if sessions.refresh(&request, |_| TERMS, &mut Counting(5_000)).is_ok() {
            break;
        }
        let second = world.refresh(&first, START.plus(1)).unwrap();
        let third = world.refresh(&second, START.plus(2)).unwrap();
        world.at(START.plus(3)).end_all(&alice().subject).unwrap();
        for tokens in [&first, &second, &third] {
            assert_eq!(world.validate(tokens, START.plus(3)), Err(Rejection::Revoked), "operation {operation}");
        }
        assert!(world.store.values().iter().all(Vec::is_empty), "operation {operation}");
    }
}

/// Whether it is the session's place in its owner's directory, which a session that ends by its root cannot find.
fn is_place(world: &World, value: &[u8]) -> bool {
    let places =
        gatehouse_sealed_storage::subject_index::SubjectIndex { store: &world.store, keys: &world.keys, now: START };
    let entries = places.entries(gatehouse_sealed_storage::subject_index::List::Sessions, &alice().subject).unwrap();
    // 24 bytes of nonce and 16 of tag around the content.
    entries.iter().any(|entry| entry.content.len() + 40 == value.len())
}

#[test]
fn sixty_four_threads_that_refresh_one_token_get_one_lineage_and_nobody_is_signed_out() {
    let world = World::new();
    let first = world.open();
    let (keys, token) = (world.keys.clone(), refresh_token(&first));
    let store = std::sync::Mutex::new(world.store);
    let mine = client("a");
    let refresh = |token: &str, seed| {
        let sessions = Sessions { store: &store, keys: &keys, now: START };
        let request = RefreshRequest { refresh_token: token, ..request(&mine) };
        sessions.refresh(&request, |_| TERMS, &mut Counting(seed)).unwrap()
    };
    let refreshed: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=64)
            .map(|number| {
                scope.spawn({
                    let (refresh, token) = (&refresh, &token);
                    move || refresh(token, number * 100_000)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let opened = |tokens: &Tokens| RefreshToken::open(&refresh_token(tokens), &keys).unwrap();
    assert!(refreshed.iter().all(|tokens| opened(tokens).generation == 1));
    for tokens in &refreshed {
        let sessions = Sessions { store: &store, keys: &keys, now: START };
        assert!(sessions.validate(&presented(tokens, &mcp()), |_| Ok(None)).is_ok());
    }
    // Whichever of them is used next.
    for tokens in &refreshed {
        assert_eq!(opened(&refresh(&refresh_token(tokens), 7)).generation, 2);
    }
}
