//! What is asked of the table. Each function is one statement, prepared once for each connection.

use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use crate::key_value::deadlines::left_until;
use crate::key_value::outcome::KeyValueError;

const UPSERT: &str = "INSERT INTO entries (store, key, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (store, key) DO UPDATE SET value = excluded.value";

/// The first page of a listing, and the page after a key. Two statements, because SQLite seeks to a key only where the
/// condition is nothing but the comparison.
pub(super) const FIRST_KEYS: &str = "SELECT key FROM entries WHERE store = ?1 ORDER BY key LIMIT ?2";
pub(super) const KEYS_AFTER: &str = "SELECT key FROM entries WHERE store = ?1 AND key > ?3 ORDER BY key LIMIT ?2";

/// How many values one statement reads.
pub(super) const TOGETHER: usize = 4;
const GET_TOGETHER: &str = "SELECT key, value FROM entries WHERE store = ?1 AND key IN (?2, ?3, ?4, ?5)";

/// Lets what follows on this connection wait for another process until `deadline`, and no longer.
pub(super) fn wait_until(connection: &Connection, deadline: Instant) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(left_until(deadline))
}

/// Lets what follows on this connection fail at once where another process holds the database.
pub(super) fn do_not_wait(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(Duration::ZERO)
}

/// Whether another process holds the database.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

impl From<rusqlite::Error> for KeyValueError {
    fn from(error: rusqlite::Error) -> Self {
        if is_busy(&error) { Self::TimedOut } else { Self::Database(error.to_string()) }
    }
}

/// Sets a value.
pub(super) fn put(connection: &Connection, store: &str, key: &str, value: &[u8]) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(UPSERT)?.execute(params![store, key, value]).map(drop)
}

/// Sets a counter.
pub(super) fn put_counter(connection: &Connection, store: &str, key: &str, sum: i64) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(UPSERT)?.execute(params![store, key, sum]).map(drop)
}

/// Removes an entry, if it is there.
pub(super) fn delete(connection: &Connection, store: &str, key: &str) -> Result<(), rusqlite::Error> {
    let mut delete = connection.prepare_cached("DELETE FROM entries WHERE store = ?1 AND key = ?2")?;
    delete.execute(params![store, key]).map(drop)
}

/// A value; a counter as eight bytes, little-endian.
pub(super) fn get(connection: &Connection, store: &str, key: &str) -> Result<Option<Vec<u8>>, rusqlite::Error> {
    let mut select = connection.prepare_cached("SELECT value FROM entries WHERE store = ?1 AND key = ?2")?;
    select.query_row(params![store, key], |row| value(row.get_ref(0)?)).optional()
}

/// The values of at most [`TOGETHER`] keys, in the order of the keys, as [`get`] gives each.
pub(super) fn get_together(
    connection: &Connection,
    store: &str,
    keys: &[String],
) -> Result<Vec<Option<Vec<u8>>>, rusqlite::Error> {
    let mut select = connection.prepare_cached(GET_TOGETHER)?;
    // What is not given is NULL, which is equal to no key.
    let key = |number| keys.get(number).map(String::as_str);
    let mut rows = select.query(params![store, key(0), key(1), key(2), key(3)])?;
    let mut values = vec![None; keys.len()];
    while let Some(row) = rows.next()? {
        let found = row.get_ref(0)?.as_str()?;
        for (_, place) in keys.iter().zip(&mut values).filter(|(key, _)| *key == found) {
            *place = Some(value(row.get_ref(1)?)?);
        }
    }
    Ok(values)
}

fn value(value: ValueRef<'_>) -> Result<Vec<u8>, rusqlite::Error> {
    match value {
        ValueRef::Integer(counter) => Ok(counter.to_le_bytes().to_vec()),
        value => Ok(value.as_blob()?.to_vec()),
    }
}

/// A counter; `Some(None)` where the key holds a value.
pub(super) fn counter(connection: &Connection, store: &str, key: &str) -> Result<Option<Option<i64>>, rusqlite::Error> {
    let mut select = connection.prepare_cached("SELECT value FROM entries WHERE store = ?1 AND key = ?2")?;
    select
        .query_row(params![store, key], |row| match row.get_ref(0)? {
            ValueRef::Integer(counter) => Ok(Some(counter)),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Ok(None),
        })
        .optional()
}

/// Whether there is such an entry.
pub(super) fn exists(connection: &Connection, store: &str, key: &str) -> Result<bool, rusqlite::Error> {
    connection.prepare_cached("SELECT 1 FROM entries WHERE store = ?1 AND key = ?2")?.exists(params![store, key])
}

/// At most `limit` keys in order, after a key or from the first.
pub(super) fn keys_after(
    connection: &Connection,
    store: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, rusqlite::Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    match after {
        None => {
            let mut select = connection.prepare_cached(FIRST_KEYS)?;
            select.query_map(params![store, limit], |row| row.get(0))?.collect()
        }
        Some(after) => {
            let mut select = connection.prepare_cached(KEYS_AFTER)?;
            select.query_map(params![store, limit, after], |row| row.get(0))?.collect()
        }
    }
}
