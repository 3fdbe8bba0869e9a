//! The database behind the key-value store: its table, and the thread that writes to it.
//!
//! A value is stored as BLOB and a counter as INTEGER, so that neither can be taken for the other.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::{KeyValueError, Swap};

/// How long to wait for another process's transaction.
const BUSY: Duration = Duration::from_secs(10);
/// Writes in one transaction.
const BATCH: usize = 256;
/// The layout of the table below.
const SCHEMA_VERSION: i64 = 1;

/// A write that waits for its turn.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) store: String,
    pub(super) write: Write,
    pub(super) answer: oneshot::Sender<Result<Outcome, KeyValueError>>,
}

#[derive(Debug)]
pub(super) enum Write {
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
    Increment { key: String, delta: i64 },
    Swap { key: String, expected: Option<Vec<u8>>, value: Vec<u8> },
}

#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    Counter(i64),
    Swap(Swap),
}

/// Opens the database for writing and creates the table in it.
pub(super) fn set_up(path: &Path) -> Result<Connection, String> {
    let connection = open(path).map_err(|error| error.to_string())?;
    let version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|error| error.to_string())?;
    if version > SCHEMA_VERSION {
        return Err(format!("it was written by a newer gatehouse (layout {version}, this one knows {SCHEMA_VERSION})"));
    }
    let create = "
        PRAGMA journal_mode = WAL;
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS entries (
            store TEXT NOT NULL, key TEXT NOT NULL, value ANY NOT NULL, PRIMARY KEY (store, key)
        ) STRICT, WITHOUT ROWID;
        PRAGMA user_version = 1;
        COMMIT;";
    connection.execute_batch(create).map_err(|error| error.to_string())?;
    Ok(connection)
}

/// Opens one more connection to a database that is set up.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = open(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    // A redeemed code that comes back after a power cut could be redeemed twice: every commit is flushed.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Runs the jobs until the store is dropped.
pub(super) fn write_all(mut connection: Connection, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        batch.extend(jobs.try_iter().take(BATCH - 1));
        match run(&mut connection, &batch) {
            Ok(outcomes) => answer(batch, outcomes),
            Err(error) if batch.len() == 1 => answer(batch, vec![Err(error.into())]),
            // One of them failed and took the others with it: each for itself.
            Err(_) => {
                for job in batch {
                    let outcome = run(&mut connection, std::slice::from_ref(&job));
                    answer(vec![job], outcome.unwrap_or_else(|error| vec![Err(error.into())]));
                }
            }
        }
    }
}

fn answer(batch: Vec<Job>, outcomes: Vec<Result<Outcome, KeyValueError>>) {
    for (job, outcome) in batch.into_iter().zip(outcomes) {
        // The guest that asked may be gone.
        let _ = job.answer.send(outcome);
    }
}

/// Runs the jobs in one transaction. A job that only finds the store in the wrong state has written nothing, so its
/// error is its own; a failing database fails the transaction.
fn run(connection: &mut Connection, batch: &[Job]) -> Result<Vec<Result<Outcome, KeyValueError>>, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for job in batch {
        outcomes.push(run_job(&transaction, job)?);
    }
    transaction.commit()?;
    Ok(outcomes)
}

fn run_job(transaction: &Transaction<'_>, job: &Job) -> Result<Result<Outcome, KeyValueError>, rusqlite::Error> {
    let store = job.store.as_str();
    match &job.write {
        Write::Set(entries) => {
            for (key, value) in entries {
                put(transaction, store, key, value)?;
            }
            Ok(Ok(Outcome::Done))
        }
        Write::Delete(keys) => {
            let mut delete = transaction.prepare_cached("DELETE FROM entries WHERE store = ?1 AND key = ?2")?;
            for key in keys {
                delete.execute(params![store, key])?;
            }
            Ok(Ok(Outcome::Done))
        }
        Write::Increment { key, delta } => increment(transaction, store, key, *delta),
        Write::Swap { key, expected, value } => {
            let current = get(transaction, store, key)?;
            if current != *expected {
                return Ok(Ok(Outcome::Swap(Swap::Changed(current))));
            }
            put(transaction, store, key, value)?;
            Ok(Ok(Outcome::Swap(Swap::Swapped)))
        }
    }
}

fn increment(
    transaction: &Transaction<'_>,
    store: &str,
    key: &str,
    delta: i64,
) -> Result<Result<Outcome, KeyValueError>, rusqlite::Error> {
    let mut select = transaction.prepare_cached("SELECT value FROM entries WHERE store = ?1 AND key = ?2")?;
    let current = select
        .query_row(params![store, key], |row| match row.get_ref(0)? {
            ValueRef::Integer(counter) => Ok(Some(counter)),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Ok(None),
        })
        .optional()?;
    let current = match current {
        None => 0,
        Some(Some(counter)) => counter,
        Some(None) => return Ok(Err(KeyValueError::NotACounter)),
    };
    let Some(sum) = current.checked_add(delta) else { return Ok(Err(KeyValueError::CounterOverflow)) };
    transaction.prepare_cached(UPSERT)?.execute(params![store, key, sum])?;
    Ok(Ok(Outcome::Counter(sum)))
}

const UPSERT: &str = "INSERT INTO entries (store, key, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (store, key) DO UPDATE SET value = excluded.value";

fn put(transaction: &Transaction<'_>, store: &str, key: &str, value: &[u8]) -> Result<(), rusqlite::Error> {
    transaction.prepare_cached(UPSERT)?.execute(params![store, key, value]).map(drop)
}

pub(super) fn get(connection: &Connection, store: &str, key: &str) -> Result<Option<Vec<u8>>, rusqlite::Error> {
    let mut select = connection.prepare_cached("SELECT value FROM entries WHERE store = ?1 AND key = ?2")?;
    select
        .query_row(params![store, key], |row| match row.get_ref(0)? {
            ValueRef::Integer(counter) => Ok(counter.to_le_bytes().to_vec()),
            value => Ok(value.as_blob()?.to_vec()),
        })
        .optional()
}

pub(super) fn exists(connection: &Connection, store: &str, key: &str) -> Result<bool, rusqlite::Error> {
    connection.prepare_cached("SELECT 1 FROM entries WHERE store = ?1 AND key = ?2")?.exists(params![store, key])
}

pub(super) fn keys_after(
    connection: &Connection,
    store: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, rusqlite::Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(
        "SELECT key FROM entries WHERE store = ?1 AND (?2 IS NULL OR key > ?2) ORDER BY key LIMIT ?3",
    )?;
    select.query_map(params![store, after, limit], |row| row.get(0))?.collect()
}
