use core::cell::Cell;

use gatehouse_storage::memory::{FailingStore, MemoryStore};

use super::*;
use crate::example::Counting;

const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

fn place(opened: Opened) -> RenewalPlace {
    RenewalPlace {
        name: HandleSecret::from_slice(&[1; 32]).unwrap(),
        secret: HandleSecret::from_slice(&[2; 32]).unwrap(),
        expires_at: NOW.plus(86_400),
        kinds: RenewalKinds { note: "thing-lease", attempt: "thing-attempt" },
        opened,
    }
}

/// Something that is kept, of which nothing is there at first.
struct Kept {
    store: MemoryStore,
    generation: Cell<u64>,
    place: RenewalPlace,
}

impl Kept {
    fn new() -> Self {
        Self { store: MemoryStore::at(NOW), generation: Cell::new(0), place: place(Opened::ByWhoeverWantsIt) }
    }

    fn claim(&self, generation: u64, store: &impl Store, now: UnixTime) -> Result<RenewalClaim, StoreUnavailable> {
        self.place.claim(generation, || Ok(self.generation.get()), store, now, &mut Counting(0))
    }

    fn lease(&self, now: UnixTime) -> Option<RenewalLease> {
        match self.claim(self.generation.get(), &self.store, now).unwrap() {
            RenewalClaim::Lease(lease) => Some(lease),
            RenewalClaim::Wait | RenewalClaim::Paused(_) => None,
        }
    }

    fn counters(&self) -> usize {
        self.store.list(None).unwrap().keys.iter().filter(|key| key.kind() == "thing-attempt").count()
    }
}

#[test]
fn of_all_who_want_what_nobody_has_stored_one_gets_the_lease() {
    let kept = Kept::new();
    for generation in 0..4 {
        let now = NOW.plus(generation * 600);
        let leases: Vec<_> = (0..64).filter_map(|_| kept.lease(now)).collect();
        let [lease] = <[_; 1]>::try_from(leases).unwrap();
        assert_eq!(lease.generation(), generation);
        kept.generation.set(generation + 1);
        lease.complete(&kept.store).unwrap();
        assert_eq!(kept.counters(), 0);
        // Who has read what was there before is not let in, now and later.
        for later in [now, now.plus(LEASE_SECONDS + 1)] {
            assert!(matches!(kept.claim(generation, &kept.store, later), Ok(RenewalClaim::Wait)));
        }
        kept.store.delete(&kept.place.attempt(generation, 0).unwrap()).unwrap();
        kept.store.delete(&kept.place.attempt(generation, 1).unwrap()).unwrap();
    }
}

#[test]
fn a_holder_that_vanishes_at_any_moment_holds_up_nobody_for_longer_than_two_leases() {
    for operation in 0..8 {
        let kept = Kept::new();
        let store = FailingStore::after(operation, &kept.store);
        let _vanished = kept.claim(0, &store, NOW);
        let seconds = 0..=2 * LEASE_SECONDS + 2;
        let given: Vec<_> = seconds.filter(|seconds| kept.lease(NOW.plus(*seconds)).is_some()).collect();
        assert!(!given.is_empty(), "operation {operation}");
        assert!(given.windows(2).all(|pair| pair[1] - pair[0] >= LEASE_SECONDS), "operation {operation}: {given:?}");
    }
}

#[test]
fn who_does_not_answer_is_asked_less_and_less_and_a_handful_of_counters_stays() {
    let kept = Kept::new();
    let mut asked_at = Vec::new();
    for second in 0..600 {
        let now = NOW.plus(second);
        for _ in 0..10 {
            match kept.claim(0, &kept.store, now).unwrap() {
                RenewalClaim::Lease(lease) => {
                    asked_at.push(second);
                    lease.give_up(&kept.store, now, &mut Counting(8)).unwrap();
                }
                RenewalClaim::Paused(until) => assert!(now < until && until <= now.plus(LONGEST_PAUSE_SECONDS)),
                RenewalClaim::Wait => panic!("nobody has a lease"),
            }
        }
        assert!(kept.counters() <= 10, "{}", kept.counters());
    }
    assert_eq!(asked_at[..12], [0, 0, 0, 0, 0, 0, 1, 3, 7, 15, 31, 61]);
    assert!(asked_at.len() < 32, "{asked_at:?}");
}

#[test]
fn an_attempt_of_what_somebody_stores_is_open_only_then() {
    let place = place(Opened::WithTheGeneration);
    let store = MemoryStore::at(NOW);
    let claim = |now| place.claim::<StoreUnavailable>(3, || Ok(3), &store, now, &mut Counting(0)).unwrap();
    assert!(matches!(claim(NOW), RenewalClaim::Wait));
    let store = MemoryStore::at(NOW);
    place.open(3, &store).unwrap();
    let claim = |now| place.claim::<StoreUnavailable>(3, || Ok(3), &store, now, &mut Counting(0)).unwrap();
    assert!(matches!(claim(NOW), RenewalClaim::Lease(_)));
    assert!(matches!(claim(NOW), RenewalClaim::Wait));
    assert!(matches!(claim(NOW.plus(LEASE_SECONDS)), RenewalClaim::Lease(_)));
}

#[test]
fn what_is_gone_meanwhile_is_renewed_by_nobody() {
    let place = place(Opened::ByWhoeverWantsIt);
    let store = MemoryStore::at(NOW);
    let gone = || Err(StoreUnavailable("gone".to_owned()));
    assert!(place.claim(0, gone, &store, NOW, &mut Counting(0)).is_err());
    assert!(store.list(None).unwrap().keys.iter().all(|key| key.kind() != "thing-lease"));
}

#[test]
fn a_store_that_is_down_gives_no_lease() {
    let kept = Kept::new();
    kept.store.go_down();
    assert!(kept.claim(0, &kept.store, NOW).is_err());
}
