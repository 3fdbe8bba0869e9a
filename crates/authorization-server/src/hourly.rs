//! Counting by the hour what anybody may do without having shown who they are.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable, giving_back, still_taken};

const HOUR_SECONDS: u64 = 60 * 60;

/// There was too much of it in this hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// Seconds until the next hour.
    pub(crate) retry_after: u64,
}

/// Counts one more of `kind`, whoever does it: there is no trustworthy address to count by.
///
/// # Errors
/// The outer one where the store does not answer, the inner one past `per_hour`.
pub(crate) fn count(
    kind: Kind,
    per_hour: u32,
    store: &impl Store,
    now: UnixTime,
) -> Result<Result<(), TooMany>, StoreUnavailable> {
    let count = still_taken(store.increment(&counter(kind, now)?, 1)?);
    Ok(if count > u64::from(per_hour) { Err(too_many(now)) } else { Ok(()) })
}

/// Whether there could be one more of `kind`. Nothing is counted.
///
/// # Errors
/// As [`count`].
pub(crate) fn look(
    kind: Kind,
    per_hour: u32,
    store: &impl Store,
    now: UnixTime,
) -> Result<Result<(), TooMany>, StoreUnavailable> {
    let count = still_taken(store.increment(&counter(kind, now)?, 0)?);
    Ok(if count >= u64::from(per_hour) { Err(too_many(now)) } else { Ok(()) })
}

/// Takes back what was counted at `counted_at`: it did not come about.
///
/// # Errors
/// Where the store does not answer.
pub(crate) fn take_back(kind: Kind, store: &impl Store, counted_at: UnixTime) -> Result<(), StoreUnavailable> {
    store.increment(&counter(kind, counted_at)?, giving_back(1)).map(|_| ())
}

fn counter(kind: Kind, now: UnixTime) -> Result<Key, StoreUnavailable> {
    Ok(Key::new(kind, "hour", end_of_hour(now))?)
}

fn too_many(now: UnixTime) -> TooMany {
    TooMany { retry_after: now.seconds_until(end_of_hour(now)) }
}

const fn end_of_hour(now: UnixTime) -> UnixTime {
    UnixTime::from_seconds((now.seconds() / HOUR_SECONDS).saturating_add(1).saturating_mul(HOUR_SECONDS))
}
