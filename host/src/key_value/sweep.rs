//! Removing what has expired, on the host's own time.
//!
//! A sweep is made of small pieces, each a transaction of its own with a pause after it, so that no write waits for more than
//! one of them. Of several processes that share the database one sweeps: it holds a lease there.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rusqlite::{Transaction, params};

use super::expiry::SELECT_EXPIRED;
use super::{KeyValueError, KeyValueStore, statements};
use crate::clock::WallClock;
use crate::log::{Level, LogRecord, LogSink};

/// The environment variable by which guests know that the host sweeps, and their own upkeep is not needed.
pub(crate) const SWEPT_BY_HOST: (&str, &str) = ("GATEHOUSE_STORE_SWEPT_BY_HOST", "true");

/// Entries that one piece removes.
pub(super) const PIECE: usize = 500;
/// Seconds that an entry stays after its expiry: a counter must not go while a request that began before may still look
/// at it.
const SPARE_SECONDS: u64 = 60;
/// Seconds for which the one who sweeps is the only one.
const LEASE_SECONDS: u64 = 60;
/// Between two pieces.
const PAUSE: Duration = Duration::from_millis(100);

/// What one piece of a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// Nothing: another process has the lease.
    Elsewhere,
    /// It removed so many entries.
    Removed {
        /// How many.
        entries: usize,
        /// Whether there may be more.
        more: bool,
    },
}

/// One piece of a sweep.
#[derive(Debug)]
pub(super) struct Piece {
    /// Who sweeps.
    pub(super) holder: String,
    /// Seconds since the Unix epoch.
    pub(super) now: u64,
}

impl Piece {
    pub(super) fn run(&self, transaction: &Transaction<'_>) -> Result<Swept, rusqlite::Error> {
        let seconds = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
        let (before, limit) = (seconds(self.now.saturating_sub(SPARE_SECONDS)), i64::try_from(PIECE).unwrap_or(1));
        let mut select = transaction.prepare_cached(SELECT_EXPIRED)?;
        let expired = select.query_map(params![before, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let expired: Vec<(String, String)> = expired.collect::<Result<_, _>>()?;
        if expired.is_empty() {
            return Ok(Swept::Removed { entries: 0, more: false });
        }
        // A lease from the future is of a clock that was set back since.
        let mut take = transaction.prepare_cached(
            "INSERT INTO sweep_lease (id, holder, until) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE holder = excluded.holder OR until <= ?3 OR until > excluded.until",
        )?;
        let until = seconds(self.now.saturating_add(LEASE_SECONDS));
        if take.execute(params![self.holder, until, seconds(self.now)])? == 0 {
            return Ok(Swept::Elsewhere);
        }
        for (store, key) in &expired {
            statements::delete(transaction, store, key)?;
        }
        Ok(Swept::Removed { entries: expired.len(), more: expired.len() == PIECE })
    }
}

/// Sweeps again and again, `every` so long, until the store is dropped.
pub(crate) async fn keep_swept(
    store: Weak<KeyValueStore>,
    clock: Arc<dyn WallClock>,
    every: Duration,
    log: Arc<dyn LogSink>,
) {
    loop {
        tokio::time::sleep(every).await;
        let mut removed = 0_usize;
        loop {
            // Not held while it pauses: a host that is dropped closes its database.
            let Some(store) = store.upgrade() else { return };
            let piece = store.sweep_piece(clock.now()).await;
            drop(store);
            match piece {
                Ok(Swept::Removed { entries, more }) => {
                    removed = removed.saturating_add(entries);
                    if !more {
                        break;
                    }
                }
                Ok(Swept::Elsewhere) => break,
                Err(error) => {
                    let message = format!("expired entries were not removed, which is tried again: {error}");
                    log.record(&LogRecord::host(Level::Warn, None, message));
                    break;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        if removed >= PIECE {
            let message = format!("{removed} expired entries were removed from the key-value store");
            log.record(&LogRecord::host(Level::Info, None, message));
        }
    }
}

impl KeyValueStore {
    /// Removes a few entries whose keys carry an expiry (`kind.expiry.id`) that was 60 seconds ago or more at `now`, the
    /// time since 1970-01-01T00:00:00Z, and takes the lease for it. Other entries are never removed.
    ///
    /// # Errors
    /// The database failed, or did not answer in time.
    pub async fn sweep_piece(&self, now: Duration) -> Result<Swept, KeyValueError> {
        self.sweep(Piece { holder: self.holder.clone(), now: now.as_secs() }).await
    }
}
