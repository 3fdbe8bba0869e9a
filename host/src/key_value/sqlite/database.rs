//! The database behind the key-value store: its layout, and how it is opened.
//!
//! A value is stored as BLOB and a counter as INTEGER, so that neither can be taken for the other.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::expiry_index::CREATE_INDEX;

/// How long to wait for another process's transaction while the database is set up.
const BUSY: Duration = Duration::from_secs(30);
/// The layout below. 1 had the entries alone.
const SCHEMA_VERSION: i64 = 2;

/// The one table of a database that Spin has made.
const TABLE_OF_SPIN: &str = "spin_key_value";

/// The entries, and who removes those that have expired (`sweep.rs`).
const CREATE_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS entries (
        store TEXT NOT NULL, key TEXT NOT NULL, value ANY NOT NULL, PRIMARY KEY (store, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sweep_lease (
        id INTEGER PRIMARY KEY CHECK (id = 1), holder TEXT NOT NULL, until INTEGER NOT NULL
    ) STRICT;";

/// Opens the database for writing and brings its layout up to date. That of a version 1 gets its index on expiry, which
/// reads the whole table once.
pub(super) fn set_up(path: &Path) -> Result<Connection, String> {
    let connection = open(path, BUSY).map_err(|error| error.to_string())?;
    let version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|error| error.to_string())?;
    if version > SCHEMA_VERSION {
        return Err(format!("it was written by a newer gatehouse (layout {version}, this one knows {SCHEMA_VERSION})"));
    }
    if version == 0 && has_table(&connection, TABLE_OF_SPIN).map_err(|error| error.to_string())? {
        return Err(
            "it is a key-value store of Spin, whose layout this host does not read; name another file".to_owned()
        );
    }
    connection.execute_batch("PRAGMA journal_mode = WAL").map_err(|error| error.to_string())?;
    if version < SCHEMA_VERSION {
        let create =
            format!("BEGIN IMMEDIATE; {CREATE_TABLES} {CREATE_INDEX}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;");
        connection.execute_batch(&create).map_err(|error| error.to_string())?;
    }
    Ok(connection)
}

fn has_table(connection: &Connection, name: &str) -> Result<bool, rusqlite::Error> {
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")?.exists([name])
}

/// Opens one more connection to a database that is set up, which waits for other processes for so long.
pub(super) fn open_for_reading(path: &Path, busy: Duration) -> Result<Connection, rusqlite::Error> {
    let connection = open(path, busy)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path, busy: Duration) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(busy)?;
    // A redeemed code that comes back after a power cut could be redeemed twice: every commit is flushed.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // What is sorted (the index, when it is made) stays out of the directory for temporary files, which others can fill
    // and a container may not have.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}
