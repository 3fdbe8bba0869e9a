//! One piece of removing what has expired.
//!
//! A sweep is made of small pieces, each a transaction of its own with a pause after it, so that no write waits for more than
//! one of them. Of several processes that share the database one sweeps: it holds a lease there.

use rusqlite::{Transaction, params};

use super::expiry_index::SELECT_EXPIRED;
use super::statements;
use crate::key_value::outcome::Swept;

/// Entries that one piece removes.
pub(super) const PIECE: usize = 500;
/// Seconds that an entry stays after its expiry: a counter must not go while a request that began before may still look
/// at it, nor while it has not expired by the clock of another instance.
const SPARE_SECONDS: u64 = 5 * 60;
/// Seconds for which the one who sweeps is the only one.
const LEASE_SECONDS: u64 = 60;
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
