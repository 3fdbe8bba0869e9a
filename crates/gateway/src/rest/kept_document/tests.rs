use std::cell::Cell;

use gatehouse_openapi::{DocumentOptions, Selection, compile};
use gatehouse_storage::memory::MemoryStore;
use serde_json::json;

use super::*;

const START: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// Seals by turning a text round: what matters here is that the heads are looked at.
struct Reversed;

impl SealTexts for Reversed {
    fn seal(&self, text: &str) -> Result<String, String> {
        Ok(text.chars().rev().collect())
    }

    fn open(&self, sealed: &str) -> Result<Option<String>, String> {
        Ok(Some(sealed.chars().rev().collect()))
    }
}

struct World {
    store: MemoryStore,
    elapsed: Cell<Milliseconds>,
    fetches: Cell<u32>,
}

impl Clock for World {
    fn now(&self) -> UnixTime {
        START.plus(self.elapsed.get() / 1000)
    }

    fn elapsed(&self) -> Milliseconds {
        self.elapsed.get()
    }

    fn wait(&self, time: Milliseconds) {
        self.pass(time);
    }
}

fn document(title: &str) -> CompiledDocument {
    let text = json!({ "openapi": "3.0.0", "info": { "title": title, "version": "1" }, "paths": { "/x": { "get": { "summary": title, "responses": {} } } } });
    let selection = Selection::default();
    let options =
        DocumentOptions { selection: &selection, fixed_query: "", may_set: &|_| true, with_output_schemas: true };
    compile(&text.to_string(), &options).unwrap()
}

impl World {
    fn new() -> Self {
        Self { store: MemoryStore::at(START), elapsed: Cell::new(0), fetches: Cell::new(0) }
    }

    fn pass(&self, time: Milliseconds) {
        self.elapsed.set(self.elapsed.get() + time);
        self.store.set_now(self.now());
    }

    fn kept<'a>(&'a self, id: &'a str) -> KeptDocument<'a, MemoryStore, Reversed> {
        KeptDocument { store: &self.store, seal: &Reversed, id }
    }

    fn current(&self, answer: Result<(&str, u64), &str>) -> Result<String, String> {
        let fetch = || {
            self.fetches.set(self.fetches.get() + 1);
            answer.map(|(title, seconds)| (document(title), seconds)).map_err(str::to_owned)
        };
        let kept = self.kept("a").current(self, fetch, |_| {})?;
        let piece = self.kept("a").piece(&kept, "list-0").unwrap().unwrap();
        assert!(piece.contains(&kept.index.title), "the pieces are those of the index");
        Ok(kept.index.title)
    }
}

#[test]
fn a_document_is_fetched_when_it_is_stale_and_not_before() {
    let world = World::new();
    assert_eq!(world.current(Ok(("one", 600))).unwrap(), "one");
    world.pass(599_000);
    assert_eq!((world.current(Ok(("two", 600))).unwrap().as_str(), world.fetches.get()), ("one", 1));
    world.pass(1_000);
    assert_eq!((world.current(Ok(("two", 600))).unwrap().as_str(), world.fetches.get()), ("two", 2));
}

#[test]
fn a_document_that_must_not_be_kept_is_kept_for_five_minutes() {
    let world = World::new();
    world.current(Ok(("one", 0))).unwrap();
    world.pass(299_000);
    assert_eq!(world.current(Ok(("two", 0))).unwrap(), "one");
    world.pass(1_000);
    assert_eq!(world.current(Ok(("two", 0))).unwrap(), "two");
}

#[test]
fn what_is_stale_is_used_while_nothing_else_can_be_had_and_one_in_half_a_minute_tries() {
    let world = World::new();
    world.current(Ok(("one", 300))).unwrap();
    world.pass(300_000);
    for _ in 0..5 {
        assert_eq!(world.current(Err("down")).unwrap(), "one");
    }
    assert_eq!(world.fetches.get(), 2);
    world.pass(30_000);
    assert_eq!((world.current(Ok(("two", 300))).unwrap().as_str(), world.fetches.get()), ("two", 3));
    world.pass(2 * 24 * 3600 * 1000);
    assert_eq!(world.current(Err("down")).unwrap_err(), "down", "what is older than its periods is gone");
}

#[test]
fn a_document_that_nobody_can_have_is_asked_for_three_times_in_half_a_minute() {
    let world = World::new();
    let before = world.store.values();
    for _ in 0..10 {
        assert!(world.current(Err("down")).is_err());
    }
    assert_eq!(world.fetches.get(), 3);
    assert_eq!(world.store.values(), before, "nothing is kept");
    world.pass(30_000);
    assert_eq!(world.current(Ok(("one", 300))).unwrap(), "one");
}

#[test]
fn others_wait_for_whoever_fetches_and_not_for_ever() {
    let world = World::new();
    // Somebody has begun, and does not come to an end.
    world.kept("a").count(START, 1).unwrap();
    assert!(world.current(Ok(("one", 300))).is_err());
    assert_eq!(world.fetches.get(), 0);
    assert!(world.elapsed.get() <= LONGEST_WAIT + 2 * LOOK_EVERY, "{}", world.elapsed.get());
    world.pass(30_000);
    assert_eq!(world.current(Ok(("one", 300))).unwrap(), "one", "in the next half minute another one begins");
}

#[test]
fn what_is_kept_of_one_document_is_not_taken_for_another() {
    let world = World::new();
    world.current(Ok(("one", 600))).unwrap();
    let other = world.kept("b");
    assert_eq!(other.kept(world.now()).unwrap(), None);
    // Whoever can write to the store moves the entry.
    let end = PERIODS.end_of_new(world.now());
    let moved = world.store.get(&world.kept("a").index_key(end).unwrap()).unwrap().unwrap();
    world.store.put(&other.index_key(end).unwrap(), &moved).unwrap();
    assert_eq!(other.kept(world.now()).unwrap(), None);
    let kept = world.kept("a").kept(world.now()).unwrap().unwrap();
    let list =
        world.store.get(&world.kept("a").piece_key(&kept.index.version, "list-0", end).unwrap()).unwrap().unwrap();
    world.store.put(&world.kept("a").piece_key(&kept.index.version, "call-0", end).unwrap(), &list).unwrap();
    assert_eq!(world.kept("a").piece(&kept, "call-0").unwrap(), None);
}

#[test]
fn a_store_that_is_down_has_no_tools() {
    let world = World::new();
    world.current(Ok(("one", 600))).unwrap();
    world.store.go_down();
    assert!(world.current(Ok(("two", 600))).is_err());
    assert_eq!(world.fetches.get(), 1);
}

#[test]
fn a_document_that_changes_with_every_fetch_does_not_fill_the_store() {
    let world = World::new();
    let entries = || world.store.values().len();
    world.current(Ok(("one", 300))).unwrap();
    let kept = entries();
    for title in ["two", "three", "four"] {
        world.pass(300_000);
        assert_eq!(world.current(Ok((title, 300))).unwrap(), title);
        assert_eq!(entries(), kept, "{title}");
    }
    // Neither does one that stays as it is, from one period to the next.
    for _ in 0..60 {
        world.pass(3_600_000);
        assert_eq!(world.current(Ok(("four", 300))).unwrap(), "four");
        assert_eq!(entries(), kept);
    }
    // What cannot be had takes nothing away.
    world.pass(300_000);
    assert_eq!((world.current(Err("down")).unwrap().as_str(), entries()), ("four", kept));
}
