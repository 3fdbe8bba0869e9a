//! Counting by the hour what anybody may do without having shown who they are.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};

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
    let end = UnixTime::from_seconds((now.seconds() / HOUR_SECONDS).saturating_add(1).saturating_mul(HOUR_SECONDS));
    let count = store.increment(&Key::new(kind, "hour", end)?, 1)?;
    let is_over = count > i64::from(per_hour);
    Ok(if is_over { Err(TooMany { retry_after: now.seconds_until(end) }) } else { Ok(()) })
}
