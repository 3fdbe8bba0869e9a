//! The store before and after a storm.

use std::path::Path;

use gatehouse_host::KeyValueStore;
use gatehouse_storage::Key;

/// Entries that are written at once.
const BATCH: usize = 1_000;
/// About as large as the record of a session.
const VALUE: [u8; 300] = [0; 300];

/// Writes so many entries, of which every tenth has expired an hour ago.
pub(super) async fn fill(state_directory: &Path, rows: usize, now: u64) {
    let store = KeyValueStore::open(state_directory).expect("the store opens");
    for first in (0..rows).step_by(BATCH) {
        let entry = |number: usize| {
            let end = if number.is_multiple_of(10) { now - 3_600 } else { now + 86_400 + number as u64 };
            (format!("session.{end}.{number:043}"), VALUE.to_vec())
        };
        let entries = (first..rows.min(first + BATCH)).map(entry).collect();
        store.set_many("default", entries).await.expect("the store takes them");
    }
}

/// How many entries have not expired.
pub(super) async fn count(state_directory: &Path, now: u64) -> i64 {
    let store = KeyValueStore::open(state_directory).expect("the store opens");
    let (mut count, mut cursor) = (0, None);
    loop {
        let page = store.list_keys("default", cursor).await.expect("the store answers");
        let exists = |name: &&String| Key::parse(name).is_none_or(|key| key.expires_at().seconds() > now);
        count += i64::try_from(page.keys.iter().filter(exists).count()).expect("a small number");
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return count,
        }
    }
}
