use gatehouse_protocol::ClientName;
use gatehouse_storage::memory::FailingStore;

use super::*;
use crate::Opening;
use crate::example::*;

#[test]
fn a_subject_sees_its_open_sessions_newest_first_with_client_and_last_use() {
    let mut world = World::new();
    let first = world.open();
    let other = Opening { client_name: ClientName::parse("A Chat").unwrap(), ..opening() };
    world.open_with(&root(2), other);
    world.refresh(&first, START.plus(100)).unwrap();
    let listed = world.at(START.plus(200)).list(&subject("alice")).unwrap().newest;
    let names: Vec<_> = listed.iter().map(|session| session.client_name.as_str()).collect();
    assert_eq!(names, ["A Chat", "An Editor"]);
    let editor = &listed[1];
    assert_eq!((editor.opened_at, editor.last_used_at), (START, START.plus(100)));
    assert_eq!(editor.expires_at, START.plus(SESSION));
    assert_eq!((&editor.client_id, &editor.resource, &editor.scopes), (&client("a"), &mcp(), &alice().scopes));
    assert_eq!(editor.browser, Some(browser()), "it stays through refreshes");
    assert_eq!(editor.id.len(), 43);
    assert_eq!(world.at(START).list(&subject("bob")), Ok(Listing::default()));
}

#[test]
fn sessions_of_machines_are_in_no_list() {
    let world = World::new();
    world.open_with(&world.root, Opening { listed: false, refreshable: false, ..opening() });
    assert_eq!(world.at(START).list(&subject("alice")), Ok(Listing::default()));
}

#[test]
fn sessions_that_have_ended_or_expired_are_not_listed() {
    let world = World::new();
    world.open();
    world.open_with(&root(2), opening());
    world.at(START).end(&root(2)).unwrap();
    assert_eq!(world.at(START).list(&subject("alice")).unwrap().total, 1);
    assert_eq!(world.at(START.plus(SESSION - 1)).list(&subject("alice")).unwrap().total, 1);
    assert_eq!(world.at(START.plus(SESSION)).list(&subject("alice")), Ok(Listing::default()));
}

#[test]
fn a_subject_ends_one_of_its_sessions_and_no_other() {
    let world = World::new();
    let (first, second) = (world.open(), world.open_with(&root(2), opening()));
    let sessions = world.at(START);
    let id = sessions.list(&subject("alice")).unwrap().newest.remove(1).id;
    let before = world.store.snapshot();
    assert_eq!(sessions.end_one(&subject("bob"), &id), Ok(false));
    assert_eq!(sessions.end_one(&subject("alice"), "x"), Ok(false));
    assert_eq!(world.store.snapshot(), before);
    assert_eq!(sessions.end_one(&subject("alice"), &id), Ok(true));
    assert_eq!(world.validate(&first, START), Err(Rejection::Revoked));
    assert!(world.validate(&second, START).is_ok());
    assert_eq!(sessions.end_one(&subject("alice"), &id), Ok(false));
}

#[test]
fn a_subject_ends_all_its_sessions_and_nobody_elses() {
    let mut world = World::new();
    let bobs = Opening { principal: crate::Principal { subject: subject("bob"), ..alice() }, ..opening() };
    let (first, second) = (world.open(), world.open_with(&root(2), opening()));
    let bobs = world.open_with(&root(3), bobs);
    let first_again = world.refresh(&first, START.plus(10)).unwrap();
    world.at(START.plus(20)).end_all(&subject("alice")).unwrap();
    for tokens in [&first, &first_again, &second] {
        assert_eq!(world.validate(tokens, START.plus(20)), Err(Rejection::Revoked));
        assert_eq!(world.refresh(tokens, START.plus(20)).unwrap_err(), Rejection::Revoked);
    }
    assert!(world.validate(&bobs, START.plus(20)).is_ok());
    assert_eq!(world.at(START.plus(20)).list(&subject("alice")), Ok(Listing::default()));
}

#[test]
fn a_session_that_cannot_be_listed_is_not_opened() {
    for operation in 0.. {
        let world = World::new();
        let store = FailingStore::after(operation, &world.store);
        let sessions = Sessions { store: &store, keys: &world.keys, now: START };
        if sessions.open(&world.root, opening(), &mut Counting(1)).is_ok() {
            assert_eq!(world.at(START).list(&subject("alice")).unwrap().total, 1);
            break;
        }
    }
}

#[test]
fn a_store_that_is_down_is_no_empty_list_and_ends_nothing() {
    let world = World::new();
    world.open();
    world.store.go_down();
    assert!(matches!(world.at(START).list(&subject("alice")), Err(Rejection::Unavailable(_))));
    assert!(matches!(world.at(START).end_all(&subject("alice")), Err(Rejection::Unavailable(_))));
    assert!(matches!(world.at(START).end_one(&subject("alice"), "x"), Err(Rejection::Unavailable(_))));
}

