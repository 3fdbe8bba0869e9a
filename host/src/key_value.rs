//! The key-value store: SQLite on disk, one database for a state directory, safe to share between connections and
//! processes.

mod database;
mod deadlines;
mod expiry;
mod held_lock;
mod outcome;
mod readers;
mod statements;
mod store;
mod sweep;
mod upkeep;
mod writer;

pub use self::outcome::{KeyPage, KeyValueError, Swap, Swept};
pub use self::store::{KeyValueStore, StoreLimits};
pub(crate) use self::upkeep::{SWEPT_BY_HOST, keep_swept};

#[cfg(test)]
mod tests;
