//! One lineage of refresh tokens, in few rows, whatever comes between.

use std::collections::BTreeMap;

use gatehouse_storage::memory::MemoryStore;
use proptest::prelude::*;

use super::*;

/// How many rows the store has.
fn rows(world: &World) -> usize {
    use gatehouse_storage::Store as _;
    world.store.list(None).unwrap().keys.len()
}

fn generation(world: &World, tokens: &Tokens) -> u64 {
    RefreshToken::open(&refresh_token(tokens), &world.keys).unwrap().generation
}

/// S15 of the strangers: each refresh left a counter until the session ended.
#[test]
fn a_thousand_refreshes_leave_the_rows_of_one() {
    let mut world = World::new();
    let mut tokens = world.open();
    let before = rows(&world);
    for number in 1..=1_000 {
        let now = START.plus(number * 60);
        tokens = world.refresh(&tokens, now).unwrap();
        assert!(world.validate(&tokens, now).is_ok());
        assert!(rows(&world) <= before + 2, "after {number}: {} rows", rows(&world));
    }
    assert_eq!(generation(&world, &tokens), 1_000);
    world.at(START.plus(70_000)).end_all(&alice().subject).unwrap();
    assert!(world.store.values().iter().all(Vec::is_empty), "all of them are deleted with the session");
}

#[test]
fn of_the_access_tokens_the_last_two_are_good_in_every_generation() {
    let mut world = World::new();
    let mut issued = vec![world.open()];
    for _ in 0..12 {
        let next = world.refresh(issued.last().unwrap(), START).unwrap();
        issued.push(next);
        for (age, tokens) in issued.iter().rev().enumerate() {
            let expected = if age < 2 { Ok(alice()) } else { Err(Rejection::Revoked) };
            assert_eq!(world.validate(tokens, START), expected, "{age} refreshes ago, of {}", issued.len());
        }
    }
}

/// A client that refreshes in a loop: 60 at once, and one a second from then on.
#[test]
fn a_session_is_refreshed_no_more_often_than_its_pace_allows_and_a_refusal_changes_nothing() {
    let mut world = World::new();
    let mut tokens = world.open();
    for _ in 0..60 {
        tokens = world.refresh(&tokens, START).unwrap();
    }
    let before = world.store.snapshot();
    for _ in 0..3 {
        assert_eq!(world.refresh(&tokens, START).unwrap_err(), Rejection::TooOften { retry_after: 1 });
        let (mine, token) = (client("a"), refresh_token(&tokens));
        let asked =
            world.at(START).provider_grant_at_refresh(&RefreshRequest { refresh_token: &token, ..request(&mine) });
        assert_eq!(asked.unwrap_err(), Rejection::TooOften { retry_after: 1 }, "nor is the provider asked");
    }
    assert_eq!(world.store.snapshot(), before);
    assert_eq!(world.validate(&tokens, START), Ok(alice()), "nobody is signed out");
    for second in 1..=120 {
        let now = START.plus(second);
        tokens = world.refresh(&tokens, now).unwrap();
        assert_eq!(world.refresh(&tokens, now).unwrap_err(), Rejection::TooOften { retry_after: 1 });
    }
    let rested = START.plus(1_000);
    for _ in 0..60 {
        tokens = world.refresh(&tokens, rested).unwrap();
    }
    assert_eq!(world.refresh(&tokens, rested).unwrap_err(), Rejection::TooOften { retry_after: 1 });
}

#[test]
fn whoever_presents_a_token_that_was_just_rotated_has_no_pace_to_keep() {
    let mut world = World::new();
    let mut tokens = world.open();
    for _ in 0..59 {
        tokens = world.refresh(&tokens, START).unwrap();
    }
    for _ in 0..1_000 {
        world.refresh(&tokens, START).unwrap();
    }
}

#[test]
fn a_thief_is_a_thief_however_often_the_session_was_refreshed() {
    let mut world = World::new();
    let stolen = world.open();
    let mut tokens = world.refresh(&stolen, START).unwrap();
    for _ in 0..59 {
        tokens = world.refresh(&tokens, START).unwrap();
    }
    assert_eq!(world.refresh(&stolen, START).unwrap_err(), Rejection::Reused);
    assert_eq!(world.refresh(&tokens, START.plus(60)).unwrap_err(), Rejection::Revoked);
}

#[test]
fn a_clock_that_was_set_back_keeps_no_client_waiting_for_long() {
    let mut world = World::new();
    let mut tokens = world.open();
    for _ in 0..60 {
        tokens = world.refresh(&tokens, START.plus(3_600)).unwrap();
    }
    tokens = world.refresh(&tokens, START).unwrap();
    // Nor does a clock that is set back by little, or an instance whose clock is behind.
    tokens = world.refresh(&tokens, START.plus(90)).unwrap();
    for _ in 0..2 {
        tokens = world.refresh(&tokens, START).unwrap();
    }
}

