use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::store::{LARGEST_VALUE, LONGEST_KEY, PAGE};
use super::*;

mod deadlines;
mod layout;
mod listing;
mod sweeping;

fn open(directory: &tempfile::TempDir) -> KeyValueStore {
    KeyValueStore::open(&directory.path().join("state")).unwrap()
}

/// A connection of one's own, as another process has it.
fn connect(directory: &tempfile::TempDir) -> Connection {
    Connection::open(directory.path().join("state/key-value.db")).unwrap()
}

/// Adds `count` entries `kind.expiry.number` to the store `s`.
fn fill(connection: &Connection, kind: &str, expiry: u64, count: usize) {
    let sql = "WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?3)
        INSERT INTO entries (store, key, value)
        SELECT 's', printf('%s.%d.%043d', ?1, ?2, number), x'00' FROM numbers";
    connection.execute(sql, params![kind, i64::try_from(expiry).unwrap(), i64::try_from(count).unwrap()]).unwrap();
}

#[tokio::test]
async fn a_value_is_what_was_set_last_and_gone_when_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    assert_eq!(store.get("s", "k").await, Ok(None));
    assert_eq!(store.exists("s", "k").await, Ok(false));
    for value in [b"one".to_vec(), b"two".to_vec(), Vec::new(), vec![0, 255, 0]] {
        store.set("s", "k", value.clone()).await.unwrap();
        assert_eq!(store.get("s", "k").await, Ok(Some(value)));
    }
    assert_eq!(store.exists("s", "k").await, Ok(true));
    store.delete("s", "k").await.unwrap();
    store.delete("s", "k").await.unwrap();
    assert_eq!(store.get("s", "k").await, Ok(None));
}

#[tokio::test]
async fn stores_do_not_see_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store.set("a", "k", b"a".to_vec()).await.unwrap();
    store.set("b", "k", b"b".to_vec()).await.unwrap();
    store.delete("b", "k").await.unwrap();
    assert_eq!(store.get("a", "k").await, Ok(Some(b"a".to_vec())));
    assert_eq!(store.list_keys("b", None).await.unwrap().keys, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store.set("s", "k", b"v".to_vec()).await.unwrap();
    store.increment("s", "n", 3).await.unwrap();
    drop(store);
    let store = open(&directory);
    assert_eq!(store.get("s", "k").await, Ok(Some(b"v".to_vec())));
    assert_eq!(store.increment("s", "n", 1).await, Ok(4));
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store.set("s", "k", b"v".to_vec()).await.unwrap();
    let state = directory.path().join("state");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    let names: BTreeSet<_> = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.contains(std::ffi::OsStr::new("key-value.db-wal")), "{names:?}");
    for name in names {
        assert_eq!(mode(&state.join(&name)), 0o600, "{name:?}");
    }
}

#[tokio::test]
async fn a_counter_counts_from_zero_and_keeps_its_value_when_it_would_overflow() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    assert_eq!(store.increment("s", "n", 1).await, Ok(1));
    assert_eq!(store.increment("s", "n", -5).await, Ok(-4));
    assert_eq!(store.get("s", "n").await, Ok(Some((-4i64).to_le_bytes().to_vec())));
    assert_eq!(store.increment("s", "n", i64::MIN).await, Err(KeyValueError::CounterOverflow));
    assert_eq!(store.increment("s", "n", 0).await, Ok(-4));
}

#[tokio::test]
async fn incrementing_a_value_is_an_error_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    // Eight bytes, too: a value never turns into a counter.
    for value in [b"text".to_vec(), vec![0; 8], Vec::new()] {
        store.set("s", "k", value.clone()).await.unwrap();
        assert_eq!(store.increment("s", "k", 1).await, Err(KeyValueError::NotACounter));
        assert_eq!(store.get("s", "k").await, Ok(Some(value)));
    }
    assert_eq!(store.increment("s", "other", 1).await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_increments_through_four_stores_on_one_file_give_sixty_four_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let stores: Vec<Arc<KeyValueStore>> = (0..4).map(|_| Arc::new(open(&directory))).collect();
    let tasks: Vec<_> = (0..64)
        .map(|index| {
            let store = Arc::clone(&stores[index % stores.len()]);
            tokio::spawn(async move { store.increment("s", "n", 1).await.unwrap() })
        })
        .collect();
    let mut sums = BTreeSet::new();
    for task in tasks {
        sums.insert(task.await.unwrap());
    }
    assert_eq!(sums, (1..=64).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_swaps_from_the_same_state_exactly_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let stores: Vec<Arc<KeyValueStore>> = (0..4).map(|_| Arc::new(open(&directory))).collect();
    for expected in [None, Some(b"start".to_vec())] {
        if let Some(value) = &expected {
            stores[0].set("s", "k", value.clone()).await.unwrap();
        }
        let tasks: Vec<_> = (0..32u8)
            .map(|index| {
                let (store, expected) = (Arc::clone(&stores[usize::from(index) % stores.len()]), expected.clone());
                tokio::spawn(async move { store.compare_and_swap("s", "k", expected, vec![index]).await.unwrap() })
            })
            .collect();
        let (mut winners, mut seen) = (0, BTreeSet::new());
        for task in tasks {
            match task.await.unwrap() {
                Swap::Swapped => winners += 1,
                Swap::Changed(current) => drop(seen.insert(current)),
            }
        }
        assert_eq!(winners, 1);
        assert_eq!(seen, BTreeSet::from([stores[0].get("s", "k").await.unwrap()]));
    }
}

#[tokio::test]
async fn keys_are_listed_in_pages_until_the_cursor_ends() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    for count in [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 1] {
        let label = format!("store {count}");
        let expected: Vec<String> = (0..count).map(|index| format!("key-{index:05}")).collect();
        for keys in expected.chunks(PAGE) {
            store.set_many(&label, keys.iter().map(|key| (key.clone(), b"v".to_vec())).collect()).await.unwrap();
        }
        let (mut keys, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = store.list_keys(&label, cursor).await.unwrap();
            assert!(page.keys.len() <= PAGE);
            keys.extend(page.keys);
            pages += 1;
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(keys, expected);
        assert_eq!(pages, count.div_ceil(PAGE).max(1));
    }
}

#[tokio::test]
async fn many_keys_are_read_and_removed_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store.set_many("s", vec![("a".into(), b"1".to_vec()), ("b".into(), b"2".to_vec())]).await.unwrap();
    let keys = vec!["b".to_owned(), "missing".to_owned(), "a".to_owned()];
    let expected = vec![
        ("b".to_owned(), Some(b"2".to_vec())),
        ("missing".to_owned(), None),
        ("a".to_owned(), Some(b"1".to_vec())),
    ];
    assert_eq!(store.get_many("s", keys.clone()).await, Ok(expected));
    store.delete_many("s", keys).await.unwrap();
    assert_eq!(store.list_keys("s", None).await.unwrap().keys, Vec::<String>::new());
}

