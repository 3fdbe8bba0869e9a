//! Reads: a few at the same time, each with a deadline.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::idle_readers::IdleReaders;
use super::{database, statements};
use crate::key_value::deadlines::{Deadlines, left_until};
use crate::key_value::outcome::KeyValueError;

/// Reads that run at the same time. More would only wait for each other's pages.
const AT_ONCE: usize = 4;

/// Connections for reading, opened when they are needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<IdleReaders>,
    running: Arc<Semaphore>,
    /// Permits for those that run and those that wait.
    permits: Semaphore,
    deadlines: Deadlines,
}

impl Readers {
    /// Readers of the database at `path`; beyond those that run, `queue` may wait.
    pub(super) fn new(path: PathBuf, deadlines: Deadlines, queue: usize) -> Self {
        let permits = queue.saturating_add(AT_ONCE).min(Semaphore::MAX_PERMITS);
        Self {
            path,
            idle: Arc::default(),
            running: Arc::new(Semaphore::new(AT_ONCE)),
            permits: Semaphore::new(permits),
            deadlines,
        }
    }

    /// Runs a `read` of a moment, on the thread that asks. `None`: nothing was read, because another process holds the database or
    /// no connection is open yet; `read` again by [`Readers::read`].
    pub(super) fn read_here<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Option<Result<T, KeyValueError>> {
        let connection = self.idle.take()?;
        let outcome = statements::do_not_wait(&connection).and_then(|()| read(&connection));
        match outcome {
            Ok(value) => {
                self.idle.put_and_hold(connection);
                self.deadlines.succeeded();
                Some(Ok(value))
            }
            Err(error) if statements::is_busy(&error) => {
                self.idle.put(connection);
                None
            }
            // A connection whose read failed is closed: the next one begins anew.
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Runs `read`, which gets the instant at which it should have ended.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection, Instant) -> Result<T, KeyValueError> + Send + 'static,
    ) -> Result<T, KeyValueError> {
        let Ok(_permit) = self.permits.try_acquire() else { return Err(KeyValueError::QueueFull) };
        let deadline = self.deadlines.deadline();
        let reading = async {
            let stopped = |error: String| KeyValueError::Database(error);
            let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|error| stopped(error.to_string()))?;
            let readers = Arc::clone(self);
            // The turn is over when the read is, not when its guest has gone: or there could be any number of them.
            let reading = tokio::task::spawn_blocking(move || {
                let read = readers.run(deadline, read);
                drop(turn);
                read
            });
            reading.await.map_err(|error| stopped(error.to_string()))?
        };
        let outcome = timeout(left_until(deadline), reading).await.unwrap_or(Err(KeyValueError::TimedOut));
        match &outcome {
            Err(KeyValueError::TimedOut) => self.deadlines.ran_out(),
            _ => self.deadlines.succeeded(),
        }
        outcome
    }

    /// How many more could run.
    #[cfg(test)]
    pub(super) fn turns_left(&self) -> usize {
        self.running.available_permits()
    }

    /// How many more could wait or run.
    #[cfg(test)]
    pub(super) fn permits_left(&self) -> usize {
        self.permits.available_permits()
    }

    fn run<T>(
        &self,
        deadline: Instant,
        read: impl FnOnce(&Connection, Instant) -> Result<T, KeyValueError>,
    ) -> Result<T, KeyValueError> {
        let connection = match self.idle.take() {
            Some(connection) => connection,
            None => database::open_for_reading(&self.path, left_until(deadline))?,
        };
        statements::wait_until(&connection, deadline)?;
        // A connection whose read failed is closed: the next one begins anew.
        let value = read(&connection, deadline)?;
        self.idle.put(connection);
        Ok(value)
    }
}