/// S11 of the strangers: of 205 sign-ins the five oldest sessions outlived "Sign out everywhere".
#[test]
fn everywhere_is_everywhere_however_many_sessions_there_are() {
    let world = World::new();
    let number_of = |number: u64| {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&number.to_be_bytes());
        let secret = gatehouse_sealed_storage::sealing::HandleSecret::from_slice(&secret).unwrap();
        crate::SessionRoot { secret, expires_at: START.plus(SESSION) }
    };
    let open = |number: u64| world.at(START).open(&number_of(number), opening(), &mut Counting(number << 20)).unwrap();
    let mut opened: Vec<_> = (1..=205).map(open).collect();
    let listing = world.at(START).list(&subject("alice")).unwrap();
    assert_eq!((listing.newest.len(), listing.total), (200, 205));
    let oldest = world.validate(&opened[0], START);
    assert!(oldest.is_ok(), "{oldest:?}");
    world.at(START).end_all(&subject("alice")).unwrap();
    for tokens in &opened {
        assert_eq!(world.validate(tokens, START), Err(Rejection::Revoked));
    }
    assert_eq!(world.at(START).list(&subject("alice")), Ok(Listing::default()));

    opened = (206..=1_410).map(open).collect();
    let listing = world.at(START).list(&subject("alice")).unwrap();
    assert_eq!((listing.newest.len(), listing.total), (200, 1_000), "those before have ended for the newer ones");
    let (ended, alive) = opened.split_at(205);
    assert!(ended.iter().all(|tokens| world.validate(tokens, START) == Err(Rejection::Revoked)));
    assert!(alive.iter().all(|tokens| world.validate(tokens, START).is_ok()));
    // One that the page only counts is ended like the others.
    let id = gatehouse_sealed_storage::sealing::HandleSecret::clone(&number_of(411).name().secret).record_id();
    assert_eq!(world.at(START).end_one(&subject("alice"), &id), Ok(true));
    assert_eq!(world.validate(&alive[0], START), Err(Rejection::Revoked));
    world.at(START).end_all(&subject("alice")).unwrap();
    for tokens in &opened {
        assert_eq!(world.validate(tokens, START), Err(Rejection::Revoked));
    }
    assert!(world.store.values().iter().all(Vec::is_empty), "nothing but notes is left");
}

fn numbered(number: u64, expires_at: gatehouse_protocol::UnixTime) -> crate::SessionRoot {
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&number.to_be_bytes());
    crate::SessionRoot {
        secret: gatehouse_sealed_storage::sealing::HandleSecret::from_slice(&secret).unwrap(),
        expires_at,
    }
}

/// An attacker of the last round: a client's 1,000 sessions of five minutes, or that were ended at once, ended the user's.
#[test]
fn a_thousand_sessions_that_are_over_or_soon_will_be_end_none_that_stays() {
    for how in ["they expire", "they are ended", "they are alive, and of minutes"] {
        let world = World::new();
        let alive = world.open();
        let mut now = START;
        for number in 1..=2_100 {
            let lifetime = if how == "they are ended" { SESSION - 1 } else { LIFETIME };
            let root = numbered(number, now.plus(lifetime));
            let opening = Opening { refreshable: false, ..opening() };
            world.at(now).open(&root, opening, &mut Counting(number << 20)).unwrap();
            match how {
                "they expire" => now = now.plus(if number % 900 == 0 { LIFETIME } else { 0 }),
                "they are ended" => world.at(now).end(&root).unwrap(),
                _ => {}
            }
        }
        let newest = world.at(START).refresh(
            &crate::RefreshRequest { refresh_token: &refresh_token(&alive), ..request(&client("a")) },
            |_| TERMS,
            &mut Counting(1 << 50),
        );
        let newest = newest.unwrap();
        assert!(world.validate(&newest, START).is_ok(), "{how}");
        let listing = world.at(now).list(&subject("alice")).unwrap();
        assert!(listing.total <= 1_000, "{how}: {}", listing.total);
        let id = world.root.name().id();
        let everywhere = world.at(now).directory_entries(&subject("alice")).unwrap();
        assert!(everywhere.iter().any(|(_, name)| name.id() == id), "{how}");
        world.at(now).end_all(&subject("alice")).unwrap();
        assert_eq!(world.validate(&newest, START), Err(Rejection::Revoked), "{how}");
        assert_eq!(world.at(now).list(&subject("alice")), Ok(Listing::default()));
    }
}

#[test]
fn of_a_thousand_and_one_sessions_that_are_alive_exactly_one_ends() {
    let world = World::new();
    let open = |number: u64| {
        let root = numbered(number, START.plus(SESSION + number));
        world.at(START).open(&root, opening(), &mut Counting(number << 20)).unwrap()
    };
    let opened: Vec<_> = (1..=1_001).map(open).collect();
    let ended = |tokens: &crate::Tokens| world.validate(tokens, START) == Err(Rejection::Revoked);
    assert_eq!(opened.iter().filter(|tokens| ended(tokens)).count(), 1);
    assert!(ended(&opened[0]));
    assert_eq!(world.at(START).list(&subject("alice")).unwrap().total, 1_000);
}

#[test]
fn whoever_ends_everything_and_breaks_off_goes_on_with_what_is_left() {
    for operation in 0.. {
        let world = World::new();
        let opened = [world.open(), world.open_with(&root(2), opening()), world.open_with(&root(3), opening())];
        let store = FailingStore::after(operation, &world.store);
        let ended = Sessions { store: &store, keys: &world.keys, now: START }.end_all(&subject("alice"));
        world.at(START).end_all(&subject("alice")).unwrap();
        for tokens in &opened {
            assert_eq!(world.validate(tokens, START), Err(Rejection::Revoked), "operation {operation}");
        }
        if ended.is_ok() {
            break;
        }
    }
}
