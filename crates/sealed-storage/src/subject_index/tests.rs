use core::cell::{Cell, RefCell};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_storage::KeyPage;
use gatehouse_storage::memory::MemoryStore;

use gatehouse_storage::Key;

use super::*;

const DAY: u64 = 24 * 60 * 60;
/// The first second of a period.
const START: UnixTime = UnixTime::from_seconds(690 * 30 * DAY);

/// Repeatable, and different for every call.
struct Counting(u64);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        for (byte, value) in bytes.iter_mut().zip(self.0.to_be_bytes().iter().cycle()) {
            *byte = *value;
        }
    }
}

fn ring(entries: &[(&str, u8)]) -> KeyRing {
    let entry = |(id, byte): &(&str, u8)| format!("{id}:{}", URL_SAFE_NO_PAD.encode([*byte; 32]));
    KeyRing::parse(&entries.iter().map(entry).collect::<Vec<_>>().join(",")).unwrap()
}

fn alice() -> Subject {
    Subject::new("demo", "alice").unwrap()
}

fn at<'a>(store: &'a MemoryStore, keys: &'a KeyRing, now: UnixTime) -> SubjectIndex<'a, MemoryStore> {
    store.set_now(now);
    SubjectIndex { store, keys, now }
}

/// Longer than everything else lives here.
const FAR: UnixTime = UnixTime::from_seconds(u64::MAX);

#[expect(clippy::unnecessary_wraps, reason = "what the directory asks for")]
fn alive(_: &Entry) -> Result<Option<UnixTime>, StoreUnavailable> {
    Ok(Some(FAR))
}

fn add<S: Store>(directory: &SubjectIndex<'_, S>, content: &str) -> Result<(), StoreUnavailable> {
    directory.add(List::Sessions, &alice(), content.as_bytes(), &mut Counting(0), alive, |_| Ok(()))
}

/// How many slots the store has, without the notes that counters are there.
fn slots(store: &MemoryStore) -> usize {
    store.values().iter().filter(|value| !value.is_empty()).count()
}

fn contents<S: Store>(directory: &SubjectIndex<'_, S>, list: List, subject: &Subject) -> Vec<String> {
    let entries = directory.entries(list, subject).unwrap();
    entries.iter().map(|entry| String::from_utf8(entry.content.to_vec()).unwrap()).collect()
}

fn listed<S: Store>(directory: &SubjectIndex<'_, S>) -> Vec<String> {
    contents(directory, List::Sessions, &alice())
}

#[test]
fn what_was_added_is_listed_for_its_subject_and_list_only_newest_first() {
    let (store, keys) = (MemoryStore::at(START), ring(&[("a", 1)]));
    let directory = at(&store, &keys, START);
    assert!(listed(&directory).is_empty());
    add(&directory, "first").unwrap();
    add(&directory, "second").unwrap();
    assert_eq!(listed(&directory), ["second", "first"]);
    assert!(contents(&directory, List::Consents, &alice()).is_empty());
    for other in ["demo:bob", "demo2:alice", "demo:alice2"] {
        assert!(contents(&directory, List::Sessions, &Subject::parse(other).unwrap()).is_empty(), "{other}");
    }
}

#[test]
fn a_removed_entry_is_gone_and_removing_it_again_succeeds() {
    let (store, keys) = (MemoryStore::at(START), ring(&[("a", 1)]));
    let directory = at(&store, &keys, START);
    for content in ["first", "second", "third"] {
        add(&directory, content).unwrap();
    }
    let second = directory.entries(List::Sessions, &alice()).unwrap().remove(1);
    directory.remove(&second).unwrap();
    directory.remove(&second).unwrap();
    assert_eq!(listed(&directory), ["third", "first"]);
    add(&directory, "fourth").unwrap();
    assert_eq!(listed(&directory), ["fourth", "third", "first"], "its number is not given out again");
}

