//! What is in the store.

use std::path::Path;

use gatehouse_host::KeyValueStore;

/// Every entry of the embedded host's store, name and value, in order: to compare before and after.
pub async fn snapshot(state_directory: &Path) -> Vec<(String, Vec<u8>)> {
    snapshot_of(&KeyValueStore::open(state_directory).expect("the store opens")).await
}

/// The same of a store that is open.
pub(crate) async fn snapshot_of(store: &KeyValueStore) -> Vec<(String, Vec<u8>)> {
    let (mut entries, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.list_keys("default", cursor).await.expect("the store answers");
        for key in page.keys {
            let value = store.get("default", &key).await.expect("the store answers").unwrap_or_default();
            entries.push((key, value));
        }
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    entries.sort();
    // Redis may name one twice.
    entries.dedup();
    entries
}
