use std::cell::Cell;

use gatehouse_protocol::SecretString;
use gatehouse_storage::memory::MemoryStore;

use super::*;
use crate::ApiKey;
use crate::example::Counting;

const START: u64 = 1_795_000_000;

struct World {
    store: MemoryStore,
    ring: KeyRing,
    entropy: Cell<u8>,
}

fn entry(id: &str, byte: u8) -> String {
    use base64::Engine as _;
    format!("{id}:{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([byte; 32]))
}

impl World {
    fn new() -> Self {
        let ring = KeyRing::parse(&entry("new", 1)).unwrap();
        Self { store: MemoryStore::at(UnixTime::from_seconds(START)), ring, entropy: Cell::new(0) }
    }

    fn at(&self, seconds: u64) -> IssuedKeys<'_, MemoryStore> {
        self.of("/mcp", seconds, 300)
    }

    fn of<'a>(&'a self, route: &'a str, seconds: u64, overlap: u64) -> IssuedKeys<'a, MemoryStore> {
        let now = UnixTime::from_seconds(START + seconds);
        self.store.set_now(now);
        IssuedKeys { store: &self.store, keys: &self.ring, route, now, overlap }
    }

    fn entropy(&self) -> Counting {
        self.entropy.set(self.entropy.get().wrapping_add(1));
        Counting(self.entropy.get())
    }

    fn fetch(&self, seconds: u64) -> String {
        self.at(seconds).fetch(&mut self.entropy(), &|| {}).unwrap().expose().to_owned()
    }

    fn regenerate(&self, seconds: u64) -> String {
        self.at(seconds).regenerate(&mut self.entropy(), &|| {}).unwrap().expose().to_owned()
    }
}

fn validated(keys: &IssuedKeys<'_, MemoryStore>, key: &str) -> Result<(), KeyRejection> {
    let Some(ApiKey::Issued(key)) = ApiKey::parse(key) else { panic!("{key} has the form of another key") };
    keys.validate(&key, None).map(|_| ())
}

#[test]
fn the_key_is_the_same_until_it_is_replaced_and_is_good_at_its_route_alone() {
    let world = World::new();
    let key = world.fetch(0);
    assert_eq!(world.fetch(100_000), key);
    assert_eq!(validated(&world.at(0), &key), Ok(()));
    assert_eq!(validated(&world.of("/other", 0, 300), &key), Err(KeyRejection::Unrecognised));
    let other = world.of("/other", 0, 300).fetch(&mut world.entropy(), &|| {}).unwrap();
    assert_ne!(other.expose(), key);
    assert_eq!(validated(&world.at(0), other.expose()), Err(KeyRejection::Unrecognised));
}

#[test]
fn a_former_key_is_good_to_the_last_second_of_the_overlap_and_no_longer() {
    let world = World::new();
    let former = world.fetch(0);
    let key = world.regenerate(1_000);
    assert_ne!(key, former);
    for (second, expected) in
        [(1_000, Ok(())), (1_299, Ok(())), (1_300, Err(KeyRejection::Ended)), (9_999_999, Err(KeyRejection::Ended))]
    {
        assert_eq!(validated(&world.at(second), &former), expected, "{second}");
        assert_eq!(validated(&world.at(second), &key), Ok(()), "{second}");
    }
    // With none, it ends at once; no more than the longest is believed.
    assert_eq!(validated(&world.of("/mcp", 1_000, 0), &former), Err(KeyRejection::Ended));
    let beyond = 1_000 + LONGEST_OVERLAP_SECONDS;
    assert_eq!(validated(&world.of("/mcp", beyond, u64::MAX), &former), Err(KeyRejection::Ended));
}

#[test]
fn a_key_that_is_replaced_twice_ends_by_the_first_time() {
    let world = World::new();
    let first = world.fetch(0);
    world.regenerate(100);
    world.regenerate(200);
    assert_eq!(validated(&world.at(399), &first), Ok(()));
    assert_eq!(validated(&world.at(400), &first), Err(KeyRejection::Ended));
}

