//! Whoever is no operator, or no longer; and forms that no page of the operator's has sent.

use gatehouse_tests::{AttackSettings, AttackWorld, From, Person, form};
use reqwest::Method;
use serde_json::json;

use super::{access_token, filled, open, sent, signed_in, world};
use crate::account::{self, sign_in};
use crate::answers::{assert_page, assert_shown};

#[tokio::test(flavor = "multi_thread")]
async fn without_operator_roles_there_is_no_such_page() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let page = sign_in(&world, &alice).await;
    assert!(!page.body.contains("/admin"), "{}", page.body);
    assert_eq!(open(&world, &alice).await.status, 404);
    let answer = alice.submit(&world.gatehouse.url, "/admin", &[("act".to_owned(), "find-sessions".to_owned())]).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_role_opens_the_page_or_uses_its_forms() {
    let world = world().await;
    let (alice, carol, dave) = (Person::new("alice"), Person::new("carol"), Person::new("dave"));
    let token = access_token(&world, "bob").await;
    let nobody = open(&world, &Person::new("mallory")).await;
    assert_page(&nobody, "nobody");
    assert!(nobody.form("/sign-in").is_some() && !nobody.body.contains("public_url"), "{}", nobody.body);

    let page = signed_in(&world, &carol).await;
    let found = sent(&world, &carol, &page, "find-sessions", &[("subject", "test:bob")]).await;
    let ending = filled(&found, "end-sessions", &[]);
    // No role, and the role of those who consent for everybody.
    for person in [&alice, &dave] {
        let own = sign_in(&world, person).await;
        assert!(!own.body.contains("<a href=\"/admin\">"), "{}", person.name());
        let before = world.store().await;
        let shown = open(&world, person).await;
        assert_shown(&shown, 403, person.name());
        assert!(!shown.body.contains("public_url"), "{}", shown.body);
        let mut with_own_ticket = ending.clone();
        let ticket = own.form("/sign-out").unwrap().field("ticket").to_owned();
        with_own_ticket.iter_mut().find(|(name, _)| name == "ticket").unwrap().1 = ticket;
        for pairs in [&ending, &with_own_ticket] {
            assert_shown(&person.submit(&world.gatehouse.url, "/admin", pairs).await, 403, person.name());
        }
        world.assert_unchanged(&before, person.name()).await;
    }
    assert_eq!(world.call("/mcp", &token).await.status, 200, "bob's session goes on");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_the_role_loses_the_page() {
    let world = world().await;
    let carol = Person::new("carol");
    let token = access_token(&world, "alice").await;
    let page = signed_in(&world, &carol).await;
    let found = sent(&world, &carol, &page, "find-sessions", &[("subject", "test:alice")]).await;
    let ending = filled(&found, "end-sessions", &[]);

    // The operator takes the role out of the configuration: at once, for pages that are open, too.
    let configuration = world.gatehouse.variable("config").replace("[\"Ops\"]", "[\"Other\"]");
    let changed = world.beside_with(&[("config", &configuration)]).await;
    let before = world.store().await;
    let answer = carol.open(&changed.url("/admin").parse().unwrap(), From::SameOrigin).await;
    assert_shown(&answer, 403, "the role is none any more");
    let public_url = world.gatehouse.url.clone();
    let answer = carol.post(&changed.url("/admin"), &form(&ending), From::SameOrigin, Some(&public_url)).await;
    assert_shown(&answer, 403, "its forms");
    world.assert_unchanged(&before, "the role is none any more").await;
    changed.gatehouse.stop().await;

    // The page stood open for too long: the sign-in has ended with it.
    world.gatehouse.clock.advance(15 * 60 + 1);
    let before = world.store().await;
    let answer = carol.submit(&world.gatehouse.url, "/admin", &ending).await;
    assert_shown(&answer, 403, "too late");
    assert!(answer.form("/sign-in").is_some(), "{}", answer.body);
    world.assert_unchanged(&before, "too late").await;

    // The provider has taken the role from her.
    world.provider().script(|script| script.claims = std::sync::Arc::new(|claims| claims["roles"] = json!([])));
    sign_in(&world, &carol).await;
    assert_shown(&open(&world, &carol).await, 403, "signed in anew");
    let refreshed = access_token(&world, "alice").await;
    assert_eq!(world.call("/mcp", &refreshed).await.status, 200);
    assert_ne!(token, refreshed);
    world.gatehouse.stop().await;
}

/// An operator ends everything of another operator, whose browser has the page open.
#[tokio::test(flavor = "multi_thread")]
async fn whose_sessions_an_operator_ends_has_the_page_no_longer() {
    let world = world().await;
    let (carol, elsewhere) = (Person::new("carol"), Person::new("carol"));
    access_token(&world, "carol").await;
    let page = signed_in(&world, &carol).await;
    let left_open = signed_in(&world, &elsewhere).await;
    let found = sent(&world, &carol, &page, "find-sessions", &[("subject", "test:carol")]).await;
    let ending = filled(&found, "end-sessions", &[]);
    assert_shown(&carol.submit(&world.gatehouse.url, "/admin", &ending).await, 200, "ended");
    world.gatehouse.clock.advance(2);
    let before = world.store().await;
    for browser in [&carol, &elsewhere] {
        let shown = open(&world, browser).await;
        assert!(shown.form("/sign-in").is_some() && shown.form("/admin").is_none(), "{}", shown.body);
    }
    let search = filled(&left_open, "find-sessions", &[("subject", "test:alice")]);
    let refused = elsewhere.submit(&world.gatehouse.url, "/admin", &search).await;
    assert_shown(&refused, 403, "a page that stood open");
    world.assert_unchanged(&before, "a sign-in from before").await;
    signed_in(&world, &elsewhere).await;
    world.gatehouse.stop().await;
}

/// Cross-site request forgery, with the operator's own browser.
#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_and_no_other_page_acts_in_the_name_of_an_operator() {
    let world = world().await;
    let (carol, again) = (Person::new("carol"), Person::new("carol"));
    let token = access_token(&world, "alice").await;
    let page = signed_in(&world, &carol).await;
    let found = sent(&world, &carol, &page, "find-sessions", &[("subject", "test:alice")]).await;
    let ending = filled(&found, "end-sessions", &[]);
    let (url, own) = (world.url("/admin"), world.gatehouse.url.clone());
    let account = account::open(&world, &carol).await.form("/sign-out").unwrap().field("ticket").to_owned();
    let elsewhere = signed_in(&world, &again).await;
    let of_other_browser = super::form(&elsewhere, "find-sessions").field("ticket").to_owned();
    let before = world.store().await;
    for (from, origin, what) in [
        (From::OtherSite, "https://evil.example", "another site"),
        (From::OtherSite, "null", "nobody's origin"),
        (From::SameOrigin, "https://evil.example", "another origin"),
        (From::OtherSite, own.as_str(), "another site that says it is us"),
    ] {
        assert_shown(&carol.post(&url, &form(&ending), from, Some(origin)).await, 403, what);
    }
    let mut flipped = super::form(&found, "end-sessions").field("ticket").to_owned();
    flipped.replace_range(60..61, if flipped.as_bytes()[60] == b'A' { "B" } else { "A" });
    for (ticket, what) in [
        (String::new(), "none"),
        (account, "of the page of her own sessions"),
        (of_other_browser, "of another browser of hers"),
        (flipped, "altered"),
    ] {
        let mut pairs = ending.clone();
        pairs.iter_mut().find(|(name, _)| name == "ticket").unwrap().1 = ticket;
        assert_shown(&carol.submit(&own, "/admin", &pairs).await, 403, what);
    }
    // What the form lacks, has twice, or does not know.
    for (name, value) in [("act", "end-everything"), ("act", ""), ("subject", "test:bob")] {
        let mut pairs = ending.clone();
        pairs.push((name.to_owned(), value.to_owned()));
        assert_shown(&carol.submit(&own, "/admin", &pairs).await, 403, "twice");
        pairs.retain(|(own, _)| own != name);
        assert_shown(&carol.submit(&own, "/admin", &pairs).await, 403, "absent");
    }
    // A GET changes nothing, whatever is in its query.
    let query = format!("{url}?{}", form(&ending));
    carol.open(&query.parse().unwrap(), From::OtherSite).await;
    world.assert_unchanged(&before, "forged").await;
    assert_eq!(world.call("/mcp", &token).await.status, 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_nearly_the_pages_is_not_the_page() {
    let settings =
        AttackSettings { provider_lines: "operator_roles = [\"Ops\"]".to_owned(), ..AttackSettings::default() };
    let world = AttackWorld::start_with(settings).await;
    let carol = Person::new("carol");
    sign_in(&world, &carol).await;
    for path in [
        "/admin/",
        "/Admin",
        "/ADMIN",
        "/admin;x",
        "/admin%2f",
        "/%61dmin",
        "//admin",
        "/admin/sessions",
        "/x/../admin/.",
    ] {
        let answer = carol.open(&world.url(path).parse().unwrap(), From::SameOrigin).await;
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::HEAD] {
        let answer = gatehouse_tests::http().request(method.clone(), world.url("/admin")).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method}");
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{method}");
    }
    world.gatehouse.stop().await;
}
