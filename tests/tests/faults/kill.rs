//! SIGKILL of an instance, at every step of what writes. Another instance goes on with the same store, and so does the next process.

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, Endpoint, HostKind, Person, Step, StoreFaults, text};

use crate::acts::{Act, Ready, Recovery, assert_works};

use Recovery::{Again, Anew};

/// No act has so many writes.
const MANY: u32 = 50;

/// Does the act again and again at an instance that is killed in the middle of a write: each time one write later, until there is none
/// left. How each went on at the other instance.
async fn killed_at_every_write(act: Act) -> Vec<Recovery> {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    // So that what is kept of the provider is there already.
    world.flow(&alice).finish().await;
    let faults = StoreFaults::at(&world.gatehouse.state_directory());
    let mut recoveries = Vec::new();
    for writes in 0..MANY {
        let what = format!("killed in write {}", writes + 1);
        let victim = world.process_beside().await;
        let mut ready = Ready::for_act(act, &world, &alice).await;
        faults.hang_after(writes);
        let request = ready.request(&victim).send();
        let answer = tokio::select! {
            answer = request => Some(Answer::of(answer.expect("an answer")).await),
            () = faults.hanging() => None,
        };
        if let Some(answer) = answer {
            faults.mend();
            assert!(ready.is_done(&answer), "{act:?}, {what}: {answer:?}");
            // What was acknowledged a moment ago is there, at whoever is asked.
            victim.gatehouse.kill().await;
            ready.finish(&world, &answer).await;
            world.gatehouse.stop().await;
            return recoveries;
        }
        victim.gatehouse.kill().await;
        faults.mend();
        ready.assert_nothing_is_lost(&world, &what).await;
        recoveries.push(ready.recover(&world, &what).await);
    }
    panic!("{act:?} has more than {MANY} writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_killed_at_any_write_of_a_registration_costs_one_more_request() {
    assert_eq!(killed_at_every_write(Act::Registration).await, [Again; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_killed_at_any_write_of_a_consent_costs_one_more_press_of_the_button() {
    assert_eq!(killed_at_every_write(Act::Consent).await, [Again; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_killed_at_any_write_of_a_callback_costs_a_new_sign_in_at_most() {
    assert_eq!(killed_at_every_write(Act::Callback).await, [Again, Anew, Anew, Anew]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_killed_at_any_write_of_a_redemption_costs_a_new_sign_in_at_most() {
    assert_eq!(killed_at_every_write(Act::Redemption).await, [Again, Anew, Anew, Anew, Anew, Anew, Anew, Anew]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_killed_at_any_write_of_a_refresh_signs_nobody_out() {
    assert_eq!(killed_at_every_write(Act::Refresh).await, [Again; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_killed_at_any_write_of_a_revocation_costs_one_more_request() {
    assert_eq!(killed_at_every_write(Act::Revocation).await, [Again; 5]);
}

/// The browser and the client speak to whichever instance is there: it is another one after every answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_goes_on_although_the_instance_is_killed_after_each_of_its_answers() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let acts = [Act::Registration, Act::Consent, Act::Callback, Act::Redemption, Act::Refresh, Act::Revocation];
    for act in acts {
        let mut ready = Ready::for_act(act, &world, &alice).await;
        let victim = world.process_beside().await;
        let answer = Answer::of(ready.request(&victim).send().await.expect("an answer")).await;
        victim.gatehouse.kill().await;
        assert!(ready.is_done(&answer), "{act:?}: {answer:?}");
        let next = world.process_beside().await;
        ready.finish(&next, &answer).await;
        next.gatehouse.kill().await;
    }
    world.gatehouse.stop().await;
}

/// The answer was on its way: what the client did not get, it asks for again.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_got_the_answer_to_its_refresh_refreshes_with_the_old_token() {
    let world = AttackWorld::start().await;
    let tokens = world.flow(&Person::new("alice")).finish().await;
    let client = world.public();
    let victim = world.process_beside().await;
    let lost = victim.refresh(&client, &text(&tokens, "refresh_token")).await;
    assert_eq!(lost.status, 200, "{lost:?}");
    victim.gatehouse.kill().await;
    let again = world.refresh(&client, &text(&tokens, "refresh_token")).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_works(&world, &client, &again.json(), "after a lost answer").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_got_the_answer_to_its_redemption_signs_in_again() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    let victim = world.process_beside().await;
    let lost = victim.token(&flow.client, &flow.redemption()).await;
    assert_eq!(lost.status, 200, "{lost:?}");
    victim.gatehouse.kill().await;
    // A code that comes twice was perhaps stolen: what it opened ends.
    let again = flow.redeem().await;
    assert_eq!((again.status, again.error().as_str()), (400, "invalid_grant"), "{again:?}");
    assert_eq!(world.call("/mcp", &text(&lost.json(), "access_token")).await.status, 401);
    assert_works(&world, &flow.client, &world.flow(&alice).finish().await, "a new sign-in").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_killed_while_the_provider_is_asked_gives_no_code_and_the_user_signs_in_again() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    world.flow(&alice).finish().await;
    let victim = world.process_beside().await;
    let ready = Ready::for_act(Act::Callback, &world, &alice).await;
    let before = world.store().await;
    let gate = world.provider().hold(Endpoint::Token);
    let asked = tokio::spawn(ready.request(&victim).send());
    gate.arrived(1).await;
    victim.gatehouse.kill().await;
    gate.open();
    assert!(asked.await.expect("no panic").is_err(), "there was an answer");
    world.assert_only_changed(&before, &["login", "login-use"], "killed while the provider was asked").await;
    assert_eq!(ready.recover(&world, "killed while the provider was asked").await, Anew);
    world.gatehouse.stop().await;
}

/// The lease of an instance that is gone is over after a minute.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_killed_while_it_refreshes_the_providers_tokens_holds_the_others_up_for_a_minute() {
    let world = AttackWorld::start_with(AttackSettings {
        mcp_lines: "identity_provider_token_header = \"authorization\"".to_owned(),
        ..AttackSettings::default()
    })
    .await;
    // The user signed in a while ago: to the process, which has the machine's clock, the provider's token has ended.
    world.gatehouse.clock.set_back(100);
    world.provider().script(|script| script.access_token_seconds = 30);
    let token = text(&world.flow(&Person::new("alice")).finish().await, "access_token");
    let victim = world.process_beside().await;
    let gate = world.provider().hold(Endpoint::Token);
    let asked = tokio::spawn(victim.mcp_request("/mcp").bearer_auth(&token).send());
    gate.arrived(1).await;
    victim.gatehouse.kill().await;
    assert!(asked.await.expect("no panic").is_err(), "there was an answer");
    gate.open();
    let refreshes = world.provider().refreshes().len();
    // The provider never answered, and so it rotated nothing.
    world.gatehouse.clock.advance(100 + 61);
    let again = world.call("/mcp", &token).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(world.provider().refreshes().len(), refreshes + 1);
    let received = world.upstream.requests();
    let expected = format!("Bearer {}", world.provider().last_access_token());
    assert_eq!(received.last().expect("a request").header("authorization"), expected);
    world.gatehouse.stop().await;
}

/// `gatehouse up` as it is shipped, all the way: the database of a process that was killed is opened by the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_killed_starts_again_with_everything_that_it_had_acknowledged() {
    let world =
        AttackWorld::start_with(AttackSettings { host: Some(HostKind::EmbeddedProcess), ..AttackSettings::default() })
            .await;
    let client = world.registered("https://client.example/callback").await;
    let tokens = world.flow_of(&Person::new("alice"), client.clone(), "/mcp").finish().await;
    let before = world.store().await;
    let next = world.process_beside().await;
    world.gatehouse.kill().await;
    assert_eq!(next.store().await, before, "what was acknowledged is there");
    assert_works(&next, &client, &tokens, "after the first process was killed").await;
    next.gatehouse.stop().await;
}
