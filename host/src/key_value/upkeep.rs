//! Removing what has expired, on the host's own time, piece by piece (`sweep`).

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::outcome::Swept;
use super::store::KeyValueStore;
use super::sweep::PIECE;
use crate::clock::WallClock;
use crate::log::{Level, LogRecord, LogSink};

/// The environment variable by which guests know that the host sweeps, and their own upkeep is not needed.
pub(crate) const SWEPT_BY_HOST: (&str, &str) = ("GATEHOUSE_STORE_SWEPT_BY_HOST", "true");

/// Between two pieces.
const PAUSE: Duration = Duration::from_millis(100);

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
