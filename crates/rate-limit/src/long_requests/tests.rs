use core::sync::atomic::{AtomicU32, Ordering::SeqCst};

use gatehouse_storage::memory::MemoryStore;
use proptest::prelude::*;

use super::*;
use crate::example::{START, Turns, route, route_at, shared_store, successes_of_64};

const ALICE: &str = "demo:alice";
const BOB: &str = "demo:bob";

/// A route where a subject has so many places for streams and for calls.
fn limited(most: u32) -> Route {
    route(&format!("limits = {{ streams_per_subject = {most}, calls_per_subject = {most} }}"))
}

/// So many seconds after the start of a minute.
fn after(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(START + seconds)
}

fn store() -> MemoryStore {
    MemoryStore::at(after(0))
}

fn request<'a>(route: &'a Route, subject: &'a str) -> PermitRequest<'a> {
    PermitRequest { route, subject, kind: LongRequestKind::Stream, of_subject: 1_000, in_all: 1_000 }
}

fn calling<'a>(route: &'a Route, subject: &'a str) -> PermitRequest<'a> {
    PermitRequest { kind: LongRequestKind::Call, ..request(route, subject) }
}

fn are_full(store: &impl Store, now: UnixTime, route: &Route, subject: &str) -> Result<bool, StoreUnavailable> {
    calls_are_full(store, now, route.path.as_str(), subject)
}

fn taken(store: &impl Store, seconds: u64, request: &PermitRequest<'_>) -> Result<Permit, ExhaustedLimit> {
    match acquire(store, after(seconds), request).unwrap() {
        Acquisition::Granted(place) => Ok(place),
        Acquisition::Exhausted(full) => Err(full),
    }
}

fn takes(store: &impl Store, seconds: u64, route: &Route) -> bool {
    taken(store, seconds, &request(route, ALICE)).is_ok()
}

/// How many more find a place. Nobody who only tried is counted afterwards.
fn free(store: &impl Store, seconds: u64, request: &PermitRequest<'_>) -> usize {
    let places: Vec<_> = core::iter::from_fn(|| taken(store, seconds, request).ok()).collect();
    let free = places.len();
    places.into_iter().for_each(|place| release(store, after(seconds), place).unwrap());
    free
}

#[test]
fn as_many_places_are_taken_as_there_are_and_the_next_is_not() {
    for kind in [LongRequestKind::Stream, LongRequestKind::Call] {
        let (store, route) = (store(), limited(3));
        let alice = PermitRequest { kind, ..request(&route, ALICE) };
        let mut places: Vec<_> = (0..3).map(|_| taken(&store, 0, &alice).unwrap()).collect();
        assert_eq!([0, 59].map(|seconds| taken(&store, seconds, &alice).unwrap_err()), [ExhaustedLimit::Subject; 2]);
        // Who finds none is counted nowhere: others have their own.
        assert_eq!(free(&store, 0, &PermitRequest { subject: BOB, ..alice }), 3);
        release(&store, after(30), places.remove(0)).unwrap();
        assert_eq!(free(&store, 30, &alice), 1);
        assert_eq!(
            free(&store, 0, &PermitRequest { kind: LongRequestKind::Stream, ..alice }) > 1,
            kind == LongRequestKind::Call
        );
    }
}

#[test]
fn a_route_has_so_many_places_for_all_of_its_subjects_and_others_are_elsewhere() {
    let limits = "limits = { streams_per_route = 3, calls_per_route = 2, streams_per_subject = 2 }";
    let (store, here, there) = (store(), route(limits), route_at("/other", limits));
    let (alice, bob) = (request(&here, ALICE), request(&here, BOB));
    let _places = [&alice, &bob, &alice].map(|who| taken(&store, 0, who).unwrap());
    assert_eq!(taken(&store, 0, &bob).unwrap_err(), ExhaustedLimit::Route);
    assert_eq!(taken(&store, 0, &alice).unwrap_err(), ExhaustedLimit::Subject);
    assert_eq!(free(&store, 0, &calling(&here, BOB)), 2);
    assert_eq!(free(&store, 0, &request(&there, ALICE)), 2);
}

