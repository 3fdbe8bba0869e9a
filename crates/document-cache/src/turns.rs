//! Turns to fetch: how many fetches are under way at once, in all instances together.
//!
//! Whoever names a URL makes us wait for somebody else's server, and holds one of the host's instances meanwhile. Nobody
//! waits for a turn: who gets none is told to come again.
//!
//! Time is divided into windows as long as the longest fetch. A counter for each window holds how many fetches began in
//! it, and how many of those are over, so that one step of the store tells how many are under way. What begins in one
//! window is over before the next one but one: whoever looks counts this window and the one before. The turns of an
//! instance that died are forgotten with their window. Hosts share a fixed number of counters, so that nobody can fill
//! the store by naming hosts.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};
use sha2::{Digest as _, Sha256};

/// The longest that a fetch may take, in milliseconds.
pub const FETCH_MILLISECONDS: u64 = 1000 * WINDOW_SECONDS;

/// Counters: fetches that began in a window, and 2^32 for each that is over.
const TURNS: Kind = "fetch-turns";
const WINDOW_SECONDS: u64 = 10;
/// Two hosts that share a counter keep each other waiting now and then; of 20 hosts at once, seldom.
const HOST_COUNTERS: u8 = u8::MAX;
const OVER: i64 = 1 << 32;

/// How many fetches may be under way at once, this one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtOnce {
    /// Of one host.
    pub of_host: u32,
    /// In all.
    pub in_all: u32,
}

/// Fetches that are under way.
#[derive(Clone, Copy, Debug)]
pub struct FetchTurns<'a, S> {
    /// Where they are counted.
    pub store: &'a S,
    /// The time.
    pub now: UnixTime,
}

/// The right to fetch, for [`FETCH_MILLISECONDS`]. Give it back with [`FetchTurns::end`].
#[derive(Debug)]
#[must_use]
pub struct Turn {
    counters: [Key; 2],
}

impl<S: Store> FetchTurns<'_, S> {
    /// Takes a turn to fetch from `host`; `None` where too many are under way.
    ///
    /// # Errors
    /// Where the store does not answer: then nothing may be fetched.
    pub fn begin(&self, host: &str, most: AtOnce) -> Result<Option<Turn>, StoreUnavailable> {
        let Some(all) = self.take("all", most.in_all)? else { return Ok(None) };
        let digest: [u8; 32] = Sha256::digest(host).into();
        let [first, ..] = digest;
        let Some(of_host) = self.take(&format!("host-{}", first % HOST_COUNTERS), most.of_host)? else {
            self.store.increment(&all, OVER)?;
            return Ok(None);
        };
        Ok(Some(Turn { counters: [of_host, all] }))
    }

    /// The fetch is over.
    ///
    /// # Errors
    /// Where the store does not answer: the turn then ends with its window and the next.
    pub fn end(&self, turn: Turn) -> Result<(), StoreUnavailable> {
        for counter in &turn.counters {
            self.store.increment(counter, OVER)?;
        }
        Ok(())
    }

    fn take(&self, what: &str, most: u32) -> Result<Option<Key>, StoreUnavailable> {
        let window = self.now.seconds() / WINDOW_SECONDS;
        let counter = |window: u64| Key::new(TURNS, what, end_of(window.saturating_add(1)));
        let before = under_way(self.store.increment(&counter(window.saturating_sub(1))?, 0)?);
        let here = counter(window)?;
        if before.saturating_add(under_way(self.store.increment(&here, 1)?)) > i64::from(most) {
            self.store.increment(&here, OVER)?;
            return Ok(None);
        }
        Ok(Some(here))
    }
}

/// Where the window ends.
const fn end_of(window: u64) -> UnixTime {
    UnixTime::from_seconds(window.saturating_add(1).saturating_mul(WINDOW_SECONDS))
}

const fn under_way(count: i64) -> i64 {
    (count % OVER).saturating_sub(count / OVER)
}

