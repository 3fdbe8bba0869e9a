//! `gatehouse:host/store` over a platform's key-value store.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::Key as StorageKey;
use wasip2::clocks::wall_clock;

use crate::bindings::exports::gatehouse::host::store::{Error, Guest, Key, KeyPage};
use crate::{Adapter, Platform, STORE, StoreError};

/// The highest sum of a counter.
const HIGHEST_SUM: u64 = i64::MAX.cast_unsigned();

impl<P: Platform + 'static> Guest for Adapter<P> {
    fn get(key: Key) -> Result<Option<Vec<u8>>, Error> {
        let key = parse(&key)?;
        if key.has_expired(now()) {
            return Ok(None);
        }
        P::get(&key.to_string()).map_err(unavailable::<P>)
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
        let found = P::get_many(&asked).map_err(unavailable::<P>)?;
        // By name: not every backend keeps the order, or names what it has not.
        let value = |name: String| found.iter().find(|(found, _)| *found == name).map(|(_, value)| value.clone());
        Ok(names.into_iter().map(|name| name.and_then(value)).collect())
    }

    fn put(key: Key, value: Vec<u8>) -> Result<(), Error> {
        P::set(&parse(&key)?.to_string(), &value).map_err(unavailable::<P>)
    }

    fn delete(key: Key) -> Result<(), Error> {
        P::delete(&parse(&key)?.to_string()).map_err(unavailable::<P>)
    }

    fn increment(key: Key, delta: u64) -> Result<u64, Error> {
        let name = parse(&key)?.to_string();
        // Backends count in signed numbers or in unsigned ones, and have different ideas of what is then too much.
        if delta > HIGHEST_SUM {
            return Err(Error::Unavailable("more was to be added to a counter than it can hold".to_owned()));
        }
        let sum = P::increment(&name, delta).map_err(unavailable::<P>)?;
        Some(sum).filter(|sum| *sum <= HIGHEST_SUM).ok_or_else(|| Error::Unavailable("a counter is full".to_owned()))
    }

    fn list_keys(cursor: Option<String>) -> Result<KeyPage, Error> {
        let page = P::list(cursor).map_err(unavailable::<P>)?;
        let keys = page.names.iter().filter_map(|name| StorageKey::parse(name)).map(|key| to_wit(&key)).collect();
        Ok(KeyPage { keys, next: page.next })
    }
}

fn now() -> UnixTime {
    UnixTime::from_seconds(wall_clock::now().seconds)
}

fn parse(key: &Key) -> Result<StorageKey, Error> {
    StorageKey::new(&key.kind, &key.id, UnixTime::from_seconds(key.expires_at))
        .map_err(|error| Error::InvalidKey(error.to_string()))
}

fn to_wit(key: &StorageKey) -> Key {
    Key { kind: key.kind().to_owned(), id: key.id().to_owned(), expires_at: key.expires_at().seconds() }
}

fn unavailable<P: Platform>(error: StoreError) -> Error {
    Error::Unavailable(match error {
        StoreError::NoSuchStore => format!("there is no key-value store `{STORE}`"),
        StoreError::AccessDenied => {
            format!("the component may not use the key-value store `{STORE}`; see {}", P::PERMISSION)
        }
        StoreError::Other(reason) => reason,
    })
}
