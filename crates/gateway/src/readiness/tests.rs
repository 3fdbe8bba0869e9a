use gatehouse_storage::memory::MemoryStore;
use proptest::prelude::*;

use super::*;
use crate::answer::NoAnswer;
use crate::answer::scripted::{ManualClock, Script, head};

const START: u64 = 1_795_219_200;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(START + seconds)
}

fn server(route: &str, url: &str) -> Server {
    let document = format!(r#"{{"servers":[{{"route":"{route}","url":"{url}"}}]}}"#);
    gatehouse_configuration::gateway::Needs::from_part(&document).unwrap().servers.remove(0)
}

fn servers() -> Vec<Server> {
    vec![server("/mcp", "https://a.example/mcp")]
}

fn ask_one(store: &MemoryStore, now: UnixTime, waited: u64) -> Result<Next, StoreUnavailable> {
    ask(store, &Addresses::of(&servers()), now, waited)
}

fn note_one(store: &MemoryStore, began: UnixTime, is_ready: bool) -> Result<(), StoreUnavailable> {
    note(store, &Addresses::of(&servers()), began, &vec![is_ready])
}

fn answer(is_ready: bool) -> Next {
    Next::Answer(vec![is_ready])
}

/// A store whose clock the test moves with everybody else's.
fn store() -> MemoryStore {
    MemoryStore::at(at(0))
}

fn asks(store: &MemoryStore, seconds: u64) -> Next {
    store.set_now(at(seconds));
    ask_one(store, at(seconds), 0).unwrap()
}

#[test]
fn the_first_looks_and_all_others_say_what_it_saw_until_it_is_time_to_look_again() {
    for is_ready in [true, false] {
        let store = store();
        assert_eq!(asks(&store, 0), Next::Look);
        note_one(&store, at(0), is_ready).unwrap();
        for seconds in [0, 1, 9] {
            assert_eq!(asks(&store, seconds), answer(is_ready), "{seconds}");
        }
        // One looks; the others need not wait for it.
        assert_eq!(asks(&store, 10), Next::Look);
        for seconds in [10, 15, 19] {
            assert_eq!(asks(&store, seconds), answer(is_ready), "{seconds}");
        }
        note_one(&store, at(19), !is_ready).unwrap();
        assert_eq!(asks(&store, 20), answer(!is_ready));
    }
}

#[test]
fn while_nothing_is_known_others_wait_for_a_moment_and_then_look_themselves() {
    let store = store();
    assert_eq!(asks(&store, 0), Next::Look);
    for (waited, next) in [(0, Next::Wait), (50, Next::Wait), (299, Next::Wait), (300, Next::Look), (900, Next::Look)] {
        assert_eq!(ask_one(&store, at(0), waited), Ok(next), "{waited}");
    }
    note_one(&store, at(0), true).unwrap();
    assert_eq!(ask_one(&store, at(0), 100), Ok(answer(true)));
}

#[test]
fn whoever_looks_and_vanishes_holds_nobody_up_for_longer_than_a_period() {
    let store = store();
    note_one(&store, at(3), true).unwrap();
    assert_eq!(asks(&store, 13), Next::Look);
    assert_eq!(asks(&store, 14), answer(true));
    // In the next period the next one looks, before the outcome is too old.
    assert_eq!(asks(&store, 20), Next::Look);
    assert_eq!(asks(&store, 22), answer(true));
    // All vanish: nothing is known any more.
    assert_eq!(asks(&store, 23), Next::Wait);
    assert_eq!(ask_one(&store, at(23), LONGEST_WAIT), Ok(Next::Look));
}

#[test]
fn what_is_too_old_of_the_far_future_or_not_ours_counts_for_nothing() {
    for (now, counts) in [(at(0), true), (at(19), true), (at(20), false), (at(1_000), false)] {
        assert_eq!(Outcome { began: at(0), answered: vec![true] }.counts(now), counts, "{now}");
    }
    for (began, counts) in [(5, true), (19, true), (20, false)] {
        assert_eq!(Outcome { began: at(began), answered: vec![true] }.counts(at(0)), counts, "{began}");
    }
    for text in ["", "10", "10 x", "12 1", "10 1 2", "10 -1", "1 1", "101 1", "ready 1"] {
        assert_eq!(Outcome::parse(text.as_bytes(), 2), None, "{text}");
    }
    let outcome = Outcome { began: at(7), answered: vec![true, false] };
    assert_eq!(Outcome::parse(outcome.to_text().as_bytes(), 2), Some(outcome));
}

#[test]
fn however_often_somebody_asks_a_period_leaves_three_rows_at_most() {
    let store = store();
    for _ in 0..1_000 {
        if asks(&store, 0) == Next::Look {
            note_one(&store, at(0), true).unwrap();
        }
    }
    assert_eq!(store.list(None).unwrap().keys.len(), 2);
    asks(&store, 11);
    assert_eq!(store.list(None).unwrap().keys.len(), 3);
}

#[test]
fn while_the_store_does_not_answer_nobody_answers() {
    let store = store();
    store.go_down();
    assert!(ask_one(&store, at(0), 0).is_err() && ask_one(&store, at(0), LONGEST_WAIT).is_err());
    assert!(note_one(&store, at(0), true).is_err());
}

/// Somebody who asks, as far as they have got.
#[derive(Clone, Copy, Debug)]
enum Asker {
    Asks { waited: u64 },
    Looks { began: u64 },
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Comes,
    GoesOn(usize),
    Vanishes(usize),
    Time(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => Just(Act::Comes),
        5 => any::<usize>().prop_map(Act::GoesOn),
        1 => any::<usize>().prop_map(Act::Vanishes),
        1 => (0_u64..40).prop_map(Act::Time),
    ];
    proptest::collection::vec(act, 1..200)
}

/// One asker goes on: `Some` where they answer.
fn goes_on(store: &MemoryStore, now: u64, asker: &mut Asker, sees: bool) -> Option<bool> {
    match *asker {
        Asker::Asks { waited } => match ask_one(store, at(now), waited).unwrap() {
            Next::Answer(answered) => return answered.first().copied(),
            Next::Look => *asker = Asker::Looks { began: now },
            Next::Wait => *asker = Asker::Asks { waited: waited + 50 },
        },
        Asker::Looks { began } => {
            note_one(store, at(began), sees).unwrap();
            return Some(sees);
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// However askers, their ends and the clock are mixed: where every look succeeds, nobody is told "not ready"; where none
    /// does, nobody is told "ready". And everybody who goes on gets an answer.
    #[test]
    fn nobody_is_told_what_no_look_has_seen(acts in acts(), sees in any::<bool>()) {
        let (store, mut now, mut askers) = (store(), 0, Vec::new());
        for act in acts {
            match act {
                Act::Comes => askers.push(Asker::Asks { waited: 0 }),
                Act::Time(seconds) => now += seconds,
                Act::Vanishes(index) if !askers.is_empty() => drop(askers.swap_remove(index % askers.len())),
                Act::GoesOn(index) if !askers.is_empty() => {
                    let index = index % askers.len();
                    store.set_now(at(now));
                    if let Some(answer) = goes_on(&store, now, &mut askers[index], sees) {
                        prop_assert_eq!(answer, sees);
                        askers.swap_remove(index);
                    }
                }
                Act::Vanishes(_) | Act::GoesOn(_) => {}
            }
        }
        for mut asker in askers {
            let answer = (0..20).find_map(|_| goes_on(&store, now, &mut asker, sees));
            prop_assert_eq!(answer, Some(sees));
        }
    }

    /// What the servers have become is said at the latest when it was so for the time that a look is usable, for looks that
    /// take no time.
    #[test]
    fn a_change_is_seen_within_the_time_that_a_look_is_usable(
        before in any::<bool>(), seconds in proptest::collection::vec(0_u64..8, 1..60), change in 0_u64..100,
    ) {
        let (store, mut now) = (store(), 0);
        for step in seconds {
            now += step;
            store.set_now(at(now));
            let sees = if now < change { before } else { !before };
            let mut asker = Asker::Asks { waited: 0 };
            let answer = (0..20).find_map(|_| goes_on(&store, now, &mut asker, sees)).unwrap();
            prop_assert!(answer == sees || now < change + FRESH, "{now} {change}");
        }
    }
}

fn known_with(store: &MemoryStore, clock: &ManualClock, sees: bool) -> (Result<bool, StoreUnavailable>, bool) {
    let mut has_looked = false;
    let known = known(store, clock, &Addresses::of(&servers()), || {
        has_looked = true;
        vec![sees]
    });
    (known.map(|answered| answered == [true]), has_looked)
}

#[test]
fn a_question_is_answered_by_a_look_or_by_what_another_saw() {
    let clock = ManualClock::default();
    let store = MemoryStore::at(clock.now());
    assert_eq!(known_with(&store, &clock, true), (Ok(true), true));
    assert_eq!(known_with(&store, &clock, false), (Ok(true), false));
    clock.advance(10_000);
    store.set_now(clock.now());
    assert_eq!(known_with(&store, &clock, false), (Ok(false), true));
    store.go_down();
    assert!(known_with(&store, &clock, true).0.is_err());
}

#[test]
fn who_is_not_the_first_waits_for_a_moment_and_then_looks() {
    let clock = ManualClock::default();
    let store = MemoryStore::at(clock.now());
    // Somebody looks, and is never heard of again.
    assert_eq!(ask_one(&store, clock.now(), 0).unwrap(), Next::Look);
    assert_eq!(known_with(&store, &clock, true), (Ok(true), true));
    assert_eq!(clock.elapsed(), LONGEST_WAIT);
}

fn look(servers: usize, script: Vec<Script>) -> (Vec<bool>, Vec<usize>) {
    let (clock, mut failed) = (ManualClock::default(), Vec::new());
    let answered = who_answers(&clock, &mut clock.transfers(script), servers, |number, _| failed.push(number));
    (answered, failed)
}

#[test]
fn any_answer_of_a_server_will_do_and_one_that_gives_none_is_told_apart() {
    assert_eq!(look(0, Vec::new()), (vec![], vec![]));
    let both = vec![head(0, 401, "text/plain"), head(1, 500, "text/plain"), Script::Wait(1)];
    assert_eq!(look(2, both), (vec![true, true], vec![]));
    let one = vec![head(0, 200, "text/plain"), Script::NoAnswer(1, NoAnswer::TimedOut)];
    assert_eq!(look(2, one), (vec![true, false], vec![1]));
    // To a login page, of a proxy before it that wants the credentials that a look does not have.
    assert_eq!(look(1, vec![head(0, 302, "text/plain"), Script::Wait(1)]), (vec![true], vec![]));
    assert_eq!(look(1, vec![Script::Wait(60_000), head(0, 200, "text/plain")]), (vec![false], vec![]));
}

/// docs/cases.md, O3.
#[test]
fn a_server_that_is_down_takes_out_no_more_than_what_is_behind_it_alone() {
    use Readiness::{NotReady, Partly, Ready};
    let servers = [
        server("/one", "https://a.example/mcp"),
        server("/both", "https://a.example/mcp"),
        server("/both", "https://b.example/mcp"),
        server("/two", "https://b.example/mcp"),
    ];
    let addresses = Addresses::of(&servers);
    assert_eq!(addresses.urls().count(), 2);
    for (answered, one, both, two, all) in [
        (vec![true, true], Ready, Ready, Ready, Ready),
        (vec![true, false], Ready, Partly, NotReady, Partly),
        (vec![false, true], NotReady, Partly, Ready, Partly),
        (vec![false, false], NotReady, NotReady, NotReady, NotReady),
    ] {
        let routes = of_routes(&servers, |server| addresses.has_answered(server, &answered));
        assert_eq!((routes["/one"], routes["/both"], routes["/two"]), (one, both, two), "{answered:?}");
        assert_eq!(of_all(&routes), all, "{answered:?}");
    }
    assert_eq!(of_all(&of_routes(&[], |_| true)), NotReady);
}

#[test]
fn instances_with_other_servers_do_not_believe_each_other() {
    let store = store();
    let (old, new) = (servers(), vec![server("/mcp", "https://b.example/mcp")]);
    let (old, new) = (Addresses::of(&old), Addresses::of(&new));
    assert_eq!(ask(&store, &old, at(0), 0), Ok(Next::Look));
    note(&store, &old, at(0), &vec![true]).unwrap();
    assert_eq!(ask(&store, &new, at(0), 0), Ok(Next::Look));
    note(&store, &new, at(0), &vec![false]).unwrap();
    assert_eq!(ask(&store, &old, at(1), 0), Ok(answer(true)));
    assert_eq!(ask(&store, &new, at(1), 0), Ok(answer(false)));
}