/// What a slow instance writes last is older than what the others know: their tokens stay what they are.
#[test]
fn a_refresh_that_is_overtaken_at_any_moment_makes_no_used_token_current_again() {
    for overtaken_by in 1..=3 {
        for operation in 0.. {
            let world = World::new();
            let first = world.open();
            let others = core::cell::RefCell::new(Vec::new());
            let mine = client("a");
            let refresh = |sessions: &Sessions<'_, MemoryStore>, tokens: &Tokens, now: UnixTime| {
                let token = refresh_token(tokens);
                let request = RefreshRequest { refresh_token: &token, ..request(&mine) };
                Sessions { now, ..*sessions }.refresh(&request, |_| TERMS, &mut Counting(9_000))
            };
            let interrupted = Interrupted::before(operation, &world.store, || {
                let mut tokens = vec![refresh(&world.at(START), &first, START).unwrap()];
                for _ in 1..overtaken_by {
                    let next = refresh(&world.at(START), tokens.last().unwrap(), START).unwrap();
                    tokens.push(next);
                }
                others.replace(tokens);
            });
            let token = refresh_token(&first);
            let request = RefreshRequest { refresh_token: &token, ..request(&mine) };
            let slow = Sessions { store: &interrupted, keys: &world.keys, now: START };
            let outcome = slow.refresh(&request, |_| TERMS, &mut Counting(5_000));
            if !interrupted.was_interrupted() {
                assert!(operation > 5);
                break;
            }
            let others = others.borrow();
            let what = format!("overtaken by {overtaken_by} before operation {operation}");
            if matches!(outcome, Err(Rejection::Reused)) {
                // It had not even read what there was: the token is two refreshes old.
                assert!(operation < 2 && overtaken_by > 1, "{what}");
                continue;
            }
            // Used twice removed, however late the record of that was written.
            if overtaken_by > 1 {
                let replayed = refresh(&world.at(START), &first, START);
                assert_eq!(replayed.unwrap_err(), Rejection::Reused, "{what}");
                assert_eq!(world.validate(others.last().unwrap(), START), Err(Rejection::Revoked), "{what}");
            } else {
                let next = refresh(&world.at(START), &others[0], START).unwrap();
                assert_eq!(generation(&world, &next), 2, "{what}");
            }
        }
    }
}

/// An attacker of the last round: an instance that was suspended, and went on when the others were three refreshes further,
/// wrote over the record of the last one and removed its access token.
#[test]
fn an_instance_that_was_suspended_before_it_writes_makes_the_session_forget_nothing() {
    for (begun, overtaken_by) in (0..5).flat_map(|begun| (1..=7).map(move |overtaken_by| (begun, overtaken_by))) {
        let mut told_to_try_again = 0;
        for operation in 0.. {
            let mut world = World::new();
            let mut first = world.open();
            for _ in 0..begun {
                first = world.refresh(&first, START).unwrap();
            }
            let after = core::cell::RefCell::new(None);
            let mine = client("a");
            let refresh = |tokens: &Tokens, now: UnixTime| {
                let token = refresh_token(tokens);
                let request = RefreshRequest { refresh_token: &token, ..request(&mine) };
                world.at(now).refresh(&request, |_| TERMS, &mut Counting(9_000))
            };
            let interrupted = Interrupted::before(operation, &world.store, || {
                let newest = (1..overtaken_by)
                    .fold(refresh(&first, START).unwrap(), |tokens, _| refresh(&tokens, START).unwrap());
                after.replace(Some((newest, world.store.snapshot())));
            });
            let token = refresh_token(&first);
            let request = RefreshRequest { refresh_token: &token, ..request(&mine) };
            let slow = Sessions { store: &interrupted, keys: &world.keys, now: START };
            let outcome = slow.refresh(&request, |_| TERMS, &mut Counting(5_000));
            let Some((newest, then)) = after.take() else { break };
            let what = format!("begun at {begun}, overtaken by {overtaken_by} before operation {operation}");
            match outcome {
                // It had not even read what there was: the token is two refreshes old.
                Err(Rejection::Reused) => assert!(operation < 2 && overtaken_by > 1, "{what}"),
                Err(Rejection::Unavailable(_)) => {
                    told_to_try_again += 1;
                    assert!(overtaken_by > 1, "{what}");
                    assert_eq!(world.store.snapshot(), then, "{what}");
                    assert_eq!(world.validate(&newest, START), Ok(alice()), "{what}");
                    let next = refresh(&newest, START.plus(60)).unwrap();
                    assert_eq!(generation(&world, &next), begun + overtaken_by + 1, "{what}");
                    assert_eq!(refresh(&newest, START.plus(120)).unwrap_err(), Rejection::Reused, "{what}");
                }
                Ok(tokens) => {
                    assert_eq!(generation(&world, &tokens), begun + 1, "{what}");
                    if overtaken_by == 1 {
                        assert_eq!(world.validate(&newest, START), Ok(alice()), "{what}");
                        assert_eq!(world.validate(&tokens, START), Ok(alice()), "{what}");
                    } else {
                        // It had looked already: between that and what it writes nothing waits for anybody.
                        assert!((3..=8).contains(&operation), "{what}");
                    }
                    // Nobody is signed out.
                    assert!(refresh(&newest, START.plus(60)).is_ok(), "{what}");
                }
                Err(other) => panic!("{other:?}, {what}"),
            }
        }
        assert!(overtaken_by == 1 || told_to_try_again >= 2, "{told_to_try_again}");
    }
}