#[test]
fn a_subject_has_so_many_places_at_all_routes_together_and_leaves_the_rest_to_others() {
    let (store, here, there) = (store(), limited(32), route_at("/other", ""));
    let of_128 = |request| PermitRequest { of_subject: 32, in_all: 128, ..request };
    let alices = [request(&here, ALICE), calling(&here, ALICE), request(&there, ALICE), calling(&there, ALICE)];
    let places: Vec<_> = alices.iter().cycle().take(32).map(|alice| taken(&store, 0, &of_128(*alice))).collect();
    assert!(places.iter().all(Result::is_ok));
    for alice in alices {
        assert_eq!(taken(&store, 59, &of_128(alice)).unwrap_err(), ExhaustedLimit::AllOfSubject);
    }
    // Who is refused is counted nowhere, and what is quick goes on: of no route are her calls full.
    for route in [&here, &there] {
        assert!(!are_full(&store, after(59), route, ALICE).unwrap());
    }
    let others = [BOB, "demo:carol", "demo:dave"];
    for other in others {
        let theirs = of_128(calling(&there, other));
        assert_eq!(free(&store, 59, &theirs), 32);
    }
    places.into_iter().take(3).for_each(|place| release(&store, after(59), place.unwrap()).unwrap());
    assert_eq!(free(&store, 59, &of_128(calling(&there, ALICE))), 3);
}

#[test]
fn all_streams_and_calls_of_all_routes_and_subjects_share_the_places_that_there_are() {
    let (store, route) = (store(), limited(10));
    let of_three = |request: PermitRequest<'static>| PermitRequest { in_all: 3, ..request };
    let route: &'static Route = Box::leak(Box::new(route));
    let (alice, bob) = (of_three(request(route, ALICE)), of_three(calling(route, BOB)));
    let place = taken(&store, 0, &alice).unwrap();
    let _others = [&bob, &alice].map(|who| taken(&store, 0, who).unwrap());
    for who in [&alice, &bob] {
        assert_eq!(taken(&store, 0, who).unwrap_err(), ExhaustedLimit::All);
    }
    release(&store, after(1), place).unwrap();
    assert_eq!(free(&store, 1, &bob), 1);
}

#[test]
fn places_that_are_kept_are_held_for_hours() {
    let (store, route) = (store(), limited(2));
    let mut places: Vec<_> = (0..2).map(|_| taken(&store, 50, &request(&route, ALICE)).unwrap()).collect();
    for seconds in (50..3 * 3_600).step_by(20) {
        for place in &mut places {
            assert_eq!(renew(&store, after(seconds), place), Ok(Renewal::Held));
        }
        assert!(!takes(&store, seconds, &route), "{seconds}");
    }
    let end = 3 * 3_600;
    places.drain(..).for_each(|place| release(&store, after(end), place).unwrap());
    assert_eq!(free(&store, end, &request(&route, ALICE)), 2);
}

#[test]
fn keeping_a_place_asks_the_store_once_a_minute() {
    let (store, route) = (store(), limited(2));
    let mut place = taken(&store, 0, &request(&route, ALICE)).unwrap();
    store.go_down();
    assert_eq!(renew(&store, after(59), &mut place), Ok(Renewal::Held));
    assert!(renew(&store, after(60), &mut place).is_err());
}

#[test]
fn a_place_whose_instance_died_is_forgotten_within_two_minutes() {
    for opened in [0, 30, 59] {
        let (store, route) = (store(), limited(1));
        assert!(takes(&store, opened, &route));
        for seconds in opened..120 {
            assert!(!takes(&store, seconds, &route), "{opened} {seconds}");
        }
        assert!(takes(&store, 120, &route));
    }
}

