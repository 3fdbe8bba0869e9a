//! A remembered consent: for the same request, in the same browser, by the same user, and for nothing else.

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, Flow, From, Person, Step, TestClient};

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
    for from in [From::SameOrigin, From::OtherSite, From::Unknown] {
        let mut flow = flow(&client, "/mcp");
        flow.from = from;
        assert_eq!(first_step(flow).await, Step::Asked, "{from:?}");
    }
    world.assert_unchanged(&before, "asking").await;
    world.gatehouse.stop().await;
}

/// Issue 9, row S1: a link or a form of a page of ours can lead to where somebody else sends the browser back from, and so
/// can a page of a neighbour, a frame, a script or a browser that looks ahead. What counts is a page that the user opens.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_page_that_the_user_opens_goes_past_the_question() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let client = world.public();
    remember(&world, &alice, &client).await;
    let own = [("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let before = world.store().await;
    let changes = [
        ("sec-fetch-site", vec!["same-origin", "same-site", "cross-site", "", "None", "none, same-origin"]),
        ("sec-fetch-mode", vec!["cors", "no-cors", "same-origin", "websocket", ""]),
        ("sec-fetch-dest", vec!["iframe", "frame", "embed", "object", "empty", "image", "script", ""]),
        ("sec-purpose", vec!["prefetch", "prefetch;prerender", "prefetch;anonymous-client-ip"]),
        ("purpose", vec!["prefetch", "preview"]),
        ("x-moz", vec!["prefetch"]),
    ];
    let changed = changes.iter().flat_map(|(name, values)| values.iter().map(move |value| (*name, Some(*value))));
    for (name, value) in changed.chain(own.map(|(name, _)| (name, None))) {
        let mut headers: Vec<_> = own.into_iter().filter(|(known, _)| *known != name).collect();
        headers.extend(value.map(|value| (name, value)));
        let answer = asked_with(&world, &alice, &client, &headers).await;
        assert_shown(&answer, 200, &format!("{name} {value:?}"));
        assert!(answer.form("/consent").is_some(), "{name} {value:?}: {answer:?}");
    }
    // Twice, and one of them is right.
    let twice: Vec<_> = own.into_iter().chain([("sec-fetch-site", "same-origin")]).collect();
    assert_shown(&asked_with(&world, &alice, &client, &twice).await, 200, "two values");
    world.assert_unchanged(&before, "asking").await;
    // With `Sec-Fetch-User` or without it: not every browser has it, and for a program's link some leave it out.
    for more in [None, Some(("sec-fetch-user", "?1"))] {
        let headers: Vec<_> = own.into_iter().chain(more).collect();
        let answer = asked_with(&world, &alice, &client, &headers).await;
        assert!(answer.header("location").starts_with(world.provider().origin()), "{more:?}: {answer:?}");
    }
    world.gatehouse.stop().await;
}

/// The authorization request of `client` in the browser of `person`, with these headers of Fetch Metadata.
async fn asked_with(world: &AttackWorld, person: &Person, client: &TestClient, headers: &[(&str, &str)]) -> Answer {
    let url = world.flow_of(person, client.clone(), "/mcp").with("scope", Some("mcp")).authorization_url();
    let cookies = person.cookie_header(&url, From::Nowhere, true);
    let request = gatehouse_tests::http().get(url).header("cookie", cookies);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(request.send().await.expect("an answer")).await
}

/// `Sec-Fetch-Site: none` stays through every redirect. A client that a redirect of ours leads to, at once and without a
/// page, can redirect the browser back to us, for another client.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_began_with_a_redirect_of_ours_asks_again() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let victim = TestClient::public("public", "http://127.0.0.1:4711/callback");
    let evil = world.registered("http://127.0.0.1:31337/callback").await;
    remember(&world, &alice, &victim).await;
    remember(&world, &alice, &evil).await;
    let flow = |client: &TestClient| world.flow_of(&alice, client.clone(), "/mcp").with("scope", Some("mcp"));
    alice.forget_cookie("gatehouse-departure");
    assert_eq!(first_step(flow(&victim)).await, Step::SentToProvider, "the user's own act");
    alice.forget_cookie("gatehouse-departure");
    // An error that is told at once, the way to the provider, and a code.
    let error = alice.open(&flow(&evil).with("prompt", Some("none")).authorization_url(), From::Nowhere).await;
    assert!(error.header("location").starts_with("http://127.0.0.1:31337/callback?error="), "{error:?}");
    assert_eq!(first_step(flow(&victim)).await, Step::Asked, "after an error");
    alice.forget_cookie("gatehouse-departure");
    let mut of_evil = flow(&evil);
    of_evil.to(Step::SentToProvider).await;
    assert_eq!(first_step(flow(&victim)).await, Step::Asked, "on the way to the provider");
    alice.forget_cookie("gatehouse-departure");
    of_evil.to(Step::Answered).await;
    let before = world.store().await;
    assert_eq!(first_step(flow(&victim)).await, Step::Asked, "after a code");
    // Somebody tosses in a second note, or one that is none.
    let note = alice.cookies().into_iter().find(|cookie| cookie.name == "gatehouse-departure").expect("a note");
    for attribute in ["httponly", "samesite=lax", "path=/", "max-age=300"] {
        assert!(note.attributes.split(';').any(|part| part.trim() == attribute), "{note:?}");
    }
    for value in ["", "x"] {
        alice.set_cookie("127.0.0.1", &format!("gatehouse-departure={value}; Path=/"));
        assert_eq!(first_step(flow(&victim)).await, Step::Asked, "{value:?}");
    }
    world.assert_unchanged(&before, "asking").await;
    // The same client again: applications sign in at several servers at once.
    alice.forget_cookie("gatehouse-departure");
    for _ in 0..2 {
        assert_eq!(first_step(flow(&victim)).await, Step::SentToProvider, "the same client");
    }
    world.gatehouse.stop().await;
}