#[test]
fn an_entry_is_found_for_the_longest_life_of_a_session_and_ends_with_its_periods() {
    let keys = ring(&[("a", 1)]);
    for (added, last, first_without) in [
        (START, START.plus(120 * DAY - 1), START.plus(120 * DAY)),
        (START.plus(30 * DAY - 1), START.plus(120 * DAY - 1), START.plus(120 * DAY)),
        (START.plus(30 * DAY), START.plus(150 * DAY - 1), START.plus(150 * DAY)),
    ] {
        let store = MemoryStore::at(added);
        add(&at(&store, &keys, added), "x").unwrap();
        assert!(added.seconds_until(last) >= 90 * DAY);
        assert_eq!(listed(&at(&store, &keys, last)), ["x"]);
        assert!(listed(&at(&store, &keys, first_without)).is_empty());
    }
}

#[test]
fn the_newest_come_first_across_periods() {
    let (store, keys) = (MemoryStore::at(START), ring(&[("a", 1)]));
    for (days, content) in [(0, "first"), (29, "second"), (30, "third"), (65, "fourth"), (110, "fifth")] {
        add(&at(&store, &keys, START.plus(days * DAY)), content).unwrap();
    }
    assert_eq!(listed(&at(&store, &keys, START.plus(111 * DAY))), ["fifth", "fourth", "third", "second", "first"]);
}

/// S11 of the strangers: 200 slots were read, whatever there was.
#[test]
fn a_list_is_read_whole_and_holds_so_many_and_the_oldest_goes_first_across_periods_and_keys() {
    let (store, old) = (MemoryStore::at(START), ring(&[("old", 1)]));
    let both = ring(&[("new", 2), ("old", 1)]);
    let later = START.plus(31 * DAY);
    let most = usize::try_from(List::Sessions.most()).unwrap();
    let ended = RefCell::new(Vec::new());
    let add = |directory: &SubjectIndex<'_, MemoryStore>, number: usize| {
        let end = |oldest: &Entry| {
            ended.borrow_mut().push(String::from_utf8(oldest.content.to_vec()).unwrap());
            Ok::<_, StoreUnavailable>(())
        };
        directory.add(List::Sessions, &alice(), number.to_string().as_bytes(), &mut Counting(0), alive, end).unwrap();
    };
    // In one period, in the next one, and there under another key.
    for number in 0..3 {
        add(&at(&store, &old, START), number);
    }
    for number in 3..5 {
        add(&at(&store, &old, later), number);
    }
    for number in 5..most {
        add(&at(&store, &both, later), number);
    }
    let found = listed(&at(&store, &both, later));
    assert_eq!((found.len(), found[0].as_str(), found.last().unwrap().as_str()), (most, "999", "0"));
    assert!(ended.borrow().is_empty());
    for number in most..3 * most {
        add(&at(&store, &both, later), number);
        let ended = ended.borrow();
        assert_eq!((ended.len(), ended.last().unwrap()), (number + 1 - most, &(number - most).to_string()));
        assert_eq!(slots(&store), most, "{number}");
    }
    let found = listed(&at(&store, &both, later));
    let expected: Vec<_> = (2 * most..3 * most).rev().map(|number| number.to_string()).collect();
    assert_eq!(found, expected);
    // A period later they are still what the list holds.
    let last = later.plus(30 * DAY);
    add(&at(&store, &both, last), 3 * most);
    assert_eq!(ended.borrow().last().unwrap(), &(2 * most).to_string());
    assert_eq!(listed(&at(&store, &both, last)).len(), most);
}

#[test]
fn nothing_is_added_where_the_oldest_cannot_be_ended_and_it_stays_listed() {
    let (store, keys) = (MemoryStore::at(START), ring(&[("a", 1)]));
    let directory = at(&store, &keys, START);
    let most = List::Sessions.most();
    for number in 0..most {
        add(&directory, &number.to_string()).unwrap();
    }
    let refused = directory.add(List::Sessions, &alice(), b"new", &mut Counting(0), alive, |_| Err(unavailable("no")));
    assert!(refused.is_err());
    let found = listed(&directory);
    assert_eq!((found.len() as u64, found.contains(&"0".to_owned())), (most, true));
    // The number is gone with it; the next one does not overwrite what was never ended.
    for number in 0..2 * most {
        add(&directory, &format!("again {number}")).unwrap();
        assert!(slots(&store) as u64 <= most);
    }
    let found = listed(&directory);
    assert!(found.iter().all(|content| content.starts_with("again")), "{found:?}");
}

