//! Turns to fetch: how many fetches are under way at once, in all instances together.
//!
//! Whoever names a URL makes us wait for somebody else's server, and holds one of the host's instances meanwhile. Nobody
//! waits for a turn: who gets none is told to come again.
//!
//! Time is divided into windows as long as the longest fetch. A counter for each window holds how many fetches began in
//! it, and how many of those are over, so that one step of the store tells how many are under way. What begins in one
//! window is over before the next one but one: whoever looks counts this window and the one before. The turns of an
//! instance that died are forgotten with their window. Hosts share a fixed number of counters, so that nobody can fill
//! the store by naming hosts; which hosts share one, the server keys and the window say, so that nobody can choose a host
//! that shares one with another.
//!
//! Strangers have counters of their own: however many of them are refused, nobody whom we know is.

use crate::sealing::{KeyRing, Purpose};
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable, giving_back, still_taken as under_way};

/// The longest that a fetch may take, in milliseconds.
pub const FETCH_MILLISECONDS: u64 = 1000 * WINDOW_SECONDS;

/// Counters: fetches that began in a window, and those of them that are over, as given back.
const TURNS: Kind = "fetch-turns";
const WINDOW_SECONDS: u64 = 10;
/// Two hosts that share a counter keep each other waiting now and then; of 20 hosts at once, seldom.
const HOST_COUNTERS: u64 = 255;
const HOSTS: Purpose = "fetch-turns";
/// What is added to both counters of a fetch that is over.
const OVER: u64 = giving_back(1);

/// How many fetches may be under way at once, this one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// What the names of the counters begin with: only fetches with the same are counted together.
    pub counters: &'static str,
    /// Of one host.
    pub of_host: u32,
    /// In all.
    pub in_all: u32,
}

/// Fetches that are under way.
#[derive(Clone, Copy, Debug)]
pub struct FetchSlots<'a, S> {
    /// Where they are counted.
    pub store: &'a S,
    /// What says which hosts share a counter.
    pub keys: &'a KeyRing,
    /// The time.
    pub now: UnixTime,
}

/// The right to fetch, for [`FETCH_MILLISECONDS`]. Give it back with [`FetchSlots::end`].
#[derive(Debug)]
#[must_use]
pub struct FetchSlot {
    counters: [Key; 2],
}