/// A note says for whom a browser was sent away last. Whoever has it sent away once more, for the client that they are
/// after, does not make that the only one.
#[tokio::test(flavor = "multi_thread")]
async fn a_note_of_a_redirect_is_not_overwritten_by_one_for_the_client_that_an_attacker_is_after() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let victim = TestClient::public("public", "http://127.0.0.1:4711/callback");
    let evil = world.registered("http://127.0.0.1:31337/callback").await;
    remember(&world, &alice, &victim).await;
    remember(&world, &alice, &evil).await;
    let flow = |client: &TestClient| world.flow_of(&alice, client.clone(), "/mcp").with("scope", Some("mcp"));
    for (name, value) in [("response_type", "bad"), ("prompt", "none")] {
        alice.forget_cookie("gatehouse-departure");
        assert_eq!(first_step(flow(&victim)).await, Step::SentToProvider, "nobody else was there");
        alice.forget_cookie("gatehouse-departure");
        let before = world.store().await;
        let of_evil = flow(&evil).with("prompt", Some("none")).authorization_url();
        assert!(alice.open(&of_evil, From::Nowhere).await.header("location").contains(":31337/"));
        for from in [From::OtherSite, From::Nowhere, From::SameOrigin] {
            let of_victim = flow(&victim).with(name, Some(value)).authorization_url();
            let sent = alice.open(&of_victim, from).await;
            assert!(sent.header("location").starts_with("http://127.0.0.1:4711/callback?error="), "{sent:?}");
            assert_eq!(first_step(flow(&victim)).await, Step::Asked, "{name}={value}, {from:?}");
        }
        let notes: Vec<_> = alice.cookies().into_iter().filter(|cookie| cookie.name == "gatehouse-departure").collect();
        assert!(notes.len() == 1 && notes[0].value == "several", "{notes:?}");
        // Nor does anybody else go past it: whom it was for first is no longer known.
        assert_eq!(first_step(flow(&evil)).await, Step::Asked, "the first client");
        world.assert_unchanged(&before, "asking").await;
    }
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
