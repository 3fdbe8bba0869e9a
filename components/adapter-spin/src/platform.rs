//! What Spin has.

use shell_adapter::{Names, Platform, STORE, SettingError, StoreError};
use spin_sdk::variables;

// Bound by us: spin-sdk has `wasi:keyvalue` with its `increment` only in a module that it calls internal
// (docs/decisions/spin-sdk.md).
use crate::bindings::wasi::keyvalue0_2_0_draft2::store::{self, Bucket};
use crate::bindings::wasi::keyvalue0_2_0_draft2::{atomics, batch};

/// Spin.
pub(crate) struct Spin;

impl Platform for Spin {
    const PERMISSION: &'static str = "key_value_stores";
    const TELLS_PEER: bool = true;
    const OTEL_METRICS: bool = true;
    const OTEL_VALUES_ARE_JSON: bool = true;

    fn get(name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        bucket()?.get(name).map_err(refused)
    }

    /// One by one where the host cannot do it at once: Spin 4.1 asks a Redis for `KEYS` here, in the place of `MGET`. With several
    /// names that is an error, and with one a look at all keys, so that this is never asked for.
    fn get_many(names: &[String]) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let bucket = bucket()?;
        let at_once = if names.len() > 1 { batch::get_many(&bucket, names).ok() } else { None };
        let value = |name: &String| Ok((name.clone(), bucket.get(name).map_err(refused)?));
        let values = at_once.map_or_else(|| names.iter().map(value).collect(), Ok)?;
        Ok(values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }

    fn set(name: &str, value: &[u8]) -> Result<(), StoreError> {
        bucket()?.set(name, value).map_err(refused)
    }

    fn delete(name: &str) -> Result<(), StoreError> {
        bucket()?.delete(name).map_err(refused)
    }

    fn increment(name: &str, delta: u64) -> Result<u64, StoreError> {
        let sum = atomics::increment(&bucket()?, name, delta.cast_signed()).map_err(refused)?;
        u64::try_from(sum).map_err(|_| StoreError::Other("a counter is below zero".to_owned()))
    }

    /// Spin gives all names at once, whatever the backend, and refuses cursors, which it never gives out.
    fn list(cursor: Option<String>) -> Result<Names, StoreError> {
        let page = bucket()?.list_keys(cursor.as_deref()).map_err(refused)?;
        Ok(Names { names: page.keys, next: page.cursor })
    }

    fn setting(name: &str) -> Result<Option<String>, SettingError> {
        match variables::get(name) {
            Ok(value) => Ok(Some(value)),
            Err(variables::Error::Undefined(_)) => Ok(None),
            Err(variables::Error::InvalidName(reason)) => Err(SettingError::InvalidName(reason)),
            Err(variables::Error::Provider(reason) | variables::Error::Other(reason)) => {
                Err(SettingError::Unavailable(reason))
            }
        }
    }
}

fn bucket() -> Result<Bucket, StoreError> {
    store::open(STORE).map_err(refused)
}

fn refused(error: store::Error) -> StoreError {
    match error {
        store::Error::NoSuchStore => StoreError::NoSuchStore,
        store::Error::AccessDenied => StoreError::AccessDenied,
        store::Error::Other(reason) => StoreError::Other(reason),
    }
}
