//! The store as guests see it: what is asked of it is checked, and handed to its backend.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::limits::{StoreLimits, check_key, check_number, check_value};
use super::outcome::{KeyPage, KeyValueError, Swap};
use super::redis::{self, Redis, RedisUrl};
use super::sqlite::{self, Sqlite};
use crate::clock::WallClock;
use crate::error::StartError;
use crate::log::LogSink;

/// A key-value store. Its clones are the same store.
#[derive(Debug, Clone)]
pub struct KeyValueStore {
    backend: Backend,
}

/// Where the entries are.
#[derive(Debug, Clone)]
enum Backend {
    Sqlite(Arc<Sqlite>),
    Redis(Arc<Redis>),
}

impl KeyValueStore {
    /// Opens the store in `state_directory`, creating both if needed. The directory is made for its owner only, and the
    /// database is readable by its owner only. Blocks on the disk.
    ///
    /// # Errors
    /// The directory or the database cannot be used.
    pub fn open(state_directory: &Path) -> Result<Self, StartError> {
        Self::in_file(&Self::file_in(state_directory), StoreLimits::default())
    }

    /// The file in which the store in a state directory is.
    pub(crate) fn file_in(state_directory: &Path) -> PathBuf {
        state_directory.join("key-value.db")
    }

    /// The same of a database in the file `path`, with limits of one's own.
    ///
    /// # Errors
    /// The directory or the database cannot be used.
    pub fn in_file(path: &Path, limits: StoreLimits) -> Result<Self, StartError> {
        Sqlite::open(path, limits).map(|sqlite| Self { backend: Backend::Sqlite(Arc::new(sqlite)) })
    }

    /// The store in a Redis, whose names of entries are those that Spin has there. It need not be reachable yet: each operation
    /// connects where there is no connection. An entry whose key carries an expiry gets a time to live by `clock`. `tls` is for
    /// `rediss`. Must be called within a tokio runtime, which the connection belongs to.
    #[must_use]
    pub fn in_redis(url: RedisUrl, limits: StoreLimits, clock: Arc<dyn WallClock>, tls: ClientConfig) -> Self {
        Self { backend: Backend::Redis(Arc::new(Redis::new(url, limits, clock, tls))) }
    }

    /// Looks after what has expired, in tasks of their own, until the last clone of the store is dropped. In SQLite, `every` so
    /// long those entries are removed, by `clock`; Redis does it by itself.
    pub(crate) fn start_upkeep(&self, clock: Arc<dyn WallClock>, every: Duration, log: Arc<dyn LogSink>) {
        match &self.backend {
            Backend::Sqlite(sqlite) => {
                drop(tokio::spawn(sqlite::keep_swept(Arc::downgrade(sqlite), clock, every, log)))
            }
            Backend::Redis(redis) => drop(tokio::spawn(redis::look_after(Arc::downgrade(redis), log))),
        }
    }

    /// What it is, as OpenTelemetry names it.
    pub(crate) fn system(&self) -> &'static str {
        match &self.backend {
            Backend::Sqlite(_) => "sqlite",
            Backend::Redis(_) => "redis",
        }
    }

    /// The value of `key`. Nobody should ask so for a counter: SQLite gives eight bytes, little-endian, and Redis the number as
    /// text, as with Spin.
    ///
    /// # Errors
    /// The backend failed.
    pub async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        // What Redis needs is on the heap, so that a request that has SQLite carries nothing of it; the same below.
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.get(store, key).await,
            Backend::Redis(redis) => Box::pin(redis.get(key)).await,
        }
    }

    /// The values of several keys, in the order asked for.
    ///
    /// # Errors
    /// There are more than 1000 keys, or more than 16 MiB of values; or the backend failed.
    pub async fn get_many(
        &self,
        store: &str,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, KeyValueError> {
        check_number(keys.len())?;
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.get_many(store, keys).await,
            Backend::Redis(redis) => Box::pin(redis.get_many(keys)).await,
        }
    }

    /// Whether `key` is there.
    ///
    /// # Errors
    /// The backend failed.
    pub async fn exists(&self, store: &str, key: &str) -> Result<bool, KeyValueError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.exists(store, key).await,
            Backend::Redis(redis) => Box::pin(redis.exists(key)).await,
        }
    }

    /// A page of keys, from `cursor` (of the page before) or from the start. Redis gives them in no order, and may give one
    /// twice; its pages can be a little longer, or empty before the last.
    ///
    /// # Errors
    /// The cursor is of no page before; or the backend failed.
    pub async fn list_keys(&self, store: &str, cursor: Option<String>) -> Result<KeyPage, KeyValueError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.list_keys(store, cursor).await,
            Backend::Redis(redis) => Box::pin(redis.list_keys(cursor)).await,
        }
    }

    /// Sets `key` to `value`, whatever it held.
    ///
    /// # Errors
    /// The key has more than 1024 bytes or the value more than 16 MiB; or the backend failed.
    pub async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.set_many(store, vec![(key.to_owned(), value)]).await
    }

    /// Sets several keys: all of them or none.
    ///
    /// # Errors
    /// There are more than 1000 keys, one has more than 1024 bytes, or there are more than 16 MiB of values; or the backend
    /// failed.
    pub async fn set_many(&self, store: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        check_number(entries.len())?;
        entries.iter().try_for_each(|(key, _)| check_key(key))?;
        check_value(entries.iter().map(|(_, value)| value.len()).fold(0, usize::saturating_add))?;
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.set_many(store, entries).await,
            Backend::Redis(redis) => Box::pin(redis.set_many(entries)).await,
        }
    }

    /// Removes `key`, if it is there.
    ///
    /// # Errors
    /// The backend failed.
    pub async fn delete(&self, store: &str, key: &str) -> Result<(), KeyValueError> {
        self.delete_many(store, vec![key.to_owned()]).await
    }

    /// Removes several keys: all of them or none.
    ///
    /// # Errors
    /// There are more than 1000; or the backend failed.
    pub async fn delete_many(&self, store: &str, keys: Vec<String>) -> Result<(), KeyValueError> {
        check_number(keys.len())?;
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.delete_many(store, keys).await,
            Backend::Redis(redis) => Box::pin(redis.delete_many(keys)).await,
        }
    }

    /// Adds `delta` to the counter `key`, which starts at zero, and returns the sum. Atomic across all processes.
    ///
    /// # Errors
    /// The key holds a value (in Redis: one that is no number), the sum has no room in 64 bits, or the backend failed; the
    /// counter is as it was, unless Redis gave no answer in time.
    pub async fn increment(&self, store: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        check_key(key)?;
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.increment(store, key, delta).await,
            Backend::Redis(redis) => Box::pin(redis.increment(key, delta)).await,
        }
    }

    /// Sets `key` to `value` if it holds `expected` (`None`: is not there). Atomic across all processes.
    ///
    /// # Errors
    /// The key has more than 1024 bytes or the value more than 16 MiB; or the backend failed.
    pub async fn compare_and_swap(
        &self,
        store: &str,
        key: &str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Swap, KeyValueError> {
        check_key(key)?;
        check_value(value.len())?;
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.compare_and_swap(store, key, expected, value).await,
            Backend::Redis(redis) => Box::pin(redis.compare_and_swap(key, expected, value)).await,
        }
    }
}
