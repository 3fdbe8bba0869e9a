//! Messages that come so late that the reader no longer waits for them.

use std::sync::{Condvar, Mutex};

use gatehouse_storage::memory::MemoryStore;
use gatehouse_storage::{Key, KeyPage, Store, StoreUnavailable};

use super::*;
use crate::example::{Counting, START, channel};
use crate::{open, post};

/// A store that two use, one operation at a time, in a given order.
struct Turns {
    store: Mutex<MemoryStore>,
    /// Whose turn it is, bit by bit from the lowest; the other one's, where that one has ended.
    order: u64,
    state: Mutex<State>,
    has_changed: Condvar,
}

#[derive(Default)]
struct State {
    taken: u32,
    has_ended: [bool; 2],
}

/// One of the two.
struct Party<'a>(&'a Turns, usize);

impl Party<'_> {
    fn in_turn<T>(&self, act: impl FnOnce(&Mutex<MemoryStore>) -> T) -> T {
        let Self(turns, own) = self;
        let is_turn = |state: &State| {
            let next = usize::try_from(turns.order.rotate_right(state.taken) & 1).unwrap();
            next == *own || state.has_ended[next]
        };
        let state = turns.state.lock().unwrap();
        let mut state = turns.has_changed.wait_while(state, |state| !is_turn(state)).unwrap();
        state.taken += 1;
        let result = act(&turns.store);
        turns.has_changed.notify_all();
        result
    }
}

impl Drop for Party<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().has_ended[self.1] = true;
        self.0.has_changed.notify_all();
    }
}

impl Store for Party<'_> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.in_turn(|store| store.get(key))
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.in_turn(|store| store.put(key, value))
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.in_turn(|store| store.delete(key))
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        self.in_turn(|store| store.increment(key, delta))
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.in_turn(|store| store.list(cursor))
    }
}

/// A message is posted while a reader looks for it, each time six seconds later than before: what was said of the message, how often it was
/// read, and the last number that was handed out.
fn posted_to_a_hasty_reader(order: u64) -> (Result<(), Rejection>, usize, u64) {
    let channel = channel(1);
    let turns = Turns {
        store: Mutex::new(MemoryStore::at(START)),
        order,
        state: Mutex::default(),
        has_changed: Condvar::new(),
    };
    open(&turns.store, &channel).unwrap();
    let mut cursor = Cursor::new();
    let (said, mut read) = std::thread::scope(|scope| {
        let (writer, reader) = (Party(&turns, 0), Party(&turns, 1));
        let channel = &channel;
        let posting = scope.spawn(move || {
            let writer = writer;
            post(&writer, channel, b"late", START, &mut Counting(1))
        });
        let cursor = &mut cursor;
        let reading = scope.spawn(move || {
            let reader = reader;
            (0..4).flat_map(|look| take_next(&reader, channel, cursor, START.plus(6 * look)).unwrap()).count()
        });
        (posting.join().unwrap(), reading.join().unwrap())
    });
    for look in 4..8 {
        read += take_next(&turns.store, &channel, &mut cursor, START.plus(6 * look)).unwrap().len();
    }
    assert!(turns.store.lock().unwrap().values().is_empty(), "order {order:b}");
    (said, read, channel.state(&turns.store).unwrap().last)
}

/// The orders have a bit for each operation, from the right: 0 is the writer.
#[test]
fn a_message_that_is_written_when_the_reader_has_passed_over_it_is_written_again() {
    // The writer has its number, the reader gives it up, and the writer goes on.
    assert_eq!(posted_to_a_hasty_reader(!0b000), (Ok(()), 1, 1), "the reader is first: there is nothing to wait for");
    assert_eq!(posted_to_a_hasty_reader(!0b111), (Ok(()), 1, 2));
}

#[test]
fn a_message_that_is_written_while_the_reader_passes_over_it_is_read_at_once() {
    // The reader has looked for it for the last time but one, and then the writer writes.
    assert_eq!(posted_to_a_hasty_reader(!0b1000_0111), (Ok(()), 1, 1));
}

#[test]
fn a_message_that_was_acknowledged_is_read_once_in_whichever_order_both_act() {
    let (mut written_again, mut at_once) = (0, 0);
    for seed in 1..5_000_u64 {
        // The writer has its number before the reader looks for it: a reader that does not wait passes over nothing.
        let order = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) << 3;
        let (said, read, last) = posted_to_a_hasty_reader(order);
        match said {
            Ok(()) => assert_eq!(read, 1, "order {order:b}"),
            Err(error) => assert!(read <= 1, "order {order:b}: {error}"),
        }
        written_again += usize::from(last > 1);
        at_once += usize::from(last == 1);
    }
    assert!(written_again > 100 && at_once > 100, "{written_again}, {at_once}");
}
