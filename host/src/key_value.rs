//! The key-value store, over one of two backends: SQLite in a file, which connections and processes share, or Redis, which
//! machines share.

mod deadlines;
mod expiry;
mod limits;
mod outcome;
mod redis;
mod sqlite;
mod store;

pub use self::limits::StoreLimits;
pub use self::outcome::{KeyPage, KeyValueError, Swap};
pub use self::redis::{RedisUrl, RedisUrlError};
pub use self::store::KeyValueStore;

/// The environment variable by which guests know that the host removes what has expired, and their own upkeep is not needed.
pub(crate) const SWEPT_BY_HOST: (&str, &str) = ("GATEHOUSE_STORE_SWEPT_BY_HOST", "true");
