//! What wasmCloud has.

use gatehouse_counters::Bucket as _;
use shell_adapter::{Names, Platform, SettingError, StoreError};

use crate::bindings::wasi::config::store as config;
use crate::{backend, bucket};

/// wasmCloud, and what else has these interfaces.
pub(crate) struct Wasmcloud;

impl Platform for Wasmcloud {
    /// wash 2.10 and `wasmtime serve` 49 add no header of their own, and remove none that a client sends.
    const TELLS_PEER: bool = false;
    /// wash 2.10 sends metrics in the thread that serves, and that waits until the receiver has answered. With as many requests at once as there are
    /// threads, none is left.
    const OTEL_METRICS: bool = false;
    /// wash 2.10 exports the values as it gets them.
    const OTEL_VALUES_ARE_JSON: bool = false;
    const PERMISSION: &'static str = "the host interfaces of the workload";

    fn get(name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if backend::is_unknown() {
            return Ok(Self::get_many(&[name.to_owned()])?.pop().map(|(_, value)| value));
        }
        bucket::with(|bucket| bucket.get(name))
    }

    fn get_many(names: &[String]) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        if !backend::is_unknown() {
            return bucket::with(|bucket| bucket.get_many(names));
        }
        let names: Vec<_> = names.iter().cloned().chain([backend::ENTRY.to_owned()]).collect();
        let mut found = bucket::with(|bucket| bucket.get_many(&names))?;
        if let Some(place) = found.iter().position(|(name, _)| name == backend::ENTRY) {
            backend::is_said(&found.swap_remove(place).1);
        }
        Ok(found)
    }

    fn set(name: &str, value: &[u8]) -> Result<(), StoreError> {
        bucket::with(|bucket| bucket.set(name, value))
    }

    fn delete(name: &str) -> Result<(), StoreError> {
        bucket::with(|bucket| backend::delete(bucket, name))
    }

    fn increment(name: &str, delta: u64) -> Result<u64, StoreError> {
        bucket::with(|bucket| backend::increment(bucket, name, delta))
    }

    /// Cursors are numbers here.
    fn list(cursor: Option<String>) -> Result<Names, StoreError> {
        let cursor = cursor.map(|cursor| cursor.parse()).transpose();
        let cursor = cursor.map_err(|_| StoreError::Other("the cursor is none of this store".to_owned()))?;
        let (mut names, next) = bucket::with(|bucket| bucket.list(cursor))?;
        names.retain(|name| name != backend::ENTRY);
        Ok(Names { names, next: next.map(|cursor| cursor.to_string()) })
    }

    fn setting(name: &str) -> Result<Option<String>, SettingError> {
        config::get(name).map_err(|error| match error {
            config::Error::Upstream(reason) | config::Error::Io(reason) => SettingError::Unavailable(reason),
        })
    }
}
