//! `gatehouse:host/store` over `wasi:keyvalue`.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::Key as StorageKey;
use wasip2::clocks::wall_clock;

use crate::AdapterSpin;
// Bound by us: spin-sdk has `wasi:keyvalue` with its `increment` only in a module that it calls internal
// (docs/decisions/spin-sdk.md).
use crate::bindings::exports::gatehouse::host::store::{Error, Guest, Key, KeyPage};
use crate::bindings::wasi::keyvalue::store::{self, Bucket};
use crate::bindings::wasi::keyvalue::{atomics, batch};

/// The label of the store in `spin.toml`.
const LABEL: &str = "default";

impl Guest for AdapterSpin {
    fn get(key: Key) -> Result<Option<Vec<u8>>, Error> {
        let key = parse(&key)?;
        if key.has_expired(now()) {
            return Ok(None);
        }
        bucket()?.get(&key.to_string()).map_err(unavailable)
    }

    fn get_many(keys: Vec<Key>) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let now = now();
        let keys = keys.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        // What has expired is not asked for.
        let names: Vec<_> = keys.iter().map(|key| (!key.has_expired(now)).then(|| key.to_string())).collect();
        let asked: Vec<String> = names.iter().flatten().cloned().collect();
        if asked.is_empty() {
            return Ok(vec![None; keys.len()]);
        }
        let found = batch::get_many(&bucket()?, &asked).map_err(unavailable)?;
        // By name: not every backend of Spin keeps the order, or names what it has not.
        let value = |name: String| found.iter().find(|(found, _)| *found == name).and_then(|(_, value)| value.clone());
        Ok(names.into_iter().map(|name| name.and_then(value)).collect())
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

fn now() -> UnixTime {
    UnixTime::from_seconds(wall_clock::now().seconds)
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
