use gatehouse_storage::memory::FailingStore;
use std::sync::Mutex;

use super::*;
use crate::example::*;
use crate::{Opening, Tokens};

/// The second from which the tokens of [`opening`] are due.
const DUE: UnixTime = START.plus(3_600 - DUE_SECONDS);

fn grant(world: &World, tokens: &Tokens) -> ProviderGrant {
    world.at(START).provider_grant(tokens.access_token.expose(), &mcp()).unwrap()
}

fn opened() -> (World, ProviderGrant) {
    let world = World::new();
    let tokens = world.open();
    let grant = grant(&world, &tokens);
    (world, grant)
}

fn due(grant: &ProviderGrant, store: &impl Store, now: UnixTime) -> Due {
    match grant.state(store, now).unwrap() {
        ProviderTokenState::Due(due) => due,
        other => panic!("{other:?} at {now}"),
    }
}

fn try_to_claim(grant: &ProviderGrant, store: &impl Store, now: UnixTime) -> Option<Lease> {
    match grant.claim_refresh(due(grant, store, now), store, now, &mut Counting(77)).unwrap() {
        RefreshClaim::Lease(lease) => Some(lease),
        RefreshClaim::Wait => None,
    }
}

fn answer(access: &str, refresh: Option<&str>, expires_at: u64) -> RefreshedTokens {
    RefreshedTokens {
        access_token: SecretString::new(access.to_owned()),
        refresh_token: refresh.map(|token| SecretString::new(token.to_owned())),
        expires_at: Some(UnixTime::from_seconds(expires_at)),
        claims: None,
    }
}

/// The provider is asked when it must be, and says this of the user.
fn renew(grant: &ProviderGrant, store: &impl Store, now: UnixTime, claims: Option<Claims>) {
    let lease = try_to_claim(grant, store, now).unwrap();
    let answer = RefreshedTokens { claims, ..answer("next", None, now.seconds() + 3_600) };
    lease.complete(answer, store, now, &mut Counting(6)).unwrap();
}

fn is_fresh(grant: &ProviderGrant, store: &impl Store, now: UnixTime, token: &str) -> bool {
    matches!(grant.state(store, now).unwrap(), ProviderTokenState::Fresh(fresh) if fresh.expose() == token)
}

#[test]
fn tokens_are_due_a_minute_before_they_end_and_not_a_second_earlier() {
    let (world, grant) = opened();
    assert!(is_fresh(&grant, &world.store, START, "provider-access"));
    assert!(is_fresh(&grant, &world.store, UnixTime::from_seconds(DUE.seconds() - 1), "provider-access"));
    due(&grant, &world.store, DUE);
    due(&grant, &world.store, START.plus(SESSION - 1));
}

#[test]
fn tokens_that_live_shortly_are_due_halfway_so_that_fresh_ones_are_fresh() {
    for (lifetime, due_after) in [(120, 60), (119, 60), (60, 30), (1, 1), (0, 0)] {
        let world = World::new();
        let provider_tokens = ProviderTokens { expires_at: Some(START.plus(lifetime)), ..opening().provider_tokens };
        let grant = grant(&world, &world.open_with(&world.root, Opening { provider_tokens, ..opening() }));
        if due_after > 0 {
            assert!(is_fresh(&grant, &world.store, START.plus(due_after - 1), "provider-access"), "{lifetime}");
        }
        due(&grant, &world.store, START.plus(due_after));
    }
}

#[test]
fn tokens_that_cannot_be_refreshed_are_used_to_their_end_and_then_ended() {
    let world = World::new();
    let provider_tokens = ProviderTokens { refresh_token: None, ..opening().provider_tokens };
    let grant = grant(&world, &world.open_with(&world.root, Opening { provider_tokens, ..opening() }));
    assert!(is_fresh(&grant, &world.store, START.plus(3_599), "provider-access"));
    assert!(matches!(grant.state(&world.store, START.plus(3_600)), Ok(ProviderTokenState::Ended)));
}