#[test]
fn who_was_silent_for_too_long_goes_on_where_there_is_a_place_and_ends_where_there_is_none() {
    let (store, route) = (store(), limited(1));
    let mut slow = taken(&store, 0, &request(&route, ALICE)).unwrap();
    assert_eq!(renew(&store, after(150), &mut slow), Ok(Renewal::Held));
    assert!(!takes(&store, 150, &route));
    let quick = taken(&store, 300, &request(&route, ALICE)).unwrap();
    assert_eq!(renew(&store, after(301), &mut slow), Ok(Renewal::Lost(ExhaustedLimit::Subject)));
    // It has no place that could become free.
    let before = store.snapshot();
    release(&store, after(301), slow).unwrap();
    assert_eq!(store.snapshot(), before);
    assert!(!takes(&store, 301, &route));
    release(&store, after(302), quick).unwrap();
    assert!(takes(&store, 302, &route));
}

#[test]
fn instances_whose_clocks_disagree_on_the_minute_give_no_more_than_there_are() {
    for (first, second) in [(59, 60), (60, 59)] {
        let (store, route) = (store(), limited(1));
        assert!(takes(&store, first, &route));
        assert!(!takes(&store, second, &route), "{first} {second}");
    }
}

#[test]
fn a_limit_that_was_lowered_holds_for_new_places() {
    let (store, three, one) = (store(), limited(3), limited(1));
    let mut places: Vec<_> = (0..3).map(|_| taken(&store, 0, &request(&three, ALICE)).unwrap()).collect();
    assert!(!takes(&store, 0, &one));
    assert!(places.iter_mut().all(|place| renew(&store, after(60), place) == Ok(Renewal::Held)));
    for left in [2, 1, 0] {
        release(&store, after(61), places.remove(left)).unwrap();
        assert_eq!(takes(&store, 61, &one), left == 0);
    }
}

#[test]
fn a_clock_that_goes_back_frees_no_place() {
    let (store, route) = (store(), limited(1));
    let mut place = taken(&store, 600, &request(&route, ALICE)).unwrap();
    assert_eq!(renew(&store, after(560), &mut place), Ok(Renewal::Held));
    assert!(!takes(&store, 600, &route) && !takes(&store, 560, &route));
    release(&store, after(560), place).unwrap();
    assert!(takes(&store, 560, &route) && !takes(&store, 600, &route));
}

#[test]
fn a_store_that_does_not_answer_gives_nobody_a_place() {
    let (store, route) = (store(), limited(10));
    store.go_down();
    assert!(acquire(&store, after(0), &request(&route, ALICE)).is_err());
    assert!(are_full(&store, after(0), &route, ALICE).is_err());
}

#[test]
fn that_a_subjects_calls_are_full_is_known_from_the_last_place_to_the_first_that_is_given_back() {
    let (store, route) = (store(), limited(2));
    let full = |seconds, subject| are_full(&store, after(seconds), &route, subject).unwrap();
    let first = taken(&store, 0, &calling(&route, ALICE)).unwrap();
    assert!(!full(0, ALICE));
    let second = taken(&store, 0, &calling(&route, ALICE)).unwrap();
    assert!(full(0, ALICE) && full(9, ALICE) && !full(0, BOB));
    release(&store, after(2), first).unwrap();
    assert!(!full(2, ALICE));
    // It fills up again, though four have come by now.
    let third = taken(&store, 3, &calling(&route, ALICE)).unwrap();
    assert!(full(3, ALICE));
    // A note that nobody renews is no kind truth; who then finds no place renews it.
    assert!(full(9, ALICE) && !full(10, ALICE));
    assert_eq!(taken(&store, 11, &calling(&route, ALICE)).unwrap_err(), ExhaustedLimit::Subject);
    assert!(full(11, ALICE));
    for place in [second, third] {
        release(&store, after(17), place).unwrap();
    }
    assert!(!full(17, ALICE));
}

