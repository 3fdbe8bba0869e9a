//! Everything that a person decides, decided with the keyboard alone.

use bytes::Bytes;
use gatehouse_tests::{AttackSettings, AttackWorld, Endpoint, Flow, Person, ScriptedProvider, parameter, serve};
use http::Response;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::chromium::{Chromium, Focus, Key, Page};
use crate::scene::{self, PROVIDERS, asked, client_page, native};

/// Tabs to a button and presses Enter on it.
async fn press(chromium: &mut Chromium, name: &str, value: &str) -> Page {
    chromium.tab_to_control(name, value).await;
    chromium.follow(Key::Enter).await
}

/// Tabs to the first button with this name and presses Enter on it.
async fn press_first(chromium: &mut Chromium, name: &str) -> Page {
    chromium.tab_to(|focus| focus.name == name).await;
    chromium.follow(Key::Enter).await
}

/// Tabs to the box and ticks it.
async fn tick(chromium: &mut Chromium) {
    let is_box = |focus: &Focus| focus.name == "remember";
    assert!(!chromium.tab_to(is_box).await.is_checked, "nobody has ticked it");
    assert!(chromium.press(Key::Space).await.is_some_and(|focus| is_box(&focus) && focus.is_checked));
}

/// The page of the client, reached with a code or an error.
fn assert_back(page: &Page, flow: &Flow<'_>) {
    page.assert_says(&["You can close this window"]);
    assert!(page.url.as_str().starts_with(&format!("{}?", flow.client.redirect_uri)), "{}", page.url);
    let state = flow.request.iter().find(|(name, _)| name == "state").map(|(_, value)| value.clone());
    assert_eq!(parameter(&page.url, "state"), state);
    assert_eq!(parameter(&page.url, "iss").as_ref(), Some(&flow.world.gatehouse.url));
}

