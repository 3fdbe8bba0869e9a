//! How many there are at once: environments of a subject and in all, runs of a subject, and one run in an environment.
//!
//! An instance can end at any moment without giving anything back, so whatever is counted counts in the period that it is in
//! and in the next one, and is counted anew when it is used later. Both periods decide: two instances whose clocks do not quite
//! agree on the period meet in one of them. Whoever finds too many gives his own back ([`gatehouse_storage::giving_back`]), so
//! never are more let in than there are places, however many come at once.

use gatehouse_protocol::UnixTime;
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_storage::{InvalidKey, Key, Kind, Store, StoreUnavailable, giving_back, still_taken};

/// Counters of what is taken and given back.
const PLACES: Kind = "sandbox-places";
/// Counters of those who wanted to make a run.
const RUN: Kind = "sandbox-run";

/// Seconds of the periods in which runs are counted: longer than a run may last, with all that is read and written
/// around it. Where the instance of a run was killed, the next run waits for so long at least, and for twice as long at most.
pub(crate) const RUN_PERIOD: u64 = 60;

/// Places that are counted together.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The ids of their counters: one for each server key, that of the newest first, under which places are taken. What was taken under
    /// another before a rotation counts on.
    pub(crate) ids: Vec<String>,
    /// How many there are.
    pub(crate) most: u32,
    /// Seconds of a period.
    pub(crate) period: u64,
}

/// A place in a period, by a number that nobody else has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) period: u64,
    pub(crate) number: u64,
}

impl Ticket {
    /// What was taken and what was given back stand in one counter; the lower half grows with each that is taken.
    const fn of(period: u64, sum: u64) -> Self {
        Self { period, number: sum % giving_back(1) }
    }

    /// Where something is written of whoever has this number, until `end`.
    pub(crate) fn key(self, kind: Kind, secret: &HandleSecret, end: UnixTime) -> Result<Key, InvalidKey> {
        let place = secret.derive(kind, self.period).derive(kind, self.number);
        Key::new(kind, &place.record_id(), end)
    }
}

impl Places {
    /// Takes a place in this period and the next; `None` where none is left, and nothing is taken then.
    ///
    /// # Errors
    /// Where the store does not answer: the caller must refuse, and a place may count until the end of the next period.
    pub(crate) fn take(&self, store: &impl Store, now: UnixTime) -> Result<Option<Vec<Ticket>>, StoreUnavailable> {
        let (first, mut tickets) = (self.number(now), Vec::new());
        for number in [first, first.saturating_add(1)] {
            let counter = self.counter(number)?;
            let sum = store.increment(&counter, 1)?;
            tickets.push(Ticket::of(number, sum));
            let mut taken = still_taken(sum);
            for id in self.ids.iter().skip(1) {
                taken = taken.saturating_add(still_taken(store.increment(&self.key(id, number)?, 0)?));
            }
            if taken > u64::from(self.most) {
                for ticket in tickets {
                    store.increment(&self.counter(ticket.period)?, giving_back(1))?;
                }
                return Ok(None);
            }
        }
        Ok(Some(tickets))
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

    /// Gives back a place that counts in this period and in those up to `counted`.
    ///
    /// # Errors
    /// As [`Places::give_back`].
    pub(crate) fn leave(&self, store: &impl Store, now: UnixTime, counted: u64) -> Result<(), StoreUnavailable> {
        let first = self.number(now);
        for number in [first, first.saturating_add(1)].into_iter().filter(|number| *number <= counted) {
            store.increment(&self.counter(number)?, giving_back(1))?;
        }
        Ok(())
    }

    /// How many are taken in this period.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(crate) fn taken(&self, store: &impl Store, now: UnixTime) -> Result<u64, StoreUnavailable> {
        let number = self.number(now);
        self.ids
            .iter()
            .try_fold(0_u64, |sum, id| Ok(sum.saturating_add(still_taken(store.increment(&self.key(id, number)?, 0)?))))
    }

    /// Whether none is left, as far as this period says; nothing is taken. Somebody else may take the last one right afterwards.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(crate) fn are_taken(&self, store: &impl Store, now: UnixTime) -> Result<bool, StoreUnavailable> {
        Ok(self.taken(store, now)? >= u64::from(self.most))
    }

    /// Counts a place that is taken on, in those of this period and the next that are after `counted`.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(crate) fn stay(
        &self,
        store: &impl Store,
        now: UnixTime,
        counted: u64,
    ) -> Result<Vec<Ticket>, StoreUnavailable> {
        let first = self.number(now);
        let periods = [first, first.saturating_add(1)].into_iter().filter(|number| *number > counted);
        periods.map(|number| Ok(Ticket::of(number, store.increment(&self.counter(number)?, 1)?))).collect()
    }

    /// The last number that was drawn in this period under each id.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(crate) fn last(&self, store: &impl Store, now: UnixTime) -> Result<Vec<Ticket>, StoreUnavailable> {
        self.last_of(store, self.number(now))
    }

    /// The same of the period with this number.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(crate) fn last_of(&self, store: &impl Store, number: u64) -> Result<Vec<Ticket>, StoreUnavailable> {
        let last = |id: &String| Ok(Ticket::of(number, store.increment(&self.key(id, number)?, 0)?));
        self.ids.iter().map(last).collect()
    }

    /// The number of the period.
    pub(crate) fn number(&self, now: UnixTime) -> u64 {
        now.seconds() / self.period.max(1)
    }

    fn counter(&self, number: u64) -> Result<Key, StoreUnavailable> {
        let newest = self.ids.first().ok_or_else(|| StoreUnavailable("there is no server key".to_owned()))?;
        Ok(self.key(newest, number)?)
    }

    fn key(&self, id: &str, number: u64) -> Result<Key, InvalidKey> {
        Key::new(PLACES, id, self.end(number))
    }

    /// What is written in a period exists for a period more, for an instance whose clock is behind.
    pub(crate) fn end(&self, number: u64) -> UnixTime {
        UnixTime::from_seconds(number.saturating_add(2).saturating_mul(self.period.max(1)))
    }
}

