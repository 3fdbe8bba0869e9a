//! Clients that nobody is asked about, consents for everybody, and clients that are not allowed: what an attacker makes of them.

use std::sync::Arc;

use gatehouse_tests::{
    Answer, AttackSettings, AttackWorld, ClientDocuments, Endpoint, From, Person, Step, TestClient, form, parameter,
    text,
};
use serde_json::json;

use crate::account::sign_in;
use crate::answers::assert_shown;

const LOOPBACK: &str = "http://127.0.0.1:4711/callback";
const ROLE: &str = "administrator_roles = [\"Admin\"]";

/// Carol has the role of an administrator, and nobody else has.
async fn with_administrator(settings: AttackSettings) -> AttackWorld {
    let world = AttackWorld::start_with(AttackSettings { provider_lines: ROLE.to_owned(), ..settings }).await;
    world.provider().script(|script| {
        script.claims = Arc::new(|claims| {
            if claims["email"] == "carol@example.test" {
                claims["roles"] = json!(["Admin"]);
            }
        });
    });
    world
}

/// Where the first request leads.
async fn first_step(world: &AttackWorld, person: &Person, client: &TestClient, from: From) -> Step {
    first_step_with(world, person, client, from, None).await
}

async fn first_step_with(
    world: &AttackWorld,
    person: &Person,
    client: &TestClient,
    from: From,
    change: Option<(&str, &str)>,
) -> Step {
    let flow = world.flow_of(person, client.clone(), "/mcp").with("scope", Some("mcp"));
    let mut flow = change.into_iter().fold(flow, |flow, (name, value)| flow.with(name, Some(value)));
    flow.from = from;
    flow.advance().await;
    flow.step()
}

