//! The store's operations: what is asked of it is checked, and handed to the readers or the writer.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::deadlines::{Deadlines, left_until};
use super::outcome::{KeyPage, KeyValueError, Swap, Swept};
use super::readers::Readers;
use super::statements::TOGETHER;
use super::sweep::Piece;
use super::writer::{Job, Outcome, Task, Write};
use super::{database, statements, writer};
use crate::error::StartError;
use crate::private_files::{create_private_directory, create_private_file};

/// Keys in one page of a listing, and in one operation on many.
pub(super) const PAGE: usize = 1000;
/// Bytes of a key.
pub(super) const LONGEST_KEY: usize = 1024;
/// Bytes of a value, and of all values in one operation on many.
pub(super) const LARGEST_VALUE: usize = 16 * 1024 * 1024;

/// How much may wait for the store, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// How long an operation may take, from when it is asked for: after that it fails, and does not begin any more. While
    /// another process holds the database it is a second at most.
    pub wait: Duration,
    /// How many writes may wait, and how many reads; more fail at once.
    pub queue: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { wait: Duration::from_secs(5), queue: 1024 }
    }
}

/// A key-value store. Reads run beside each other; writes of all guests go through one thread that puts those that wait
/// into one transaction, since it is the flush to disk at its end that costs time. A write is on disk when it returns.
#[derive(Debug)]
pub struct KeyValueStore {
    pub(super) writer: mpsc::SyncSender<Job>,
    /// The writer's.
    pub(super) deadlines: Arc<Deadlines>,
    pub(super) readers: Arc<Readers>,
    /// Who this is, among those that could sweep.
    pub(super) holder: String,
}

impl KeyValueStore {
    /// Opens the store in `state_directory`, creating both if needed. The directory is made for its owner only, and the
    /// database is readable by its owner only. Blocks on the disk.
    ///
    /// # Errors
    /// The directory or the database cannot be used.
    pub fn open(state_directory: &Path) -> Result<Self, StartError> {
        Self::open_with(state_directory, StoreLimits::default())
    }

    /// The same with limits of one's own.
    ///
    /// # Errors
    /// The directory or the database cannot be used.
    pub fn open_with(state_directory: &Path, limits: StoreLimits) -> Result<Self, StartError> {
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

        let mut holder = [0; 16];
        getrandom::fill(&mut holder).map_err(|error| failed(error.to_string()))?;
        let holder = holder.iter().map(|byte| format!("{byte:02x}")).collect();
        let deadlines = Arc::new(Deadlines::new(limits.wait));
        let (writer, jobs) = mpsc::sync_channel(limits.queue);
        let of_writer = Arc::clone(&deadlines);
        thread::Builder::new()
            .name("key-value".to_owned())
            .spawn(move || writer::write_all(connection, &jobs, &of_writer))
            .map_err(|error| failed(error.to_string()))?;
        let readers = Arc::new(Readers::new(path, Deadlines::new(limits.wait), limits.queue));
        Ok(Self { writer, deadlines, readers, holder })
    }

