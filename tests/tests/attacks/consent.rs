//! The consent page: asked of the right person, by our own page, and never by a redirect alone.

use gatehouse_tests::{AttackSettings, AttackWorld, Endpoint, From, Person, Step, TestClient, flipped, form};

use crate::answers::{assert_page, assert_shown};

/// GHSA-c2jp-c369-7pvx: the provider has the user's session and asks nothing, so a new client would get a code unseen.
/// Obot and sigbit ask nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_client_gets_nothing_without_consent_although_the_provider_asks_nobody() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    // She has a session at the provider, and with us, for another client.
    world.flow(&alice).finish().await;
    let client = world.registered("https://evil.example/callback").await;
    let asked = world.provider().count(Endpoint::Authorize);
    let before = world.store().await;
    for from in [From::Nowhere, From::OtherSite, From::SameOrigin, From::Unknown] {
        let mut flow = world.flow_of(&alice, client.clone(), "/mcp");
        flow.from = from;
        flow.to(Step::Asked).await;
        assert_eq!(flow.step(), Step::Asked, "{from:?}");
        assert_shown(flow.page.as_ref().unwrap(), 200, "consent");
    }
    world.assert_unchanged(&before, "asking").await;
    assert_eq!(world.provider().count(Endpoint::Authorize), asked, "the provider was asked");
    world.gatehouse.stop().await;
}

/// PrefectHQ/fastmcp#3960, GHSA-6x8h-498w-gv8c, "AS in the middle": another site sends the browser here for a client
/// that was allowed before.
#[tokio::test(flavor = "multi_thread")]
async fn a_cross_site_navigation_never_consents_silently() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    world.flow(&alice).finish().await;
    let mut remembered = world.flow(&alice);
    remembered.remember = true;
    remembered.finish().await;
    let before = world.store().await;
    for from in [From::OtherSite, From::Unknown] {
        let mut flow = world.flow(&alice);
        flow.from = from;
        let answer = alice.open(&flow.authorization_url(), from).await;
        assert_shown(&answer, 200, &format!("{from:?}"));
        assert!(answer.form("/consent").is_some(), "{from:?}: {answer:?}");
    }
    // `same-site` is another site's page, too, and what is no page cannot ask at all.
    let flow = world.flow(&alice);
    let cookies = alice.cookie_header(&flow.authorization_url(), From::Nowhere, true);
    for site in ["same-site", "cross-site", "NONE", "none, none", ""] {
        let request = gatehouse_tests::http().get(flow.authorization_url()).header("cookie", &cookies);
        let answer = request.header("sec-fetch-site", site).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().get("location")), (200, None), "{site}");
    }
    world.assert_unchanged(&before, "cross-site navigations").await;
    world.gatehouse.stop().await;
}

