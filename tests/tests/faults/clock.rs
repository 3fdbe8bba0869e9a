//! Clocks that jump, and instances whose clocks differ.

use std::sync::Arc;
use std::time::Duration;

use gatehouse_host::{KeyValueStore, WallClock};
use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::{
    AttackSettings, AttackWorld, ClientAuthentication, Endpoint, From, Person, Step, TestClient, TestClock, text,
};
use serde_json::json;

use crate::acts::assert_works;

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// A clock that is ahead of another one.
struct Ahead {
    of: Arc<TestClock>,
    by: Duration,
}

impl WallClock for Ahead {
    fn now(&self) -> Duration {
        self.of.now() + self.by
    }
}

/// Another instance with the same store, whose clock is so many seconds ahead, and which sweeps all the time if it is to.
async fn ahead(world: &AttackWorld, seconds: u64, sweeps: bool) -> AttackWorld {
    let clock = Ahead { of: Arc::clone(&world.gatehouse.clock), by: Duration::from_secs(seconds) };
    let adjust = |options: &mut gatehouse_host::Options| {
        options.wall_clock = Arc::new(clock);
        if sweeps {
            options.sweep_every = Duration::from_millis(10);
        }
    };
    world.beside_adjusted(&[], adjust).await
}

async fn is_swept(world: &AttackWorld, kind: &str) {
    let swept = async {
        while world.store().await.iter().any(|(name, _)| name.starts_with(&format!("{kind}."))) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), swept).await.expect("it is swept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_an_hour_forward_costs_one_refresh() {
    let world = AttackWorld::start().await;
    let tokens = world.flow(&Person::new("alice")).finish().await;
    world.gatehouse.clock.advance(HOUR);
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 401);
    let refreshed = world.refresh(&world.public(), &text(&tokens, "refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    assert_works(&world, &world.public(), &refreshed.json(), "an hour later").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_past_the_end_of_a_session_costs_a_sign_in_and_set_right_it_costs_nothing() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let (client, tokens) = (world.public(), world.flow(&alice).finish().await);
    let before = world.store().await;
    world.gatehouse.clock.advance(400 * DAY);
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 401);
    let refused = world.refresh(&client, &text(&tokens, "refresh_token")).await;
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_grant"), "{refused:?}");
    assert_eq!(world.store().await, before, "what was refused changed nothing");
    assert_works(&world, &client, &world.flow(&alice).finish().await, "in a year").await;
    // Nobody has swept meanwhile.
    world.gatehouse.clock.set_back(400 * DAY);
    assert_works(&world, &client, &tokens, "the clock is right again").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_forward_in_the_middle_of_a_sign_in_costs_this_sign_in() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Returned).await;
    world.gatehouse.clock.advance(11 * 60);
    let late = flow.call_back().await;
    assert_eq!((late.status, late.location()), (400, None), "{late:?}");
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    world.gatehouse.clock.advance(61);
    let late = flow.redeem().await;
    assert_eq!((late.status, late.error().as_str()), (400, "invalid_grant"), "{late:?}");
    assert_works(&world, &flow.client, &world.flow(&alice).finish().await, "a new sign-in").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_an_hour_back_signs_nobody_out_and_lets_nothing_be_used_twice() {
    let world = AttackWorld::start().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let tokens = world.flow(&alice).finish().await;
    let mut flow = world.flow(&bob);
    flow.to(Step::Redeemed).await;
    world.gatehouse.clock.set_back(HOUR);
    assert_works(&world, &world.public(), &tokens, "an hour ago").await;
    // A state, and a code.
    let again = flow.call_back().await;
    assert_eq!((again.status, again.location()), (400, None), "{again:?}");
    let again = flow.redeem().await;
    assert_eq!((again.status, again.error().as_str()), (400, "invalid_grant"), "{again:?}");
    // Who begins now begins as usual.
    assert_works(&world, &world.public(), &world.flow(&alice).finish().await, "begun an hour ago").await;
    world.gatehouse.stop().await;
}