/// What somebody does with the refresh tokens of one session, of which they have all that were given out.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Presents the one that is so many older than the newest.
    Present { age: usize },
    /// The same, and the instance vanishes after so many operations.
    BreakOff { age: usize, operations: usize },
    /// The same, and the instance is suspended before one of the operations that come before it writes, for so many
    /// refreshes by others.
    Suspended { age: usize, operation: usize, refreshes: usize },
    /// Waits.
    Wait { seconds: u64 },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => Just(Act::Present { age: 0 }),
        2 => (0_usize..4).prop_map(|age| Act::Present { age }),
        3 => (0_usize..3, 0_usize..12).prop_map(|(age, operations)| Act::BreakOff { age, operations }),
        2 => (0_usize..2, 0_usize..4, 1_usize..6)
            .prop_map(|(age, operation, refreshes)| Act::Suspended { age, operation, refreshes }),
        2 => (1_u64..90).prop_map(|seconds| Act::Wait { seconds }),
    ];
    prop::collection::vec(act, 1..60)
}

proptest! {
    #[test]
    fn whatever_happens_there_is_one_lineage_and_a_token_used_twice_removed_ends_it(acts in acts()) {
        let mut world = World::new();
        let mut now = START;
        // By generation: what was given out.
        let mut known = BTreeMap::from([(0, world.open())]);
        let most = rows(&world) + 4;
        let mut may_have_ended = false;
        for act in acts {
            let (age, operations) = match act {
                Act::Wait { seconds } => {
                    now = now.plus(seconds);
                    continue;
                }
                Act::Present { age } | Act::Suspended { age, .. } => (age, usize::MAX),
                Act::BreakOff { age, operations } => (age, operations),
            };
            let newest: u64 = *known.keys().last().unwrap();
            let presented = newest.saturating_sub(age as u64);
            let Some(tokens) = known.get(&presented) else { continue };
            let (mine, token) = (client("a"), refresh_token(tokens));
            world.store.set_now(now);
            let request = RefreshRequest { refresh_token: &token, ..request(&mine) };
            let (mut newest, mut suspended) = (newest, false);
            let outcome = if let Act::Suspended { operation, refreshes, .. } = act {
                let issued = core::cell::RefCell::new(Vec::new());
                let store = Interrupted::before(operation, &world.store, || {
                    let mut current = refresh_token(&known[&newest]);
                    for _ in 0..refreshes {
                        let request = RefreshRequest { refresh_token: &current, ..request.clone() };
                        let Ok(next) = world.at(now).refresh(&request, |_| TERMS, &mut Counting(8)) else { break };
                        current = refresh_token(&next);
                        issued.borrow_mut().push(next);
                    }
                });
                let outcome = Sessions { store: &store, keys: &world.keys, now }.refresh(&request, |_| TERMS, &mut Counting(7));
                drop(store);
                let issued = issued.into_inner();
                if let (Some(last), Err(Rejection::Unavailable(_))) = (issued.last(), &outcome) {
                    prop_assert_eq!(world.validate(last, now), Ok(alice()), "it has damaged nothing");
                    suspended = true;
                }
                for tokens in issued {
                    newest = generation(&world, &tokens);
                    known.insert(newest, tokens);
                }
                outcome
            } else {
                let store = FailingStore::after(operations, &world.store);
                Sessions { store: &store, keys: &world.keys, now }.refresh(&request, |_| TERMS, &mut Counting(7))
            };
            match outcome {
                Ok(next) => {
                    prop_assert!(presented + 1 >= newest, "used twice removed: {presented} of {newest}");
                    prop_assert_eq!(generation(&world, &next), presented + 1, "its one successor");
                    prop_assert_eq!(world.validate(&next, now), Ok(alice()));
                    known.insert(presented + 1, next);
                }
                Err(Rejection::Reused) => {
                    for tokens in known.values() {
                        prop_assert!(world.validate(tokens, now).is_err());
                        prop_assert_eq!(world.refresh(tokens, now).unwrap_err(), Rejection::Revoked);
                    }
                    return Ok(());
                }
                Err(Rejection::TooOften { .. }) => {}
                // It has written nothing: the lineage goes on as the others left it.
                Err(Rejection::Unavailable(_)) if suspended => {}
                // It may have rotated, without anybody learning of the successor: then the next one is taken for a thief.
                Err(Rejection::Unavailable(_)) => may_have_ended = true,
                Err(Rejection::Revoked) if may_have_ended => return Ok(()),
                Err(other) => prop_assert!(false, "{other:?}"),
            }
            prop_assert!(rows(&world) <= most, "{} rows", rows(&world));
        }
    }
}