#[test]
fn a_rotation_of_server_keys_with_overlap_loses_nothing() {
    let store = MemoryStore::at(START);
    let (old, both, new) = (ring(&[("old", 1)]), ring(&[("new", 2), ("old", 1)]), ring(&[("new", 2)]));
    add(&at(&store, &old, START), "before").unwrap();
    add(&at(&store, &both, START), "after").unwrap();
    assert_eq!(listed(&at(&store, &both, START)), ["after", "before"]);
    assert_eq!(listed(&at(&store, &new, START)), ["after"]);
    let before = at(&store, &both, START).entries(List::Sessions, &alice()).unwrap().remove(1);
    at(&store, &both, START).remove(&before).unwrap();
    assert_eq!(listed(&at(&store, &both, START)), ["after"]);
}

#[test]
fn the_store_holds_neither_the_subject_nor_the_content() {
    let (store, keys) = (MemoryStore::at(START), ring(&[("a", 1)]));
    let directory = at(&store, &keys, START);
    add(&directory, "a-secret-content").unwrap();
    let values = store.values().concat();
    for secret in ["demo", "alice", "a-secret-content"] {
        assert!(!store.snapshot().contains(secret), "{secret}");
        assert!(!values.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    let entry = directory.entries(List::Sessions, &alice()).unwrap().remove(0);
    assert!(!format!("{entry:?}").contains("a-secret-content"));
}

#[test]
fn listing_what_was_never_begun_writes_nothing() {
    let (store, keys) = (MemoryStore::at(START), ring(&[("b", 2), ("a", 1)]));
    let before = store.snapshot();
    assert!(listed(&at(&store, &keys, START)).is_empty());
    assert_eq!(store.snapshot(), before);
}

#[test]
fn an_entry_that_was_altered_is_left_out_and_hides_no_other() {
    let (store, keys) = (MemoryStore::at(START), ring(&[("a", 1)]));
    let directory = at(&store, &keys, START);
    add(&directory, "first").unwrap();
    add(&directory, "second").unwrap();
    let entries = directory.entries(List::Sessions, &alice()).unwrap();
    let moved = store.get(&entries[0].key).unwrap().unwrap();
    store.put(&entries[1].key, &moved).unwrap();
    assert_eq!(listed(&directory), ["second"]);
}

#[test]
fn a_store_that_is_down_fails_every_function_and_changes_nothing() {
    let (store, keys) = (MemoryStore::at(START), ring(&[("a", 1)]));
    let directory = at(&store, &keys, START);
    add(&directory, "x").unwrap();
    let entry = directory.entries(List::Sessions, &alice()).unwrap().remove(0);
    let before = store.snapshot();
    store.go_down();
    assert!(add(&directory, "y").is_err());
    assert!(directory.entries(List::Sessions, &alice()).is_err());
    assert!(directory.remove(&entry).is_err());
    assert_eq!(store.snapshot(), before);
}

/// What the entries of a list stand for, by what the entries say: until when it is alive.
#[derive(Default)]
struct Lives(RefCell<std::collections::BTreeMap<String, UnixTime>>);

impl Lives {
    /// Adds one that lives until then; says which one ended for it.
    fn add<S: Store>(&self, directory: &SubjectIndex<'_, S>, content: &str, until: UnixTime) -> Option<String> {
        let text = |entry: &Entry| String::from_utf8(entry.content.to_vec()).unwrap();
        let alive_until = |entry: &Entry| Ok::<_, StoreUnavailable>(self.0.borrow().get(&text(entry)).copied());
        let mut ended = None;
        let end = |entry: &Entry| {
            self.0.borrow_mut().remove(&text(entry)).unwrap();
            ended = Some(text(entry));
            Ok(())
        };
        directory.add(List::Sessions, &alice(), content.as_bytes(), &mut Counting(0), alive_until, end).unwrap();
        self.0.borrow_mut().insert(content.to_owned(), until);
        ended
    }

    fn are_over(&self, content: &str) {
        self.0.borrow_mut().remove(content);
    }
}

/// An attacker of the last round: a client that opened and ended 1,000 sessions of a user ended those that were alive.
#[test]
fn what_is_over_pushes_nothing_out_that_is_alive_in_a_period_and_across_periods_and_keys() {
    let (store, old) = (MemoryStore::at(START), ring(&[("old", 1)]));
    let both = ring(&[("new", 2), ("old", 1)]);
    let lives = Lives::default();
    let most = List::Sessions.most();
    for number in 0..40 {
        assert_eq!(lives.add(&at(&store, &old, START), &format!("alive {number}"), FAR), None);
    }
    for (keys, days) in [(&old, 0), (&old, 31), (&both, 31), (&both, 62)] {
        let directory = at(&store, keys, START.plus(days * DAY));
        for number in 0..most + 100 {
            let content = format!("over {number}");
            assert_eq!(lives.add(&directory, &content, FAR), None, "{content} after {days} days");
            lives.are_over(&content);
        }
        let found = listed(&directory);
        let alive = found.iter().filter(|content| content.starts_with("alive")).count();
        assert_eq!((alive, found.len() as u64 <= most), (40, true), "after {days} days");
        assert!(slots(&store) as u64 <= most);
    }
}

#[test]
fn with_one_more_alive_than_a_list_holds_exactly_one_ends_and_that_is_the_one_that_would_be_over_first() {
    let (store, keys) = (MemoryStore::at(START), ring(&[("a", 1)]));
    let directory = at(&store, &keys, START);
    let (lives, most) = (Lives::default(), List::Sessions.most());
    for number in 0..most {
        // The first three live long, of the others each as long as it is young.
        let until = if number < 3 { FAR } else { START.plus(300 + number) };
        assert_eq!(lives.add(&directory, &number.to_string(), until), None);
    }
    for number in 3..50 {
        let ended = lives.add(&directory, &format!("new {number}"), START.plus(DAY));
        assert_eq!(ended, Some(number.to_string()));
        let found = listed(&directory);
        assert_eq!((found.len() as u64, lives.0.borrow().len() as u64), (most, most));
        assert!(["0", "1", "2"].iter().all(|first| found.iter().any(|content| content == first)));
    }
}

#[test]
fn an_entry_is_replaced_in_its_place_unless_that_is_gone_before_what_is_written_today() {
    let (store, old) = (MemoryStore::at(START), ring(&[("a", 1)]));
    let directory = at(&store, &old, START);
    add(&directory, "first").unwrap();
    add(&directory, "second").unwrap();
    let first = directory.entries(List::Sessions, &alice()).unwrap().remove(1);
    let replace = |directory: &SubjectIndex<'_, MemoryStore>, content: &[u8]| {
        directory.replace(List::Sessions, &alice(), &first, content, &mut Counting(5)).unwrap()
    };
    assert!(replace(&directory, b"again"));
    assert_eq!(listed(&directory), ["second", "again"]);
    let both = ring(&[("b", 2), ("a", 1)]);
    for (keys, now) in [(&old, START.plus(30 * DAY)), (&both, START)] {
        assert!(!replace(&at(&store, keys, now), b"no"));
        assert_eq!(listed(&at(&store, keys, now)), ["second", "again"]);
    }
}

/// Counts the operations.
struct Counted<'a>(&'a MemoryStore, Cell<usize>);

