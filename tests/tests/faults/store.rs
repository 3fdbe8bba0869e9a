//! The store is slow, fails, or cannot be written. It is the embedded host's SQLite; `redis` has Redis.

use std::collections::BTreeSet;
use std::time::Duration;

use gatehouse_tests::{Answer, AttackWorld, Person, Step, StoreFaults, text};

use crate::acts::{Act, Ready, Recovery, assert_works};

use Recovery::{Again, Anew};

/// No act has so many writes.
const MANY: u32 = 50;

/// Does the act again and again: each time the store fails one write later, until it does not fail any more. Then everything that was
/// refused is done once more. How each went on, and the kinds of entries that a refused one left.
async fn failing_at_every_write(act: Act) -> (Vec<Recovery>, BTreeSet<String>) {
    let world = AttackWorld::start().await;
    let beside = world.beside().await;
    let alice = Person::new("alice");
    // So that what is kept of the provider is there already.
    world.flow(&alice).finish().await;
    let faults = StoreFaults::at(&world.gatehouse.state_directory());
    let (mut recoveries, mut left) = (Vec::new(), BTreeSet::new());
    for writes in 0..MANY {
        let what = format!("the store fails after {writes} writes");
        let mut ready = Ready::for_act(act, &world, &alice).await;
        let before = world.store().await;
        faults.fail_after(writes);
        let answer = Answer::of(ready.request(&world).send().await.expect("an answer")).await;
        if ready.is_done(&answer) {
            // Either nothing failed, or what failed was not needed for what was acknowledged.
            let all_were_made = faults.mend();
            ready.finish(&beside, &answer).await;
            if all_were_made {
                continue;
            }
            beside.gatehouse.stop().await;
            world.gatehouse.stop().await;
            return (recoveries, left);
        }
        ready.assert_refused_for_now(&answer, &what);
        ready.assert_nothing_is_lost(&world, &what).await;
        assert!(faults.mend(), "{act:?}, {what}: no write failed, and {answer:?}");
        let kind = |name: String| name.split('.').next().unwrap_or_default().to_owned();
        left.extend(world.changes_since(&before).await.into_iter().map(kind));
        recoveries.push(ready.recover(&beside, &what).await);
    }
    panic!("{act:?} has more than {MANY} writes");
}

/// Kinds of entries.
fn kinds<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_write_of_a_registration_fails_the_client_is_told_and_registers_again() {
    let (recoveries, left) = failing_at_every_write(Act::Registration).await;
    assert_eq!(recoveries, [Again, Again]);
    assert_eq!(left, kinds(["registrations"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_write_of_a_consent_fails_the_same_page_leads_to_the_provider_later() {
    let (recoveries, left) = failing_at_every_write(Act::Consent).await;
    assert_eq!(recoveries, [Again, Again, Again]);
    assert_eq!(left, kinds(["login-use", "logins"]));
}

/// The login is used up by the first write. A code that nobody was given is over after a minute.
#[tokio::test(flavor = "multi_thread")]
async fn whichever_write_of_a_callback_fails_there_is_no_code_and_the_user_signs_in_again() {
    let (recoveries, left) = failing_at_every_write(Act::Callback).await;
    assert_eq!(recoveries, [Again, Anew, Anew, Anew]);
    assert_eq!(left, kinds(["code", "login", "login-use"]));
}

/// The code is used up by the first write. What a session has by then is ended by the client's second attempt, or with the session.
#[tokio::test(flavor = "multi_thread")]
async fn whichever_write_of_a_redemption_fails_there_are_no_tokens_and_the_user_signs_in_again() {
    let (recoveries, left) = failing_at_every_write(Act::Redemption).await;
    assert_eq!(recoveries, [Again, Anew, Anew, Anew, Anew, Anew, Anew, Anew]);
    assert_eq!(
        left,
        kinds(["access", "code-use", "directory-count", "provider-attempt", "provider-tokens", "session", "summary",])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_write_of_a_refresh_fails_the_same_token_refreshes_later() {
    let (recoveries, left) = failing_at_every_write(Act::Refresh).await;
    assert_eq!(recoveries, [Again, Again, Again]);
    assert_eq!(left, kinds(["access", "session"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_write_of_a_revocation_fails_the_same_request_ends_the_session_later() {
    let (recoveries, left) = failing_at_every_write(Act::Revocation).await;
    assert_eq!(recoveries, [Again, Again, Again, Again, Again]);
    assert_eq!(left, kinds(["access", "ended", "provider-tokens", "session"]));
}

/// A backup, or a disk that is busy: shorter than the store's deadline.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_slow_makes_requests_slow_and_loses_nothing() {
    const HELD: Duration = Duration::from_millis(1500);
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let faults = StoreFaults::at(&world.gatehouse.state_directory());
    for act in [Act::Registration, Act::Consent, Act::Callback, Act::Redemption, Act::Refresh, Act::Revocation] {
        let mut ready = Ready::for_act(act, &world, &alice).await;
        faults.lock();
        let began = std::time::Instant::now();
        let asked = tokio::spawn(ready.request(&world).send());
        assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 200, "{act:?}: what reads goes on");
        tokio::time::sleep(HELD.saturating_sub(began.elapsed())).await;
        assert!(!asked.is_finished(), "{act:?}: it did not wait");
        faults.unlock();
        let answer = Answer::of(asked.await.expect("no panic").expect("an answer")).await;
        assert!(ready.is_done(&answer), "{act:?}: {answer:?}");
        ready.finish(&world, &answer).await;
    }
    world.gatehouse.stop().await;
}

/// Whatever is asked of the store is an error: the database is not what it was.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_gives_errors_everything_that_needs_it_is_503_and_nobody_is_signed_out() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    let (client, tokens) = (world.public(), world.flow(&alice).finish().await);
    let access = text(&tokens, "access_token");
    let before = world.store().await;
    let faults = StoreFaults::at(&world.gatehouse.state_directory());
    faults.take_away();
    let refused = [
        ("a call", world.call("/mcp", &access).await),
        ("a refresh", world.refresh(&client, &text(&tokens, "refresh_token")).await),
        ("a redemption", flow.redeem().await),
        ("readiness", world.get("/readyz").await),
    ];
    for (what, answer) in refused {
        assert_eq!(answer.status, 503, "{what}: {answer:?}");
        assert_ne!(answer.header("retry-after"), "", "{what}: {answer:?}");
        assert_eq!(answer.header("www-authenticate"), "", "{what}: a client would throw its token away: {answer:?}");
        assert!(!answer.body.contains("entries") && !answer.body.contains("table"), "{what}: {answer:?}");
    }
    for path in ["/healthz", "/.well-known/oauth-authorization-server"] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
    let asked = world.upstream.requests().len();
    faults.bring_back();
    assert_eq!((world.store().await, world.upstream.requests().len()), (before, asked), "nothing was done");
    assert_eq!(world.get("/readyz").await.status, 200);
    assert_works(&world, &client, &tokens, "the store is back").await;
    flow.to(Step::Redeemed).await;
    world.gatehouse.stop().await;
}
