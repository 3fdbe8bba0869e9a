//! The identity provider is down, slow or wrong, or changes its keys at the worst moment.

use std::time::Duration;

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::scripted_provider::Failure;
use gatehouse_tests::{AttackSettings, AttackWorld, Endpoint, Person, Step, text};

use crate::acts::assert_works;

/// Seconds for which the provider's access tokens are good.
const SHORT: u64 = 30;

/// A world whose server gets the provider's token, so that it has to be fresh.
async fn with_provider_tokens() -> AttackWorld {
    let mcp_lines = "identity_provider_token_header = \"authorization\"".to_owned();
    AttackWorld::start_with(AttackSettings { mcp_lines, ..AttackSettings::default() }).await
}

fn fails(world: &AttackWorld, endpoint: Endpoint, failure: Failure) {
    world.provider().script(|script| {
        script.failures.insert(endpoint, failure);
    });
}

fn is_well(world: &AttackWorld) {
    world.provider().script(|script| script.failures.clear());
}

/// How many codes are in the store.
async fn codes(world: &AttackWorld) -> usize {
    world.store().await.iter().filter(|(name, _)| name.starts_with("code.")).count()
}

/// Comes back from a provider that fails now: the error that the client gets, and then a sign-in at one that is well.
async fn error_of_a_callback(world: &AttackWorld, endpoint: Endpoint, failure: Failure) -> String {
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Returned).await;
    let what = format!("{endpoint:?} {failure:?}");
    let before = codes(world).await;
    fails(world, endpoint, failure);
    flow.to(Step::Answered).await;
    assert_eq!((flow.response("code"), codes(world).await), (None, before), "{what}");
    is_well(world);
    // The login was used up, and so was perhaps the provider's code.
    assert_eq!(flow.call_back().await.status, 400, "{what}: not once more");
    // What could not be read is not asked for again and again, but for so often in a minute.
    let tokens = world.flow(&alice).finish().await;
    assert_works(world, &flow.client, &tokens, &what).await;
    flow.response("error").expect("an error")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_when_the_user_comes_back_costs_one_sign_in() {
    let world = AttackWorld::start().await;
    for endpoint in [Endpoint::Token, Endpoint::Keys] {
        for failure in [Failure::Cut, Failure::AnswerLost, Failure::Status(500), Failure::Status(503)] {
            // The keys are asked for when none are kept any more.
            world.gatehouse.clock.advance(2 * 24 * 60 * 60);
            let what = format!("{endpoint:?} {failure:?}");
            assert_eq!(error_of_a_callback(&world, endpoint, failure).await, "temporarily_unavailable", "{what}");
        }
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_answers_with_garbage_costs_one_sign_in() {
    let world = AttackWorld::start().await;
    for endpoint in [Endpoint::Token, Endpoint::Keys] {
        for body in ["not JSON", "[]", "{}", "<html>Sorry</html>", "{\"keys\":[{}],\"access_token\":1}"] {
            world.gatehouse.clock.advance(2 * 24 * 60 * 60);
            let error = error_of_a_callback(&world, endpoint, Failure::Body(body.to_owned())).await;
            assert_eq!(error, "server_error", "{endpoint:?} {body}");
        }
    }
    world.gatehouse.stop().await;
}

/// Gatehouse gives up after its own time, and the client is told so.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_is_given_up_and_the_client_is_told() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Returned).await;
    let gate = world.provider().hold(Endpoint::Token);
    tokio::time::timeout(Duration::from_secs(60), flow.to(Step::Answered)).await.expect("it is given up");
    assert_eq!((flow.response("error").as_deref(), codes(&world).await), (Some("temporarily_unavailable"), 0));
    gate.open();
    assert_works(&world, &flow.client, &world.flow(&alice).finish().await, "it answers again").await;
    world.gatehouse.stop().await;
}

/// Between the user's coming back and the id_token: what is kept of the keys is a moment too old.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_rotated_in_the_middle_of_a_login_are_fetched_and_nobody_notices() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    world.flow(&alice).finish().await;
    let mut flow = world.flow(&alice);
    flow.to(Step::Returned).await;
    let gate = world.provider().hold(Endpoint::Token);
    let asked = world.provider().count(Endpoint::Keys);
    let (provider, rotating) = (world.provider().clone(), gate.clone());
    let rotated = tokio::spawn(async move {
        rotating.arrived(1).await;
        provider.script(|script| {
            script.keys = vec![SigningKey::OtherRsa.jwk()];
            script.id_token(|claims| SigningKey::OtherRsa.sign(claims));
        });
        rotating.open();
    });
    flow.to(Step::Redeemed).await;
    rotated.await.expect("no panic");
    assert_eq!(world.provider().count(Endpoint::Keys), asked + 1, "the new key was asked for");
    assert_works(&world, &flow.client, flow.tokens.as_ref().expect("tokens"), "rotated keys").await;
    world.gatehouse.stop().await;
}

