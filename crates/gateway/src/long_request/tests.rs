use gatehouse_storage::memory::MemoryStore;

use super::*;
use crate::answer::scripted::ManualClock;
use crate::example;

const LIMITED: &str = "[routes.limits]\nstreams_per_subject = 1\ncalls_per_subject = 1\n";

fn configuration() -> gatehouse_configuration::Configuration {
    gatehouse_configuration::Configuration::parse(&format!("{}{LIMITED}", example::ONE_UPSTREAM)).unwrap()
}

fn store(clock: &ManualClock) -> MemoryStore {
    MemoryStore::at(clock.now())
}

fn lost(limit: LongRequestLimit) -> Refusal {
    Refusal::TooManyLongRequests(limit)
}

#[test]
fn a_stream_acquires_its_permit_at_once_and_gives_it_back() {
    let (configuration, caller, clock) = (configuration(), example::caller(), ManualClock::default());
    let (endpoint, store) = (example::endpoint(&configuration), store(&clock));
    let mut first = LongRequest::stream(&store, &clock, &endpoint, &caller).unwrap();
    assert!(first.is_stream());
    let second = LongRequest::stream(&store, &clock, &endpoint, &caller);
    assert_eq!(second.unwrap_err(), lost(LongRequestLimit::StreamsOfSubject));
    first.release(&store, &clock).unwrap();
    first.release(&store, &clock).unwrap();
    assert!(LongRequest::stream(&store, &clock, &endpoint, &caller).is_ok());
}

#[test]
fn a_call_is_not_counted_before_it_has_lasted_for_a_second() {
    let (configuration, caller, clock) = (configuration(), example::caller(), ManualClock::default());
    let (endpoint, store) = (example::endpoint(&configuration), store(&clock));
    let mut calls: Vec<_> = (0..2).map(|_| LongRequest::call(&clock, &endpoint, &caller)).collect();
    let before = store.snapshot();
    clock.advance(999);
    for call in &mut calls {
        assert!(!call.is_stream());
        assert_eq!(call.renew(&store, &clock), Ok(Renewed::Held));
    }
    assert_eq!(store.snapshot(), before, "nothing is written");
    clock.advance(1);
    assert_eq!(calls[0].renew(&store, &clock), Ok(Renewed::Held));
    assert_eq!(calls[1].renew(&store, &clock), Err(lost(LongRequestLimit::CallsOfSubject)));
    assert_eq!(calls[1].renew(&store, &clock), Err(lost(LongRequestLimit::CallsOfSubject)));
    calls[1].release(&store, &clock).unwrap();
    // It is renewed in every minute, whoever else asks.
    for _ in 0..10 {
        clock.advance(20_000);
        store.set_now(clock.now());
        assert_eq!(calls[0].renew(&store, &clock), Ok(Renewed::Held));
        let mut other = LongRequest::call(&clock, &endpoint, &caller);
        clock.advance(1_000);
        assert!(other.renew(&store, &clock).is_err());
    }
}

#[test]
fn a_permit_that_nobody_renewed_can_be_lost() {
    let (configuration, caller, clock) = (configuration(), example::caller(), ManualClock::default());
    let (endpoint, store) = (example::endpoint(&configuration), store(&clock));
    let mut forgotten = LongRequest::stream(&store, &clock, &endpoint, &caller).unwrap();
    clock.advance(180_000);
    store.set_now(clock.now());
    let _other = LongRequest::stream(&store, &clock, &endpoint, &caller).unwrap();
    assert_eq!(forgotten.renew(&store, &clock), Err(lost(LongRequestLimit::StreamsOfSubject)));
}

#[test]
fn what_is_under_way_goes_on_while_nothing_can_be_counted() {
    let (configuration, caller, clock) = (configuration(), example::caller(), ManualClock::default());
    let (endpoint, store) = (example::endpoint(&configuration), store(&clock));
    let mut stream = LongRequest::stream(&store, &clock, &endpoint, &caller).unwrap();
    let mut call = LongRequest::call(&clock, &endpoint, &caller);
    store.go_down();
    clock.advance(90_000);
    assert!(matches!(stream.renew(&store, &clock), Ok(Renewed::NotCounted(_))));
    assert!(matches!(call.renew(&store, &clock), Ok(Renewed::NotCounted(_))));
    assert_eq!(call.renew(&store, &clock), Ok(Renewed::Held), "it is tried again later");
    assert!(stream.release(&store, &clock).is_err());
    assert!(matches!(LongRequest::stream(&store, &clock, &endpoint, &caller), Err(Refusal::Unavailable(_))));
}

#[test]
fn a_call_for_which_there_is_no_permit_is_refused_before_a_server_is_asked() {
    let (configuration, caller, clock) = (configuration(), example::caller(), ManualClock::default());
    let (endpoint, store) = (example::endpoint(&configuration), store(&clock));
    let check = |method: &str| {
        let body = Body::parse(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#).as_bytes(), 64).unwrap();
        check_calls_under_way(None, &store, clock.now(), &endpoint, &caller, &body)
    };
    assert_eq!(check("tools/call"), Ok(()));
    let mut call = LongRequest::call(&clock, &endpoint, &caller);
    clock.advance(1_000);
    call.renew(&store, &clock).unwrap();
    assert_eq!(check("tools/call"), Err(lost(LongRequestLimit::CallsOfSubject)));
    assert_eq!(check("resources/read"), Err(lost(LongRequestLimit::CallsOfSubject)));
    assert_eq!(check("tools/list"), Ok(()), "a listing is no call");
    // Where it is known already, and where there is no call, nobody asks the store.
    store.go_down();
    assert!(matches!(check("tools/call"), Err(Refusal::Unavailable(_))));
    assert_eq!(check("tools/list"), Ok(()));
    let body = Body::parse(br#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, 64).unwrap();
    let known = |known| check_calls_under_way(Some(known), &store, clock.now(), &endpoint, &caller, &body);
    assert_eq!((known(false), known(true)), (Ok(()), Err(lost(LongRequestLimit::CallsOfSubject))));
}

#[test]
fn every_limit_has_a_name_of_its_own() {
    use ExhaustedLimit::{All, AllOfSubject, Route, Subject};
    use LongRequestKind::{Call, Stream};
    for (kind, limit, expected) in [
        (Stream, Subject, LongRequestLimit::StreamsOfSubject),
        (Stream, Route, LongRequestLimit::StreamsOfRoute),
        (Call, Subject, LongRequestLimit::CallsOfSubject),
        (Call, Route, LongRequestLimit::CallsOfRoute),
        (Stream, AllOfSubject, LongRequestLimit::AllOfSubject),
        (Call, All, LongRequestLimit::All),
    ] {
        assert_eq!(refusal(kind, limit), lost(expected));
    }
}