#[test]
fn streams_and_what_others_take_say_nothing_of_a_subjects_calls() {
    let (store, route) = (store(), limited(1));
    let of_one = PermitRequest { in_all: 1, ..request(&route, ALICE) };
    let _place = taken(&store, 0, &of_one).unwrap();
    // Whoever would have had his last place, but for the others, has none: what is quick goes on.
    assert_eq!(
        taken(&store, 0, &PermitRequest { in_all: 1, ..calling(&route, BOB) }).unwrap_err(),
        ExhaustedLimit::All
    );
    for subject in [ALICE, BOB] {
        assert!(!are_full(&store, after(0), &route, subject).unwrap());
    }
}

#[test]
fn of_64_at_once_exactly_as_many_find_a_place_as_there_are() {
    for seconds in [0, 59] {
        let (store, route) = (shared_store(), limited(10));
        assert_eq!(successes_of_64(|| takes(&store, seconds, &route)), 10);
        assert!(!takes(&store, seconds, &route));
    }
}

#[test]
fn of_those_who_come_again_after_all_have_left_exactly_as_many_find_a_place_as_there_are() {
    let (store, route) = (shared_store(), limited(32));
    let places: Vec<_> = (0..30).map(|_| taken(&store, 0, &request(&route, ALICE)).unwrap()).collect();
    places.into_iter().for_each(|place| release(&store, after(0), place).unwrap());
    assert_eq!(successes_of_64(|| takes(&store, 1, &route)), 32);
}

#[test]
fn of_64_that_come_and_leave_at_once_nothing_is_left() {
    let (store, route) = (shared_store(), limited(10));
    let come_and_leave = || match taken(&store, 59, &request(&route, ALICE)) {
        Ok(mut place) => {
            assert_eq!(renew(&store, after(60), &mut place), Ok(Renewal::Held));
            release(&store, after(60), place).unwrap();
            true
        }
        Err(_) => false,
    };
    assert!(successes_of_64(come_and_leave) >= 1);
    assert_eq!(free(&store, 60, &request(&route, ALICE)), 10);
}

#[test]
fn the_store_names_nobody() {
    let (store, route) = (store(), limited(1));
    let _place = taken(&store, 0, &calling(&route, ALICE)).unwrap();
    assert_eq!(store.values(), [b"full"; 2]);
    assert!(!store.snapshot().contains("alice"));
}

