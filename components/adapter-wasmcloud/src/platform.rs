//! What wasmCloud has.

use shell_adapter::{Names, Platform, SettingError, StoreError};

use crate::bindings::wasi::config::store as config;
use crate::bindings::wasi::keyvalue0_2_0_draft::{atomics, batch};
use crate::{bucket, race};

/// wasmCloud, and what else has these interfaces.
pub(crate) struct Wasmcloud;

impl Platform for Wasmcloud {
    const PERMISSION: &'static str = "the host interfaces of the workload";

    fn get(name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        bucket::with(|bucket| bucket.get(name))
    }

    fn get_many(names: &[String]) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let values = bucket::with(|bucket| batch::get_many(bucket, names))?;
        Ok(values.into_iter().flatten().collect())
    }

    fn set(name: &str, value: &[u8]) -> Result<(), StoreError> {
        bucket::with(|bucket| bucket.set(name, value))
    }

    fn delete(name: &str) -> Result<(), StoreError> {
        bucket::with(|bucket| bucket.delete(name))
    }

    fn increment(name: &str, delta: u64) -> Result<u64, StoreError> {
        bucket::with(|bucket| race::won(|| atomics::increment(bucket, name, delta)))
    }

    /// Cursors are numbers here.
    fn list(cursor: Option<String>) -> Result<Names, StoreError> {
        let cursor = cursor.map(|cursor| cursor.parse()).transpose();
        let cursor = cursor.map_err(|_| StoreError::Other("the cursor is none of this store".to_owned()))?;
        let page = bucket::with(|bucket| bucket.list_keys(cursor))?;
        Ok(Names { names: page.keys, next: page.cursor.map(|cursor| cursor.to_string()) })
    }

    fn setting(name: &str) -> Result<Option<String>, SettingError> {
        config::get(name).map_err(|error| match error {
            config::Error::Upstream(reason) | config::Error::Io(reason) => SettingError::Unavailable(reason),
        })
    }
}