/// What the client gets for the code that came with the page.
async fn redeemed(mut flow: Flow<'_>, page: Page) -> Value {
    assert_back(&page, &flow);
    flow.client_url = Some(page.url);
    let answer = flow.redeem().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn assert_works(world: &AttackWorld, tokens: &Value) {
    assert_eq!(status(world, tokens).await, 200);
}

/// What `/mcp` answers to the access token.
async fn status(world: &AttackWorld, tokens: &Value) -> u16 {
    world.call("/mcp", tokens["access_token"].as_str().expect("a token")).await.status
}

fn count(provider: &ScriptedProvider) -> usize {
    provider.count(Endpoint::Authorize)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_chooses_a_provider_allows_and_is_not_asked_again() {
    let world = scene::start(&PROVIDERS, AttackSettings::default()).await;
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    let client = native(&client_page().await);
    chromium.be("alice").await;

    let flow = asked(&world, &alice, &client);
    chromium.open(flow.authorization_url().as_str()).await;
    // The second from the top, whoever it is.
    assert_eq!(chromium.press(Key::Tab).await.expect("a button").text, "Provider contoso");
    assert_eq!(chromium.press(Key::Tab).await.expect("a button").text, "Provider fabrikam");
    chromium.follow(Key::Enter).await.assert_says(&["Allow and sign in", "Provider fabrikam"]);
    tick(&mut chromium).await;
    let page = press(&mut chromium, "decision", "approve").await;
    assert_works(&world, &redeemed(flow, page).await).await;
    assert_eq!([0, 1, 2].map(|place| count(&world.providers[place])), [0, 1, 0]);

    // Which provider is asked each time; what was allowed with that one is not.
    let flow = asked(&world, &alice, &client);
    chromium.open(flow.authorization_url().as_str()).await;
    let page = press(&mut chromium, "provider", "fabrikam").await;
    assert_works(&world, &redeemed(flow, page).await).await;
    chromium.open(asked(&world, &alice, &client).authorization_url().as_str()).await;
    press(&mut chromium, "provider", "northwind").await.assert_says(&["Allow and sign in", "Provider northwind"]);
    world.gatehouse.stop().await;
}

/// What was remembered counts for who opens the application themselves, not for who follows a link to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_follows_the_link_of_another_site_is_asked_again() {
    let world = scene::start(&["contoso"], AttackSettings::default()).await;
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    let client = native(&client_page().await);
    chromium.be("alice").await;
    let flow = asked(&world, &alice, &client);
    let url = flow.authorization_url();
    chromium.open(url.as_str()).await;
    tick(&mut chromium).await;
    assert_back(&press(&mut chromium, "decision", "approve").await, &flow);
    assert_back(&chromium.open(url.as_str()).await, &flow);

    let link = format!("<!doctype html><a href=\"{}\">Free coffee</a>", url.as_str().replace('&', "&amp;"));
    let page = Bytes::from(link);
    let origin = serve(move |_| {
        let page = page.clone();
        async { Response::builder().header(CONTENT_TYPE, "text/html").body(page).ok() }
    });
    chromium.open(&origin.await.replace("127.0.0.1", "localhost")).await;
    chromium.tab_to(|focus| focus.text == "Free coffee").await;
    chromium.follow(Key::Enter).await.assert_says(&["Allow and sign in", "Visual Studio Code"]);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_denies() {
    let world = scene::start(&["contoso"], AttackSettings::default()).await;
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    let flow = asked(&world, &alice, &native(&client_page().await));
    for key in [Key::Enter, Key::Space] {
        chromium.open(flow.authorization_url().as_str()).await;
        chromium.tab_to_control("decision", "deny").await;
        let page = chromium.follow(key).await;
        assert_back(&page, &flow);
        assert_eq!(parameter(&page.url, "error").as_deref(), Some("access_denied"), "{key:?}");
        assert_eq!(parameter(&page.url, "code"), None);
    }
    assert_eq!(count(world.provider()), 0, "nobody is sent there before they allow it");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_not_let_in_reads_why_and_goes_back_or_takes_another_account() {
    for (rule, words) in [
        ("roles = [\"snippets\"]", "Your account lacks the role that is needed here"),
        ("domains = [\"contoso.example\"]", "Your account's e-mail domain is not allowed here"),
    ] {
        let provider_lines = format!("[identity_provider.access]\n{rule}");
        let world = scene::start(&["contoso"], AttackSettings { provider_lines, ..AttackSettings::default() }).await;
        world.provider().script(|script| {
            script.claims(|claims| {
                if claims["sub"] == "alice" {
                    claims["roles"] = vec!["snippets"].into();
                    claims["email"] = "alice@contoso.example".into();
                }
            });
        });
        let (mut chromium, person) = (Chromium::start().await, Person::new("bob"));
        let client = native(&client_page().await);

        chromium.be("bob").await;
        let flow = asked(&world, &person, &client);
        chromium.open(flow.authorization_url().as_str()).await;
        let page = press(&mut chromium, "decision", "approve").await;
        // As a person reads it.
        page.assert_says(&[words, "You signed in with Provider contoso"]);
        let page = press(&mut chromium, "decision", "deny").await;
        assert_back(&page, &flow);
        assert_eq!(parameter(&page.url, "error").as_deref(), Some("access_denied"));

        let flow = asked(&world, &person, &client);
        chromium.open(flow.authorization_url().as_str()).await;
        press(&mut chromium, "decision", "approve").await.assert_says(&[words]);
        chromium.be("alice").await;
        let page = press(&mut chromium, "decision", "another-account").await;
        assert_works(&world, &redeemed(flow, page).await).await;
        assert_asked_who(&world);

        chromium.be("bob").await;
        chromium.open(&world.url("/sessions")).await;
        press(&mut chromium, "provider", "contoso").await.assert_says(&[words]);
        chromium.be("alice").await;
        let page = press(&mut chromium, "provider", "contoso").await;
        page.assert_says(&["Your sessions", "One application can act in your name"]);
        assert_asked_who(&world);
        world.gatehouse.stop().await;
    }
}

/// The provider was told that the person wants to choose their account.
fn assert_asked_who(world: &AttackWorld) {
    let asked = world.provider().requests(Endpoint::Authorize);
    assert_eq!(asked.last().and_then(|request| request.parameter("prompt")).as_deref(), Some("select_account"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_and_ends_what_they_have_allowed() {
    let world = scene::start(&["contoso"], AttackSettings::default()).await;
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    let client = native(&client_page().await);
    let sessions = world.url("/sessions");
    chromium.be("alice").await;

    let flow = asked(&world, &alice, &client);
    chromium.open(flow.authorization_url().as_str()).await;
    tick(&mut chromium).await;
    let page = press(&mut chromium, "decision", "approve").await;
    let first = redeemed(flow, page).await;
    // Nothing is left to press: the browser came from nowhere (`Sec-Fetch-Site: none`), and is known.
    let flow = asked(&world, &alice, &client);
    let page = chromium.open(flow.authorization_url().as_str()).await;
    let second = redeemed(flow, page).await;

    chromium.open(&sessions).await;
    let page = press(&mut chromium, "provider", "contoso").await;
    assert_eq!(page.url.path(), "/sessions");
    page.assert_says(&["2 sessions let applications act in your name", "You are not asked again about"]);
    press_first(&mut chromium, "end_session").await.assert_says(&["One application can act in your name"]);
    let (ended, other) = match (status(&world, &first).await, status(&world, &second).await) {
        (401, 200) => (&first, &second),
        (200, 401) => (&second, &first),
        statuses => panic!("{statuses:?}"),
    };
    assert_not_refreshed(&world, ended).await;

    let page = press_first(&mut chromium, "forget_consent").await;
    page.assert_says(&["One application can act in your name"]);
    assert!(!page.html.contains("You are not asked again about"), "{}", page.html);
    let page = chromium.open(asked(&world, &alice, &client).authorization_url().as_str()).await;
    page.assert_says(&["Allow and sign in"]);

    chromium.open(&sessions).await;
    press(&mut chromium, "sign_out", "everywhere")
        .await
        .assert_says(&["Sign out everywhere?", "All your sessions end"]);
    assert_eq!(status(&world, other).await, 200, "nothing ends before it is confirmed");
    press(&mut chromium, "sign_out", "all").await.assert_says(&["You are signed out everywhere"]);
    assert_eq!(status(&world, other).await, 401);
    assert_not_refreshed(&world, other).await;
    chromium.open(&sessions).await.assert_says(&["Sign in to see your sessions"]);
    world.gatehouse.stop().await;
}

async fn assert_not_refreshed(world: &AttackWorld, tokens: &Value) {
    let token = tokens["refresh_token"].as_str().expect("a refresh token");
    let answer = world.refresh(&native(""), token).await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_grant"), "{answer:?}");
}