#[test]
fn however_often_places_are_taken_and_given_back_no_more_rows_come_of_it() {
    let (store, route) = (store(), limited(2));
    let rows = |rounds: usize| {
        for _ in 0..rounds {
            let place = taken(&store, 0, &calling(&route, ALICE)).unwrap();
            release(&store, after(0), place).unwrap();
        }
        store.list(None).unwrap().keys.len()
    };
    assert_eq!(rows(10), rows(1_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However places are taken, kept in time, given back and left behind: never are more taken than there are, and one is
    /// refused only where all are taken, by those who have them or died less than two minutes ago.
    #[test]
    fn the_places_are_those_that_there_are(
        most in 1_u32..5, of_subject in 1_u32..8, in_all in 1_u32..8, acts in proptest::collection::vec((0_u64..20, 0..5_u8), 1..80),
    ) {
        let (store, route) = (store(), limited(most));
        let (mut now, mut places, mut died) = (0, Vec::new(), Vec::new());
        for (step, act) in acts {
            now += step;
            for (_, place) in &mut places {
                prop_assert_eq!(renew(&store, after(now), place).unwrap(), Renewal::Held);
            }
            died.retain(|(time, _)| now < *time + 120);
            let whose = if act == 1 { BOB } else { ALICE };
            match act {
                0..=2 => {
                    let theirs = places.iter().filter(|(who, _)| *who == whose).count();
                    let dead = died.iter().filter(|(_, who)| *who == whose).count();
                    let all = places.len() + died.len();
                    match taken(&store, now, &PermitRequest { of_subject, in_all, ..calling(&route, whose) }) {
                        Ok(place) => places.push((whose, place)),
                        Err(ExhaustedLimit::Subject) => prop_assert!(theirs + dead >= most as usize),
                        Err(ExhaustedLimit::AllOfSubject) => prop_assert!(theirs + dead >= of_subject as usize),
                        Err(_) => prop_assert!(all >= in_all as usize),
                    }
                    let theirs = places.iter().filter(|(who, _)| *who == whose).count();
                    prop_assert!(theirs <= most.min(of_subject) as usize && places.len() <= in_all as usize);
                }
                3 => if let Some((_, place)) = places.pop() {
                    release(&store, after(now), place).unwrap();
                },
                _ => if let Some((who, _)) = places.pop() {
                    died.push((now, who));
                },
            }
        }
    }

    /// However the steps of those who come at once are mixed: as many find a place as there are free ones, whoever came and
    /// left before them.
    #[test]
    fn of_those_who_race_as_many_get_in_as_there_are_free_places(
        (most, had, racers) in (1_u32..5, 0_usize..5, 1_usize..7), gone in 0_usize..5, seed in any::<u64>(),
    ) {
        let (had, route) = (had.min(most as usize), limited(most));
        let store = shared_store();
        let mut places: Vec<_> = (0..had).map(|_| taken(&store, 0, &request(&route, ALICE)).unwrap()).collect();
        for place in places.drain(..gone.min(had)) {
            release(&store, after(0), place).unwrap();
        }
        let free_places = most as usize - places.len();
        let passed = Turns::mix(&store, racers, seed, |store| takes(store, 0, &route));
        prop_assert_eq!(passed, free_places.min(racers));
        prop_assert_eq!(free(&store, 0, &request(&route, ALICE)), free_places - passed);
    }

    /// However the steps of those who come, leave and come again are mixed: never are more in than there are places.
    #[test]
    fn of_those_who_come_and_leave_at_once_never_more_are_in_than_there_are_places(
        (most, racers) in (1_u32..4, 1_usize..7), seed in any::<u64>(),
    ) {
        let (store, route) = (shared_store(), limited(most));
        let (inside, too_many) = (AtomicU32::new(0), AtomicU32::new(0));
        Turns::mix(&store, racers, seed, |store| {
            for _ in 0..3 {
                if let Ok(place) = taken(store, 0, &request(&route, ALICE)) {
                    if inside.fetch_add(1, SeqCst) >= most {
                        too_many.fetch_add(1, SeqCst);
                    }
                    let _another_turn = store.get(&place.counters[0].came(0).unwrap());
                    inside.fetch_sub(1, SeqCst);
                    release(store, after(0), place).unwrap();
                }
            }
            true
        });
        prop_assert_eq!(too_many.into_inner(), 0);
        prop_assert_eq!(free(&store, 0, &request(&route, ALICE)), most as usize);
    }
}

#[test]
fn whoever_looks_sees_how_many_have_permits_and_takes_none() {
    let (store, route) = (store(), limited(5));
    let path = route.path.as_str();
    let seen = |at, subject| held(&store, after(0), at, subject).unwrap();
    let (streams, calls) = ((path, LongRequestKind::Stream), (path, LongRequestKind::Call));
    assert_eq!(seen(None, None), 0);
    let mut permits: Vec<_> = (0..3).map(|_| taken(&store, 0, &request(&route, ALICE)).unwrap()).collect();
    permits.push(taken(&store, 0, &calling(&route, BOB)).unwrap());
    for _ in 0..2 {
        assert_eq!([seen(Some(streams), None), seen(Some(calls), None), seen(None, None)], [3, 1, 4]);
        assert_eq!(
            [seen(Some(streams), Some(ALICE)), seen(Some(streams), Some(BOB)), seen(None, Some(BOB))],
            [3, 0, 1]
        );
    }
    permits.into_iter().for_each(|permit| release(&store, after(0), permit).unwrap());
    assert_eq!(seen(None, None), 0);
    store.go_down();
    assert!(held(&store, after(0), None, None).is_err());
}
