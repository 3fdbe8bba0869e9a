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
    let listed = world.at(START.plus(200)).list(&subject("alice")).unwrap();
    let names: Vec<_> = listed.iter().map(|session| session.client_name.as_str()).collect();
    assert_eq!(names, ["A Chat", "An Editor"]);
    let editor = &listed[1];
    assert_eq!((editor.opened_at, editor.last_used_at), (START, START.plus(100)));
    assert_eq!(editor.expires_at, START.plus(SESSION));
    assert_eq!((&editor.client_id, &editor.resource, &editor.scopes), (&client("a"), &mcp(), &alice().scopes));
    assert_eq!(editor.id.len(), 43);
    assert_eq!(world.at(START).list(&subject("bob")), Ok(Vec::new()));
}

#[test]
fn sessions_of_machines_are_in_no_list() {
    let world = World::new();
    world.open_with(&world.root, Opening { listed: false, refreshable: false, ..opening() });
    assert_eq!(world.at(START).list(&subject("alice")), Ok(Vec::new()));
}

#[test]
fn sessions_that_have_ended_or_expired_are_not_listed() {
    let world = World::new();
    world.open();
    world.open_with(&root(2), opening());
    world.at(START).end(&root(2)).unwrap();
    assert_eq!(world.at(START).list(&subject("alice")).unwrap().len(), 1);
    assert_eq!(world.at(START.plus(SESSION - 1)).list(&subject("alice")).unwrap().len(), 1);
    assert_eq!(world.at(START.plus(SESSION)).list(&subject("alice")), Ok(Vec::new()));
}

#[test]
fn a_subject_ends_one_of_its_sessions_and_no_other() {
    let world = World::new();
    let (first, second) = (world.open(), world.open_with(&root(2), opening()));
    let sessions = world.at(START);
    let id = sessions.list(&subject("alice")).unwrap().remove(1).id;
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
    assert_eq!(world.at(START.plus(20)).list(&subject("alice")), Ok(Vec::new()));
}

#[test]
fn a_session_that_cannot_be_listed_is_not_opened() {
    for operation in 0.. {
        let world = World::new();
        let store = FailingStore::after(operation, &world.store);
        let sessions = Sessions { store: &store, keys: &world.keys, now: START };
        if sessions.open(&world.root, opening(), &mut Counting(1)).is_ok() {
            assert_eq!(world.at(START).list(&subject("alice")).unwrap().len(), 1);
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
