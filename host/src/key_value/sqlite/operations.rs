//! What is asked of the database, handed to the readers or the writer.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::readers::Readers;
use super::statements::TOGETHER;
use super::sweep::Piece;
use super::writer::{Job, Outcome, Task, Write};
use super::{database, statements, writer};
use crate::error::StartError;
use crate::key_value::deadlines::{Deadlines, left_until};
use crate::key_value::limits::{PAGE, StoreLimits, bytes_of, check_read};
use crate::key_value::outcome::{KeyPage, KeyValueError, Swap, Swept};
use crate::private_files::{create_private_directory, create_private_file};

/// A database with the entries of all stores that lie in it.
#[derive(Debug)]
pub(in crate::key_value) struct Sqlite {
    pub(super) writer: mpsc::SyncSender<Job>,
    /// The writer's.
    pub(super) deadlines: Arc<Deadlines>,
    pub(super) readers: Arc<Readers>,
    /// Who this is, among those that could sweep.
    pub(super) holder: String,
}

impl Sqlite {
    /// Opens the database in the file `path`, creating it and its directory if needed. Blocks on the disk.
    pub(in crate::key_value) fn open(path: &Path, limits: StoreLimits) -> Result<Self, StartError> {
        let failed = |message: String| StartError::State { path: path.to_owned(), message };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            create_private_directory(directory).map_err(|error| failed(error.to_string()))?;
        }
        create_private_file(path).map_err(|error| failed(error.to_string()))?;
        // SQLite does not wait for its turn when two processes set up write-ahead logging at once.
        let lock = create_private_file(&path.with_extension("lock")).map_err(|error| failed(error.to_string()))?;
        lock.lock().map_err(|error| failed(error.to_string()))?;
        let connection = database::set_up(path).map_err(failed)?;
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
        let readers = Arc::new(Readers::new(path.to_owned(), Deadlines::new(limits.wait), limits.queue));
        Ok(Self { writer, deadlines, readers, holder })
    }

    pub(in crate::key_value) async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        if let Some(value) = self.readers.read_here(|connection| statements::get(connection, store, key)) {
            return value;
        }
        let (store, key) = (store.to_owned(), key.to_owned());
        self.readers.read(move |connection, _| Ok(statements::get(connection, &store, &key)?)).await
    }

    pub(in crate::key_value) async fn get_many(
        &self,
        store: &str,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, KeyValueError> {
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

    pub(in crate::key_value) async fn exists(&self, store: &str, key: &str) -> Result<bool, KeyValueError> {
        if let Some(exists) = self.readers.read_here(|connection| statements::exists(connection, store, key)) {
            return exists;
        }
        let (store, key) = (store.to_owned(), key.to_owned());
        self.readers.read(move |connection, _| Ok(statements::exists(connection, &store, &key)?)).await
    }

    pub(in crate::key_value) async fn list_keys(
        &self,
        store: &str,
        cursor: Option<String>,
    ) -> Result<KeyPage, KeyValueError> {
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

    pub(in crate::key_value) async fn set_many(
        &self,
        store: &str,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<(), KeyValueError> {
        self.write(store, Write::Set(entries)).await.map(drop)
    }

    pub(in crate::key_value) async fn delete_many(&self, store: &str, keys: Vec<String>) -> Result<(), KeyValueError> {
        self.write(store, Write::Delete(keys)).await.map(drop)
    }

    pub(in crate::key_value) async fn increment(
        &self,
        store: &str,
        key: &str,
        delta: i64,
    ) -> Result<i64, KeyValueError> {
        match self.write(store, Write::Increment { key: key.to_owned(), delta }).await? {
            Outcome::Counter(sum) => Ok(sum),
            Outcome::Done | Outcome::Swap(_) | Outcome::Swept(_) => Err(wrong_outcome()),
        }
    }

    pub(in crate::key_value) async fn compare_and_swap(
        &self,
        store: &str,
        key: &str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Swap, KeyValueError> {
        match self.write(store, Write::Swap { key: key.to_owned(), expected, value }).await? {
            Outcome::Swap(swap) => Ok(swap),
            Outcome::Done | Outcome::Counter(_) | Outcome::Swept(_) => Err(wrong_outcome()),
        }
    }

    /// Removes a few entries whose keys carry an expiry (`kind.expiry.id`) that was five minutes ago or more at `now`, the
    /// time since 1970-01-01T00:00:00Z, and takes the lease for it. Other entries are never removed.
    pub(in crate::key_value) async fn sweep_piece(&self, now: Duration) -> Result<Swept, KeyValueError> {
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

fn wrong_outcome() -> KeyValueError {
    KeyValueError::Database("the writer answered another question".to_owned())
}