/// The provider signs with a new key before it publishes it, or its key set cannot be had at that moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_published_yet_lets_nobody_in_and_does_a_minute_after_it_is() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    world.flow(&alice).finish().await;
    let before = codes(&world).await;
    world.provider().script(|script| script.id_token(|claims| SigningKey::OtherRsa.sign(claims)));
    for failure in [None, Some(Failure::Status(503))] {
        if let Some(failure) = failure {
            fails(&world, Endpoint::Keys, failure);
        }
        world.gatehouse.clock.advance(120);
        let mut flow = world.flow(&alice);
        flow.to(Step::Answered).await;
        assert_eq!((flow.response("code"), flow.response("error").is_some()), (None, true));
    }
    assert_eq!(codes(&world).await, before);
    is_well(&world);
    world.provider().script(|script| script.keys.push(SigningKey::OtherRsa.jwk()));
    world.gatehouse.clock.advance(120);
    assert_works(&world, &world.public(), &world.flow(&alice).finish().await, "the key is there").await;
    world.gatehouse.stop().await;
}

/// Who has signed in before does not need the provider's metadata and keys anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_metadata_and_keys_cannot_be_had_is_used_as_it_is_known_for_an_hour() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    world.flow(&alice).finish().await;
    for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
        fails(&world, endpoint, Failure::Cut);
    }
    world.gatehouse.clock.advance(59 * 60);
    assert_works(&world, &world.public(), &world.flow(&alice).finish().await, "within the hour").await;
    world.gatehouse.clock.advance(60);
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    let location = flow.decide("approve").await.location().expect("the client is told");
    assert!(location.as_str().contains("error=temporarily_unavailable"), "{location}");
    is_well(&world);
    flow.to(Step::Redeemed).await;
    world.gatehouse.stop().await;
}

/// The client asks for new tokens of ours, and those of the provider are due.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_provider_fails_a_refresh_is_503_nothing_is_rotated_and_the_same_token_works_later() {
    let world = with_provider_tokens().await;
    world.provider().script(|script| script.access_token_seconds = SHORT);
    let client = world.public();
    for failure in
        [Failure::Cut, Failure::Status(500), Failure::Status(503), Failure::Body("<html>Sorry</html>".to_owned())]
    {
        let what = format!("{failure:?}");
        let tokens = world.flow(&Person::new("alice")).finish().await;
        world.gatehouse.clock.advance(SHORT);
        let before = world.store().await;
        fails(&world, Endpoint::Token, failure);
        let refused = world.refresh(&client, &text(&tokens, "refresh_token")).await;
        assert_eq!((refused.status, refused.error().as_str()), (503, "temporarily_unavailable"), "{what}: {refused:?}");
        assert_ne!(refused.header("retry-after"), "", "{what}");
        let kinds = ["provider-tokens", "provider-lease", "provider-attempt"];
        world.assert_only_changed(&before, &kinds, &what).await;
        is_well(&world);
        assert_works(&world, &client, &tokens_after(&world, &tokens).await, &what).await;
    }
    world.gatehouse.stop().await;
}

async fn tokens_after(world: &AttackWorld, tokens: &serde_json::Value) -> serde_json::Value {
    let refreshed = world.refresh(&world.public(), &text(tokens, "refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    refreshed.json()
}

/// A call needs the provider's token, and it has ended.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_provider_fails_a_call_that_needs_its_token_is_503_and_the_client_keeps_its_own() {
    let world = with_provider_tokens().await;
    world.provider().script(|script| script.access_token_seconds = SHORT);
    let tokens = world.flow(&Person::new("alice")).finish().await;
    let token = text(&tokens, "access_token");
    world.gatehouse.clock.advance(SHORT);
    let asked = world.upstream.requests().len();
    fails(&world, Endpoint::Token, Failure::Cut);
    let answer = world.call("/mcp", &token).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!((answer.header("www-authenticate"), world.upstream.requests().len()), ("", asked), "{answer:?}");
    is_well(&world);
    assert_eq!(world.call("/mcp", &token).await.status, 200);
    world.gatehouse.stop().await;
}

/// The provider gives each refresh token for one use. It did what was asked, and nobody heard of it: there is no token left that it
/// takes, so the user has to sign in again, and is told so.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_a_provider_with_single_use_tokens_ends_the_session_and_no_sooner_than_it_says_so() {
    let world = with_provider_tokens().await;
    world.provider().script(|script| script.access_token_seconds = SHORT);
    let alice = Person::new("alice");
    let client = world.public();
    let tokens = world.flow(&alice).finish().await;
    world.gatehouse.clock.advance(SHORT);
    fails(&world, Endpoint::Token, Failure::AnswerLost);
    let lost = world.refresh(&client, &text(&tokens, "refresh_token")).await;
    assert_eq!((lost.status, lost.error().as_str()), (503, "temporarily_unavailable"), "{lost:?}");
    is_well(&world);
    let refused = world.refresh(&client, &text(&tokens, "refresh_token")).await;
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_grant"), "{refused:?}");
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 401);
    assert_works(&world, &client, &world.flow(&alice).finish().await, "a new sign-in").await;
    world.gatehouse.stop().await;
}
