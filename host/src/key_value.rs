//! The key-value store: SQLite on disk, one database for a state directory, safe to share between connections and
//! processes.

mod database;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use self::database::{Job, Outcome, Write};
use crate::error::StartError;
use crate::state_directory::{create_private_directory, create_private_file};

/// Reads that run at the same time. More would only wait for each other's pages.
const READERS: usize = 4;
/// Keys in one page of a listing.
const PAGE: usize = 1000;

/// A key-value store. Reads run beside each other; writes of all guests go through one thread that puts those that wait
/// into one transaction, since it is the flush to disk at its end that costs time. A write is on disk when it returns.
#[derive(Debug)]
pub struct KeyValueStore {
    path: PathBuf,
    writer: mpsc::Sender<Job>,
    readers: Mutex<Vec<Connection>>,
    reading: Semaphore,
}

/// Why an operation did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyValueError {
    /// `increment` on a key that holds a value.
    #[error("the key holds a value that is not a counter")]
    NotACounter,
    /// `increment` past the range of a 64-bit integer.
    #[error("the counter would overflow")]
    CounterOverflow,
    /// The database failed.
    #[error("the key-value store failed: {0}")]
    Database(String),
}

impl From<rusqlite::Error> for KeyValueError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys, in order.
    pub keys: Vec<String>,
    /// Where the next page starts; `None` on the last.
    pub cursor: Option<String>,
}

/// How a compare-and-swap ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The value is there now.
    Swapped,
    /// Someone was faster; this is what the key holds.
    Changed(Option<Vec<u8>>),
}

impl KeyValueStore {
    /// Opens the store in `state_directory`, creating both if needed. The directory is made for its owner only, and the
    /// database is readable by its owner only. Blocks on the disk.
    ///
    /// # Errors
    /// The directory or the database cannot be used.
    pub fn open(state_directory: &Path) -> Result<Self, StartError> {
        let path = state_directory.join("key-value.db");
        let failed = |message: String| StartError::State { path: path.clone(), message };
        create_private_directory(state_directory).map_err(|error| failed(error.to_string()))?;
        create_private_file(&path).map_err(|error| failed(error.to_string()))?;
        // SQLite does not wait for its turn when two processes set up write-ahead logging at once.
        let lock =
            create_private_file(&state_directory.join("key-value.lock")).map_err(|error| failed(error.to_string()))?;
        lock.lock().map_err(|error| failed(error.to_string()))?;
        let connection = database::set_up(&path).map_err(failed)?;
        drop(lock);

        let (writer, jobs) = mpsc::channel();
        thread::Builder::new()
            .name("key-value".to_owned())
            .spawn(move || database::write_all(connection, &jobs))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { path, writer, readers: Mutex::default(), reading: Semaphore::new(READERS) })
    }

    /// The value of `key`. A counter reads as eight bytes, little-endian, as with Spin's SQLite.
    ///
    /// # Errors
    /// The database failed.
    pub async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.read(move |connection| database::get(connection, &store, &key)).await
    }

    /// The values of several keys, in the order asked for.
    ///
    /// # Errors
    /// The database failed.
    pub async fn get_many(
        &self,
        store: &str,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, KeyValueError> {
        let store = store.to_owned();
        self.read(move |connection| {
            keys.into_iter().map(|key| database::get(connection, &store, &key).map(|value| (key, value))).collect()
        })
        .await
    }

    /// Whether `key` is there.
    ///
    /// # Errors
    /// The database failed.
    pub async fn exists(&self, store: &str, key: &str) -> Result<bool, KeyValueError> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.read(move |connection| database::exists(connection, &store, &key)).await
    }

    /// A page of keys, from `cursor` (of the page before) or from the start.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list_keys(&self, store: &str, cursor: Option<String>) -> Result<KeyPage, KeyValueError> {
        let store = store.to_owned();
        self.read(move |connection| {
            let mut keys = database::keys_after(connection, &store, cursor.as_deref(), PAGE + 1)?;
            let more = keys.len() > PAGE;
            keys.truncate(PAGE);
            let cursor = if more { keys.last().cloned() } else { None };
            Ok(KeyPage { keys, cursor })
        })
        .await
    }

    /// Sets `key` to `value`, whatever it held.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.set_many(store, vec![(key.to_owned(), value)]).await
    }

    /// Sets several keys: all of them or none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_many(&self, store: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        self.write(store, Write::Set(entries)).await.map(drop)
    }

    /// Removes `key`, if it is there.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete(&self, store: &str, key: &str) -> Result<(), KeyValueError> {
        self.delete_many(store, vec![key.to_owned()]).await
    }

    /// Removes several keys: all of them or none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_many(&self, store: &str, keys: Vec<String>) -> Result<(), KeyValueError> {
        self.write(store, Write::Delete(keys)).await.map(drop)
    }

    /// Adds `delta` to the counter `key`, which starts at zero, and returns the sum. Atomic across all processes.
    ///
    /// # Errors
    /// The key holds a value, the sum has no room in 64 bits, or the database failed; the counter is then as it was.
    pub async fn increment(&self, store: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        match self.write(store, Write::Increment { key: key.to_owned(), delta }).await? {
            Outcome::Counter(sum) => Ok(sum),
            Outcome::Done | Outcome::Swap(_) => Err(wrong_outcome()),
        }
    }

    /// Sets `key` to `value` if it holds `expected` (`None`: is not there). Atomic across all processes.
    ///
    /// # Errors
    /// The database failed.
    pub async fn compare_and_swap(
        &self,
        store: &str,
        key: &str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Swap, KeyValueError> {
        match self.write(store, Write::Swap { key: key.to_owned(), expected, value }).await? {
            Outcome::Swap(swap) => Ok(swap),
            Outcome::Done | Outcome::Counter(_) => Err(wrong_outcome()),
        }
    }

    async fn write(&self, store: &str, write: Write) -> Result<Outcome, KeyValueError> {
        let stopped = || KeyValueError::Database("its writer has stopped".to_owned());
        let (answer, outcome) = oneshot::channel();
        self.writer.send(Job { store: store.to_owned(), write, answer }).map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, KeyValueError> {
        let stopped = |error: String| KeyValueError::Database(error);
        let _turn = self.reading.acquire().await.map_err(|error| stopped(error.to_string()))?;
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let connection = match idle {
                Some(connection) => connection,
                None => database::open_for_reading(&path)?,
            };
            let value = read(&connection)?;
            Ok::<_, rusqlite::Error>((value, connection))
        });
        let (value, connection) = reading.await.map_err(|error| stopped(error.to_string()))??;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(value)
    }
}

fn wrong_outcome() -> KeyValueError {
    KeyValueError::Database("the writer answered another question".to_owned())
}

#[cfg(test)]
mod tests;
