//! The backend in a file of SQLite. Reads run beside each other; writes of all guests go through one thread that puts those
//! that wait into one transaction, since it is the flush to disk at its end that costs time. A write is on disk when it
//! returns.

mod database;
mod expiry_index;
mod held_lock;
mod idle_readers;
mod operations;
mod readers;
mod statements;
mod sweep;
mod upkeep;
mod writer;

pub(super) use self::operations::Sqlite;
pub(super) use self::upkeep::keep_swept;

#[cfg(test)]
mod tests;
