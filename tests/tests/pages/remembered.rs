//! A remembered consent in a real browser, over https: nobody leads a user past the question but the user (issue 9, row S1).

use std::collections::BTreeSet;

use bytes::Bytes;
use gatehouse_tests::{
    AttackSettings, AttackWorld, Flow, Person, ScriptedProvider, TestClient, TlsFront, form, parameter, serve,
};
use http::Response;
use http::header::LOCATION;
use serde_json::json;
use url::Url;

use crate::chromium::{Chromium, Page};
use crate::scene::{client_page, native};

/// Gatehouse at `https://gateway.example:PORT`, a client on this computer that the user has allowed for good, and a site
/// that redirects whoever comes to Gatehouse, for a code for that client.
struct Scene {
    world: AttackWorld,
    public_url: String,
    chromium: Chromium,
    person: Person,
    /// Where the client listens that the user has allowed.
    client: String,
    /// The redirect URIs of the site, by https and on this computer.
    lures: [String; 2],
    /// What the site redirects to.
    lure: String,
}

impl Scene {
    async fn start() -> Self {
        let (front, evil) = (TlsFront::take("gateway.example").await, TlsFront::take("evil.example").await);
        let public_url = front.origin.clone();
        let clients = r#"
[[clients]]
client_id = "native"
client_name = "Visual Studio Code"
redirect_uris = ["http://127.0.0.1/callback"]
"#;
        let world = AttackWorld::start_with(AttackSettings {
            providers: vec![ScriptedProvider::start("contoso").await],
            public_url: Some(public_url.clone()),
            tables: clients.to_owned(),
            ..AttackSettings::default()
        })
        .await;
        front.lead_to(&world.gatehouse.url);
        let (client, person) = (client_page().await, Person::new("alice"));
        let lure = at(&public_url, &world.flow_of(&person, native(&client), "/mcp"));
        let location = lure.clone();
        let site = serve(move |_| {
            let location = location.clone();
            async move { Response::builder().status(302).header(LOCATION, location).body(Bytes::new()).ok() }
        })
        .await;
        let lures = [&evil.origin, &site].map(|origin| format!("{origin}/callback"));
        evil.lead_to(&site);
        let mut chromium = Chromium::start_with_names().await;
        chromium.be("alice").await;
        let mut scene = Self { world, public_url, chromium, person, client, lures, lure };
        scene.remember().await;
        scene
    }

    /// The user allows the client, and does not want to be asked again.
    async fn remember(&mut self) {
        let url = self.request_of(&native(&self.client), &[]);
        self.chromium.open(&url).await.assert_says(&["Allow", "Visual Studio Code"]);
        let page = self.chromium.decide_for_good().await;
        assert!(parameter(&page.url, "code").is_some(), "{}", page.url);
        // The remembered consent counts where the user opens the link themselves.
        let page = self.chromium.open(&self.request_of(&native(&self.client), &[])).await;
        assert!(page.url.as_str().starts_with(&self.client), "{}", page.url);
        assert!(parameter(&page.url, "code").is_some(), "{}", page.url);
    }

    /// The URL of an authorization request of `client`, with other parameters.
    fn request_of(&self, client: &TestClient, changes: &[(&str, &str)]) -> String {
        let flow = self.world.flow_of(&self.person, client.clone(), "/mcp");
        let flow = changes.iter().fold(flow, |flow, (name, value)| flow.with(name, Some(value)));
        at(&self.public_url, &flow)
    }

    /// Fails where a client can register the redirect URI that needs no site of the attacker's.
    async fn assert_no_client_of_the_lure_itself(&self) {
        let own = json!({ "client_name": "Evil", "redirect_uris": [self.lure] });
        let answer = self.world.register(&own).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_redirect_uri"), "{answer:?}");
    }

    /// Fails where the browser came by the site to anything but the question, or where a code was issued since `before`.
    async fn assert_asked(&mut self, page: &Page, by: &str, before: &[(String, Vec<u8>)], name: &str) {
        assert!(page.requested.iter().any(|url| url.starts_with(by)), "it was not there: {:?}", page.requested);
        assert_eq!(page.url.as_str(), self.lure, "{name}");
        page.assert_says(&["Allow", "Visual Studio Code", "Allow and sign in", "Deny"]);
        self.chromium.screenshot(&format!("remembered-{name}")).await;
        assert_eq!(self.world.changes_since(before).await, BTreeSet::new(), "{name}: something was stored");
    }
}

