//! The store behind the deciding crates' port.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, KeyPage, Store, StoreUnavailable};

use crate::host::store;

/// The store that the host provides.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostStore;

impl Store for HostStore {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        store::get(&to_wit(key)).map_err(unavailable)
    }

    fn get_many(&self, keys: &[&Key]) -> Result<Vec<Option<Vec<u8>>>, StoreUnavailable> {
        let keys: Vec<_> = keys.iter().map(|key| to_wit(key)).collect();
        let values = store::get_many(&keys).map_err(unavailable)?;
        match values.len() == keys.len() {
            true => Ok(values),
            false => Err(StoreUnavailable("it was asked for other keys than it answered".to_owned())),
        }
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        store::put(&to_wit(key), value).map_err(unavailable)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        store::delete(&to_wit(key)).map_err(unavailable)
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        store::increment(&to_wit(key), delta).map_err(unavailable)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        let page = store::list_keys(cursor).map_err(unavailable)?;
        let from_wit = |key: &store::Key| Key::new(&key.kind, &key.id, UnixTime::from_seconds(key.expires_at)).ok();
        Ok(KeyPage { keys: page.keys.iter().filter_map(from_wit).collect(), next: page.next })
    }
}

fn to_wit(key: &Key) -> store::Key {
    store::Key { kind: key.kind().to_owned(), id: key.id().to_owned(), expires_at: key.expires_at().seconds() }
}

fn unavailable(error: store::Error) -> StoreUnavailable {
    match error {
        store::Error::Unavailable(text) | store::Error::InvalidKey(text) => StoreUnavailable(text),
    }
}
