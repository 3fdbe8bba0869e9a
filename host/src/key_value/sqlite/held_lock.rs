//! The lock that each read needs, held while reads come one after the other.
//!
//! A read of a database with a write-ahead log takes a shared lock and gives it back: two system calls. SQLite asks the kernel only for
//! the first such lock of a process and the last. So a connection that is in the middle of a read spares the others both. What
//! they read does not change by that: each sees what is committed when it begins.
//!
//! As long as it is held, the log of writes cannot begin anew (SQLite, "Write-Ahead Logging", section 6). So it is given back soon;
//! and where something was written meanwhile, by whatever process, it is not taken for a while: who writes always finds a moment in
//! which nobody holds it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// How long it is not taken where something was written while it was held.
const PAUSE: Duration = Duration::from_secs(1);

/// The lock of a database.
#[derive(Debug, Default)]
pub(super) struct HeldLock(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether a connection holds it, or is about to.
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

impl HeldLock {
    /// Whether the caller may take it, which must then give it back.
    pub(super) fn is_free(&self) -> bool {
        let mut state = self.state();
        if state.is_held || state.pause.is_some_and(|pause| pause > Instant::now()) {
            return false;
        }
        state.is_held = true;
        true
    }

    /// Takes it with a connection, whether or not that can: one that fails is closed.
    pub(super) fn take(&self, connection: Connection) -> Result<(), rusqlite::Error> {
        let version = begin(&connection)?;
        self.state().holder = Some(Holder { connection, version });
        Ok(())
    }

    /// Gives it back, and returns the connection that held it; none where it failed.
    pub(super) fn give_back(&self) -> Option<Connection> {
        let holder = self.state().holder.take();
        let ended = holder.and_then(|holder| {
            let now = end(&holder.connection).ok()?;
            Some((holder.connection, now == holder.version))
        });
        let mut state = self.state();
        state.is_held = false;
        if !matches!(ended, Some((_, true))) {
            state.pause = Instant::now().checked_add(PAUSE);
        }
        ended.map(|(connection, _)| connection)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl HeldLock {
    pub(super) fn is_held(&self) -> bool {
        self.state().holder.is_some()
    }

    pub(super) fn end_pause(&self) {
        self.state().pause = Some(Instant::now());
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
