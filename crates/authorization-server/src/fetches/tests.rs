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
        assert_eq!(begin(1, URL, Acquaintance::New, &world).unwrap_err(), NotNow::RecentFailures);
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
        assert_eq!(begin(seconds - 1, URL, acquaintance, &world).unwrap_err(), NotNow::RecentFailures);
        ends(seconds - 1, OTHER, acquaintance, Outcome::Usable, &world);
        ends(seconds, URL, acquaintance, Outcome::Usable, &world);
    }
}

#[test]
fn a_host_that_does_not_answer_is_left_alone_but_for_known_clients() {
    let world = World::new();
    ends(0, URL, Acquaintance::New, Outcome::NoAnswer, &world);
    for (url, why) in [(URL, NotNow::RecentFailures), (OTHER, NotNow::HostFailedLately)] {
        assert_eq!(begin(119, url, Acquaintance::New, &world).unwrap_err(), why, "{url}");
    }
    ends(119, ELSEWHERE, Acquaintance::New, Outcome::Usable, &world);
    assert_eq!(begin(119, URL, Acquaintance::Known, &world).unwrap_err(), NotNow::RecentFailures);
    ends(119, OTHER, Acquaintance::Known, Outcome::Usable, &world);
    ends(120, URL, Acquaintance::New, Outcome::Usable, &world);
}

/// A URL that the configuration of the host does not let us ask for, at the same name or elsewhere.
#[test]
fn what_was_not_asked_is_remembered_by_its_url_alone_and_does_not_count_in_the_hour() {
    let world = World::new();
    for number in 0..60 {
        let url = format!("https://client.example.com:8443/{number}");
        ends(0, &url, Acquaintance::New, Outcome::NotAsked, &world);
        assert_eq!(begin(119, &url, Acquaintance::New, &world).unwrap_err(), NotNow::RecentFailures);
        ends(120, &url, Acquaintance::New, Outcome::NotAsked, &world);
    }
    ends(121, "https://client.example.com:8443/another", Acquaintance::New, Outcome::Usable, &world);
    for number in 0..4 {
        ends(121, &format!("{URL}?{number}"), Acquaintance::New, Outcome::Usable, &world);
    }
    // Five counted, and what was taken back is not taken back twice, or from the next hour.
    assert!(matches!(begin(121, ELSEWHERE, Acquaintance::New, &world).unwrap_err(), NotNow::TooMany { .. }));
    ends(121, ELSEWHERE, Acquaintance::Known, Outcome::NotAsked, &world);
    assert!(matches!(begin(141, OTHER, Acquaintance::New, &world).unwrap_err(), NotNow::TooMany { .. }));
}

#[test]
fn what_happens_at_one_port_of_a_host_says_nothing_of_another() {
    let world = World::new();
    let at_port = |port: u16, path: &str| format!("https://client.example.com:{port}/{path}");
    ends(0, &at_port(8443, "a"), Acquaintance::New, Outcome::NoAnswer, &world);
    let refused = begin(0, &at_port(8443, "b"), Acquaintance::New, &world).unwrap_err();
    assert_eq!((refused, refused.retry_after()), (NotNow::HostFailedLately, Some(120)));
    let _held = begin(0, &at_port(9443, "a"), Acquaintance::New, &world).unwrap();
    let _asked = begin(0, URL, Acquaintance::New, &world).unwrap();
    let written_out = begin(0, "https://client.example.com:443/b.json", Acquaintance::New, &world).unwrap_err();
    assert_eq!(written_out, NotNow::Busy, "the same port");
}

/// Or whoever names so many would be in the way of everybody else.
#[test]
fn where_the_hour_is_used_up_no_turn_is_taken() {
    let world = World::new();
    for number in 0..5 {
        ends(1, &format!("{URL}?{number}"), Acquaintance::New, Outcome::Usable, &world);
    }
    let rows = |kind: &str| -> Vec<_> {
        world.store.list(None).unwrap().keys.into_iter().filter(|key| key.kind() == kind).collect()
    };
    let before = rows("fetch-turns");
    for number in 0..60 {
        let url = format!("https://h{number}.example.com/a");
        assert!(matches!(begin(1, &url, Acquaintance::New, &world).unwrap_err(), NotNow::TooMany { .. }));
    }
    assert_eq!(rows("fetch-turns"), before);
}

/// At the number, and past it.
#[test]
fn strangers_get_one_fetch_at_a_time_for_a_host_and_sixteen_in_all_and_known_clients_four_and_twenty() {
    let world = World::new();
    // Some share a counter: of 400 hosts, sixteen and twenty do not.
    let host = |number: usize| format!("https://h{number}.example.com/a");
    let begun = |seconds, acquaintance| {
        let fetches = Fetches { per_hour: 1000, ..at(seconds, &world) };
        (0..400).filter(|number| fetches.begin(&host(*number), acquaintance).unwrap().is_ok()).count()
    };
    assert_eq!(begun(0, Acquaintance::New), 16);
    assert_eq!(begun(5, Acquaintance::Known), 20, "however many strangers there are");
    assert_eq!(begun(19, Acquaintance::Known), 0, "in the next window, too");
    assert_eq!(begun(19, Acquaintance::New), 0);
    let world = World::new();
    let known: Vec<_> = (0..5).map(|_| begin(0, URL, Acquaintance::Known, &world).map(drop)).collect();
    assert_eq!(known, [Ok(()), Ok(()), Ok(()), Ok(()), Err(NotNow::Busy)]);
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
                let outcome = if number % 2 == 0 { Outcome::NoAnswer } else { Outcome::NotAsked };
                fetches.end(fetch, outcome, &mut crate::example::Counting::from(number)).unwrap();
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
