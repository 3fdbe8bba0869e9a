//! Connections that wait for their next read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::sleep;

use super::held_lock::HeldLock;

/// How long one of them holds the lock at most.
const HELD: Duration = Duration::from_millis(100);

/// Connections that wait for their next read, and the one among them that holds the lock for the others.
#[derive(Debug, Default)]
pub(super) struct IdleReaders {
    idle: Mutex<Vec<Connection>>,
    lock: HeldLock,
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
        self.idle().pop()
    }

    /// It is idle.
    pub(super) fn put(&self, connection: Connection) {
        self.idle().push(connection);
    }

    /// It is idle after a read on a thread that serves requests; more reads may follow, and this one may hold the lock for them.
    pub(super) fn put_and_hold(self: &Arc<Self>, connection: Connection) {
        if !self.lock.is_free() {
            self.put(connection);
            return;
        }
        let give_back = GiveBack(Arc::downgrade(self));
        // One that fails is closed, and the next read goes on with another.
        if self.lock.take(connection).is_ok() {
            tokio::spawn(async move {
                sleep(HELD).await;
                drop(give_back);
            });
        }
    }

    fn give_back(&self) {
        self.idle().extend(self.lock.give_back());
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
