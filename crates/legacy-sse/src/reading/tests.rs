use std::collections::BTreeMap;
use std::sync::Mutex;

use gatehouse_storage::memory::{FailingStore, MemoryStore};
use proptest::prelude::*;

use super::*;
use crate::example::{Counting, START, channel, die, opened, read, write, write_all};
use crate::{LARGEST_MESSAGE, MOST_WAITING, close, open, post};

fn read_all(store: &impl Store, channel: &Channel) -> Vec<String> {
    read(store, channel, &mut Cursor::new(), 0)
}

#[test]
fn messages_are_read_once_and_in_the_order_in_which_they_were_written() {
    let (store, channel) = opened();
    let mut cursor = Cursor::new();
    assert!(read(&store, &channel, &mut cursor, 0).is_empty());
    write_all(&store, &channel, &["one", "", "three"]);
    assert_eq!(read(&store, &channel, &mut cursor, 0), ["one", "", "three"]);
    assert!(read(&store, &channel, &mut cursor, 0).is_empty());
    write(&store, &channel, "four").unwrap();
    assert_eq!(read(&store, &channel, &mut cursor, 0), ["four"]);
    assert!(store.values().is_empty());
}

#[test]
fn looking_for_messages_changes_nothing_and_asks_the_store_once() {
    let (store, channel) = opened();
    let before = store.snapshot();
    assert_eq!(take_next(&FailingStore::after(1, &store), &channel, &mut Cursor::new(), START), Ok(vec![]));
    assert_eq!(store.snapshot(), before);
}

#[test]
fn the_message_of_a_writer_that_died_is_waited_for_and_then_skipped() {
    let (store, channel) = opened();
    let mut cursor = Cursor::new();
    write(&store, &channel, "before").unwrap();
    die(&store, &channel);
    write(&store, &channel, "after").unwrap();
    assert_eq!(read(&store, &channel, &mut cursor, 0), ["before"]);
    // The clock tells whole seconds: at five, four and a bit may have passed.
    assert!((1..=5).all(|seconds| read(&store, &channel, &mut cursor, seconds).is_empty()));
    assert_eq!(read(&store, &channel, &mut cursor, 6), ["after"]);
    assert!(store.values().is_empty());
}

#[test]
fn many_writers_that_died_are_waited_for_together() {
    let (store, channel) = opened();
    let mut cursor = Cursor::new();
    (0..50).for_each(|_| die(&store, &channel));
    write(&store, &channel, "middle").unwrap();
    (0..50).for_each(|_| die(&store, &channel));
    write(&store, &channel, "end").unwrap();
    assert!(read(&store, &channel, &mut cursor, 10).is_empty());
    assert_eq!(read(&store, &channel, &mut cursor, 16), ["middle", "end"]);
}

#[test]
fn who_dies_while_another_is_waited_for_is_waited_for_as_long() {
    let (store, channel) = opened();
    let mut cursor = Cursor::new();
    die(&store, &channel);
    assert!(read(&store, &channel, &mut cursor, 0).is_empty());
    die(&store, &channel);
    write(&store, &channel, "end").unwrap();
    assert!(read(&store, &channel, &mut cursor, 6).is_empty());
    assert!(read(&store, &channel, &mut cursor, 11).is_empty());
    assert_eq!(read(&store, &channel, &mut cursor, 12), ["end"]);
}

#[test]
fn a_message_that_comes_late_comes_in_its_place() {
    let (store, channel) = opened();
    let mut cursor = Cursor::new();
    let number = channel.count(&store, 1).unwrap().last;
    write(&store, &channel, "second").unwrap();
    assert!(read(&store, &channel, &mut cursor, 0).is_empty());
    channel.put(&store, MESSAGE, number, b"first", &mut Counting(0)).unwrap();
    assert_eq!(read(&store, &channel, &mut cursor, 5), ["first", "second"]);
}

#[test]
fn a_clock_that_is_set_back_makes_no_wait_endless() {
    let (store, channel) = opened();
    let mut cursor = Cursor::new();
    die(&store, &channel);
    write(&store, &channel, "end").unwrap();
    assert!(read(&store, &channel, &mut cursor, 3_600).is_empty());
    assert!(read(&store, &channel, &mut cursor, 0).is_empty());
    assert_eq!(read(&store, &channel, &mut cursor, 6), ["end"]);
}

#[test]
fn a_reader_that_restarts_goes_on_where_the_other_was() {
    let (store, channel) = opened();
    write_all(&store, &channel, &["one", "two", "three"]);
    assert_eq!(read_all(&store, &channel), ["one", "two", "three"]);
    write(&store, &channel, "four").unwrap();
    let mut resumed = Cursor::resume(&store, &channel).unwrap();
    assert_eq!(read(&store, &channel, &mut resumed, 0), ["four"]);
    // One that does not know of the others finds nothing of theirs, and comes to the end, too.
    write(&store, &channel, "five").unwrap();
    let mut ignorant = Cursor::new();
    assert!(read(&store, &channel, &mut ignorant, 0).is_empty());
    assert_eq!(read(&store, &channel, &mut ignorant, 6), ["five"]);
}

