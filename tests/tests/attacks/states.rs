//! The callback: forged, stale, stolen and repeated states.

use gatehouse_tests::scripted_provider::Authorization;
use gatehouse_tests::{AttackWorld, Endpoint, From, Person, Step, form, parameter};
use url::Url;

use crate::answers::assert_shown;

/// GHSA-rww4-4w9c-7733, PrefectHQ/fastmcp#3201: the attacker consents in one browser and has the victim sign in.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_in_another_browser_than_the_one_that_consented_is_refused() {
    let world = AttackWorld::start().await;
    let (mallory, alice, bob) = (Person::new("mallory"), Person::new("alice"), Person::new("bob"));
    let mut flow = world.flow(&mallory);
    flow.to(Step::SentToProvider).await;
    // The victim signs in where the attacker's link leads, once without any cookie of ours and once with one.
    world.flow(&bob).to(Step::Asked).await;
    for victim in [&alice, &bob] {
        let before = world.store().await;
        let at_provider = victim.open(flow.provider_url.as_ref().unwrap(), From::OtherSite).await;
        let answer = victim.open(&at_provider.location().unwrap(), From::OtherSite).await;
        assert_shown(&answer, 403, victim.name());
        world.assert_unchanged(&before, victim.name()).await;
    }
    assert_eq!(world.provider().count(Endpoint::Token), 0, "the provider was asked");
    // The attacker's own login is not used up, so that this cannot be used to end the logins of others either.
    flow.to(Step::Redeemed).await;
    world.gatehouse.stop().await;
}

/// Login CSRF (RFC 9700, section 4.7.1): the victim is signed in as the attacker.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_the_attackers_login_does_not_finish_the_victims() {
    let world = AttackWorld::start().await;
    let (mallory, alice) = (Person::new("mallory"), Person::new("alice"));
    let (mut of_mallory, mut of_alice) = (world.flow(&mallory), world.flow(&alice));
    of_mallory.to(Step::Returned).await;
    of_alice.to(Step::SentToProvider).await;
    let mut swapped = of_mallory.callback_url.clone().unwrap();
    let pairs: Vec<(String, String)> = swapped
        .query_pairs()
        .map(|(name, value)| match &*name {
            "state" => (name.into_owned(), of_alice.provider_state()),
            _ => (name.into_owned(), value.into_owned()),
        })
        .collect();
    swapped.query_pairs_mut().clear().extend_pairs(&pairs);
    // The provider redeems the code only with the attacker's verifier (PKCE), and the id_token has their nonce.
    let answer = alice.open(&swapped, From::OtherSite).await;
    let location = answer.location().expect("the client is told");
    assert!(parameter(&location, "error").is_some() && parameter(&location, "code").is_none(), "{location}");
    assert_eq!(world.changes_since(&[]).await.iter().filter(|name| name.starts_with("code.")).count(), 0);
    world.gatehouse.stop().await;
}

/// RFC 9700, section 4.7.1; MCP 2026-07-28, security best practices: `state` is random, of one use and short-lived.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_good_once_and_for_ten_minutes() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut finished = world.flow(&alice);
    finished.to(Step::Answered).await;
    let mut old = world.flow(&alice);
    old.to(Step::Returned).await;
    let asked = world.provider().count(Endpoint::Token);

    let before = world.store().await;
    assert_shown(&finished.call_back().await, 400, "repeated");
    world.assert_unchanged(&before, "repeated").await;
    world.gatehouse.clock.advance(10 * 60 + 1);
    assert_shown(&old.call_back().await, 400, "stale");
    world.assert_unchanged(&before, "stale").await;
    assert_eq!(world.provider().count(Endpoint::Token), asked, "the provider was asked");
    world.gatehouse.stop().await;
}

