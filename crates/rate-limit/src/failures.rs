//! How often somebody may be wrong at a route: guesses at keys, and at the credentials of administrators.
//!
//! There is no trustworthy address to count by, so everybody is counted together, and who is right is never counted: being
//! over the limit costs nobody else anything. What is counted is one counter for each minute, however many guesses come.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};

use crate::counters;

const FAILURES: Kind = "failures";
const MINUTE_SECONDS: u64 = 60;

/// What somebody was wrong about. Each is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The key of a caller.
    ApiKey,
    /// The credential of an administrator of the route's key.
    Administrator,
}

impl Failed {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::Administrator => "administrator",
        }
    }
}

/// Counts one failure at the route with this path. `Some` where there were more in this minute than `per_minute`: the seconds
/// until the next one.
///
/// # Errors
/// Where the store does not answer.
pub fn count(
    store: &impl Store,
    now: UnixTime,
    route: &str,
    what: Failed,
    per_minute: u32,
) -> Result<Option<u64>, StoreUnavailable> {
    let end = (now.seconds() / MINUTE_SECONDS).saturating_add(1).saturating_mul(MINUTE_SECONDS);
    let end = UnixTime::from_seconds(end);
    let key = Key::new(FAILURES, &counters::id(&[route, what.as_str()]), end)?;
    let count = store.increment(&key, 1)?;
    Ok((count > u64::from(per_minute)).then(|| now.seconds_until(end).max(1)))
}

#[cfg(test)]
mod tests {
    use gatehouse_storage::memory::MemoryStore;

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(600 + seconds)
    }

    #[test]
    fn so_many_are_within_and_the_next_is_over_until_the_minute_ends() {
        let store = MemoryStore::at(at(0));
        let wrong = |seconds, route, what| count(&store, at(seconds), route, what, 3).unwrap();
        for second in [0, 10, 20] {
            assert_eq!(wrong(second, "/mcp", Failed::ApiKey), None);
        }
        assert_eq!(wrong(20, "/mcp", Failed::ApiKey), Some(40));
        assert_eq!(wrong(59, "/mcp", Failed::ApiKey), Some(1));
        assert_eq!(wrong(60, "/mcp", Failed::ApiKey), None, "the next minute");
        assert_eq!(wrong(20, "/mcp", Failed::Administrator), None, "administrators are counted apart");
        assert_eq!(wrong(20, "/other", Failed::ApiKey), None, "and routes");
    }

    #[test]
    fn however_many_come_one_counter_is_kept_for_each_minute() {
        let store = MemoryStore::at(at(0));
        for _ in 0..1_000 {
            count(&store, at(5), "/mcp", Failed::ApiKey, 3).unwrap();
        }
        assert_eq!(store.counters().len(), 1);
        store.go_down();
        assert!(count(&store, at(5), "/mcp", Failed::ApiKey, 3).is_err());
    }
}