/// PrefectHQ/fastmcp#3519: cross-site request forgery of the approval. Every form of ours, from everywhere it may not
/// come from.
#[tokio::test(flavor = "multi_thread")]
async fn no_form_is_taken_from_another_origin_another_browser_or_without_its_ticket() {
    let world = AttackWorld::start().await;
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    let (mut of_alice, mut of_mallory) = (world.flow(&alice), world.flow(&mallory));
    of_alice.to(Step::Asked).await;
    of_mallory.to(Step::Asked).await;
    let url = world.url("/consent");
    let own = world.gatehouse.url.clone();
    let before = world.store().await;
    let good = form(&of_alice.decision("approve"));
    // Another page posts the form that it cannot have read, or reads and posts it from a framed copy.
    for origin in [
        "https://evil.example",
        "null",
        "http://127.0.0.1",
        "http://localhost",
        &own.replace("http:", "https:"),
        &format!("{own}.evil.example"),
        &format!("{own}/"),
    ] {
        assert_shown(&alice.post(&url, &good, From::SameOrigin, Some(origin)).await, 403, origin);
    }
    for from in [From::OtherSite, From::Nowhere] {
        assert_shown(&alice.post(&url, &good, from, Some(&own)).await, 403, &format!("{from:?}"));
        assert_shown(&alice.post(&url, &good, from, None).await, 403, &format!("{from:?}"));
    }
    // The attacker's own ticket in the victim's browser, and the victim's in the attacker's.
    let theirs = form(&of_mallory.decision("approve"));
    assert_shown(&alice.post(&url, &theirs, From::SameOrigin, Some(&own)).await, 403, "the attacker's ticket");
    assert_shown(&mallory.post(&url, &good, From::SameOrigin, Some(&own)).await, 403, "the victim's ticket");
    // A subdomain, or a plain-http twin of ours, tosses a cookie in.
    let tossed = Person::new("alice");
    let of_another = &mallory.cookies()[0];
    tossed.set_cookie("127.0.0.1", &format!("{}={}", of_another.name, of_another.value));
    assert_shown(&tossed.post(&url, &good, From::SameOrigin, Some(&own)).await, 403, "a tossed cookie");
    // One that she has beside her own, and one that another application of the domain has set, change nothing for her.
    alice.set_cookie("127.0.0.1", &format!("{}={}", of_another.name, of_another.value));
    assert_shown(&alice.post(&url, &good, From::OtherSite, Some(&own)).await, 403, "a tossed cookie beside her own");
    for body in ["", "decision=approve", "ticket=&decision=approve", &good.replace("decision=approve", "")] {
        assert_shown(&alice.post(&url, body, From::SameOrigin, Some(&own)).await, 403, body);
    }
    let as_a_link = alice.open(&format!("{url}?{good}").parse().unwrap(), From::SameOrigin).await;
    assert_eq!((as_a_link.status, as_a_link.header("location")), (405, ""), "{as_a_link:?}");
    world.assert_unchanged(&before, "forged forms").await;
    assert_eq!(world.provider().count(Endpoint::Authorize), 0);
    of_alice.to(Step::Redeemed).await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_ends_after_a_quarter_of_an_hour_and_is_good_for_its_own_request_only() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    let before = world.store().await;
    // Fields beside the ticket change nothing of the request in it.
    let extra =
        [("client_id", "other"), ("redirect_uri", "https://evil.example/"), ("scope", "admin"), ("resource", "x")];
    let mut pairs = flow.decision("deny");
    pairs.extend(extra.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let answer = alice.submit(&world.gatehouse.url, "/consent", &pairs).await;
    assert!(
        answer.header("location").starts_with("https://client.example/callback?error=access_denied&"),
        "{answer:?}"
    );
    world.gatehouse.clock.advance(15 * 60 + 1);
    assert_shown(&flow.decide("approve").await, 403, "an old page");
    world.assert_unchanged(&before, "an old page").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_denies_leaves_nothing_behind_and_is_not_sent_to_the_provider() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    let before = world.store().await;
    for decision in ["deny", "", "Approve", "yes", "approve "] {
        let ticket = flow.ticket();
        let pairs = [("ticket", ticket.as_str()), ("decision", decision)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let answer = alice.submit(&world.gatehouse.url, "/consent", &pairs).await;
        let location = answer.header("location");
        assert!(answer.status == 403 || location.contains("error=access_denied"), "{decision:?}: {answer:?}");
        assert!(!location.contains("code="), "{location}");
    }
    world.assert_unchanged(&before, "denials").await;
    assert_eq!(world.provider().count(Endpoint::Authorize), 0);
    world.gatehouse.stop().await;
}

/// cloudflare/workers-oauth-provider#92: what the page showed is what counts, and it is checked again at the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_was_altered_anywhere_is_refused() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    let before = world.store().await;
    let ticket = flow.ticket();
    for position in (0..ticket.len()).step_by(7) {
        let altered =
            [("ticket".to_owned(), flipped(&ticket, position)), ("decision".to_owned(), "approve".to_owned())];
        assert_shown(&alice.submit(&world.gatehouse.url, "/consent", &altered).await, 403, "an altered ticket");
    }
    world.assert_unchanged(&before, "altered tickets").await;
    world.gatehouse.stop().await;
}

/// Clickjacking (RFC 9700, section 4.16): no page of ours can be framed, kept or made to load anything.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_forbids_framing_scripts_and_caching() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    assert_page(flow.page.as_ref().unwrap(), "consent");
    for (path, what) in [
        ("/authorize", "no parameters"),
        ("/authorize?client_id=unknown", "an unknown client"),
        ("/callback", "no parameters"),
        ("/callback?code=x&state=x", "a forged state"),
        ("/callback?error=access_denied&state=x", "a forged error"),
    ] {
        let answer = alice.open(&world.url(path).parse().unwrap(), From::OtherSite).await;
        assert_shown(&answer, 400, what);
    }
    assert_shown(&alice.submit(&world.gatehouse.url, "/consent", &[]).await, 403, "an empty form");
    // Browser-side code of other origins reads none of them (RFC 9700, section 2.6).
    for path in ["/authorize", "/callback", "/consent"] {
        let request = gatehouse_tests::http().get(world.url(path)).header("origin", "https://evil.example");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers().get("access-control-allow-origin"), None, "{path}");
        assert_eq!(answer.headers().get("access-control-allow-credentials"), None, "{path}");
    }
    world.gatehouse.stop().await;
}

