//! A remembered consent: for the same request, in the same browser, by the same user, and for nothing else.

use gatehouse_tests::{AttackSettings, AttackWorld, Flow, From, Person, Step, TestClient};

use crate::answers::assert_shown;

/// The first page after the authorization request.
async fn first_step(mut flow: Flow<'_>) -> Step {
    flow.advance().await;
    flow.step()
}

async fn remember(world: &AttackWorld, person: &Person, client: &TestClient) {
    let mut flow = world.flow_of(person, client.clone(), "/mcp").with("scope", Some("mcp"));
    flow.remember = true;
    flow.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_consent_is_good_for_the_same_request_only() {
    let world = AttackWorld::start().await;
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    let client = TestClient::public("public", "http://127.0.0.1:4711/callback");
    let flow = |client: &TestClient, resource: &str| {
        world.flow_of(&alice, client.clone(), resource).with("scope", Some("mcp"))
    };
    assert_eq!(first_step(flow(&client, "/mcp")).await, Step::Asked, "before");
    remember(&world, &alice, &client).await;
    let same_on_another_port = TestClient::public("public", "http://127.0.0.1:4712/callback");
    assert_eq!(
        first_step(flow(&same_on_another_port, "/mcp")).await,
        Step::SentToProvider,
        "a native application's next port"
    );
    let https = world.public();
    let registered = world.registered("http://127.0.0.1:4711/callback").await;
    let before = world.store().await;
    for (what, flow) in [
        ("another redirect URI", flow(&https, "/mcp")),
        ("another client", world.flow_of(&alice, world.other(), "/mcp").with("scope", Some("mcp"))),
        ("another client with the same redirect URI", flow(&registered, "/mcp")),
        ("another resource", flow(&client, "/other")),
        ("more scopes", flow(&client, "/mcp").with("scope", Some("mcp files"))),
        ("other scopes", flow(&client, "/mcp").with("scope", Some("files"))),
        ("all scopes", flow(&client, "/mcp").with("scope", None)),
        ("prompt=consent", flow(&client, "/mcp").with("prompt", Some("consent"))),
        ("another browser", world.flow_of(&mallory, client.clone(), "/mcp").with("scope", Some("mcp"))),
    ] {
        assert_eq!(first_step(flow).await, Step::Asked, "{what}");
    }
    for from in [From::OtherSite, From::Unknown] {
        let mut flow = flow(&client, "/mcp");
        flow.from = from;
        assert_eq!(first_step(flow).await, Step::Asked, "{from:?}");
    }
    world.assert_unchanged(&before, "asking").await;
    world.gatehouse.stop().await;
}

/// Two people at one browser: the consent was the first one's.
#[tokio::test(flavor = "multi_thread")]
async fn another_user_of_the_same_browser_is_asked_before_a_code_is_issued() {
    let world = AttackWorld::start().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let client = world.public();
    remember(&world, &alice, &client).await;
    for cookie in alice.cookies() {
        bob.set_cookie(&cookie.host, &format!("{}={};{}", cookie.name, cookie.value, cookie.attributes));
    }
    let mut flow = world.flow_of(&bob, client, "/mcp").with("scope", Some("mcp"));
    flow.to(Step::Returned).await;
    let answer = flow.call_back().await;
    assert_shown(&answer, 200, "the consent page");
    assert!(answer.form("/consent").is_some(), "{answer:?}");
    let codes = world.store().await.iter().filter(|(name, _)| name.starts_with("code.")).count();
    assert_eq!(codes, 1, "only the first user's code");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_ends_and_is_not_remembered_unless_asked() {
    let world =
        AttackWorld::start_with(AttackSettings { lifetimes: "consent = 3600".to_owned(), ..AttackSettings::default() })
            .await;
    let alice = Person::new("alice");
    let client = world.public();
    let flow = || world.flow_of(&alice, client.clone(), "/mcp").with("scope", Some("mcp"));
    flow().finish().await;
    assert_eq!(first_step(flow()).await, Step::Asked, "the box was not ticked");
    remember(&world, &alice, &client).await;
    assert_eq!(first_step(flow()).await, Step::SentToProvider);
    world.gatehouse.clock.advance(3601);
    assert_eq!(first_step(flow()).await, Step::Asked, "an hour later");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_operator_does_not_want_it_no_consent_is_remembered() {
    let world =
        AttackWorld::start_with(AttackSettings { lifetimes: "consent = 0".to_owned(), ..AttackSettings::default() })
            .await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    assert_eq!(flow.form("/consent").checkboxes, [], "there is no box");
    // Somebody ticks it all the same.
    let mut pairs = flow.decision("approve");
    for value in ["yes", "on", "true", "1"] {
        pairs.push(("remember".to_owned(), value.to_owned()));
        alice.submit(&world.gatehouse.url, "/consent", &pairs).await;
        pairs.pop();
    }
    flow.to(Step::Redeemed).await;
    assert_eq!(first_step(world.flow(&alice)).await, Step::Asked);
    world.gatehouse.stop().await;
}

/// The denial of a remembered client, and a denial that is to be remembered: neither leaves a consent.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_never_remembered_as_a_consent() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.remember = true;
    flow.to(Step::Asked).await;
    let before = world.store().await;
    assert!(flow.decide("deny").await.header("location").contains("access_denied"));
    world.assert_unchanged(&before, "a denial").await;
    assert_eq!(first_step(world.flow(&alice)).await, Step::Asked);
    world.gatehouse.stop().await;
}
