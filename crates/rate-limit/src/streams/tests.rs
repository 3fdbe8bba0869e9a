use gatehouse_storage::memory::MemoryStore;
use proptest::prelude::*;

use super::*;
use crate::example::{START, route, shared_store, successes_of_64};

const ALICE: &str = "demo:alice";

fn limited(most: u32) -> Route {
    route(&format!("limits = {{ streams_per_subject = {most} }}"))
}

/// So many seconds after the start of a minute.
fn after(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(START + seconds)
}

fn store() -> MemoryStore {
    MemoryStore::at(after(0))
}

fn opens(store: &impl Store, seconds: u64, route: &Route) -> bool {
    open(store, after(seconds), route, ALICE).unwrap().is_some()
}

#[test]
fn as_many_open_as_are_allowed_and_the_next_does_not() {
    let (store, route) = (store(), limited(3));
    let mut streams: Vec<_> = (0..3).map(|_| open(&store, after(0), &route, ALICE).unwrap().unwrap()).collect();
    let before = store.snapshot();
    assert!(!opens(&store, 0, &route) && !opens(&store, 59, &route));
    assert_eq!(store.snapshot(), before);
    // Others have their own.
    assert!(open(&store, after(0), &route, "demo:bob").unwrap().is_some());
    close(&store, after(30), streams.remove(0)).unwrap();
    assert!(opens(&store, 30, &route) && !opens(&store, 30, &route));
}

#[test]
fn streams_that_are_kept_hold_their_places_for_hours() {
    let (store, route) = (store(), limited(2));
    let mut streams: Vec<_> = (0..2).map(|_| open(&store, after(50), &route, ALICE).unwrap().unwrap()).collect();
    for seconds in (50..3 * 3_600).step_by(20) {
        for stream in &mut streams {
            assert_eq!(keep(&store, after(seconds), stream), Ok(Kept::Open));
        }
        assert!(!opens(&store, seconds, &route), "{seconds}");
    }
    let end = 3 * 3_600;
    streams.drain(..).for_each(|stream| close(&store, after(end), stream).unwrap());
    assert!(opens(&store, end, &route) && opens(&store, end, &route) && !opens(&store, end, &route));
}

#[test]
fn keeping_a_stream_asks_the_store_once_a_minute() {
    let (store, route) = (store(), limited(2));
    let mut stream = open(&store, after(0), &route, ALICE).unwrap().unwrap();
    store.go_down();
    assert_eq!(keep(&store, after(59), &mut stream), Ok(Kept::Open));
    assert!(keep(&store, after(60), &mut stream).is_err());
}

#[test]
fn a_stream_whose_instance_died_is_forgotten_within_two_minutes() {
    for opened in [0, 30, 59] {
        let (store, route) = (store(), limited(1));
        assert!(opens(&store, opened, &route));
        for seconds in opened..120 {
            assert!(!opens(&store, seconds, &route), "{opened} {seconds}");
        }
        assert!(opens(&store, 120, &route));
    }
}

#[test]
fn who_was_silent_for_too_long_goes_on_where_there_is_a_place_and_ends_where_there_is_none() {
    let (store, route) = (store(), limited(1));
    let mut slow = open(&store, after(0), &route, ALICE).unwrap().unwrap();
    assert_eq!(keep(&store, after(150), &mut slow), Ok(Kept::Open));
    assert!(!opens(&store, 150, &route));
    let quick = open(&store, after(300), &route, ALICE).unwrap().unwrap();
    let before = store.snapshot();
    assert_eq!(keep(&store, after(301), &mut slow), Ok(Kept::Lost));
    // It has no place that closing it could free.
    close(&store, after(301), slow).unwrap();
    assert_eq!(store.snapshot(), before);
    assert!(!opens(&store, 301, &route));
    close(&store, after(302), quick).unwrap();
    assert!(opens(&store, 302, &route));
}