/// What expired by a wrong clock is removed, and what was removed cannot be used once more.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_swept_by_a_clock_that_was_a_year_ahead_is_gone_and_the_user_signs_in_again() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Redeemed).await;
    let tokens = flow.tokens.clone().expect("tokens");
    let wrong = ahead(&world, 400 * DAY, true).await;
    is_swept(&world, "session").await;
    wrong.gatehouse.stop().await;
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 401);
    let refused = world.refresh(&flow.client, &text(&tokens, "refresh_token")).await;
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_grant"), "{refused:?}");
    let again = flow.call_back().await;
    assert_eq!((again.status, again.location()), (400, None), "{again:?}");
    let again = flow.redeem().await;
    assert_eq!((again.status, again.error().as_str()), (400, "invalid_grant"), "{again:?}");
    assert!(world.store().await.iter().all(|(name, _)| !name.starts_with("session.")), "a session is there");
    assert_works(&world, &flow.client, &world.flow(&alice).finish().await, "a new sign-in").await;
    // The lease of the one that swept is of a year from now: it keeps nobody from sweeping.
    let right = ahead(&world, 0, true).await;
    world.gatehouse.clock.advance(DAY);
    is_swept(&world, "code-use").await;
    right.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// The windows of a rate follow the clock: after a jump, they are new ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_back_gives_a_rate_a_new_window_and_locks_nobody_out() {
    const ALLOWED: usize = 5;
    let mcp_lines = format!("rates = [{{ per = \"subject\", requests = {ALLOWED}, seconds = 60 }}]");
    let world = AttackWorld::start_with(AttackSettings { mcp_lines, ..AttackSettings::default() }).await;
    let token = text(&world.flow(&Person::new("alice")).finish().await, "access_token");
    for jump in 0..2 {
        // So that no window ends meanwhile.
        world.gatehouse.clock.advance(60 - world.now() % 60);
        for call in 0..ALLOWED {
            assert_eq!(world.call("/mcp", &token).await.status, 200, "jump {jump}, call {call}");
        }
        let refused = world.call("/mcp", &token).await;
        assert_eq!(refused.status, 429, "{refused:?}");
        assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds <= 120), "{refused:?}");
        world.gatehouse.clock.set_back(600);
    }
    world.gatehouse.stop().await;
}

/// OpenID Connect leaves a minute for the difference of two clocks.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_clock_is_half_a_minute_ahead_lets_users_in_and_one_that_is_90_seconds_ahead_does_not() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    for (ahead, is_let_in) in [(30, true), (90, false), (30, true)] {
        world.provider().script(|script| {
            script.claims(move |claims| {
                for name in ["iat", "exp"] {
                    claims[name] = (claims[name].as_u64().expect("a time") + ahead).into();
                }
            });
        });
        let mut flow = world.flow(&alice);
        flow.to(Step::Answered).await;
        assert_eq!(
            (flow.response("code").is_some(), flow.response("error").is_none()),
            (is_let_in, is_let_in),
            "{ahead}"
        );
    }
    world.gatehouse.log.wait_for(|line| line.contains("is a clock wrong?")).await;
    world.gatehouse.stop().await;
}

const APART: u64 = 90;

