//! How many there are at once: environments of a subject and in all, and one run in an environment.
//!
//! An instance can end at any moment without giving anything back, so whatever is counted counts in the period that it is in
//! and in the next one, and is counted anew when it is used later. Both periods decide: two instances whose clocks do not quite
//! agree on the period meet in one of them. Whoever finds too many gives his own back ([`gatehouse_storage::giving_back`]), so
//! never are more let in than there are places, however many come at once.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{InvalidKey, Key, Kind, Store, StoreUnavailable, giving_back, still_taken};

/// Counters of what is taken and given back.
const PLACES: Kind = "sandbox-places";

/// Seconds of the periods in which runs are counted: longer than a run may last, with all that is read and written
/// around it. A run keeps its environment to itself for at least so long, and for twice as long at most where its instance
/// was killed.
pub(crate) const RUN_PERIOD: u64 = 60;

/// Places that are counted together.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The id of their counters.
    pub(crate) id: String,
    /// How many there are.
    pub(crate) most: u32,
    /// Seconds of a period.
    pub(crate) period: u64,
}

impl Places {
    /// Takes a place in this period and the next; `false` where none is left, and nothing is taken then.
    ///
    /// # Errors
    /// Where the store does not answer: the caller must refuse, and a place may count until the end of the next period.
    pub(crate) fn take(&self, store: &impl Store, now: UnixTime) -> Result<bool, StoreUnavailable> {
        let first = self.number(now);
        for number in [first, first.saturating_add(1)] {
            let counter = self.counter(number)?;
            if still_taken(store.increment(&counter, 1)?) > u64::from(self.most) {
                store.increment(&counter, giving_back(1))?;
                if number != first {
                    store.increment(&self.counter(first)?, giving_back(1))?;
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives back a place that was taken at `taken`.
    ///
    /// # Errors
    /// Where the store does not answer: the place counts until its periods are over.
    pub(crate) fn give_back(&self, store: &impl Store, taken: UnixTime) -> Result<(), StoreUnavailable> {
        let first = self.number(taken);
        for number in [first, first.saturating_add(1)] {
            store.increment(&self.counter(number)?, giving_back(1))?;
        }
        Ok(())
    }

    /// Counts a place that is taken on, in those of this period and the next that are after `counted`; returns the last one
    /// in which it counts.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(crate) fn stay(&self, store: &impl Store, now: UnixTime, counted: u64) -> Result<u64, StoreUnavailable> {
        let first = self.number(now);
        let last = first.saturating_add(1);
        for number in [first, last].into_iter().filter(|number| *number > counted) {
            store.increment(&self.counter(number)?, 1)?;
        }
        Ok(last.max(counted))
    }

    /// The number of the period.
    pub(crate) fn number(&self, now: UnixTime) -> u64 {
        now.seconds() / self.period.max(1)
    }

    /// The counter of a period exists for a period more, for an instance whose clock is behind.
    fn counter(&self, number: u64) -> Result<Key, InvalidKey> {
        let end = number.saturating_add(2).saturating_mul(self.period.max(1));
        Key::new(PLACES, &self.id, UnixTime::from_seconds(end))
    }
}

/// The right to run in an environment: nobody else has it.
#[derive(Debug)]
pub struct RunLease {
    places: Places,
    taken: UnixTime,
}

impl RunLease {
    pub(crate) fn take(id: String, store: &impl Store, now: UnixTime) -> Result<Option<Self>, StoreUnavailable> {
        let places = Places { id, most: 1, period: RUN_PERIOD };
        Ok(places.take(store, now)?.then_some(Self { places, taken: now }))
    }

    /// Whether it still counts: what ends later may keep nothing.
    pub(crate) fn holds(&self, now: UnixTime) -> bool {
        let (taken, current) = (self.places.number(self.taken), self.places.number(now));
        now >= self.taken && current <= taken.saturating_add(1)
    }

    /// Lets the next run begin.
    ///
    /// # Errors
    /// Where the store does not answer: the next run waits until the periods are over.
    pub fn release(self, store: &impl Store) -> Result<(), StoreUnavailable> {
        self.places.give_back(store, self.taken)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;

    use gatehouse_storage::memory::MemoryStore;

    use super::*;
    use crate::example::NOW;

    fn places(most: u32) -> Places {
        Places { id: "places".to_owned(), most, period: 100 }
    }

    #[test]
    fn there_are_as_many_places_as_there_are_and_each_that_is_given_back_is_one_more() {
        let store = MemoryStore::at(NOW);
        for _ in 0..3 {
            assert_eq!(places(3).take(&store, NOW), Ok(true));
        }
        let full = store.snapshot();
        assert_eq!(places(3).take(&store, NOW), Ok(false));
        assert_eq!(places(3).take(&store, NOW), Ok(false));
        assert_ne!(store.snapshot(), full, "what was refused was counted, and given back");
        places(3).give_back(&store, NOW).unwrap();
        assert_eq!(places(3).take(&store, NOW), Ok(true));
        assert_eq!(places(3).take(&store, NOW), Ok(false));
    }

    #[test]
    fn a_place_counts_to_the_end_of_the_next_period_and_on_where_it_stays() {
        let store = MemoryStore::at(NOW);
        let (next, after) = (NOW.plus(100), NOW.plus(200));
        assert_eq!(places(1).take(&store, NOW), Ok(true));
        assert_eq!(places(1).take(&store, next), Ok(false), "one is too many in the period in which both count");
        let counted = places(1).number(NOW) + 1;
        assert_eq!(places(1).stay(&store, next, counted), Ok(counted + 1));
        assert_eq!(places(1).stay(&store, next, counted + 1), Ok(counted + 1), "it is counted once");
        assert_eq!(places(1).take(&store, after), Ok(false));
        assert_eq!(places(1).take(&store, after.plus(100)), Ok(true));
    }

    #[test]
    fn however_many_come_at_once_no_more_are_let_in_than_there_are_places() {
        let store = Mutex::new(MemoryStore::at(NOW));
        let come = || places(5).take(&store, NOW).unwrap();
        let let_in = thread::scope(|scope| {
            let all: Vec<_> = (0..40).map(|_| scope.spawn(come)).collect();
            all.into_iter().filter(|_| true).map(|one| one.join().unwrap()).filter(|was| *was).count()
        });
        assert_eq!(let_in, 5);
    }

    #[test]
    fn one_run_has_an_environment_until_it_gives_it_back_or_its_time_is_over() {
        let store = MemoryStore::at(NOW);
        let take = |now| RunLease::take("run".to_owned(), &store, now).unwrap();
        let lease = take(NOW).unwrap();
        assert!(take(NOW).is_none());
        assert!(take(NOW.plus(RUN_PERIOD)).is_none());
        assert!(lease.holds(NOW) && lease.holds(NOW.plus(RUN_PERIOD)));
        lease.release(&store).unwrap();
        let lost = take(NOW.plus(1)).unwrap();
        // The instance was killed.
        let later = NOW.plus(2 * RUN_PERIOD);
        assert!(!lost.holds(later));
        let next = take(later);
        assert!(next.is_some_and(|lease| lease.holds(later)));
    }
}
