//! What is in the store.

use std::path::Path;

use gatehouse_host::KeyValueStore;

/// Every entry of the embedded host's store, name and value, in order: to compare before and after.
pub async fn snapshot(state_directory: &Path) -> Vec<(String, Vec<u8>)> {
    let store = KeyValueStore::open(state_directory).expect("the store opens");
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
    entries
}