/// The same Gatehouse, with another configuration.
async fn reconfigured(world: &AttackWorld, from: &str, to: &str) -> AttackWorld {
    let configuration = world.gatehouse.variable("config");
    let changed = configuration.replace(from, to);
    assert_ne!(configuration, changed, "{from}");
    world.beside_with(&[("config", &changed)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preauthorized_client_needs_no_consent_and_nobody_can_take_its_part() {
    let top = "preauthorized_clients = [\"public\"]".to_owned();
    let world = AttackWorld::start_with(AttackSettings { top, ..AttackSettings::default() }).await;
    let (alice, public) = (Person::new("alice"), world.public());
    for from in [From::Nowhere, From::OtherSite, From::Unknown] {
        assert_eq!(first_step(&world, &alice, &public, from).await, Step::SentToProvider, "{from:?}");
    }
    let mut flow = world.flow(&alice);
    flow.advance().await;
    assert_eq!(flow.step(), Step::SentToProvider);
    let tokens = flow.finish().await;
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 200);
    // The client can still have the user asked.
    let prompt = Some(("prompt", "consent"));
    assert_eq!(first_step_with(&world, &alice, &public, From::Nowhere, prompt).await, Step::Asked);

    // A stranger who calls himself the same, and one who has the codes sent elsewhere.
    let metadata = json!({ "client_name": "Public client", "redirect_uris": [public.redirect_uri] });
    let registered = world.register(&metadata).await;
    let same_name = TestClient::public(registered.json()["client_id"].as_str().unwrap(), &public.redirect_uri);
    assert_eq!(first_step(&world, &alice, &same_name, From::Nowhere).await, Step::Asked, "the same name and address");
    assert_eq!(first_step(&world, &alice, &world.other(), From::Nowhere).await, Step::Asked, "another client");
    let before = world.store().await;
    for uri in ["https://evil.example/callback", "https://client.example.evil.example/callback", LOOPBACK_OF_OTHERS] {
        let flow = world.flow(&alice).with("redirect_uri", Some(uri));
        assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, uri);
    }
    world.assert_unchanged(&before, "another address").await;
    world.gatehouse.stop().await;
}

const LOOPBACK_OF_OTHERS: &str = "http://127.0.0.1:4711/another";

/// RFC 8252, section 8.6: nobody can tell which program listens. A web page must not start its sign-in unseen.
#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_leads_nobody_to_a_program_without_the_question() {
    let top = "preauthorized_clients = [\"public\"]".to_owned();
    let world = AttackWorld::start_with(AttackSettings { top, ..AttackSettings::default() }).await;
    let (alice, native) = (Person::new("alice"), TestClient::public("public", LOOPBACK));
    let before = world.store().await;
    for from in [From::OtherSite, From::SameOrigin, From::Unknown] {
        assert_eq!(first_step(&world, &alice, &native, from).await, Step::Asked, "{from:?}");
    }
    world.assert_unchanged(&before, "asking").await;
    assert_eq!(first_step(&world, &alice, &native, From::Nowhere).await, Step::SentToProvider);
    // What a page asks for in a frame, or before the user does.
    for (name, value) in [("sec-fetch-dest", "iframe"), ("sec-purpose", "prefetch")] {
        let url = world.flow(&Person::new("bob")).authorization_url();
        let request = Person::new("bob").page(&url, From::OtherSite).header(name, value);
        let mut request = request.build().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let answer = Answer::of(reqwest::Client::new().execute(request).await.unwrap()).await;
        assert!(answer.form("/consent").is_some(), "{name}: {answer:?}");
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preauthorization_counts_at_its_route_and_no_longer_than_it_is_configured() {
    let mcp_lines = "preauthorized_clients = [\"public\"]".to_owned();
    let world = AttackWorld::start_with(AttackSettings { mcp_lines, ..AttackSettings::default() }).await;
    let (alice, public) = (Person::new("alice"), world.public());
    let mut at_other = world.flow_of(&alice, public.clone(), "/other");
    at_other.advance().await;
    assert_eq!(at_other.step(), Step::Asked, "another route");
    let mut flow = world.flow(&alice);
    flow.to(Step::Returned).await;
    let withdrawn = reconfigured(&world, "preauthorized_clients = [\"public\"]", "").await;
    let callback = withdrawn.url(&flow.callback_url.as_ref().unwrap()[url::Position::BeforePath..]);
    let before = world.store().await;
    let answer = alice.open(&callback.parse().unwrap(), From::OtherSite).await;
    assert!(answer.form("/consent").is_some(), "the user is asked after all: {answer:?}");
    world.assert_only_changed(&before, &["login", "login-use", "provider-keys", "document-failures"], "no code").await;
    withdrawn.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_document_is_preauthorized_by_its_whole_url() {
    let documents = ClientDocuments::serve(&["https://client.example/callback"], &json!({ "keys": [] })).await;
    let client = TestClient::public(&documents.client_id("/client.json"), "https://client.example/callback");
    let own = client.client_id.clone();
    // Nearly the same URL is another client's.
    for (preauthorized, step) in [(own.clone(), Step::SentToProvider), (format!("{own}x"), Step::Asked)] {
        let world = AttackWorld::start_with(AttackSettings {
            top: format!("preauthorized_clients = [{preauthorized:?}]"),
            variables: vec![("client_document_origin".to_owned(), documents.origin.clone())],
            ca_file: Some(documents.ca_file()),
            ..AttackSettings::default()
        })
        .await;
        let alice = Person::new("alice");
        assert_eq!(first_step(&world, &alice, &client, From::OtherSite).await, step, "{preauthorized}");
        world.gatehouse.stop().await;
    }
}

/// What the consent page of `person` sends, with the box for everybody ticked whether it is there or not.
async fn for_everybody(world: &AttackWorld, person: &Person) -> (Vec<(String, String)>, bool) {
    let mut flow = world.flow(person).with("scope", Some("mcp"));
    flow.to(Step::Asked).await;
    let form = flow.form("/consent");
    let is_offered = form.checkboxes.iter().any(|(name, _)| name == "for_everybody");
    let mut pairs = form.pressed("decision", "approve");
    pairs.push(("for_everybody".to_owned(), "yes".to_owned()));
    (pairs, is_offered)
}

/// Goes on to the provider, where `as_whom` signs in, and comes back.
async fn finish(person: &Person, sent: &Answer) -> Answer {
    let returned = person.open(&sent.location().expect("the provider"), From::OtherSite).await;
    person.open(&returned.location().expect("the callback"), From::OtherSite).await
}

async fn consents(world: &AttackWorld, person: &Person) -> Answer {
    person.open(&world.url("/consents").parse().unwrap(), From::SameOrigin).await
}

/// Carol consents for everybody; the page on which she sees it.
async fn given(world: &AttackWorld, carol: &Person) -> Answer {
    let page = sign_in(world, carol).await;
    assert!(page.body.contains("<a href=\"/consents\">"), "{}", page.body);
    let (pairs, is_offered) = for_everybody(world, carol).await;
    assert!(is_offered);
    let sent = carol.submit(&world.gatehouse.url, "/consent", &pairs).await;
    let answered = finish(carol, &sent).await;
    assert!(parameter(&answered.location().expect("the client"), "code").is_some(), "{answered:?}");
    consents(world, carol).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_consents_for_everybody_and_takes_it_back() {
    let world = with_administrator(AttackSettings::default()).await;
    let (alice, carol, public) = (Person::new("alice"), Person::new("carol"), world.public());
    assert_eq!(first_step(&world, &alice, &public, From::Nowhere).await, Step::Asked, "before");
    let page = given(&world, &carol).await;
    assert_shown(&page, 200, "the consents");
    for words in ["Public client", "client.example", "First server", "carol@example.test", "Use the tools"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert_eq!(first_step(&world, &alice, &public, From::OtherSite).await, Step::SentToProvider, "for everybody");
    for (what, change) in [("more scopes", ("scope", "mcp files")), ("the client wants it", ("prompt", "consent"))] {
        let step = first_step_with(&world, &alice, &public, From::OtherSite, Some(change)).await;
        assert_eq!(step, Step::Asked, "{what}");
    }
    let loopback = TestClient::public("public", LOOPBACK);
    assert_eq!(first_step(&world, &alice, &loopback, From::Nowhere).await, Step::Asked, "another redirect URI");
    assert_eq!(first_step(&world, &alice, &world.other(), From::Nowhere).await, Step::Asked, "another client");
    let mut flow = world.flow(&alice).with("scope", Some("mcp"));
    flow.to(Step::Redeemed).await;
    let refresh_token = text(flow.tokens.as_ref().unwrap(), "refresh_token");
    let mut under_way = world.flow(&alice).with("scope", Some("mcp"));
    under_way.to(Step::Returned).await;

    let taking_back = page.form("/consents").expect("a form");
    let pressed = taking_back.pressed("take_back", &taking_back.buttons[0].1);
    let answer = carol.submit(&world.gatehouse.url, "/consents", &pressed).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(consents(&world, &carol).await.form("/consents").is_none(), "it is gone");
    assert_eq!(first_step(&world, &alice, &public, From::Nowhere).await, Step::Asked, "taken back");
    let answer = under_way.call_back().await;
    assert!(answer.form("/consent").is_some(), "what was under way: {answer:?}");
    assert_eq!(world.refresh(&public, &refresh_token).await.status, 200, "sessions that are open go on");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_the_role_consents_for_nobody_else() {
    let world = with_administrator(AttackSettings::default()).await;
    let (alice, carol) = (Person::new("alice"), Person::new("carol"));
    let page = sign_in(&world, &alice).await;
    assert!(!page.body.contains("/consents"), "{}", page.body);
    let (pairs, is_offered) = for_everybody(&world, &alice).await;
    let (by_nobody, is_offered_to_nobody) = for_everybody(&world, &Person::new("bob")).await;
    assert!(!is_offered && !is_offered_to_nobody);
    let own = page.form("/sign-out").expect("a form").field("ticket").to_owned();
    let before = world.store().await;
    assert_shown(&alice.submit(&world.gatehouse.url, "/consent", &pairs).await, 403, "without the role");
    assert_shown(&alice.submit(&world.gatehouse.url, "/consent", &by_nobody).await, 403, "another browser's page");
    assert_shown(&consents(&world, &alice).await, 403, "the page");
    let take_back = [("ticket".to_owned(), own), ("take_back".to_owned(), "any".to_owned())];
    assert_shown(&alice.submit(&world.gatehouse.url, "/consents", &take_back).await, 403, "taking back");
    world.assert_unchanged(&before, "refused").await;

    // The administrator's own browser, in which somebody else signs in at the provider.
    sign_in(&world, &carol).await;
    let (pairs, is_offered) = for_everybody(&world, &carol).await;
    assert!(is_offered);
    let sent = carol.submit(&world.gatehouse.url, "/consent", &pairs).await;
    world.provider().script(|script| script.claims = Arc::new(|_| {}));
    let answer = finish(&carol, &sent).await;
    assert!(answer.form("/consent").is_some(), "asked again, for themselves: {answer:?}");
    assert_eq!(first_step(&world, &alice, &world.public(), From::Nowhere).await, Step::Asked);

    // Whoever lost the role, or whose role is none any more, gives nothing either.
    let withdrawn = reconfigured(&world, "[\"Admin\"]", "[\"Owner\"]").await;
    assert_shown(&consents(&withdrawn, &carol).await, 403, "the role is no administrator's any more");
    withdrawn.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_for_everybody_is_given_once_and_by_no_other_site() {
    let world = with_administrator(AttackSettings::default()).await;
    let (carol, mallory) = (Person::new("carol"), Person::new("mallory"));
    sign_in(&world, &carol).await;
    let (pairs, _) = for_everybody(&world, &carol).await;
    let of_mallory = for_everybody(&world, &mallory).await.0;
    let (url, own) = (world.url("/consent"), world.gatehouse.url.clone());
    let before = world.store().await;
    for (from, origin, what) in [
        (From::OtherSite, "https://evil.example", "another site"),
        (From::OtherSite, "null", "nobody's origin"),
        (From::SameOrigin, "https://evil.example", "another origin"),
    ] {
        assert_shown(&carol.post(&url, &form(&pairs), from, Some(origin)).await, 403, what);
    }
    let foreign = carol.post(&url, &form(&of_mallory), From::SameOrigin, Some(&own)).await;
    assert_shown(&foreign, 403, "the ticket of another browser");
    world.assert_unchanged(&before, "forged").await;

    // The same form again, after what it did was taken back.
    let sent = carol.submit(&own, "/consent", &pairs).await;
    finish(&carol, &sent).await;
    let page = consents(&world, &carol).await;
    let taking_back = page.form("/consents").expect("a form");
    let pressed = taking_back.pressed("take_back", &taking_back.buttons[0].1);
    for (from, origin, what) in
        [(From::OtherSite, "https://evil.example", "another site"), (From::SameOrigin, "null", "nobody's origin")]
    {
        let forged = carol.post(&world.url("/consents"), &form(&pressed), from, Some(origin)).await;
        assert_shown(&forged, 403, what);
    }
    assert!(consents(&world, &carol).await.form("/consents").is_some(), "it is still there");
    carol.submit(&own, "/consents", &pressed).await;
    let before = world.store().await;
    let replayed = carol.submit(&own, "/consent", &pairs).await;
    assert_shown(&replayed, 403, "answered before");
    world.assert_only_changed(&before, &["logins", "login-use"], "the replay").await;
    assert!(consents(&world, &carol).await.form("/consents").is_none());
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_consents_for_everybody_to_a_program_that_registered_itself() {
    let world = with_administrator(AttackSettings::default()).await;
    let carol = Person::new("carol");
    sign_in(&world, &carol).await;
    for (redirect_uri, is_offered) in [(LOOPBACK, false), ("https://notes.example/callback", true)] {
        let client = world.registered(redirect_uri).await;
        let mut flow = world.flow_of(&carol, client, "/mcp");
        flow.to(Step::Asked).await;
        let offered = flow.form("/consent").checkboxes.iter().any(|(name, _)| name == "for_everybody");
        assert_eq!(offered, is_offered, "{redirect_uri}");
        if !is_offered {
            let mut pairs = flow.decision("approve");
            pairs.push(("for_everybody".to_owned(), "yes".to_owned()));
            assert_shown(&carol.submit(&world.gatehouse.url, "/consent", &pairs).await, 403, "ticked by hand");
        }
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_not_allowed_gets_no_further_than_the_first_request() {
    let mcp_lines = "allowed_clients = [\"other\"]".to_owned();
    let tables = "[token_page]\nenabled = true".to_owned();
    let world = AttackWorld::start_with(AttackSettings { mcp_lines, tables, ..AttackSettings::default() }).await;
    let alice = Person::new("alice");
    let registered = world.registered("https://other.example/callback").await;
    let before = world.store().await;
    let flow = world.flow(&alice);
    let answer = alice.open(&flow.authorization_url(), From::OtherSite).await;
    let client = answer.location().expect("the client is told");
    assert_eq!(parameter(&client, "error").as_deref(), Some("unauthorized_client"), "{client}");
    assert_eq!(
        parameter(&client, "state"),
        flow.request.iter().find(|(name, _)| name == "state").map(|it| it.1.clone())
    );
    let flow = world.flow_of(&alice, registered, "/mcp");
    let shown = alice.open(&flow.authorization_url(), From::OtherSite).await;
    assert_shown(&shown, 400, "a client that registered itself");
    assert!(shown.body.contains("is not one of the applications that may use this server"), "{}", shown.body);
    world.assert_unchanged(&before, "refused").await;
    assert_eq!(world.provider().count(Endpoint::Authorize), 0);
    let page = alice.open(&world.url("/access-token").parse().unwrap(), From::Nowhere).await;
    assert!(!page.body.contains("First server") && page.body.contains("Second server"), "{}", page.body);
    let tokens = world.flow_of(&alice, world.other(), "/mcp").finish().await;
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 200, "an allowed one");
    world.gatehouse.stop().await;
}

/// App Service answers 403 where a built-in policy does not allow the client.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_client_that_is_allowed_no_longer_is_refused_at_once() {
    for revocation in ["immediate", "at-expiry"] {
        let mcp_lines = format!("revocation = \"{revocation}\"\nallowed_clients = [\"public\"]");
        let world = AttackWorld::start_with(AttackSettings { mcp_lines, ..AttackSettings::default() }).await;
        let alice = Person::new("alice");
        let mut under_way = world.flow(&alice);
        under_way.to(Step::Asked).await;
        let token = text(&world.flow(&alice).finish().await, "access_token");
        assert_eq!(world.call("/mcp", &token).await.status, 200);
        let calls = world.upstream.requests().len();
        let changed = reconfigured(&world, "allowed_clients = [\"public\"]", "allowed_clients = [\"other\"]").await;
        let answer = changed.call("/mcp", &token).await;
        assert_eq!(answer.status, 403, "{revocation}: {answer:?}");
        assert_eq!(answer.header("www-authenticate"), "", "no other token of the client would do");
        assert_eq!(world.upstream.requests().len(), calls, "the server saw nothing");
        let decision = under_way.decision("approve");
        let (url, own) = (changed.url("/consent"), world.gatehouse.url.as_str());
        let answer = alice.post(&url, &form(&decision), From::SameOrigin, Some(own)).await;
        assert_shown(&answer, 400, "the page that was open");
        assert_eq!(world.call("/mcp", &token).await.status, 200, "where it is still allowed");
        changed.gatehouse.stop().await;
        world.gatehouse.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_single_users_are_named_nobody_else_comes_in() {
    let provider_lines = "access = { users = [\"alice\"] }".to_owned();
    let world = AttackWorld::start_with(AttackSettings { provider_lines, ..AttackSettings::default() }).await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let tokens = world.flow(&alice).finish().await;
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 200);
    let mut flow = world.flow(&bob);
    flow.to(Step::Returned).await;
    let answer = flow.call_back().await;
    assert_shown(&answer, 403, "bob");
    assert!(answer.body.contains("is not one of those that are allowed here"), "{}", answer.body);
    world.gatehouse.stop().await;
}
