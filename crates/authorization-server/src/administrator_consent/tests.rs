use gatehouse_storage::memory::MemoryStore;

use super::*;
use crate::example::{CONFIGURED_URI, LOOPBACK_URI, START, World, alice, configuration_with, key_ring, query};

fn world() -> World {
    let administrators = "name = \"demo\"\nadministrator_roles = [\"Admin\"]";
    World { configuration: configuration_with("name = \"demo\"", administrators), ..World::new() }
}

impl World {
    fn for_everybody(&self, now: UnixTime) -> AdministratorConsents<'_, MemoryStore> {
        self.store.set_now(now);
        AdministratorConsents { store: &self.store, keys: &self.keys, provider: self.provider(), now }
    }

    fn give(&self, request: &AuthorizationRequest, now: UnixTime) -> Result<(), NotGiven> {
        let mut entropy = crate::example::Counting::from(now.seconds());
        self.for_everybody(now).give(request, &alice(), Some("Alice"), &mut entropy)
    }
}

#[test]
fn a_consent_for_everybody_covers_the_same_client_place_and_resource_and_no_more_scopes() {
    let world = world();
    let request = world.request_of(&query().with("scope", "mcp"));
    assert!(!world.for_everybody(START).cover(&request).unwrap());
    world.give(&request, START).unwrap();
    assert!(world.for_everybody(START).cover(&request).unwrap());
    let more = world.request_of(&query().with("scope", "mcp files:read"));
    assert!(!world.for_everybody(START).cover(&more).unwrap(), "another scope");
    world.give(&more, START.plus(1)).unwrap();
    assert!(world.for_everybody(START.plus(1)).cover(&request).unwrap(), "fewer");
    let all = world.for_everybody(START.plus(1)).all().unwrap();
    assert_eq!(all.len(), 1, "it took the place of the other: {all:?}");
    assert_eq!((all[0].given_by.as_str(), all[0].given_by_name.as_deref()), ("demo:alice", Some("Alice")));
    assert_eq!((all[0].scopes.as_str(), all[0].redirect_uri.as_str()), ("mcp files:read", CONFIGURED_URI));
}

#[test]
fn what_is_taken_back_counts_for_nobody() {
    let world = world();
    world.give(&world.request(), START).unwrap();
    let consents = world.for_everybody(START.plus(1));
    let id = consents.all().unwrap().remove(0).id;
    assert_eq!(consents.take_back("another").unwrap(), None);
    assert!(consents.cover(&world.request()).unwrap());
    assert!(consents.take_back(&id).unwrap().is_some());
    assert!(!consents.cover(&world.request()).unwrap() && consents.all().unwrap().is_empty());
    assert_eq!(consents.take_back(&id).unwrap(), None, "twice");
}

#[test]
fn it_counts_for_ninety_days_and_not_longer() {
    let world = world();
    world.give(&world.request(), START).unwrap();
    assert!(world.for_everybody(START.plus(LIFETIME - 1)).cover(&world.request()).unwrap());
    assert!(!world.for_everybody(START.plus(LIFETIME)).cover(&world.request()).unwrap());
}

#[test]
fn where_nobody_is_an_administrator_any_more_nothing_that_they_gave_counts() {
    let mut world = world();
    world.give(&world.request(), START).unwrap();
    world.configuration.identity_providers[0].administrator_roles.clear();
    assert!(!world.for_everybody(START).cover(&world.request()).unwrap());
}

#[test]
fn the_users_of_another_provider_are_still_asked() {
    let mut world = world();
    world.give(&world.request(), START).unwrap();
    world.configuration.identity_providers[0].name = "other".to_owned();
    assert!(!world.for_everybody(START).cover(&world.request()).unwrap());
}

#[test]
fn a_client_that_registered_itself_for_a_program_is_allowed_for_nobody_else() {
    let mut world = world();
    let request = world.request_of_registered();
    assert_eq!(request.redirect_uri.as_str(), LOOPBACK_URI);
    let before = world.store.snapshot();
    assert_eq!(world.give(&request, START), Err(NotGiven::Client));
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn there_are_fifty_and_the_next_one_is_refused_until_one_is_taken_back() {
    let world = world();
    let numbered = |number: usize| {
        let mut request = world.request();
        request.client.client_id = gatehouse_protocol::ClientId::parse(&format!("client-{number}")).unwrap();
        request
    };
    let at = |second: usize| START.plus(u64::try_from(second).unwrap());
    for number in 0..MOST {
        world.give(&numbered(number), at(number)).unwrap();
    }
    let before = world.store.snapshot();
    assert_eq!(world.give(&numbered(MOST), at(100)), Err(NotGiven::Full));
    assert_eq!(world.store.snapshot(), before);
    // Given again and again, one stays one, and none of the others has to go for it.
    for again in 0..120 {
        world.give(&numbered(47), at(200 + again)).unwrap();
    }
    let all = world.for_everybody(at(400)).all().unwrap();
    assert_eq!((all.len(), all[0].client_id.as_str()), (MOST, "client-47"));
    world.for_everybody(at(400)).take_back(&all[1].id).unwrap();
    world.give(&numbered(MOST), at(401)).unwrap();
    assert!(world.for_everybody(at(401)).cover(&numbered(MOST)).unwrap());
    assert_eq!(world.for_everybody(at(401)).all().unwrap().len(), MOST);
}

#[test]
fn the_store_names_neither_the_client_nor_the_administrator_and_another_key_reads_nothing() {
    let mut world = world();
    world.give(&world.request(), START).unwrap();
    let dump = format!("{}{}", String::from_utf8_lossy(&world.store.values().concat()), world.store.snapshot());
    for text in ["alice", "Alice", "administrators", "conformance", "client.example"] {
        assert!(!dump.contains(text), "{text}");
    }
    world.keys = key_ring('B');
    assert!(!world.for_everybody(START).cover(&world.request()).unwrap());
}

#[test]
fn a_store_that_does_not_answer_is_no_consent() {
    let world = world();
    world.give(&world.request(), START).unwrap();
    world.store.go_down();
    assert!(world.for_everybody(START).cover(&world.request()).is_err());
}
