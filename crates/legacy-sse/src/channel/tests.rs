use core::cell::Cell;

use gatehouse_storage::memory::{FailingStore, MemoryStore};
use gatehouse_storage::{KeyPage, Store};

use super::*;
use crate::example::{Counting, START, channel, die, opened, read, write, write_all};
use crate::{Cursor, post, set_upstream_session, take_next, upstream_session};

fn set(store: &impl Store, channel: &Channel, session: &str) -> Result<(), Rejection> {
    set_upstream_session(store, channel, session, START, &mut Counting(0))
}

#[test]
fn a_channel_is_opened_once() {
    let (store, channel) = opened();
    assert!(open(&store, &channel).is_err());
    assert!(write(&store, &channel, "still open").is_ok());
}

#[test]
fn a_channel_that_was_never_opened_or_has_expired_takes_and_gives_nothing() {
    let (store, opened) = opened();
    write(&store, &opened, "waiting").unwrap();
    let (never, later) = (channel(9), opened.expires_at);
    for (channel, now) in [(&never, START), (&opened, later), (&opened, later.plus(1))] {
        store.set_now(now);
        let values = store.values();
        assert_eq!(is_closed(&store, channel, now), Ok(true));
        assert_eq!(post(&store, channel, b"x", now, &mut Counting(0)), Err(Rejection::Closed));
        assert_eq!(take_next(&store, channel, &mut Cursor::new(), now), Err(Rejection::Closed));
        assert_eq!(set_upstream_session(&store, channel, "x", now, &mut Counting(0)), Err(Rejection::Closed));
        assert_eq!(store.values(), values);
    }
    store.set_now(START);
    assert_eq!(is_closed(&store, &opened, START), Ok(false));
}

#[test]
fn nothing_but_counters_is_left_of_a_closed_channel() {
    let (store, channel) = opened();
    let mut cursor = Cursor::new();
    write(&store, &channel, "read").unwrap();
    set(&store, &channel, "session").unwrap();
    assert_eq!(read(&store, &channel, &mut cursor, 0), ["read"]);
    for text in ["one", "two", &"x".repeat(100_000), "three"] {
        write(&store, &channel, text).unwrap();
        die(&store, &channel);
    }
    assert_eq!(store.values().len(), 5);
    close(&store, &channel).unwrap();
    assert!(store.values().is_empty());
    let closed = store.snapshot();
    assert!(close(&store, &channel).is_ok());
    assert_eq!(is_closed(&store, &channel, START), Ok(true));
    assert_eq!(write(&store, &channel, "late"), Err(Rejection::Closed));
    assert_eq!(set(&store, &channel, "late"), Err(Rejection::Closed));
    assert_eq!(take_next(&store, &channel, &mut cursor, START), Err(Rejection::Closed));
    assert_eq!(upstream_session(&store, &channel), Ok(None));
    assert_eq!(store.snapshot(), closed);
}

#[test]
fn closing_that_broke_off_is_finished_by_the_next() {
    let mut operations = 0;
    loop {
        let (store, channel) = opened();
        write_all(&store, &channel, &["one", "two", "three"]);
        set(&store, &channel, "session").unwrap();
        let outcome = close(&FailingStore::after(operations, &store), &channel);
        let is_done = outcome.is_ok();
        close(&store, &channel).unwrap();
        assert!(store.values().is_empty(), "{operations}");
        if is_done {
            break;
        }
        operations += 1;
    }
    assert!(operations >= 7);
}

/// A store before whose n-th operation the channel is closed by somebody else.
struct Interrupted<'a> {
    store: &'a MemoryStore,
    channel: &'a Channel,
    left: Cell<usize>,
}

impl Interrupted<'_> {
    fn tick(&self) -> &MemoryStore {
        if self.left.get() == 0 {
            close(self.store, self.channel).unwrap();
        }
        self.left.set(self.left.get().wrapping_sub(1));
        self.store
    }
}

impl Store for Interrupted<'_> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.tick().get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.tick().put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.tick().delete(key)
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        self.tick().increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.tick().list(cursor)
    }
}

#[test]
fn a_writer_during_whose_every_step_the_channel_is_closed_leaves_nothing() {
    for operation in 0..5 {
        let (store, channel) = opened();
        let interrupted = Interrupted { store: &store, channel: &channel, left: Cell::new(operation) };
        assert_eq!(write(&interrupted, &channel, "x"), Err(Rejection::Closed), "{operation}");
        assert!(store.values().is_empty(), "{operation}");
    }
    for operation in 0..2 {
        let (store, channel) = opened();
        let interrupted = Interrupted { store: &store, channel: &channel, left: Cell::new(operation) };
        assert_eq!(set(&interrupted, &channel, "x"), Err(Rejection::Closed), "{operation}");
        assert!(store.values().is_empty(), "{operation}");
    }
}

#[test]
fn another_channels_secret_opens_nothing() {
    let (store, one) = opened();
    let other = channel(2);
    open(&store, &other).unwrap();
    write(&store, &one, "for one").unwrap();
    set(&store, &one, "session of one").unwrap();
    assert!(read(&store, &other, &mut Cursor::new(), 0).is_empty());
    assert_eq!(upstream_session(&store, &other), Ok(None));
    // Whoever can write to the store moves a message or a note to the other channel, and finds nothing opens there.
    for (kind, number) in [(MESSAGE, 1), (UPSTREAM_SESSION, 0)] {
        let sealed = store.get(&one.key(kind, number).unwrap()).unwrap().unwrap();
        store.put(&other.key(kind, number).unwrap(), &sealed).unwrap();
    }
    write(&store, &other, "x").unwrap();
    let sealed = store.get(&one.key(MESSAGE, 1).unwrap()).unwrap().unwrap();
    store.put(&other.key(MESSAGE, 1).unwrap(), &sealed).unwrap();
    assert!(read(&store, &other, &mut Cursor::new(), 0).is_empty());
    assert!(matches!(upstream_session(&store, &other), Err(Rejection::Unavailable(_))));
    assert_eq!(read(&store, &one, &mut Cursor::new(), 0), ["for one"]);
}

#[test]
fn the_upstreams_session_is_the_one_that_was_noted_last() {
    let (store, channel) = opened();
    assert_eq!(upstream_session(&store, &channel), Ok(None));
    set(&store, &channel, "first").unwrap();
    set(&store, &channel, "second").unwrap();
    assert_eq!(upstream_session(&store, &channel), Ok(Some("second".to_owned())));
}

#[test]
fn the_store_holds_no_word_of_what_is_in_a_channel() {
    let (store, channel) = opened();
    write(&store, &channel, "a very secret message").unwrap();
    set(&store, &channel, "a very secret session").unwrap();
    let holds = |value: &Vec<u8>| value.windows(6).any(|window| window == b"secret");
    assert!(store.values().len() == 2 && !store.values().iter().any(holds));
    assert!(!store.snapshot().contains("secret"));
}

#[test]
fn where_the_store_does_not_answer_everybody_is_told() {
    let (store, channel) = opened();
    store.go_down();
    assert!(matches!(write(&store, &channel, "x"), Err(Rejection::Unavailable(_))));
    assert!(matches!(set(&store, &channel, "x"), Err(Rejection::Unavailable(_))));
    assert!(matches!(take_next(&store, &channel, &mut Cursor::new(), START), Err(Rejection::Unavailable(_))));
    assert!(upstream_session(&store, &channel).is_err() && is_closed(&store, &channel, START).is_err());
    assert!(close(&store, &channel).is_err());
}