#[cfg(test)]
mod tests {
    use gatehouse_storage::memory::MemoryStore;

    use super::*;

    /// The beginning of a window.
    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
    const MOST: AtOnce = AtOnce { of_host: 1, in_all: 20 };

    fn at(store: &MemoryStore, seconds: u64) -> FetchTurns<'_, MemoryStore> {
        store.set_now(NOW.plus(seconds));
        FetchTurns { store, now: NOW.plus(seconds) }
    }

    /// Names that share no counter.
    fn hosts(count: usize) -> Vec<String> {
        let mut seen = std::collections::BTreeSet::new();
        let counter = |host: &String| Sha256::digest(host)[0] % HOST_COUNTERS;
        (0..)
            .map(|number| format!("h{number}.example.com"))
            .filter(|host| seen.insert(counter(host)))
            .take(count)
            .collect()
    }

    #[test]
    fn a_host_has_one_fetch_at_a_time() {
        let store = MemoryStore::at(NOW);
        let turn = at(&store, 0).begin("a.example.com", MOST).unwrap().unwrap();
        for _ in 0..3 {
            assert!(at(&store, 0).begin("a.example.com", MOST).unwrap().is_none());
        }
        assert!(at(&store, 0).begin("b.example.com", MOST).unwrap().is_some(), "another host");
        at(&store, 1).end(turn).unwrap();
        assert!(at(&store, 1).begin("a.example.com", MOST).unwrap().is_some());
        let four = AtOnce { of_host: 2, in_all: 20 };
        assert!(at(&store, 1).begin("a.example.com", four).unwrap().is_some(), "who may have more of them");
    }

    #[test]
    fn no_more_are_under_way_in_all_than_may_be() {
        let store = MemoryStore::at(NOW);
        let hosts = hosts(22);
        let mut turns: Vec<_> =
            hosts[..20].iter().map(|host| at(&store, 3).begin(host, MOST).unwrap().expect("a turn")).collect();
        assert!(at(&store, 3).begin(&hosts[20], MOST).unwrap().is_none());
        at(&store, 4).end(turns.pop().unwrap()).unwrap();
        let last = at(&store, 4).begin(&hosts[20], MOST).unwrap();
        assert!(last.is_some() && at(&store, 4).begin(&hosts[21], MOST).unwrap().is_none());
    }

    #[test]
    fn a_turn_counts_into_the_next_window_and_is_forgotten_after_it() {
        for began in [0, 9] {
            let store = MemoryStore::at(NOW);
            let turn = at(&store, began).begin("a.example.com", MOST).unwrap().unwrap();
            for later in [9, 10, 19] {
                assert!(at(&store, later).begin("a.example.com", MOST).unwrap().is_none(), "{began} {later}");
            }
            let gone = MemoryStore::at(NOW);
            let _died = at(&gone, began).begin("a.example.com", MOST).unwrap().unwrap();
            assert!(at(&gone, 20).begin("a.example.com", MOST).unwrap().is_some());
            at(&store, 19).end(turn).unwrap();
            assert!(at(&store, 19).begin("a.example.com", MOST).unwrap().is_some());
        }
    }

    #[test]
    fn whatever_hosts_are_named_the_counters_stay_few() {
        let store = MemoryStore::at(NOW);
        for number in 0..2_000 {
            let turn = at(&store, 0).begin(&format!("h{number}.example.com"), MOST).unwrap();
            at(&store, 0).end(turn.expect("a turn")).unwrap();
        }
        let rows = store.list(None).unwrap().keys.len();
        assert!(rows <= 2 * (usize::from(HOST_COUNTERS) + 1), "{rows}");
    }

    #[test]
    fn a_store_that_is_down_gives_no_turns() {
        let store = MemoryStore::at(NOW);
        store.go_down();
        assert!(at(&store, 0).begin("a.example.com", MOST).is_err());
    }
}
