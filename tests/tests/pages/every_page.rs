//! Every page that Gatehouse has.

use gatehouse_tests::scripted_provider::Failure;
use gatehouse_tests::{AttackSettings, AttackWorld, ClientDocuments, Endpoint, Flow, Person, TestClient};
use serde_json::json;

use crate::chromium::Chromium;
use crate::inspection::inspect;
use crate::scene::{self, PROVIDERS, asked, cursor, native};

const LONG_NAME: &str = "Averylongnamewithoutanyspacetobreakitat";
const LOOPBACK: &str = "http://127.0.0.1:33418/callback";
const SITE: &str = "https://notes.example/callback";

/// A client that has registered under this name.
async fn registered(world: &AttackWorld, name: &str, redirect_uri: &str) -> TestClient {
    let answer = world.register(&json!({ "client_name": name, "redirect_uris": [redirect_uri] })).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    TestClient::public(answer.json()["client_id"].as_str().expect("an id"), redirect_uri)
}

fn url_of(flow: &Flow<'_>) -> String {
    flow.authorization_url().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_for_everybody() {
    let documents = ClientDocuments::serve(&[SITE], &json!({ "keys": [] })).await;
    let world = scene::start(
        &PROVIDERS,
        AttackSettings {
            variables: vec![("client_document_origin".to_owned(), documents.origin.clone())],
            ca_file: Some(documents.ca_file()),
            ..AttackSettings::default()
        },
    )
    .await;
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    chromium.open(&url_of(&asked(&world, &alice, &native(LOOPBACK)))).await;
    let words = ["How do you want to sign in?", "Visual Studio Code", "Provider contoso", "Provider northwind"];
    inspect(&mut chromium, "choose", &words).await;

    let site = |client_id: &str| TestClient::public(client_id, SITE);
    let long = LONG_NAME.repeat(3);
    let long_uri = format!("https://notes.example/callback/{}", "deep/".repeat(40));
    for (name, client, words) in [
        ("consent-native", native(LOOPBACK), &["Visual Studio Code", "127.0.0.1:33418", "this computer"][..]),
        (
            "consent-web",
            registered(&world, "Notes & <b>more</b>", SITE).await,
            &["notes.example", "nobody has checked it", "&lt;b&gt;more"],
        ),
        ("consent-long", registered(&world, &long, &long_uri).await, &[LONG_NAME, "notes.example"]),
        (
            "consent-document",
            site(&documents.client_id("/client.json")),
            &["Client with a document", "It is described by", "notes.example"],
        ),
        ("consent-private-use", cursor(), &["Cursor", "the program on this computer that opens", "cursor://"]),
    ] {
        let flow = asked(&world, &alice, &client);
        chromium.open(&url_of(&flow)).await;
        chromium.click("button[value=contoso]").await;
        let asked = [
            "Allow and sign in",
            "Deny",
            "First server",
            "Use the tools of the first server",
            "Read your files",
            "Provider contoso",
            "Do not ask again in this browser",
        ];
        inspect(&mut chromium, name, &[&asked, words].concat()).await;
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_for_everybody() {
    let settings = AttackSettings {
        lifetimes: "consent = 0".to_owned(),
        provider_lines: "[identity_provider.access]\nroles = [\"snippets\"]".to_owned(),
        ..AttackSettings::default()
    };
    let world = scene::start(&["contoso"], settings).await;
    let (mut chromium, bob) = (Chromium::start().await, Person::new("bob"));
    let (url, sessions) = (url_of(&asked(&world, &bob, &native(LOOPBACK))), world.url("/sessions"));
    chromium.be("bob").await;

    world.provider().script(|script| {
        script.failures.insert(Endpoint::Discovery, Failure::Status(500));
    });
    chromium.open(&sessions).await;
    chromium.click("button[name=provider]").await;
    inspect(&mut chromium, "error-out-of-order", &["Signing in does not work at the moment"]).await;
    world.provider().script(|script| script.failures.clear());

    let page = chromium.open(&url).await;
    assert!(!page.html.contains("Do not ask again"), "{}", page.html);
    inspect(&mut chromium, "consent-not-remembered", &["Allow and sign in", "Provider contoso"]).await;
    chromium.click("button[value=approve]").await;
    let words = ["lacks the role", "Provider contoso", "Use another account", "Back to Visual Studio Code"];
    inspect(&mut chromium, "denied", &words).await;

    chromium.open(&sessions).await;
    inspect(&mut chromium, "sign-in-one-provider", &["Sign in with Provider contoso"]).await;
    chromium.click("button[name=provider]").await;
    inspect(&mut chromium, "denied-account", &["lacks the role", "Use another account"]).await;

    let foreign = asked(&world, &bob, &native("https://evil.example/"));
    chromium.open(&url_of(&foreign)).await;
    inspect(&mut chromium, "error-link", &["This sign-in link does not work"]).await;
    chromium.open(&world.url("/callback?state=forged&code=forged")).await;
    inspect(&mut chromium, "error-callback", &["This sign-in cannot be completed"]).await;
    chromium.open(&url).await;
    world.gatehouse.clock.advance(3600);
    chromium.click("button[value=approve]").await;
    inspect(&mut chromium, "error-decision", &["This decision does not count"]).await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_account_page_is_for_everybody() {
    let world = scene::start(&PROVIDERS, AttackSettings::default()).await;
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    let sessions = world.url("/sessions");
    chromium.be("bob").await;
    chromium.open(&sessions).await;
    let words = ["Sign in to see your sessions", "Sign in with Provider contoso", "Sign in with Provider northwind"];
    inspect(&mut chromium, "sign-in", &words).await;
    chromium.click("button[value=contoso]").await;
    inspect(&mut chromium, "sessions-none", &["No application can act in your name at the moment"]).await;
    chromium.click("form[action='/sign-out'] button").await;
    inspect(&mut chromium, "signed-out", &["You are signed out everywhere"]).await;

    let notes = registered(&world, "Notes & <b>more</b>", SITE).await;
    for (client, resource, remember) in [
        (native(LOOPBACK), "/mcp", true),
        (notes, "/mcp", true),
        (world.other(), "/other", false),
        (native(LOOPBACK), "/mcp", false),
    ] {
        let mut flow = world.flow_of(&alice, client, resource);
        flow.provider = Some("contoso".to_owned());
        flow.remember = remember;
        flow.finish().await;
        world.gatehouse.clock.advance(3 * 3600);
    }
    chromium.be("alice").await;
    chromium.open(&sessions).await;
    chromium.click("button[value=contoso]").await;
    let words = [
        "4 sessions let applications act in your name",
        "Visual Studio Code",
        "Notes &amp; &lt;b&gt;more",
        "Other client",
        "Second server",
        "End this session",
        "Sign out everywhere",
        "You are not asked again about",
        "Use the tools of the first server; Read your files",
        "Ask me again",
    ];
    inspect(&mut chromium, "sessions", &words).await;
    world.gatehouse.clock.advance(15 * 60 + 1);
    chromium.click("button[name=end_session]").await;
    inspect(&mut chromium, "sign-in-again", &["You are not signed in here, or no longer", "Nothing was changed"]).await;
    world.gatehouse.stop().await;
}
