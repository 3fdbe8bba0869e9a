use gatehouse_protocol::UnixTime;
use gatehouse_storage::memory::MemoryStore;

use super::*;
use crate::example::{START, World};

const URL: &str = "https://client.example.com/a.json";
const OTHER: &str = "https://client.example.com/b.json";
const ELSEWHERE: &str = "https://another.example.com/a.json";

/// The beginning of an hour, and of a window.
fn hour() -> UnixTime {
    UnixTime::from_seconds(START.seconds() / 3600 * 3600)
}

fn at(seconds: u64, world: &World) -> Fetches<'_, MemoryStore> {
    let now = hour().plus(seconds);
    world.store.set_now(now);
    Fetches { documents: DocumentCache { store: &world.store, keys: &world.keys, now }, per_hour: 5 }
}

fn begin<'u>(seconds: u64, url: &'u str, acquaintance: Acquaintance, world: &World) -> Result<Fetch<'u>, NotNow> {
    at(seconds, world).begin(url, acquaintance).unwrap()
}

fn ends(seconds: u64, url: &str, acquaintance: Acquaintance, outcome: Outcome, world: &World) {
    let fetch = begin(seconds, url, acquaintance, world).unwrap();
    at(seconds, world).end(fetch, outcome, &mut crate::example::Counting::from(seconds)).unwrap();
}

#[test]
fn new_clients_are_counted_by_the_hour_and_known_ones_are_not() {
    let world = World::new();
    let urls: Vec<String> = (0..6).map(|number| format!("{URL}?{number}")).collect();
    for url in &urls[..5] {
        ends(1, url, Acquaintance::New, Outcome::Usable, &world);
    }
    let refused = begin(1, &urls[5], Acquaintance::New, &world).unwrap_err();
    assert_eq!((refused, refused.retry_after()), (NotNow::TooMany { retry_after: 3599 }, Some(3599)));
    ends(1, &urls[5], Acquaintance::Known, Outcome::Usable, &world);
    // Who was refused holds no turn.
    let again = begin(3599, &urls[5], Acquaintance::New, &world).unwrap_err();
    assert_eq!(again, NotNow::TooMany { retry_after: 1 });
    ends(3600, &urls[5], Acquaintance::New, Outcome::Usable, &world);
}

#[test]
fn what_finds_no_turn_or_failed_lately_does_not_count() {
    let world = World::new();
    let fetch = begin(1, URL, Acquaintance::New, &world).unwrap();
    for _ in 0..20 {
        let busy = begin(1, OTHER, Acquaintance::New, &world).unwrap_err();
        assert_eq!((busy, busy.retry_after()), (NotNow::Busy, Some(10)));
    }
    at(1, &world).end(fetch, Outcome::Unusable, &mut crate::example::Counting::default()).unwrap();
    for _ in 0..20 {
        assert_eq!(begin(1, URL, Acquaintance::New, &world).unwrap_err(), NotNow::FailedLately);
    }
    for number in 0..4 {
        ends(1, &format!("{OTHER}?{number}"), Acquaintance::New, Outcome::Usable, &world);
    }
}

#[test]
fn a_url_that_failed_is_left_alone_for_two_minutes_and_that_of_a_known_client_for_twenty_seconds() {
    for (acquaintance, seconds) in [(Acquaintance::New, 120), (Acquaintance::Known, 20)] {
        let world = World::new();
        ends(0, URL, acquaintance, Outcome::Unusable, &world);
        assert_eq!(begin(seconds - 1, URL, acquaintance, &world).unwrap_err(), NotNow::FailedLately);
        ends(seconds - 1, OTHER, acquaintance, Outcome::Usable, &world);
        ends(seconds, URL, acquaintance, Outcome::Usable, &world);
    }
}

#[test]
fn a_host_that_does_not_answer_is_left_alone_but_for_known_clients() {
    let world = World::new();
    ends(0, URL, Acquaintance::New, Outcome::NoAnswer, &world);
    for url in [URL, OTHER] {
        assert_eq!(begin(119, url, Acquaintance::New, &world).unwrap_err(), NotNow::FailedLately, "{url}");
    }
    ends(119, ELSEWHERE, Acquaintance::New, Outcome::Usable, &world);
    assert_eq!(begin(119, URL, Acquaintance::Known, &world).unwrap_err(), NotNow::FailedLately);
    ends(119, OTHER, Acquaintance::Known, Outcome::Usable, &world);
    ends(120, URL, Acquaintance::New, Outcome::Usable, &world);
}

/// At the number, and past it.
#[test]
fn strangers_get_one_fetch_at_a_time_for_a_host_and_sixteen_in_all_and_known_clients_four_and_twenty() {
    let world = World::new();
    let host = |number: usize| format!("https://h{number}.example.com/a");
    let fetches = |seconds, acquaintance, world: &World| {
        let begun = (0..60).map(|number| at(seconds, world).begin(&host(number), acquaintance).unwrap().map(drop));
        begun.filter(Result::is_ok).count()
    };
    let most = Fetches { per_hour: 1000, ..at(0, &world) };
    let strangers = (0..60).filter(|number| most.begin(&host(*number), Acquaintance::New).unwrap().is_ok()).count();
    assert_eq!(strangers, 16);
    assert_eq!(fetches(5, Acquaintance::Known, &world), 4);
    assert_eq!(fetches(19, Acquaintance::Known, &world), 0, "in the next window, too");
    let world = World::new();
    let known: Vec<_> = (0..5).map(|_| begin(0, URL, Acquaintance::Known, &world).map(drop)).collect();
    assert_eq!(known, [Ok(()), Ok(()), Ok(()), Ok(()), Err(NotNow::Busy)]);
    let world = World::new();
    let new: Vec<_> = (0..2).map(|_| begin(0, URL, Acquaintance::New, &world).map(drop)).collect();
    assert_eq!(new, [Ok(()), Err(NotNow::Busy)]);
}

/// 2,000 hosts, and 2,000 URLs, all of which fail.
#[test]
fn whatever_strangers_name_the_rows_stay_few() {
    let world = World::new();
    for number in 0..2_000 {
        let urls = [format!("https://h{number}.example.com/a"), format!("{URL}?{number}")];
        for url in &urls {
            let fetches = Fetches { per_hour: 100_000, ..at(0, &world) };
            if let Ok(fetch) = fetches.begin(url, Acquaintance::New).unwrap() {
                fetches.end(fetch, Outcome::NoAnswer, &mut crate::example::Counting::from(number)).unwrap();
            }
        }
    }
    let rows = world.store.list(None).unwrap().keys;
    let of = |kind: &str| rows.iter().filter(|key| key.kind() == kind).count();
    assert!(of("fetch-turns") <= 512 && of("fetch-failures") <= 255 && of("client-documents") == 1);
    assert_eq!(rows.len(), of("fetch-turns") + of("fetch-failures") + 1);
}

#[test]
fn without_a_store_nothing_is_fetched() {
    let world = World::new();
    world.store.go_down();
    assert!(at(0, &world).begin(URL, Acquaintance::New).is_err());
}