impl<S: Store> FetchSlots<'_, S> {
    /// Takes a turn to fetch from `host`; `None` where too many are under way.
    ///
    /// # Errors
    /// Where the store does not answer: then nothing may be fetched.
    pub fn begin(&self, host: &str, most: FetchLimits) -> Result<Option<FetchSlot>, StoreUnavailable> {
        // The host first: of those that want the same one, only those that get it are counted in all.
        let of_host = |window: u64| {
            let number = self.keys.number_of(HOSTS, &format!("{window} {host}")) % HOST_COUNTERS;
            format!("{}host-{number}", most.counters)
        };
        let Some(of_host) = self.take(of_host, most.of_host)? else { return Ok(None) };
        let Some(all) = self.take(|_| format!("{}all", most.counters), most.in_all)? else {
            self.store.increment(&of_host, OVER)?;
            return Ok(None);
        };
        Ok(Some(FetchSlot { counters: [of_host, all] }))
    }

    /// The fetch is over.
    ///
    /// # Errors
    /// Where the store does not answer: the turn then ends with its window and the next.
    pub fn end(&self, turn: FetchSlot) -> Result<(), StoreUnavailable> {
        for counter in &turn.counters {
            self.store.increment(counter, OVER)?;
        }
        Ok(())
    }

    /// Counts one more in the counter that has the name `name` in this window.
    fn take(&self, name: impl Fn(u64) -> String, most: u32) -> Result<Option<Key>, StoreUnavailable> {
        let window = self.now.seconds() / WINDOW_SECONDS;
        let counter = |window: u64| Key::new(TURNS, &name(window), end_of(window.saturating_add(1)));
        let before = under_way(self.store.increment(&counter(window.saturating_sub(1))?, 0)?);
        let here = counter(window)?;
        let exceeds = |count: u64| before.saturating_add(under_way(count)) > u64::from(most);
        // Whoever counts is in the way of others for a moment, so whoever can see that it is of no use does not.
        let seen = self.store.increment(&here, 0)?;
        if exceeds(seen.saturating_add(1)) {
            return Ok(None);
        }
        if exceeds(self.store.increment(&here, 1)?) {
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

#[cfg(test)]
mod tests {
    use gatehouse_storage::memory::MemoryStore;

    use super::*;

    /// The beginning of a window.
    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
    const MOST: FetchLimits = FetchLimits { counters: "", of_host: 1, in_all: 20 };
    const STRANGERS: FetchLimits = FetchLimits { counters: "strangers-", ..MOST };

    fn keys(letter: char) -> &'static KeyRing {
        Box::leak(Box::new(KeyRing::parse(&format!("a:{letter}{}", "A".repeat(42))).unwrap()))
    }

    fn at(store: &MemoryStore, seconds: u64) -> FetchSlots<'_, MemoryStore> {
        store.set_now(NOW.plus(seconds));
        FetchSlots { store, keys: keys('A'), now: NOW.plus(seconds) }
    }

    fn number(letter: char, seconds: u64, host: &str) -> u64 {
        let window = NOW.plus(seconds).seconds() / WINDOW_SECONDS;
        keys(letter).number_of(HOSTS, &format!("{window} {host}")) % HOST_COUNTERS
    }

    /// Names that share no counter.
    fn hosts(count: usize) -> Vec<String> {
        let mut seen = std::collections::BTreeSet::new();
        (0..)
            .map(|number| format!("h{number}.example.com"))
            .filter(|host| seen.insert(number('A', 0, host)))
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
        let four = FetchLimits { of_host: 2, ..MOST };
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
        // Of this window and the one before.
        let rows = store.list(None).unwrap().keys.len();
        assert!(rows <= 2 * (255 + 1), "{rows}");
    }

    #[test]
    fn what_is_refused_is_not_even_counted_for_a_moment_and_strangers_count_for_themselves() {
        let store = MemoryStore::at(NOW);
        let hosts = hosts(21);
        for host in &hosts[..20] {
            let _turn = at(&store, 0).begin(host, STRANGERS).unwrap().expect("a turn");
        }
        for host in [&hosts[0], &hosts[20]] {
            let count = |seconds| {
                let name = format!("strangers-host-{}", number('A', seconds, host));
                let end = end_of(NOW.plus(seconds).seconds() / WINDOW_SECONDS + 1);
                let counted = [name, "strangers-all".to_owned()].map(|name| Key::new(TURNS, &name, end).unwrap());
                counted.map(|key| store.increment(&key, 0).unwrap())
            };
            let before = count(0);
            assert!(at(&store, 0).begin(host, STRANGERS).unwrap().is_none());
            assert_eq!(before.map(under_way), count(0).map(under_way));
            assert_eq!(before[1], count(0)[1], "it was not counted in all");
            assert!(at(&store, 0).begin(host, MOST).unwrap().is_some(), "who is known");
        }
    }

    /// Or a stranger could try names until one is in the way of another's.
    #[test]
    fn which_hosts_share_a_counter_depends_on_the_server_keys_and_the_window() {
        let numbers =
            |letter, seconds| (0..40).map(|host| number(letter, seconds, &format!("h{host}"))).collect::<Vec<_>>();
        assert_eq!(numbers('A', 0), numbers('A', 9));
        assert_ne!(numbers('A', 0), numbers('A', 10));
        assert_ne!(numbers('A', 0), numbers('B', 0));
    }

    #[test]
    fn a_store_that_is_down_gives_no_turns() {
        let store = MemoryStore::at(NOW);
        store.go_down();
        assert!(at(&store, 0).begin("a.example.com", MOST).is_err());
    }
}