#[test]
fn a_forged_key_costs_no_question_to_the_store() {
    let world = World::new();
    let key = world.fetch(0);
    let other = KeyRing::parse(&entry("new", 2)).unwrap();
    let forged = other.derived("new", PURPOSE, &["/mcp", &START.to_string()]).unwrap();
    let forged = written(START, "new", &forged);
    world.store.go_down();
    assert_eq!(validated(&world.at(0), forged.expose()), Err(KeyRejection::Unrecognised));
    assert_eq!(validated(&world.at(0), &key.replace("_new_", "_old_")), Err(KeyRejection::Unrecognised));
    assert!(matches!(validated(&world.at(0), &key), Err(KeyRejection::Unavailable(_))), "and a good one fails");
}

#[test]
fn what_the_server_key_could_derive_but_nobody_has_issued_is_no_key() {
    let world = World::new();
    world.fetch(0);
    let next = world.ring.derived("new", PURPOSE, &["/mcp", &(START + 1).to_string()]).unwrap();
    assert_eq!(validated(&world.at(0), written(START + 1, "new", &next).expose()), Err(KeyRejection::Unrecognised));
}

#[test]
fn a_new_server_key_changes_nothing_and_a_retired_one_ends_the_key() {
    let mut world = World::new();
    let key = world.fetch(0);
    world.ring = KeyRing::parse(&format!("{},{}", entry("newer", 2), entry("new", 1))).unwrap();
    assert_eq!(world.fetch(10), key);
    assert_eq!(validated(&world.at(10), &key), Ok(()));
    world.ring = KeyRing::parse(&entry("newer", 2)).unwrap();
    assert_eq!(validated(&world.at(20), &key), Err(KeyRejection::Unrecognised));
    let next = world.fetch(20);
    assert!(next.contains("_newer_"), "derived from the newest");
    assert_eq!((validated(&world.at(20), &next), world.fetch(30)), (Ok(()), next.clone()));
    // It does not come back with the server key.
    world.ring = KeyRing::parse(&format!("{},{}", entry("newer", 2), entry("new", 1))).unwrap();
    assert_eq!(validated(&world.at(40), &key), Err(KeyRejection::Unrecognised));
    assert_eq!((validated(&world.at(40), &next), world.fetch(40)), (Ok(()), next));
}

#[test]
fn no_key_from_before_a_lost_store_is_good_again() {
    let (world, after) = (World::new(), World::new());
    let keys: Vec<_> = (0..10).map(|_| world.regenerate(0)).collect();
    let fresh = after.fetch(60);
    for key in keys {
        assert_ne!(key, fresh);
        assert_eq!(validated(&after.at(60), &key), Err(KeyRejection::Unrecognised));
    }
}

#[test]
fn entries_that_can_never_count_again_are_removed_however_often_the_key_is_replaced() {
    let world = World::new();
    let mut seconds = 0;
    for _ in 0..200 {
        seconds += LONGEST_OVERLAP_SECONDS;
        world.regenerate(seconds);
    }
    assert!(world.store.values().len() <= 3, "{}", world.store.values().len());
    // Many at once stay for the overlap, and go afterwards.
    for _ in 0..64 {
        world.regenerate(seconds);
    }
    assert!(world.store.values().len() > 60);
    for _ in 0..8 {
        seconds += LONGEST_OVERLAP_SECONDS;
        world.regenerate(seconds);
    }
    assert!(world.store.values().len() <= 3, "{}", world.store.values().len());
}

#[test]
fn the_store_holds_no_key_and_nothing_that_one_could_be_made_of() {
    let world = World::new();
    let keys = [world.fetch(0), world.regenerate(1)];
    for value in world.store.values() {
        let text = String::from_utf8(value).unwrap();
        for key in &keys {
            assert!(!text.contains(key.rsplit('_').next().unwrap()));
        }
    }
}