impl Counted<'_> {
    fn counted(&self) -> &MemoryStore {
        self.1.set(self.1.get() + 1);
        self.0
    }
}

impl Store for Counted<'_> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.counted().get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.counted().put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.counted().delete(key)
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        self.counted().increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.counted().list(cursor)
    }
}

#[test]
fn an_addition_takes_so_many_operations_and_no_more_whatever_is_alive() {
    let (store, keys) = (MemoryStore::at(START), ring(&[("a", 1)]));
    let (lives, most) = (Lives::default(), List::Sessions.most());
    let counted = Counted(&store, Cell::new(0));
    for (now, allowed) in [(START, 400), (START.plus(31 * DAY), 1_000)] {
        store.set_now(now);
        let directory = SubjectIndex { store: &counted, keys: &keys, now };
        for number in 0..most + 200 {
            counted.1.set(0);
            // The worst: those that come next live ever shorter.
            let until = now.plus(2 * most + 60 * DAY - number % 64);
            lives.add(&directory, &format!("{} {number}", now.seconds()), until);
            assert!(counted.1.get() <= allowed, "{} operations for number {number}", counted.1.get());
        }
    }
    assert!(lives.0.borrow().len() as u64 <= most);
}

/// What was moved to make room is among the old ones or among the new ones, whenever somebody reads.
#[test]
fn whoever_reads_while_something_is_moved_misses_nothing() {
    let keys = ring(&[("a", 1)]);
    let later = START.plus(31 * DAY);
    let (store, lives, most) = (MemoryStore::at(START), Lives::default(), List::Sessions.most());
    lives.add(&at(&store, &keys, START), "alive", FAR);
    for number in 1..most {
        lives.add(&at(&store, &keys, START), &number.to_string(), START.plus(DAY));
    }
    store.set_now(later);
    let mut moved = false;
    for before in (0..8).chain(995..1_010) {
        // A store of its own for each: the one in which "alive" is moved by the next addition.
        let other = MemoryStore::at(later);
        for key in store.list(None).unwrap().keys {
            match store.get(&key) {
                Ok(Some(value)) => other.put(&key, &value).unwrap(),
                Ok(None) | Err(_) => drop(other.increment(&key, store.increment(&key, 0).unwrap()).unwrap()),
            }
        }
        let act: Box<dyn FnOnce()> =
            Box::new(|| drop(lives.add(&SubjectIndex { store: &other, keys: &keys, now: later }, "new", FAR)));
        let interrupted = Interrupted {
            store: &other,
            before: Cell::new(before),
            act: RefCell::new(Some(act)),
            firsts_see_one: false,
        };
        let found = listed(&SubjectIndex { store: &interrupted, keys: &keys, now: later });
        assert!(found.contains(&"alive".to_owned()), "read before operation {before}");
        let again = listed(&SubjectIndex { store: &other, keys: &keys, now: later });
        moved |= again.last().is_some_and(|last| last != "alive") && again.contains(&"new".to_owned());
    }
    assert!(moved);
}