/// States that we did not make, and values of ours that are no states.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_state_or_another_sealed_value_is_no_state() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    let ticket = flow.ticket();
    flow.to(Step::Returned).await;
    let state = flow.provider_state();
    let mut other = world.flow(&alice);
    other.to(Step::Redeemed).await;
    let tokens = other.tokens.clone().unwrap();
    let clients_own = flow.request.iter().find(|(name, _)| name == "state").unwrap().1.clone();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let before = world.store().await;
    let forged = [
        clients_own,
        ticket,
        other.code(),
        text("access_token"),
        text("refresh_token"),
        String::new(),
        "A".repeat(state.len()),
        format!("{state}A"),
        format!("{state}="),
        state[1..].to_owned(),
        state.to_ascii_lowercase(),
        format!("{state}{state}"),
        "../../client".to_owned(),
        "x".repeat(8000),
    ];
    for forged in forged {
        for outcome in [("code", "x"), ("error", "access_denied")] {
            let query = form(&[outcome, ("state", &forged), ("iss", &world.provider().issuer())]);
            let url = Url::parse(&world.url(&format!("/callback?{query}"))).unwrap();
            assert_shown(&alice.open(&url, From::OtherSite).await, 400, &forged);
        }
    }
    world.assert_unchanged(&before, "forged states").await;
    flow.to(Step::Redeemed).await;
    world.gatehouse.stop().await;
}

/// Azure's APIM sample keeps logins under the client's `state` and codes under the bare value: equal ones meet.
#[tokio::test(flavor = "multi_thread")]
async fn two_users_with_the_same_state_and_challenge_get_their_own_sessions() {
    let world = AttackWorld::start_with(gatehouse_tests::AttackSettings {
        mcp_lines: "subject_header = \"x-subject\"".to_owned(),
        ..Default::default()
    })
    .await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let (mut of_alice, of_bob) = (world.flow(&alice), world.flow(&bob));
    let mut of_bob = of_bob;
    // Everything that the client decides is the same.
    of_bob.request = of_alice.request.clone();
    of_bob.verifier = of_alice.verifier.clone();
    for step in [Step::Asked, Step::SentToProvider, Step::Returned, Step::Answered] {
        of_alice.to(step).await;
        of_bob.to(step).await;
    }
    assert_ne!(of_alice.provider_state(), of_bob.provider_state());
    assert_eq!(of_alice.response("state"), of_bob.response("state"));
    assert_ne!(of_alice.code(), of_bob.code());
    for (flow, subject) in [(&mut of_bob, "test:bob"), (&mut of_alice, "test:alice")] {
        flow.to(Step::Redeemed).await;
        let token = flow.tokens.as_ref().unwrap()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(world.call("/mcp", &token).await.json()["result"]["subject"], subject);
    }
    world.gatehouse.stop().await;
}

/// APIM's sample seals with one fixed IV: equal texts would be recognised by their equal ciphertexts.
#[tokio::test(flavor = "multi_thread")]
async fn equal_texts_are_sealed_differently_each_time() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let (mut first, mut second) = (world.flow(&alice), world.flow(&alice));
    second.request = first.request.clone();
    first.to(Step::Asked).await;
    second.to(Step::Asked).await;
    let (one, other) = (first.ticket(), second.ticket());
    let common = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    // The format, and which server key sealed.
    assert!(common < 12, "{common} characters of two tickets are the same");
    world.gatehouse.stop().await;
}

/// The provider refuses: the client is told so, and nothing is kept.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_provider_reaches_the_client_in_our_words_only() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    for (error, told) in [
        ("access_denied", "access_denied"),
        ("login_required", "access_denied"),
        ("temporarily_unavailable", "temporarily_unavailable"),
        ("server_error", "server_error"),
        ("evil<script>&error=x", "server_error"),
    ] {
        world.provider().script(|script| {
            script.authorization = Authorization::Error(error);
            script.response(|response| response.push(("error_description".to_owned(), "<b>theirs</b>".to_owned())));
        });
        let mut flow = world.flow(&alice);
        flow.to(Step::Answered).await;
        let location = flow.client_url.clone().unwrap();
        assert!(!location.as_str().contains("theirs") && !location.as_str().contains("%3Cscript"), "{location}");
        assert_eq!((flow.response("code"), flow.response("error").as_deref()), (None, Some(told)), "{error}");
        assert_eq!(flow.response("iss"), Some(world.gatehouse.url.clone()));
    }
    world.gatehouse.stop().await;
}