#[test]
fn tokens_without_a_known_end_are_fresh_and_a_session_without_any_never_had_one() {
    let endless = World::new();
    let provider_tokens = ProviderTokens { expires_at: None, ..opening().provider_tokens };
    let tokens = endless.open_with(&endless.root, Opening { provider_tokens, ..opening() });
    assert!(is_fresh(&grant(&endless, &tokens), &endless.store, START.plus(SESSION - 1), "provider-access"));
    let without = World::new();
    let tokens = without.open_with(&without.root, Opening { provider_tokens: ProviderTokens::default(), ..opening() });
    let grant = grant(&without, &tokens);
    assert!(matches!(grant.state(&without.store, START), Ok(ProviderTokenState::NeverGiven)));
    without.at(START).end(&without.root).unwrap();
    assert!(matches!(grant.state(&without.store, START), Err(Rejection::Revoked)), "it has ended");
}

#[test]
fn an_access_token_of_any_generation_and_a_refresh_lead_to_the_same_tokens() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START).unwrap();
    let (mine, token) = (client("a"), refresh_token(&second));
    let request = crate::RefreshRequest { refresh_token: &token, ..request(&mine) };
    let at_refresh = world.at(START).provider_grant_at_refresh(&request).unwrap().unwrap().0;
    for grant in [grant(&world, &first), grant(&world, &second), at_refresh] {
        assert!(is_fresh(&grant, &world.store, START, "provider-access"));
        assert_eq!(grant.subject, alice().subject);
    }
    let elsewhere = world.at(START).provider_grant(second.access_token.expose(), &resource("https://g.example/other"));
    assert_eq!(elsewhere.unwrap_err(), Rejection::Unrecognised);
}

