//! Removing what has expired, on the host's own time, piece by piece (`sweep`).

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::operations::Sqlite;
use super::sweep::PIECE;
use crate::clock::WallClock;
use crate::key_value::outcome::Swept;
use crate::log::{Level, LogRecord, LogSink};

/// Between two pieces.
const PAUSE: Duration = Duration::from_millis(100);

/// Sweeps again and again, `every` so long, until the database is dropped.
pub(in crate::key_value) async fn keep_swept(
    database: Weak<Sqlite>,
    clock: Arc<dyn WallClock>,
    every: Duration,
    log: Arc<dyn LogSink>,
) {
    loop {
        tokio::time::sleep(every).await;
        let mut removed = 0_usize;
        loop {
            // Not held while it pauses: a host that is dropped closes its database.
            let Some(database) = database.upgrade() else { return };
            let piece = database.sweep_piece(clock.now()).await;
            drop(database);
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