#[tokio::test]
async fn the_values_of_several_keys_are_those_of_each_key_however_many_are_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store.increment("s", "counter", 7).await.unwrap();
    store.set("s", "empty", Vec::new()).await.unwrap();
    store.set("other", "elsewhere", b"v".to_vec()).await.unwrap();
    for number in 0..10 {
        store.set("s", &format!("k{number}"), vec![number]).await.unwrap();
    }
    let names = ["k3", "elsewhere", "counter", "k3", "empty", "", "k9", "k0", "missing", "k3", "k1"];
    for count in 0..=names.len() {
        let keys: Vec<String> = names.iter().take(count).map(|name| (*name).to_owned()).collect();
        let mut expected = Vec::new();
        for key in &keys {
            expected.push((key.clone(), store.get("s", key).await.unwrap()));
        }
        assert_eq!(store.get_many("s", keys).await, Ok(expected));
    }
}

#[tokio::test]
async fn an_operation_is_bounded_and_one_that_is_too_large_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let entries = |count: usize| (0..count).map(|index| (format!("k-{index:04}"), vec![0])).collect::<Vec<_>>();
    let keys = |count: usize| entries(count).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let too_large = |outcome: Result<(), KeyValueError>| assert!(matches!(outcome, Err(KeyValueError::TooLarge(_))));
    too_large(store.set_many("s", entries(PAGE + 1)).await);
    too_large(store.set("s", &"k".repeat(LONGEST_KEY + 1), vec![0]).await);
    too_large(store.increment("s", &"k".repeat(LONGEST_KEY + 1), 1).await.map(drop));
    too_large(store.compare_and_swap("s", &"k".repeat(LONGEST_KEY + 1), None, vec![0]).await.map(drop));
    too_large(store.set("s", "k", vec![0; LARGEST_VALUE + 1]).await);
    too_large(store.compare_and_swap("s", "k", None, vec![0; LARGEST_VALUE + 1]).await.map(drop));
    assert_eq!(store.list_keys("s", None).await.unwrap().keys, Vec::<String>::new());

    store.set_many("s", entries(PAGE)).await.unwrap();
    assert_eq!(store.get_many("s", keys(PAGE)).await.unwrap().len(), PAGE);
    too_large(store.get_many("s", keys(PAGE + 1)).await.map(drop));
    too_large(store.delete_many("s", keys(PAGE + 1)).await);
    assert_eq!(store.list_keys("s", None).await.unwrap().keys.len(), PAGE);

    store.set("s", &"k".repeat(LONGEST_KEY), vec![0; LARGEST_VALUE]).await.unwrap();
    let largest = "k".repeat(LONGEST_KEY);
    assert_eq!(store.get_many("s", vec![largest.clone()]).await.unwrap().len(), 1);
    too_large(store.get_many("s", vec![largest, "k-0000".to_owned()]).await.map(drop));
}

#[test]
fn a_state_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state");
    std::fs::write(&file, b"").unwrap();
    let line = KeyValueStore::open(&file).unwrap_err().to_string();
    assert!(line.starts_with(&format!("state directory {}", file.join("key-value.db").display())), "{line}");
    assert!(!line.contains('\n'));
}

#[test]
fn a_database_that_is_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("key-value.db"), [b'x'; 4096]).unwrap();
    let line = KeyValueStore::open(directory.path()).unwrap_err().to_string();
    assert!(line.contains("not a database"), "{line}");
}