#[test]
fn instances_whose_clocks_disagree_on_the_minute_open_no_more_than_are_allowed() {
    for (first, second) in [(59, 60), (60, 59)] {
        let (store, route) = (store(), limited(1));
        assert!(opens(&store, first, &route));
        assert!(!opens(&store, second, &route), "{first} {second}");
    }
}

#[test]
fn a_limit_that_was_lowered_holds_for_new_streams() {
    let (store, three, one) = (store(), limited(3), limited(1));
    let mut streams: Vec<_> = (0..3).map(|_| open(&store, after(0), &three, ALICE).unwrap().unwrap()).collect();
    assert!(!opens(&store, 0, &one));
    assert!(streams.iter_mut().all(|stream| keep(&store, after(60), stream) == Ok(Kept::Open)));
    for left in [2, 1, 0] {
        close(&store, after(61), streams.remove(left)).unwrap();
        assert_eq!(opens(&store, 61, &one), left == 0);
    }
}

#[test]
fn a_clock_that_goes_back_frees_no_place() {
    let (store, route) = (store(), limited(1));
    let mut stream = open(&store, after(600), &route, ALICE).unwrap().unwrap();
    assert_eq!(keep(&store, after(560), &mut stream), Ok(Kept::Open));
    assert!(!opens(&store, 600, &route) && !opens(&store, 560, &route));
    close(&store, after(560), stream).unwrap();
    assert!(opens(&store, 560, &route) && !opens(&store, 600, &route));
}

#[test]
fn a_store_that_does_not_answer_lets_nobody_open() {
    let (store, route) = (store(), limited(10));
    store.go_down();
    assert!(open(&store, after(0), &route, ALICE).is_err());
}

#[test]
fn of_64_at_once_exactly_as_many_open_as_are_allowed() {
    for seconds in [0, 59] {
        let (store, route) = (shared_store(), limited(10));
        assert_eq!(successes_of_64(|| opens(&store, seconds, &route)), 10);
    }
}

#[test]
fn of_64_that_open_and_close_at_once_nothing_is_left() {
    let (store, route) = (shared_store(), limited(10));
    let opened_and_closed = || match open(&store, after(59), &route, ALICE).unwrap() {
        Some(mut stream) => {
            assert_eq!(keep(&store, after(60), &mut stream), Ok(Kept::Open));
            close(&store, after(60), stream).unwrap();
            true
        }
        None => false,
    };
    assert!(successes_of_64(opened_and_closed) >= 10);
    assert_eq!((0..20).filter(|_| opens(&store, 60, &route)).count(), 10);
}

#[test]
fn the_store_names_nobody() {
    let (store, route) = (store(), limited(1));
    assert!(opens(&store, 0, &route));
    assert!(store.values().is_empty() && !store.snapshot().contains("alice"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However streams are opened, kept in time, closed and left behind: never are more open than allowed, and a place is
    /// refused only where all are taken, by those that are open or died less than two minutes ago.
    #[test]
    fn the_places_are_those_that_are_allowed(
        most in 1_u32..5, acts in proptest::collection::vec((0_u64..20, 0..4_u8), 1..80),
    ) {
        let (store, route) = (store(), limited(most));
        let (mut now, mut streams, mut died) = (0, Vec::new(), Vec::new());
        for (step, act) in acts {
            now += step;
            for stream in &mut streams {
                prop_assert_eq!(keep(&store, after(now), stream).unwrap(), Kept::Open);
            }
            died.retain(|time| now < *time + 120);
            match act {
                0 | 1 => match open(&store, after(now), &route, ALICE).unwrap() {
                    Some(stream) => streams.push(stream),
                    None => prop_assert!(streams.len() + died.len() >= most as usize),
                },
                2 => if let Some(stream) = streams.pop() {
                    close(&store, after(now), stream).unwrap();
                },
                _ => if streams.pop().is_some() {
                    died.push(now);
                },
            }
            prop_assert!(streams.len() <= most as usize);
        }
    }
}
