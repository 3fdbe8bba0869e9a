//! The page for an access token by hand: off unless the operator wants it, and no way around a sign-in.

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, From, Person};
use reqwest::header::ACCEPT;

use crate::account::{self, sign_out_everywhere};
use crate::answers::assert_shown;

const ENABLED: &str = "[token_page]\nenabled = true\nlifetime = 600";

async fn world(tables: &str, mcp_lines: &str) -> AttackWorld {
    let (tables, mcp_lines) = (tables.to_owned(), mcp_lines.to_owned());
    AttackWorld::start_with(AttackSettings { tables, mcp_lines, ..AttackSettings::default() }).await
}

async fn open(world: &AttackWorld, person: &Person) -> Answer {
    person.open(&world.url("/access-token").parse().unwrap(), From::Nowhere).await
}

/// What the form for `/mcp` sends, with these further scopes.
fn pressed(page: &Answer, further: &[&str]) -> Vec<(String, String)> {
    let is_for_mcp = |form: &gatehouse_tests::Form| form.hidden.contains(&("route".to_owned(), "/mcp".to_owned()));
    let form = page.forms().into_iter().find(is_for_mcp).expect("the form of the route");
    let mut pairs = form.pressed("provider", "test");
    pairs.extend(further.iter().map(|scope| ("scope".to_owned(), (*scope).to_owned())));
    pairs
}

/// The page that shows the token.
async fn shown(world: &AttackWorld, person: &Person, further: &[&str]) -> Answer {
    let page = open(world, person).await;
    assert_shown(&page, 200, "the page");
    let sent = person.submit(&world.gatehouse.url, "/access-token", &pressed(&page, further)).await;
    let returned = person.open(&sent.location().expect("the provider"), From::OtherSite).await;
    person.open(&returned.location().expect("the callback"), From::OtherSite).await
}

fn token(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("<code class=\"token\">").expect("a token");
    rest.split_once('<').expect("an end").0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_by_hand_works_at_its_route_until_its_time_is_over_and_cannot_be_renewed() {
    let world = world(ENABLED, "").await;
    let alice = Person::new("alice");
    let page = shown(&world, &alice, &[]).await;
    assert_shown(&page, 200, "the token");
    let token = token(&page);
    assert_eq!(page.body.matches(&token).count(), 2, "alone, and as a header");
    assert_eq!(world.call("/mcp", &token).await.status, 200);
    assert_eq!(world.call("/other", &token).await.status, 401);
    let listed = account::sign_in(&world, &alice).await;
    assert!(listed.body.contains("Your access token") && !listed.body.contains(&token), "{}", listed.body);
    world.gatehouse.clock.advance(599);
    assert_eq!(world.call("/mcp", &token).await.status, 200);
    world.gatehouse.clock.advance(61);
    assert_eq!(world.call("/mcp", &token).await.status, 401);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_by_hand_ends_with_everything_else_of_its_owner_and_no_sooner_by_anybody_elses_end() {
    let world = world(ENABLED, "").await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let (of_alice, of_bob) = (token(&shown(&world, &alice, &[]).await), token(&shown(&world, &bob, &[]).await));
    let page = account::sign_in(&world, &alice).await;
    assert_shown(&sign_out_everywhere(&world, &alice, &page).await, 200, "signed out");
    assert_eq!(world.call("/mcp", &of_alice).await.status, 401);
    assert_eq!(world.call("/mcp", &of_bob).await.status, 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_token_by_hand_where_the_operator_has_not_allowed_it() {
    let world = world("", "").await;
    let alice = Person::new("alice");
    let before = world.store().await;
    assert_eq!(open(&world, &alice).await.status, 404);
    let sent = alice.submit(&world.gatehouse.url, "/access-token", &[]).await;
    assert_eq!(sent.status, 404);
    assert_eq!(world.store().await, before);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_a_token_that_the_route_does_not_offer_or_by_a_form_of_another_browser() {
    let world = world(ENABLED, "").await;
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    let page = open(&world, &alice).await;
    open(&world, &mallory).await;
    let before = world.store().await;
    let foreign = mallory.submit(&world.gatehouse.url, "/access-token", &pressed(&page, &[])).await;
    assert_shown(&foreign, 403, "another browser's form");
    let beyond = alice.submit(&world.gatehouse.url, "/access-token", &pressed(&page, &["admin"])).await;
    assert_shown(&beyond, 400, "a scope that there is not");
    let mut elsewhere = pressed(&page, &[]);
    elsewhere.iter_mut().filter(|(name, _)| name == "route").for_each(|(_, value)| *value = "/secret".to_owned());
    let elsewhere = alice.submit(&world.gatehouse.url, "/access-token", &elsewhere).await;
    assert_shown(&elsewhere, 400, "a route that there is not");
    assert_eq!(world.store().await, before);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_come_in_gets_no_token_by_hand() {
    let provider_lines = "[identity_provider.access]\nroles = [\"snippets\"]".to_owned();
    let settings = AttackSettings { provider_lines, tables: ENABLED.to_owned(), ..AttackSettings::default() };
    let world = AttackWorld::start_with(settings).await;
    let page = shown(&world, &Person::new("alice"), &[]).await;
    assert_shown(&page, 403, "no role");
    assert!(!page.body.contains("class=\"token\""), "{}", page.body);
    world.gatehouse.stop().await;
}

/// A form that is sent again, by a double click, comes to the same sign-in; another request begins another one.
#[tokio::test(flavor = "multi_thread")]
async fn one_page_begins_one_sign_in_for_each_request_however_often_it_is_sent() {
    let world = world(ENABLED, "policy = [{ name = \"writers\", scopes = [\"files:write\"] }]").await;
    let alice = Person::new("alice");
    let page = open(&world, &alice).await;
    let mut states = std::collections::BTreeSet::new();
    for further in [&[][..], &[], &["files:write"], &["files:write"]] {
        let sent = alice.submit(&world.gatehouse.url, "/access-token", &pressed(&page, further)).await;
        let location = sent.location().expect("the provider");
        states.insert(location.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned());
    }
    assert_eq!(states.len(), 2);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_sees_a_page_where_there_is_nothing_and_a_program_an_error() {
    let world = world("", "").await;
    let http = reqwest::Client::new();
    for (path, status) in [("/", 200), ("/favicon.ico", 404), ("/nowhere", 404), ("/access-token", 404)] {
        let page = http.get(world.url(path)).header(ACCEPT, "text/html,*/*;q=0.8").send().await.unwrap();
        assert_eq!(page.status(), status, "{path}");
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8", "{path}");
        assert_eq!(page.headers()["x-frame-options"], "DENY", "{path}");
        let program = http.get(world.url(path)).header(ACCEPT, "*/*").send().await.unwrap();
        assert_eq!(program.status(), 404, "{path}");
        assert_eq!(program.headers()["content-type"], "application/json", "{path}");
    }
    world.gatehouse.stop().await;
}