/// A place among the runs of a subject.
#[derive(Debug)]
pub struct RunPlace {
    /// When it was taken.
    pub(crate) taken: UnixTime,
}

/// The right to make one run of an environment: of each generation, one run at a time has it.
///
/// It is not given back. A run that ends writes the next generation, which has counters of its own; after one that was killed, the next
/// may begin when both periods are over.
#[derive(Debug)]
pub struct RunLease {
    taken: UnixTime,
}

impl RunLease {
    /// `id` is that of the environment and its generation.
    pub(crate) fn take(id: &str, store: &impl Store, now: UnixTime) -> Result<Option<Self>, StoreUnavailable> {
        let first = now.seconds() / RUN_PERIOD;
        for number in [first, first.saturating_add(1)] {
            let end = number.saturating_add(2).saturating_mul(RUN_PERIOD);
            let counter = Key::new(RUN, id, UnixTime::from_seconds(end))?;
            // Whoever comes first in a period has it.
            if store.increment(&counter, 1)? != 1 {
                return Ok(None);
            }
        }
        Ok(Some(Self { taken: now }))
    }

    /// Whether it still counts: what ends later may keep nothing.
    pub(crate) const fn holds(&self, now: UnixTime) -> bool {
        let (taken, current) = (self.taken.seconds() / RUN_PERIOD, now.seconds() / RUN_PERIOD);
        now.seconds() >= self.taken.seconds() && current <= taken.saturating_add(1)
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
        Places { ids: vec!["places".to_owned()], most, period: 100 }
    }

    #[test]
    fn there_are_as_many_places_as_there_are_and_each_that_is_given_back_is_one_more() {
        let store = MemoryStore::at(NOW);
        for _ in 0..3 {
            assert!(places(3).take(&store, NOW).unwrap().is_some());
        }
        let full = store.snapshot();
        assert!(places(3).take(&store, NOW).unwrap().is_none());
        assert!(places(3).take(&store, NOW).unwrap().is_none());
        assert_ne!(store.snapshot(), full, "what was refused was counted, and given back");
        places(3).give_back(&store, NOW).unwrap();
        assert!(places(3).take(&store, NOW).unwrap().is_some());
        assert!(places(3).take(&store, NOW).unwrap().is_none());
    }

    #[test]
    fn a_place_counts_to_the_end_of_the_next_period_and_on_where_it_stays() {
        let store = MemoryStore::at(NOW);
        let (next, after) = (NOW.plus(100), NOW.plus(200));
        assert!(places(1).take(&store, NOW).unwrap().is_some());
        assert!(places(1).take(&store, next).unwrap().is_none(), "one is too many in the period in which both count");
        let counted = places(1).number(NOW) + 1;
        assert_eq!(places(1).stay(&store, next, counted), Ok(vec![Ticket { period: counted + 1, number: 1 }]));
        assert_eq!(places(1).stay(&store, next, counted + 1), Ok(vec![]), "it is counted once");
        assert!(places(1).take(&store, after).unwrap().is_none());
        assert!(places(1).take(&store, after.plus(100)).unwrap().is_some());
    }

    #[test]
    fn however_many_come_at_once_no_more_are_let_in_than_there_are_places() {
        let store = Mutex::new(MemoryStore::at(NOW));
        let come = || places(5).take(&store, NOW).unwrap().is_some();
        let let_in = thread::scope(|scope| {
            let all: Vec<_> = (0..40).map(|_| scope.spawn(come)).collect();
            all.into_iter().map(|one| one.join().unwrap()).filter(|was| *was).count()
        });
        assert_eq!(let_in, 5);
    }

    #[test]
    fn of_each_generation_one_run_has_the_environment_until_its_time_is_over() {
        let store = MemoryStore::at(NOW);
        let take = |generation: &str, now| RunLease::take(generation, &store, now).unwrap();
        let lease = take("first", NOW).unwrap();
        assert!(take("first", NOW).is_none());
        assert!(take("first", NOW.plus(RUN_PERIOD)).is_none());
        assert!(lease.holds(NOW) && lease.holds(NOW.plus(2 * RUN_PERIOD - 1)));
        assert!(take("second", NOW.plus(1)).is_some(), "the next generation does not wait");
        // The instance was killed.
        let later = NOW.plus(2 * RUN_PERIOD);
        assert!(!lease.holds(later));
        assert!(take("first", later).is_some_and(|lease| lease.holds(later)));
    }

    #[test]
    fn two_instances_whose_clocks_do_not_agree_on_the_period_do_not_both_run() {
        for (one, other) in [(0, 59), (59, 60), (60, 59), (0, 119), (119, 0)] {
            let store = MemoryStore::at(NOW);
            let take = |seconds| RunLease::take("run", &store, NOW.plus(seconds)).unwrap();
            assert!(take(one).is_some() && take(other).is_none(), "{one} {other}");
        }
    }

    #[test]
    fn however_many_want_to_run_at_once_one_does() {
        let store = Mutex::new(MemoryStore::at(NOW));
        let want = || RunLease::take("run", &store, NOW).unwrap().is_some();
        let run = thread::scope(|scope| {
            let all: Vec<_> = (0..40).map(|_| scope.spawn(want)).collect();
            all.into_iter().map(|one| one.join().unwrap()).filter(|does| *does).count()
        });
        assert_eq!(run, 1);
    }
}
