//! The lock that each read needs, held while reads come one after the other.
//!
//! A read of a database with a write-ahead log takes a shared lock and gives it back: two system calls. SQLite asks the kernel only for
//! the first such lock of a process and the last. So a connection that is in the middle of a read spares the others both. What
//! they read does not change by that: each sees what is committed when it begins.
//!
//! As long as it is held, the log of writes cannot begin anew (SQLite, "Write-Ahead Logging", section 6). So it is given back soon;
//! and where something was written meanwhile, by whatever process, it is not taken for a while: who writes always finds a moment in
//! which nobody holds it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::time::sleep;

/// How long it is held at most.
const HELD: Duration = Duration::from_millis(100);
/// How long it is not taken where something was written while it was held.
const PAUSE: Duration = Duration::from_secs(1);

/// Connections that wait for their next read.
#[derive(Debug, Default)]
pub(super) struct IdleReaders(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    /// Whether one holds the lock, or is about to.
    is_held: bool,
    holder: Option<Holder>,
    /// Until when none takes it.
    pause: Option<Instant>,
}

/// A connection in the middle of a read.
#[derive(Debug)]
struct Holder {
    connection: Connection,
    /// What it sees of the database.
    version: i64,
}

/// Gives the lock back when it is dropped: when its time is over, or the runtime ends before.
struct GiveBack(Weak<IdleReaders>);

impl Drop for GiveBack {
    fn drop(&mut self) {
        if let Some(readers) = self.0.upgrade() {
            readers.give_back();
        }
    }
}

impl IdleReaders {
    /// One that is idle.
    pub(super) fn take(&self) -> Option<Connection> {
        self.lock().idle.pop()
    }

    /// It is idle.
    pub(super) fn put(&self, connection: Connection) {
        self.lock().idle.push(connection);
    }

    /// It is idle after a read on a thread that serves requests; more reads may follow, and this one may hold the lock for them.
    pub(super) fn put_and_hold(self: &Arc<Self>, connection: Connection) {
        {
            let mut state = self.lock();
            if state.is_held || state.pause.is_some_and(|pause| pause > Instant::now()) {
                state.idle.push(connection);
                return;
            }
            state.is_held = true;
        }
        let give_back = GiveBack(Arc::downgrade(self));
        // One that fails is closed, and the next read goes on with another.
        if let Ok(version) = begin(&connection) {
            self.lock().holder = Some(Holder { connection, version });
            tokio::spawn(async move {
                sleep(HELD).await;
                drop(give_back);
            });
        }
    }

    fn give_back(&self) {
        let holder = self.lock().holder.take();
        let ended = holder.and_then(|holder| {
            let now = end(&holder.connection).ok()?;
            Some((holder.connection, now == holder.version))
        });
        let mut state = self.lock();
        state.is_held = false;
        if !matches!(ended, Some((_, true))) {
            state.pause = Instant::now().checked_add(PAUSE);
        }
        state.idle.extend(ended.map(|(connection, _)| connection));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins a read, and returns the version of what it sees.
fn begin(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.execute_batch("BEGIN")?;
    version(connection)
}

/// Ends the read, and returns the version of what there is now.
fn end(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.execute_batch("COMMIT")?;
    version(connection)
}

/// A number that changes with what other connections write, of this process or another.
fn version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
}

#[cfg(test)]
mod tests;
