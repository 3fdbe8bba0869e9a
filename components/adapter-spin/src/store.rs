//! `gatehouse:host/store` over `wasi:keyvalue`.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::Key as StorageKey;
use wasip2::clocks::wall_clock;

use crate::AdapterSpin;
// Bound by us: spin-sdk has `wasi:keyvalue` with its `increment` only in a module that it calls internal
// (docs/decisions/spin-sdk.md).
use crate::bindings::exports::gatehouse::host::store::{Error, Guest, Key, KeyPage};
use crate::bindings::wasi::keyvalue::atomics;
use crate::bindings::wasi::keyvalue::store::{self, Bucket};

/// The label of the store in `spin.toml`.
const LABEL: &str = "default";

impl Guest for AdapterSpin {
    fn get(key: Key) -> Result<Option<Vec<u8>>, Error> {
        let key = parse(&key)?;
        if key.has_expired(UnixTime::from_seconds(wall_clock::now().seconds)) {
            return Ok(None);
        }
        bucket()?.get(&key.to_string()).map_err(unavailable)
    }

    fn put(key: Key, value: Vec<u8>) -> Result<(), Error> {
        bucket()?.set(&parse(&key)?.to_string(), &value).map_err(unavailable)
    }

    fn delete(key: Key) -> Result<(), Error> {
        bucket()?.delete(&parse(&key)?.to_string()).map_err(unavailable)
    }

    fn increment(key: Key, delta: i64) -> Result<i64, Error> {
        atomics::increment(&bucket()?, &parse(&key)?.to_string(), delta).map_err(unavailable)
    }

    /// Spin gives all names at once, whatever the backend, and refuses cursors, which it never gives out. Other hosts of
    /// `wasi:keyvalue` have pages.
    fn list_keys(cursor: Option<String>) -> Result<KeyPage, Error> {
        let page = bucket()?.list_keys(cursor.as_deref()).map_err(unavailable)?;
        let keys = page.keys.iter().filter_map(|name| StorageKey::parse(name)).map(|key| to_wit(&key)).collect();
        Ok(KeyPage { keys, next: page.cursor })
    }
}

fn bucket() -> Result<Bucket, Error> {
    store::open(LABEL).map_err(unavailable)
}

fn parse(key: &Key) -> Result<StorageKey, Error> {
    StorageKey::new(&key.kind, &key.id, UnixTime::from_seconds(key.expires_at))
        .map_err(|error| Error::InvalidKey(error.to_string()))
}

fn to_wit(key: &StorageKey) -> Key {
    Key { kind: key.kind().to_owned(), id: key.id().to_owned(), expires_at: key.expires_at().seconds() }
}

fn unavailable(error: store::Error) -> Error {
    Error::Unavailable(match error {
        store::Error::NoSuchStore => format!("there is no key-value store `{LABEL}`"),
        store::Error::AccessDenied => {
            format!("the component may not use the key-value store `{LABEL}`; see key_value_stores")
        }
        store::Error::Other(reason) => reason,
    })
}