#[tokio::test(flavor = "multi_thread")]
async fn at_two_instances_whose_clocks_are_90_seconds_apart_tokens_of_each_work_at_the_other() {
    let world = AttackWorld::start().await;
    let fast = ahead(&world, APART, false).await;
    let alice = Person::new("alice");
    let of_slow = world.flow(&alice).finish().await;
    assert_eq!(fast.call("/mcp", &text(&of_slow, "access_token")).await.status, 200);
    let of_fast = fast.refresh(&world.public(), &text(&of_slow, "refresh_token")).await;
    assert_eq!(of_fast.status, 200, "{of_fast:?}");
    assert_works(&world, &world.public(), &of_fast.json(), "at the slow one").await;
    // To the fast one, a token of the slow one ends so much earlier.
    let of_slow = world.flow(&alice).finish().await;
    world.gatehouse.clock.advance(300 - APART + 11);
    let token = text(&of_slow, "access_token");
    assert_eq!((fast.call("/mcp", &token).await.status, world.call("/mcp", &token).await.status), (401, 200));
    let refreshed = fast.refresh(&world.public(), &text(&of_slow, "refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    fast.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// A code lives for a minute.
#[tokio::test(flavor = "multi_thread")]
async fn at_two_instances_whose_clocks_are_90_seconds_apart_the_one_that_is_ahead_refuses_codes_of_the_other() {
    let world = AttackWorld::start().await;
    let fast = ahead(&world, APART, false).await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    let before = world.store().await;
    let refused = fast.token(&flow.client, &flow.redemption()).await;
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_grant"), "{refused:?}");
    world.assert_unchanged(&before, "a code that seems to be over").await;
    let redeemed = world.token(&flow.client, &flow.redemption()).await;
    assert_eq!(redeemed.status, 200, "it is not used up: {redeemed:?}");
    // The other way round, everything works: begun at the slow one, answered by the fast one, redeemed at the slow one.
    let mut flow = world.flow(&alice);
    flow.to(Step::Returned).await;
    let url = flow.callback_url.as_ref().expect("a URL").as_str().replace(&world.gatehouse.url, &fast.gatehouse.url);
    flow.answered(alice.open(&url.parse().expect("a URL"), From::OtherSite).await);
    assert_works(&world, &world.public(), &flow.finish().await, "a code of the fast one").await;
    fast.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// A client that refreshes twice at the same moment gets twins. To an instance that is ahead, that moment was long ago.
#[tokio::test(flavor = "multi_thread")]
async fn at_two_instances_whose_clocks_are_90_seconds_apart_one_token_refreshed_at_both_ends_the_session() {
    let world = AttackWorld::start().await;
    let fast = ahead(&world, APART, false).await;
    let (client, tokens) = (world.public(), world.flow(&Person::new("alice")).finish().await);
    let refresh = text(&tokens, "refresh_token");
    let first = world.refresh(&client, &refresh).await;
    assert_eq!(first.status, 200, "{first:?}");
    let second = fast.refresh(&client, &refresh).await;
    assert_eq!((second.status, second.error().as_str()), (400, "invalid_grant"), "{second:?}");
    assert_eq!(world.call("/mcp", &text(&first.json(), "access_token")).await.status, 401, "the session has ended");
    fast.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// The instance that is ahead sweeps. What keeps an assertion from being used twice must outlive it by every clock.
#[tokio::test(flavor = "multi_thread")]
async fn at_two_instances_whose_clocks_are_90_seconds_apart_an_assertion_is_used_once() {
    let jwks = json!({ "keys": [SigningKey::P256.jwk()] });
    let tables = format!(
        "[[clients]]\nclient_id = \"signer\"\nclient_name = \"Signer\"\nredirect_uris = [\"https://client.example/callback\"]\n\
         token_endpoint_auth_method = \"private_key_jwt\"\njwks = '{jwks}'\n"
    );
    let world = AttackWorld::start_with(AttackSettings { tables, ..AttackSettings::default() }).await;
    let signer = TestClient::public("signer", "https://client.example/callback")
        .with(ClientAuthentication::PrivateKeyJwt(SigningKey::P256));
    world.flow_of(&Person::new("alice"), signer, "/mcp").finish().await;
    let claims = world.client_assertion("signer");
    let assertion = SigningKey::P256.sign(&claims);
    let revocation = [
        ("token", "no-token"),
        ("client_id", "signer"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    assert_eq!(world.post("/revoke", &revocation).await.status, 200, "it is good once");
    // To the slow one, the assertion is within the minute that is left to clocks behind its end.
    let end = claims["exp"].as_u64().expect("a time");
    world.gatehouse.clock.advance(end + 45 - world.now());
    let entries = KeyValueStore::open(&world.gatehouse.state_directory()).expect("the store opens");
    let long_ago = format!("long-ago.{}.x", world.now() - DAY);
    entries.set_many("default", vec![(long_ago, Vec::new())]).await.expect("the store answers");
    let fast = ahead(&world, APART, true).await;
    is_swept(&world, "long-ago").await;
    let again = world.post("/revoke", &revocation).await;
    assert_eq!((again.status, again.error().as_str()), (401, "invalid_client"), "{again:?}");
    fast.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// A lease of the slow one seems to be over to the fast one: it asks the provider as well, with the same token. A provider that takes
/// each of them once takes that for theft.
#[tokio::test(flavor = "multi_thread")]
async fn at_two_instances_whose_clocks_are_90_seconds_apart_both_refresh_the_providers_token_and_the_session_ends() {
    let mcp_lines = "identity_provider_token_header = \"authorization\"".to_owned();
    let world = AttackWorld::start_with(AttackSettings { mcp_lines, ..AttackSettings::default() }).await;
    let fast = ahead(&world, APART, false).await;
    world.provider().script(|script| script.access_token_seconds = 30);
    let alice = Person::new("alice");
    let token = text(&world.flow(&alice).finish().await, "access_token");
    world.gatehouse.clock.advance(30);
    let gate = world.provider().hold(Endpoint::Token);
    let slow = tokio::spawn(world.mcp_request("/mcp").bearer_auth(&token).send());
    gate.arrived(1).await;
    let quick = tokio::spawn(fast.mcp_request("/mcp").bearer_auth(&token).send());
    gate.arrived(1).await;
    gate.open();
    let answers = [slow.await, quick.await].map(|answer| answer.expect("no panic").expect("an answer").status());
    assert!(answers.iter().any(|status| *status == 401), "{answers:?}");
    assert_eq!(world.provider().refreshes().len(), 2);
    let ended = world.call("/mcp", &token).await;
    assert_eq!(ended.status, 401, "{ended:?}");
    assert_ne!(ended.header("www-authenticate"), "", "the client is sent to sign in");
    world.provider().script(|script| script.access_token_seconds = 3600);
    assert_works(&world, &world.public(), &world.flow(&alice).finish().await, "a new sign-in").await;
    fast.gatehouse.stop().await;
    world.gatehouse.stop().await;
}