/// A store before whose n-th operation somebody else acts.
struct Interrupted<'a> {
    store: &'a MemoryStore,
    before: Cell<usize>,
    act: RefCell<Option<Box<dyn FnOnce() + 'a>>>,
    /// On one backend two racing first increments can both see 1.
    firsts_see_one: bool,
}

impl Interrupted<'_> {
    fn tick(&self) {
        let left = self.before.get();
        self.before.set(left.wrapping_sub(1));
        if left == 0
            && let Some(act) = self.act.take()
        {
            act();
        }
    }
}

impl Store for Interrupted<'_> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.tick();
        self.store.get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.tick();
        self.store.put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.tick();
        self.store.delete(key)
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        let is_first = self.store.list(None)?.keys.iter().all(|known| known != key);
        self.tick();
        if self.firsts_see_one && is_first && self.act.borrow().is_none() && self.store.increment(key, 0)? > 0 {
            return Ok(1);
        }
        self.store.increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.store.list(cursor)
    }
}

#[test]
fn two_racing_adds_never_share_a_slot_wherever_one_comes_between_the_operations_of_the_other() {
    let keys = ring(&[("a", 1)]);
    for firsts_see_one in [false, true] {
        for before in 0..6 {
            for earlier in [0, 1] {
                let store = MemoryStore::at(START);
                let (directory, now) = (at(&store, &keys, START), START);
                for _ in 0..earlier {
                    add(&directory, "earlier").unwrap();
                }
                let act: Box<dyn FnOnce()> = Box::new(|| add(&directory, "other").unwrap());
                let interrupted = Interrupted {
                    store: &store,
                    before: Cell::new(before),
                    act: RefCell::new(Some(act)),
                    firsts_see_one,
                };
                add(&SubjectIndex { store: &interrupted, keys: &keys, now }, "one").unwrap();
                let mut found = listed(&directory);
                found.sort();
                // With fewer operations than `before` the other one did not come.
                let others = usize::from(interrupted.act.borrow().is_none());
                assert_eq!(found.len(), earlier + others + 1, "{found:?}, before operation {before}");
                assert!(found.contains(&"one".to_owned()));
            }
        }
    }
}
