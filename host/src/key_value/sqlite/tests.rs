use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::*;
use crate::error::StartError;
use crate::key_value::limits::{PAGE, StoreLimits};
use crate::key_value::outcome::{KeyValueError, Swept};

mod deadlines;
mod layout;
mod listing;
mod sweeping;

fn open_in(directory: &Path, limits: StoreLimits) -> Result<Sqlite, StartError> {
    Sqlite::open(&directory.join("key-value.db"), limits)
}

fn open(directory: &tempfile::TempDir) -> Sqlite {
    open_in(&directory.path().join("state"), StoreLimits::default()).unwrap()
}

impl Sqlite {
    async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.set_many(store, vec![(key.to_owned(), value)]).await
    }

    async fn delete(&self, store: &str, key: &str) -> Result<(), KeyValueError> {
        self.delete_many(store, vec![key.to_owned()]).await
    }
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
async fn a_counter_is_read_as_eight_bytes_and_no_value_turns_into_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    assert_eq!(store.increment("s", "n", -4).await, Ok(-4));
    assert_eq!(store.get("s", "n").await, Ok(Some((-4i64).to_le_bytes().to_vec())));
    for value in [b"12".to_vec(), vec![0; 8], Vec::new()] {
        store.set("s", "k", value.clone()).await.unwrap();
        assert_eq!(store.increment("s", "k", 1).await, Err(KeyValueError::NotACounter));
        assert_eq!(store.get("s", "k").await, Ok(Some(value)));
    }
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

#[test]
fn a_state_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state");
    std::fs::write(&file, b"").unwrap();
    let line = open_in(&file, StoreLimits::default()).unwrap_err().to_string();
    assert!(line.starts_with(&format!("state directory {}", file.join("key-value.db").display())), "{line}");
    assert!(!line.contains('\n'));
}

#[test]
fn a_database_that_is_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("key-value.db"), [b'x'; 4096]).unwrap();
    let line = open_in(directory.path(), StoreLimits::default()).unwrap_err().to_string();
    assert!(line.contains("not a database"), "{line}");
}