/// The URL of a request at `public_url`, which is where the browser finds Gatehouse.
fn at(public_url: &str, flow: &Flow<'_>) -> String {
    let own = &flow.world.gatehouse.url;
    let moved = |(name, value): &(String, String)| match name.as_str() {
        "resource" => (name.clone(), value.replace(own.as_str(), public_url)),
        _ => (name.clone(), value.clone()),
    };
    let url = format!("{public_url}/authorize?{}", form(&flow.request.iter().map(moved).collect::<Vec<_>>()));
    Url::parse(&url).expect("a URL").into()
}

impl Chromium {
    /// Ticks the box and allows.
    async fn decide_for_good(&mut self) -> Page {
        self.tab_to_control("remember", "yes").await;
        self.press(crate::chromium::Key::Space).await;
        self.click("button[value=approve]").await
    }
}

/// The first way: a request that cannot be granted, and the link of the page that says so.
#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_our_error_page_leads_nobody_past_the_question() {
    let mut scene = Scene::start().await;
    scene.assert_no_client_of_the_lure_itself().await;
    let by = scene.lures[0].clone();
    let evil = scene.world.registered(&by).await;
    let before = scene.world.store().await;
    for name in ["link", "link-again"] {
        let request = scene.request_of(&evil, &[("response_mode", "fragment")]);
        scene.chromium.open(&request).await.assert_says(&["This sign-in link does not work", "Back to evil.example"]);
        let page = scene.chromium.click("main a").await;
        scene.assert_asked(&page, &by, &before, name).await;
    }
    scene.world.gatehouse.stop().await;
}

/// The second way: a request that the user denies.
#[tokio::test(flavor = "multi_thread")]
async fn the_deny_button_leads_nobody_past_the_question() {
    let mut scene = Scene::start().await;
    scene.assert_no_client_of_the_lure_itself().await;
    for (by, name) in scene.lures.clone().into_iter().zip(["deny-a-site", "deny-a-program"]) {
        let evil = scene.world.registered(&by).await;
        let before = scene.world.store().await;
        scene.chromium.open(&scene.request_of(&evil, &[])).await.assert_says(&["Allow", "Registered"]);
        let page = scene.chromium.click("button[value=deny]").await;
        scene.assert_asked(&page, &by, &before, name).await;
    }
    scene.world.gatehouse.stop().await;
}

/// The third: nobody shows a page, so that the browser says of the whole chain of redirects that the user began it.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_of_ours_leads_nobody_past_the_question() {
    let mut scene = Scene::start().await;
    let by = scene.lures[1].clone();
    let evil = scene.world.registered(&by).await;
    let before = scene.world.store().await;
    let page = scene.chromium.open(&scene.request_of(&evil, &[("response_mode", "fragment")])).await;
    scene.assert_asked(&page, &by, &before, "redirect").await;
    scene.world.gatehouse.stop().await;
}

/// A client whose redirect URI has become our own since it registered: the page that says so has no link.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_there_before_us_leads_nowhere() {
    let mut scene = Scene::start().await;
    let configuration = scene.world.gatehouse.variable("config");
    let earlier = configuration.replace(&scene.public_url, "https://earlier.example");
    assert_ne!(earlier, configuration);
    let earlier = scene.world.beside_with(&[("config", &earlier)]).await;
    let evil = earlier.registered(&scene.lure).await;
    earlier.gatehouse.stop().await;
    let before = scene.world.store().await;
    for changes in [&[("response_mode", "fragment")][..], &[]] {
        let page = scene.chromium.open(&scene.request_of(&evil, changes)).await;
        page.assert_says(&["This sign-in link does not work", "to a place that it has not named before"]);
        // The only way is to our own page of sessions.
        assert!(page.html.matches("<a ").count() == 1 && page.html.contains("<a href=\"/sessions\">"), "{}", page.html);
        assert!(!page.html.contains("<form"), "{}", page.html);
    }
    scene.chromium.screenshot("remembered-unbound").await;
    assert_eq!(scene.world.changes_since(&before).await, BTreeSet::new());
    scene.world.gatehouse.stop().await;
}