    /// The value of `key`. A counter reads as eight bytes, little-endian, as with Spin's SQLite.
    ///
    /// # Errors
    /// The database failed.
    pub async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        if let Some(value) = self.readers.read_here(|connection| statements::get(connection, store, key)) {
            return value;
        }
        let (store, key) = (store.to_owned(), key.to_owned());
        self.readers.read(move |connection, _| Ok(statements::get(connection, &store, &key)?)).await
    }

    /// The values of several keys, in the order asked for.
    ///
    /// # Errors
    /// There are more than 1000 keys, or more than 16 MiB of values; or the database failed.
    pub async fn get_many(
        &self,
        store: &str,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, KeyValueError> {
        check_number(keys.len())?;
        if keys.len() <= TOGETHER
            && let Some(values) =
                self.readers.read_here(|connection| statements::get_together(connection, store, &keys))
        {
            let values = values?;
            check_read(bytes_of(&values))?;
            return Ok(keys.into_iter().zip(values).collect());
        }
        let store = store.to_owned();
        self.readers
            .read(move |connection, deadline| {
                let (mut values, mut bytes) = (Vec::with_capacity(keys.len()), 0_usize);
                for keys in keys.chunks(TOGETHER) {
                    if Instant::now() >= deadline {
                        return Err(KeyValueError::TimedOut);
                    }
                    let found = statements::get_together(connection, &store, keys)?;
                    bytes = bytes.saturating_add(bytes_of(&found));
                    check_read(bytes)?;
                    values.extend(found);
                }
                Ok(keys.into_iter().zip(values).collect())
            })
            .await
    }

    /// Whether `key` is there.
    ///
    /// # Errors
    /// The database failed.
    pub async fn exists(&self, store: &str, key: &str) -> Result<bool, KeyValueError> {
        if let Some(exists) = self.readers.read_here(|connection| statements::exists(connection, store, key)) {
            return exists;
        }
        let (store, key) = (store.to_owned(), key.to_owned());
        self.readers.read(move |connection, _| Ok(statements::exists(connection, &store, &key)?)).await
    }

    /// A page of keys, from `cursor` (of the page before) or from the start.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list_keys(&self, store: &str, cursor: Option<String>) -> Result<KeyPage, KeyValueError> {
        let store = store.to_owned();
        self.readers
            .read(move |connection, _| {
                let mut keys = statements::keys_after(connection, &store, cursor.as_deref(), PAGE + 1)?;
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
    /// The key has more than 1024 bytes or the value more than 16 MiB; or the database failed.
    pub async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.set_many(store, vec![(key.to_owned(), value)]).await
    }

    /// Sets several keys: all of them or none.
    ///
    /// # Errors
    /// There are more than 1000 keys, one has more than 1024 bytes, or there are more than 16 MiB of values; or the database
    /// failed.
    pub async fn set_many(&self, store: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        check_number(entries.len())?;
        entries.iter().try_for_each(|(key, _)| check_key(key))?;
        check_value(entries.iter().map(|(_, value)| value.len()).fold(0, usize::saturating_add))?;
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
    /// There are more than 1000; or the database failed.
    pub async fn delete_many(&self, store: &str, keys: Vec<String>) -> Result<(), KeyValueError> {
        check_number(keys.len())?;
        self.write(store, Write::Delete(keys)).await.map(drop)
    }

    /// Adds `delta` to the counter `key`, which starts at zero, and returns the sum. Atomic across all processes.
    ///
    /// # Errors
    /// The key holds a value, the sum has no room in 64 bits, or the database failed; the counter is then as it was.
    pub async fn increment(&self, store: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        check_key(key)?;
        match self.write(store, Write::Increment { key: key.to_owned(), delta }).await? {
            Outcome::Counter(sum) => Ok(sum),
            Outcome::Done | Outcome::Swap(_) | Outcome::Swept(_) => Err(wrong_outcome()),
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
        check_key(key)?;
        check_value(value.len())?;
        match self.write(store, Write::Swap { key: key.to_owned(), expected, value }).await? {
            Outcome::Swap(swap) => Ok(swap),
            Outcome::Done | Outcome::Counter(_) | Outcome::Swept(_) => Err(wrong_outcome()),
        }
    }

    /// Removes a few entries whose keys carry an expiry (`kind.expiry.id`) that was 60 seconds ago or more at `now`, the
    /// time since 1970-01-01T00:00:00Z, and takes the lease for it. Other entries are never removed.
    ///
    /// # Errors
    /// The database failed, or did not answer in time.
    pub async fn sweep_piece(&self, now: Duration) -> Result<Swept, KeyValueError> {
        self.sweep(Piece { holder: self.holder.clone(), now: now.as_secs() }).await
    }

    async fn write(&self, store: &str, write: Write) -> Result<Outcome, KeyValueError> {
        self.ask_writer(Task::Write { store: store.to_owned(), write }).await
    }

    async fn sweep(&self, piece: Piece) -> Result<Swept, KeyValueError> {
        match self.ask_writer(Task::Sweep(piece)).await? {
            Outcome::Swept(swept) => Ok(swept),
            Outcome::Done | Outcome::Counter(_) | Outcome::Swap(_) => Err(wrong_outcome()),
        }
    }

    async fn ask_writer(&self, task: Task) -> Result<Outcome, KeyValueError> {
        let stopped = || KeyValueError::Database("its writer has stopped".to_owned());
        let (answer, outcome) = oneshot::channel();
        let deadline = self.deadlines.deadline();
        self.writer.try_send(Job { task, deadline, answer }).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => KeyValueError::QueueFull,
            mpsc::TrySendError::Disconnected(_) => stopped(),
        })?;
        match timeout(left_until(deadline), outcome).await {
            Ok(outcome) => outcome.map_err(|_| stopped())?,
            Err(_) => Err(KeyValueError::TimedOut),
        }
    }
}

fn check_number(keys: usize) -> Result<(), KeyValueError> {
    if keys > PAGE { Err(KeyValueError::TooLarge("an operation takes 1000 keys at most")) } else { Ok(()) }
}

fn check_key(key: &str) -> Result<(), KeyValueError> {
    if key.len() > LONGEST_KEY { Err(KeyValueError::TooLarge("a key has 1024 bytes at most")) } else { Ok(()) }
}

fn bytes_of(values: &[Option<Vec<u8>>]) -> usize {
    values.iter().flatten().map(Vec::len).fold(0, usize::saturating_add)
}

fn check_read(bytes: usize) -> Result<(), KeyValueError> {
    match bytes > LARGEST_VALUE {
        true => Err(KeyValueError::TooLarge("the values of these keys have more than 16 MiB")),
        false => Ok(()),
    }
}

fn check_value(bytes: usize) -> Result<(), KeyValueError> {
    if bytes > LARGEST_VALUE { Err(KeyValueError::TooLarge("values have 16 MiB at most")) } else { Ok(()) }
}

fn wrong_outcome() -> KeyValueError {
    KeyValueError::Database("the writer answered another question".to_owned())
}