#[test]
fn a_store_that_does_not_answer_issues_nothing() {
    let world = World::new();
    world.store.go_down();
    assert!(world.at(0).fetch(&mut Counting(0), &|| {}).is_err());
    assert!(world.at(0).regenerate(&mut Counting(0), &|| {}).is_err());
}

/// One who replaces the key, as far as they come before somebody else goes on.
#[test]
fn whoever_is_overtaken_ends_what_they_have_made() {
    let world = World::new();
    let first = world.fetch(0);
    // Somebody has taken the next generation, and has not written it yet.
    let slow = world.at(10);
    slow.end(slow.generation().unwrap(), &mut Counting(90)).unwrap();
    let taken = world.store.increment(&slow.counter().unwrap(), 1).unwrap();
    let key = world.regenerate(11);
    assert_eq!(world.fetch(11), key);
    // Now the slow one goes on: writes, sees that another one is above, and ends it.
    slow.put(taken, &Entry { server_key: "new".to_owned(), ended_at: None, oldest: START }, &mut Counting(91)).unwrap();
    assert!(slow.generation().unwrap() > taken);
    slow.end(taken, &mut Counting(92)).unwrap();
    let overtaken = world.ring.derived("new", PURPOSE, &["/mcp", &taken.to_string()]).unwrap();
    let overtaken: SecretString = written(taken, "new", &overtaken);
    assert_eq!(world.fetch(12), key);
    for former in [first.as_str(), overtaken.expose()] {
        assert_eq!(validated(&world.at(310), former), Err(KeyRejection::Ended), "{former}");
    }
    assert_eq!(validated(&world.at(310), &key), Ok(()));
}

/// One who vanishes in the middle leaves a generation that nobody has written.
#[test]
fn a_generation_that_nobody_has_finished_is_replaced_by_whoever_fetches() {
    let world = World::new();
    let first = world.fetch(0);
    world.store.increment(&world.at(0).counter().unwrap(), 1).unwrap();
    assert_eq!(validated(&world.at(5), &first), Ok(()), "nobody was told that it has ended");
    let next = world.fetch(5);
    assert_ne!(next, first);
    assert_eq!((validated(&world.at(5), &next), world.fetch(6)), (Ok(()), next));
}

/// Whoever begins the first one and vanishes.
#[test]
fn a_first_generation_that_nobody_has_finished_is_begun_by_whoever_waits() {
    let world = World::new();
    assert!(world.at(0).begins_first().unwrap());
    let pauses = Cell::new(0);
    let key = world.at(0).fetch(&mut Counting(0), &|| pauses.set(pauses.get() + 1)).unwrap();
    assert!(pauses.get() > 0);
    assert_eq!(world.fetch(1), key.expose());
}

#[test]
fn a_note_is_read_with_the_key_and_says_nothing_of_one_that_is_not_good() {
    let world = World::new();
    let key = world.fetch(0);
    let Some(ApiKey::Issued(issued)) = ApiKey::parse(&key) else { panic!("{key}") };
    let note = Key::new("note", "a", UnixTime::from_seconds(START + 5_000)).unwrap();
    assert_eq!(world.at(0).validate(&issued, Some(&note)), Ok(false));
    world.store.put(&note, b"full").unwrap();
    assert_eq!(world.at(0).validate(&issued, Some(&note)), Ok(true));
    assert_eq!(world.at(0).validate(&issued, None), Ok(false));
    world.regenerate(1_000);
    assert_eq!(world.at(1_299).validate(&issued, Some(&note)), Ok(true));
    assert_eq!(world.at(1_300).validate(&issued, Some(&note)), Err(KeyRejection::Ended));
    assert_eq!(world.of("/other", 0, 300).validate(&issued, Some(&note)), Err(KeyRejection::Unrecognised));
}