#[test]
fn a_refresh_token_taken_for_stolen_leads_nowhere_and_a_wrong_request_changes_nothing() {
    let mut world = World::new();
    let first = world.open();
    world.refresh(&first, START).unwrap();
    let before = world.store.snapshot();
    let (mine, other, token) = (client("a"), client("b"), refresh_token(&first));
    let late = world.at(START.plus(31));
    let request = |client_id| crate::RefreshRequest { refresh_token: &token, ..request(client_id) };
    assert!(late.provider_grant_at_refresh(&request(&mine)).unwrap().is_none());
    assert_eq!(late.provider_grant_at_refresh(&request(&other)).unwrap_err(), Rejection::WrongClient);
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn one_of_many_gets_the_lease_and_the_others_see_its_tokens() {
    let (world, grant) = opened();
    let waiting: Vec<_> = (0..64).map(|_| due(&grant, &world.store, DUE)).collect();
    let mut leases = Vec::new();
    for due in waiting {
        match grant.claim_refresh(due, &world.store, DUE, &mut Counting(5)).unwrap() {
            RefreshClaim::Lease(lease) => leases.push(lease),
            RefreshClaim::Wait => {}
        }
    }
    let lease = leases.pop().unwrap();
    assert!(leases.is_empty());
    assert_eq!(lease.refresh_token().expose(), "provider-refresh");
    let next = answer("second", Some("second-refresh"), DUE.seconds() + 3_600);
    assert_eq!(lease.complete(next, &world.store, DUE, &mut Counting(6)).unwrap().expose(), "second");
    assert!(is_fresh(&grant, &world.store, DUE, "second"));
    let lease = try_to_claim(&grant, &world.store, DUE.plus(3_600)).unwrap();
    assert_eq!(lease.refresh_token().expose(), "second-refresh");
}

#[test]
fn sixty_four_threads_ask_the_provider_once_for_each_generation() {
    for round in 0..20 {
        let (world, grant) = opened();
        let store = Mutex::new(world.store);
        let asked = Mutex::new(Vec::new());
        for (generation, now) in (0..3).map(|generation| (generation, DUE.plus(generation * 3_600))) {
            std::thread::scope(|scope| {
                for number in 0..64 {
                    let (grant, store, asked) = (&grant, &store, &asked);
                    scope.spawn(move || {
                        loop {
                            let due = match grant.state(store, now).unwrap() {
                                ProviderTokenState::Fresh(token) => {
                                    return assert_eq!(token.expose(), format!("access-{generation}"));
                                }
                                ProviderTokenState::Due(due) => due,
                                ProviderTokenState::Ended | ProviderTokenState::NeverGiven => panic!("gone"),
                            };
                            let mut entropy = Counting(number * 10_000 + generation * 1_000_000);
                            match grant.claim_refresh(due, store, now, &mut entropy).unwrap() {
                                RefreshClaim::Wait => std::thread::yield_now(),
                                RefreshClaim::Lease(lease) => {
                                    asked.lock().unwrap().push(lease.refresh_token().expose().to_owned());
                                    let next = answer(
                                        &format!("access-{generation}"),
                                        Some(&format!("refresh-{generation}")),
                                        now.seconds() + 3_600,
                                    );
                                    lease.complete(next, store, now, &mut entropy).unwrap();
                                }
                            }
                        }
                    });
                }
            });
        }
        assert_eq!(*asked.lock().unwrap(), ["provider-refresh", "refresh-0", "refresh-1"], "round {round}");
    }
}

#[test]
fn wherever_one_caller_comes_between_the_operations_of_another_one_lease_is_given() {
    for operation in 0.. {
        let (world, grant) = opened();
        let first = due(&grant, &world.store, DUE);
        let other = core::cell::RefCell::new(None);
        let store = Interrupted::before(operation, &world.store, || {
            *other.borrow_mut() = try_to_claim(&grant, &world.store, DUE);
        });
        let one = grant.claim_refresh(first, &store, DUE, &mut Counting(5)).unwrap();
        if !store.was_interrupted() {
            assert!(operation > 4);
            break;
        }
        let leases = usize::from(matches!(one, RefreshClaim::Lease(_))) + usize::from(other.borrow().is_some());
        assert_eq!(leases, 1, "before operation {operation}");
    }
}

#[test]
fn a_caller_that_read_before_the_refresh_and_claims_after_it_asks_nobody() {
    let (world, grant) = opened();
    let late = due(&grant, &world.store, DUE);
    let later = due(&grant, &world.store, DUE);
    let lease = try_to_claim(&grant, &world.store, DUE).unwrap();
    lease.complete(answer("second", None, DUE.seconds() + 3_600), &world.store, DUE, &mut Counting(6)).unwrap();
    for (due, now) in [(late, DUE), (later, DUE.plus(LEASE_SECONDS + 1))] {
        let claim = grant.claim_refresh(due, &world.store, now, &mut Counting(7)).unwrap();
        assert!(matches!(claim, RefreshClaim::Wait));
    }
    assert!(is_fresh(&grant, &world.store, DUE, "second"));
}

#[test]
fn after_a_holder_has_vanished_one_other_may_ask_a_minute_later_and_not_before() {
    let (world, grant) = opened();
    let vanished = try_to_claim(&grant, &world.store, DUE).unwrap();
    for seconds in [0, 1, LEASE_SECONDS - 1] {
        assert!(try_to_claim(&grant, &world.store, DUE.plus(seconds)).is_none(), "{seconds}");
    }
    let then = DUE.plus(LEASE_SECONDS);
    let waiting: Vec<_> = (0..16).map(|_| due(&grant, &world.store, then)).collect();
    let claims = waiting.into_iter().map(|due| grant.claim_refresh(due, &world.store, then, &mut Counting(5)).unwrap());
    assert_eq!(claims.filter(|claim| matches!(claim, RefreshClaim::Lease(_))).count(), 1);
    assert!(try_to_claim(&grant, &world.store, then.plus(LEASE_SECONDS)).is_some(), "and so on");
    drop(vanished);
}

#[test]
fn a_holder_that_vanishes_at_any_moment_holds_up_nobody_for_longer_than_two_leases() {
    for operation in 0..8 {
        let (world, grant) = opened();
        let due_before = due(&grant, &world.store, DUE);
        let store = FailingStore::after(operation, &world.store);
        let _vanished = grant.claim_refresh(due_before, &store, DUE, &mut Counting(5));
        let mut given = Vec::new();
        for seconds in 0..=2 * LEASE_SECONDS + 2 {
            given.extend(try_to_claim(&grant, &world.store, DUE.plus(seconds)).map(|_| seconds));
        }
        assert!(!given.is_empty(), "operation {operation}");
        assert!(given.windows(2).all(|pair| pair[1] - pair[0] >= LEASE_SECONDS), "operation {operation}: {given:?}");
    }
}

#[test]
fn who_gives_up_lets_the_next_one_try_at_once() {
    let (world, grant) = opened();
    for _ in 0..5 {
        let lease = try_to_claim(&grant, &world.store, DUE).unwrap();
        assert!(try_to_claim(&grant, &world.store, DUE).is_none());
        lease.give_up(&world.store, DUE, &mut Counting(8)).unwrap();
    }
    assert!(try_to_claim(&grant, &world.store, DUE).is_some());
}

#[test]
fn without_a_new_refresh_token_the_old_one_goes_on() {
    let (world, grant) = opened();
    let lease = try_to_claim(&grant, &world.store, DUE).unwrap();
    lease.complete(answer("second", None, DUE.seconds() + 3_600), &world.store, DUE, &mut Counting(6)).unwrap();
    let lease = try_to_claim(&grant, &world.store, DUE.plus(3_600)).unwrap();
    assert_eq!(lease.refresh_token().expose(), "provider-refresh");
}

#[test]
fn what_the_provider_says_anew_is_in_the_next_access_token_and_stays_until_it_says_otherwise() {
    let mut world = World::new();
    let first = world.open();
    let groups = |world: &World, tokens: &Tokens, now| world.validate(tokens, now).unwrap().claims;
    assert_eq!(groups(&world, &first, START), claims("engineering"));
    let tokens = world.refresh(&first, DUE).unwrap();
    assert_eq!(groups(&world, &tokens, DUE), claims("engineering"), "nothing was said");

    // With an access token, as the gateway asks.
    renew(&grant(&world, &tokens), &world.store, DUE, Some(claims("sales")));
    assert_eq!(groups(&world, &tokens, DUE), claims("engineering"), "of an access token they are fixed");
    let tokens = world.refresh(&tokens, DUE).unwrap();
    assert_eq!(groups(&world, &tokens, DUE), claims("sales"));

    // The next answer holds no id_token.
    let later = DUE.plus(3_600);
    let tokens = world.refresh(&tokens, later).unwrap();
    let grant_of = grant(&world, &tokens);
    renew(&grant_of, &world.store, later, None);
    let tokens = world.refresh(&tokens, later).unwrap();
    assert_eq!(groups(&world, &tokens, later), claims("sales"));

    // And the one after that says that there are none.
    let last = later.plus(3_600);
    renew(&grant_of, &world.store, last, Some(Claims::default()));
    let tokens = world.refresh(&tokens, last).unwrap();
    assert_eq!(groups(&world, &tokens, last), Claims::default());
}

#[test]
fn a_late_answer_says_nothing_of_the_user_any_more() {
    let mut world = World::new();
    let tokens = world.open();
    let grant = grant(&world, &tokens);
    let slow = try_to_claim(&grant, &world.store, DUE).unwrap();
    renew(&grant, &world.store, DUE.plus(LEASE_SECONDS), Some(claims("new")));
    let late = RefreshedTokens { claims: Some(claims("old")), ..answer("slow", None, DUE.seconds() + 3_600) };
    slow.complete(late, &world.store, DUE.plus(LEASE_SECONDS), &mut Counting(7)).unwrap();
    let now = DUE.plus(LEASE_SECONDS);
    let tokens = world.refresh(&tokens, now).unwrap();
    assert_eq!(world.validate(&tokens, now).unwrap().claims, claims("new"));
}

#[test]
fn a_late_answer_does_not_replace_what_a_quicker_lease_brought() {
    let (world, grant) = opened();
    let slow = try_to_claim(&grant, &world.store, DUE).unwrap();
    let now = DUE.plus(LEASE_SECONDS);
    let quick = try_to_claim(&grant, &world.store, now).unwrap();
    quick.complete(answer("quick", Some("q"), now.seconds() + 3_600), &world.store, now, &mut Counting(6)).unwrap();
    let before = world.store.snapshot();
    let late = answer("slow", Some("s"), now.seconds() + 3_600);
    assert_eq!(slow.complete(late, &world.store, now, &mut Counting(7)).unwrap().expose(), "quick");
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn a_session_that_ends_at_any_moment_of_a_refresh_at_the_provider_stays_ended() {
    for operation in 0.. {
        let (world, grant) = opened();
        let lease = try_to_claim(&grant, &world.store, DUE).unwrap();
        let store = Interrupted::before(operation, &world.store, || world.at(DUE).end_all(&alice().subject).unwrap());
        let next = answer("second", Some("s"), DUE.seconds() + 3_600);
        let completed = lease.complete(next, &store, DUE, &mut Counting(6));
        if !store.was_interrupted() {
            assert!(operation > 2 && completed.is_ok());
            break;
        }
        assert_eq!(completed.unwrap_err(), Rejection::Revoked, "before operation {operation}");
        assert!(matches!(grant.state(&world.store, DUE), Err(Rejection::Revoked)));
        assert!(world.store.values().iter().all(Vec::is_empty), "before operation {operation}");
    }
}

#[test]
fn a_session_that_has_ended_gives_no_lease() {
    let (world, grant) = opened();
    let due = due(&grant, &world.store, DUE);
    world.at(DUE).end(&world.root).unwrap();
    let claimed = grant.claim_refresh(due, &world.store, DUE, &mut Counting(5));
    assert_eq!(claimed.unwrap_err(), Rejection::Revoked);
}

#[test]
fn a_refresh_token_that_the_provider_no_longer_takes_ends_the_session() {
    let world = World::new();
    let tokens = world.open();
    let grant = grant(&world, &tokens);
    let lease = try_to_claim(&grant, &world.store, DUE).unwrap();
    assert_eq!(lease.sign_in_again(&world.store), Err(Rejection::Revoked));
    assert_eq!(world.validate(&tokens, START), Err(Rejection::Revoked));
    assert!(matches!(grant.state(&world.store, DUE), Err(Rejection::Revoked)));
}

#[test]
fn a_refusal_of_a_refresh_token_that_was_replaced_meanwhile_ends_nothing() {
    let (world, grant) = opened();
    let slow = try_to_claim(&grant, &world.store, DUE).unwrap();
    let now = DUE.plus(LEASE_SECONDS);
    let quick = try_to_claim(&grant, &world.store, now).unwrap();
    quick.complete(answer("quick", Some("q"), now.seconds() + 3_600), &world.store, now, &mut Counting(6)).unwrap();
    assert_eq!(slow.sign_in_again(&world.store), Ok(()));
    assert!(is_fresh(&grant, &world.store, now, "quick"));
}

#[test]
fn a_store_that_is_down_gives_nothing() {
    let (world, grant) = opened();
    let due = due(&grant, &world.store, DUE);
    let lease = try_to_claim(&grant, &world.store, DUE).unwrap();
    world.store.go_down();
    assert!(matches!(grant.state(&world.store, DUE), Err(Rejection::Unavailable(_))));
    let claimed = grant.claim_refresh(due, &world.store, DUE, &mut Counting(5));
    assert!(matches!(claimed, Err(Rejection::Unavailable(_))));
    let completed = lease.complete(answer("x", None, 0), &world.store, DUE, &mut Counting(6));
    assert!(matches!(completed, Err(Rejection::Unavailable(_))));
}

#[test]
fn nothing_of_it_is_in_clear_or_in_a_debug_text() {
    let (world, grant) = opened();
    let lease = try_to_claim(&grant, &world.store, DUE).unwrap();
    let next = RefreshedTokens { claims: Some(claims("sales")), ..answer("a-token", Some("another"), 1) };
    let texts = format!("{grant:?} {lease:?} {next:?}");
    lease.complete(next, &world.store, DUE, &mut Counting(8)).unwrap();
    let dump = world.store.values().concat();
    for secret in ["provider-access", "provider-refresh", "a-token", "another", "a-tenant", "engineering", "sales"] {
        assert!(!texts.contains(secret), "{texts}");
        assert!(!dump.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

/// How many counters of attempts there are.
fn attempts(world: &World) -> usize {
    world.store.list(None).unwrap().keys.iter().filter(|key| key.kind() == ATTEMPT).count()
}

#[test]
fn however_often_the_provider_is_asked_a_handful_of_counters_stays() {
    let (world, grant) = opened();
    let mut now = DUE;
    for round in 0..200 {
        let lease = try_to_claim(&grant, &world.store, now).unwrap();
        let next = answer("next", Some("next-refresh"), now.seconds() + 3_600);
        lease.complete(next, &world.store, now, &mut Counting(6)).unwrap();
        assert_eq!(attempts(&world), 1, "round {round}");
        now = now.plus(3_600);
    }
}

#[test]
fn a_provider_that_does_not_answer_is_asked_less_and_less_and_leaves_a_handful_of_counters() {
    let (world, grant) = opened();
    let mut asked_at = Vec::new();
    for second in 0..600 {
        let now = DUE.plus(second);
        // A client that tries again and again.
        for _ in 0..10 {
            let due = due(&grant, &world.store, now);
            match grant.claim_refresh(due, &world.store, now, &mut Counting(77)) {
                Ok(RefreshClaim::Lease(lease)) => {
                    asked_at.push(second);
                    lease.give_up(&world.store, now, &mut Counting(8)).unwrap();
                }
                Ok(RefreshClaim::Wait) => panic!("nobody has a lease"),
                Err(Rejection::Unavailable(_)) => assert!(asked_at.len() >= 6, "{asked_at:?}"),
                Err(other) => panic!("{other:?}"),
            }
            assert!(attempts(&world) <= 10, "{} counters", attempts(&world));
        }
    }
    assert_eq!(asked_at[..12], [0, 0, 0, 0, 0, 0, 1, 3, 7, 15, 31, 61]);
    assert!(asked_at.len() < 32, "{asked_at:?}");
    // And then it answers.
    let now = DUE.plus(700);
    let lease = try_to_claim(&grant, &world.store, now).unwrap();
    lease.complete(answer("next", None, now.seconds() + 3_600), &world.store, now, &mut Counting(6)).unwrap();
    assert_eq!(attempts(&world), 1);
}

/// Who has slept since then begins a counter anew that was removed, twice even, and is not let in by it.
#[test]
fn whoever_comes_so_late_that_their_attempt_was_removed_asks_nobody() {
    let (world, grant) = opened();
    let late: Vec<_> = (0..3).map(|_| due(&grant, &world.store, DUE)).collect();
    for second in 0..12 {
        let now = DUE.plus(second * LONGEST_PAUSE_SECONDS);
        try_to_claim(&grant, &world.store, now).unwrap().give_up(&world.store, now, &mut Counting(8)).unwrap();
    }
    let now = DUE.plus(12 * LONGEST_PAUSE_SECONDS);
    let lease = try_to_claim(&grant, &world.store, now).unwrap();
    // As one who has read no note yet: the attempt is the first.
    for _ in 0..3 {
        let first = grant.attempt(0, 0).unwrap();
        let _ = claim(&world.store, &first).unwrap();
    }
    for due in late {
        assert!(matches!(grant.claim_refresh(due, &world.store, now, &mut Counting(5)), Ok(RefreshClaim::Wait)));
    }
    lease.complete(answer("next", None, now.seconds() + 3_600), &world.store, now, &mut Counting(6)).unwrap();
    assert!(is_fresh(&grant, &world.store, now, "next"));
}