/// MCP 2026-07-28, security best practices: the cookie is `__Host-`, `Secure`, `HttpOnly` and `SameSite=Lax`. Plain-http
/// loopback has no `__Host-`, and does not pretend to.
#[tokio::test(flavor = "multi_thread")]
async fn the_browsers_cookie_is_host_only_and_hidden_from_scripts() {
    let settings =
        AttackSettings { public_url: Some("https://gateway.example".to_owned()), ..AttackSettings::default() };
    let world = AttackWorld::start_with(settings).await;
    let alice = Person::new("alice");
    let flow = world.flow(&alice).with("resource", Some("https://gateway.example/mcp"));
    let answer = alice.open(&flow.authorization_url(), From::Nowhere).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-gatehouse-"), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split(';').any(|part| part.trim() == attribute), "{cookie}");
    }
    assert!(!cookie.to_ascii_lowercase().contains("domain"), "{cookie}");
    // The name without the prefix, which any page of a neighbouring host could set, is not ours.
    let tossed = Person::new("alice");
    tossed.set_cookie("127.0.0.1", cookie.split(';').next().unwrap().trim_start_matches("__Host-"));
    let ticket = answer.form("/consent").unwrap().field("ticket").to_owned();
    let pairs = [("ticket".to_owned(), ticket), ("decision".to_owned(), "approve".to_owned())];
    let body = form(&pairs);
    let answer = tossed.post(&world.url("/consent"), &body, From::SameOrigin, Some("https://gateway.example")).await;
    assert_shown(&answer, 403, "a cookie without its prefix");
    world.gatehouse.stop().await;
}

/// W12: each of them gets a cookie of its own, since none has one yet. None takes another's place.
#[tokio::test(flavor = "multi_thread")]
async fn three_windows_that_a_fresh_browser_opens_at_once_all_finish_and_are_one_browser() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let client = TestClient::public("public", "http://127.0.0.1:4711/callback");
    let flow = |client: &TestClient| world.flow_of(&alice, client.clone(), "/mcp").with("scope", Some("mcp"));
    let (mut first, mut second, mut third) = (flow(&client), flow(&world.other()), flow(&client));
    tokio::join!(first.to(Step::Asked), second.to(Step::Asked), third.to(Step::Asked));
    let browsers =
        || alice.cookies().into_iter().filter(|cookie| cookie.name.starts_with("gatehouse-browser-")).count();
    assert_eq!(browsers(), 3, "{:?}", alice.cookies());
    first.remember = true;
    // In another order than they came.
    third.to(Step::SentToProvider).await;
    first.to(Step::Redeemed).await;
    second.to(Step::Redeemed).await;
    third.to(Step::Redeemed).await;
    // What was remembered in one window counts in all, and a browser that has cookies gets no further one.
    let mut next = flow(&client);
    assert_eq!(browsers(), 3);
    alice.forget_cookie("gatehouse-departure");
    next.advance().await;
    assert_eq!(next.step(), Step::SentToProvider);
    next.to(Step::Redeemed).await;
    assert_eq!(browsers(), 3);
    // It is still this browser and no other one.
    let mut again = flow(&client);
    again.request.push(("prompt".to_owned(), "consent".to_owned()));
    again.to(Step::Asked).await;
    let before = world.store().await;
    let mallory = Person::new("mallory");
    world.flow(&mallory).to(Step::Asked).await;
    let answer = mallory.submit(&world.gatehouse.url, "/consent", &again.decision("approve")).await;
    assert_shown(&answer, 403, "another browser");
    world.assert_unchanged(&before, "another browser").await;
    world.gatehouse.stop().await;
}

/// What the page must name so that a person can decide: client, where the answer goes, what is allowed, who signs in.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_names_who_asks_for_what_and_where_the_answer_goes() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let registered = world.registered("https://evil.example/callback").await;
    let loopback = TestClient::public("public", "http://127.0.0.1:4711/callback");
    for (client, parts) in [
        (registered, ["Registered", "evil.example", "nobody has checked it", "Provider test"]),
        (loopback, ["Public client", "127.0.0.1:4711", "this computer", "Provider test"]),
        (world.public(), ["Public client", "client.example", "Read your files", "First server"]),
    ] {
        let mut flow = world.flow_of(&alice, client, "/mcp");
        flow.to(Step::Asked).await;
        let page = &flow.page.as_ref().unwrap().body;
        for part in parts {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
    world.gatehouse.stop().await;
}