#[test]
fn what_was_taken_before_the_store_failed_is_delivered_and_the_rest_comes_later() {
    let mut operations = 0;
    loop {
        let (store, channel) = opened();
        write_all(&store, &channel, &["one", "two", "three"]);
        let mut cursor = Cursor::new();
        let first = take_next(&FailingStore::after(operations, &store), &channel, &mut cursor, START);
        let mut all: Vec<_> = first.clone().unwrap_or_default();
        all.extend(take_next(&store, &channel, &mut cursor, START).unwrap());
        assert_eq!(all, [&b"one"[..], b"two", b"three"], "{operations}");
        assert_eq!(Cursor::resume(&store, &channel).unwrap().next, 4);
        assert_eq!(first.is_err(), operations < 2, "{operations}");
        // State, three times get and delete, and the note of how far it is.
        if operations == 8 {
            break;
        }
        operations += 1;
    }
}

#[test]
fn a_message_that_was_altered_in_the_store_is_left_out() {
    let (store, channel) = opened();
    write_all(&store, &channel, &["one", "two"]);
    let key = channel.key(MESSAGE, 1).unwrap();
    let mut sealed = store.get(&key).unwrap().unwrap();
    sealed[15] ^= 1;
    store.put(&key, &sealed).unwrap();
    assert_eq!(read_all(&store, &channel), ["two"]);
    assert!(store.values().is_empty());
}

#[test]
fn as_many_messages_wait_as_may_and_the_next_is_refused() {
    let (store, channel) = opened();
    (0..MOST_WAITING).for_each(|number| write(&store, &channel, &number.to_string()).unwrap());
    let before = store.snapshot();
    assert_eq!(write(&store, &channel, "one too many"), Err(Rejection::Full));
    assert_eq!(store.snapshot(), before);
    assert_eq!(read_all(&store, &channel).len() as u64, MOST_WAITING);
    assert!(write(&store, &channel, "there is room again").is_ok());
}

#[test]
fn large_messages_wait_in_smaller_numbers() {
    let (store, channel) = opened();
    let message = vec![b'x'; LARGEST_MESSAGE];
    let post = |message: &[u8]| post(&store, &channel, message, START, &mut Counting(0));
    assert_eq!(post(&[b"x", message.as_slice()].concat()), Err(Rejection::TooLarge));
    assert_eq!(post(&message), Ok(()));
    // It took 513 of the thousand places, the next one takes 487.
    let rest = vec![b'y'; 486 * 16 * 1024];
    let before = store.snapshot();
    assert_eq!(post(&message), Err(Rejection::Full));
    assert_eq!(post(&[rest.as_slice(), &[b'y'; 16 * 1024]].concat()), Err(Rejection::Full));
    assert_eq!(store.snapshot(), before);
    assert_eq!((post(&rest), post(b"")), (Ok(()), Err(Rejection::Full)));
    let mut cursor = Cursor::new();
    assert_eq!(take_next(&store, &channel, &mut cursor, START).unwrap(), [message.clone(), rest]);
    assert_eq!(post(&message), Ok(()));
    assert_eq!(take_next(&store, &channel, &mut cursor, START).unwrap(), [message]);
}

/// Many writers in as many instances, one reader.
#[test]
fn writers_who_race_lose_nothing_and_each_ones_messages_stay_in_order() {
    let (store, channel) = (Mutex::new(MemoryStore::at(START)), channel(1));
    open(&store, &channel).unwrap();
    let read = std::thread::scope(|scope| {
        for writer in 0..8_u64 {
            let (store, channel) = (&store, &channel);
            scope.spawn(move || {
                let mut entropy = Counting(writer << 32);
                for number in 0..50 {
                    let text = format!("{writer}:{number}");
                    post(store, channel, text.as_bytes(), START, &mut entropy).unwrap();
                }
            });
        }
        let (mut cursor, mut messages) = (Cursor::new(), Vec::new());
        while messages.len() < 8 * 50 {
            messages.extend(self::read(&store, &channel, &mut cursor, 0));
            std::thread::yield_now();
        }
        messages
    });
    let mut of_writer = BTreeMap::<&str, u64>::new();
    for message in &read {
        let (writer, number) = message.split_once(':').unwrap();
        let next = of_writer.entry(writer).or_default();
        assert_eq!(number.parse(), Ok(*next));
        *next += 1;
    }
    assert_eq!(of_writer.len(), 8);
    close(&store, &channel).unwrap();
    assert!(store.into_inner().unwrap().values().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever writers and readers do, everything that was written is read, once and in order.
    #[test]
    fn everything_written_is_read_once_and_in_order(acts in proptest::collection::vec((0..8_u8, 0_usize..60_000), 0..40)) {
        let (store, channel) = opened();
        let (mut cursor, mut seconds, mut written, mut read_so_far) = (Cursor::new(), 0, Vec::new(), Vec::new());
        for (act, size) in acts {
            match act {
                0..=3 => {
                    let text = format!("{}{}", written.len(), "-".repeat(size * usize::from(act % 2)));
                    write(&store, &channel, &text).unwrap();
                    written.push(text);
                }
                4 => die(&store, &channel),
                5 => cursor = Cursor::resume(&store, &channel).unwrap(),
                _ => read_so_far.extend(read(&store, &channel, &mut cursor, seconds)),
            }
            seconds += size as u64 % 4;
        }
        for later in [0, 6, 12] {
            read_so_far.extend(read(&store, &channel, &mut cursor, seconds + later));
        }
        prop_assert_eq!(read_so_far, written);
        close(&store, &channel).unwrap();
        prop_assert!(store.values().is_empty());
    }
}
