//! Markup that somebody stores or reflects (CVE-2025-62800: cross-site scripting in FastMCP's pages).

use gatehouse_tests::{AttackWorld, From, Person, Step, TestClient, form};
use serde_json::json;

use crate::answers::assert_page;

const MARKUP: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'onmouseover='alert(1)",
    "</title><svg onload=alert(1)>",
    "{{1337*7331}}${1337*7331}<%=1337*7331%>",
    "&lt;script&gt;",
    "</form><form action=https://evil.example>",
];

/// Nothing of it is left as markup: every `<` and quote of it is an entity.
fn assert_escaped(page: &str, markup: &str) {
    let raw_tags = ["<script", "<img", "<svg", "onerror=alert(1)>", "evil.example>"];
    assert!(raw_tags.iter().all(|tag| !page.contains(tag)), "{markup}: {page}");
    let dangerous = markup.contains(['<', '"', '\'']);
    assert!(!dangerous || !page.contains(markup), "{markup}: {page}");
    assert!(!page.contains("9801547"), "a template was evaluated: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_name_is_text_on_every_page_that_shows_it() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    for markup in MARKUP {
        let metadata = json!({ "client_name": markup, "redirect_uris": ["https://client.example/"] });
        let answer = world.register(&metadata).await;
        if answer.status != 201 {
            assert_eq!(answer.error(), "invalid_client_metadata", "{markup}");
            continue;
        }
        let client = TestClient::public(answer.json()["client_id"].as_str().unwrap(), "https://client.example/");
        let mut flow = world.flow_of(&alice, client, "/mcp");
        flow.to(Step::Asked).await;
        let page = flow.page.as_ref().unwrap();
        assert_page(page, markup);
        assert_escaped(&page.body, markup);
        assert_eq!(page.forms().len(), 1, "{markup}: a form was added");
    }
    world.gatehouse.stop().await;
}

/// Text that reads from the right, or that nobody sees, makes one name look like another.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_control_or_direction_characters_is_refused() {
    let world = AttackWorld::start().await;
    let before = world.store().await;
    for name in
        ["a\u{202e}b", "a\u{2066}b", "a\0b", "a\nb", "a\u{200b}b", "\u{feff}a", "a\u{1b}[31mb", &"x".repeat(129)]
    {
        let answer =
            world.register(&json!({ "client_name": name, "redirect_uris": ["https://client.example/"] })).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_client_metadata"), "{name:?}");
    }
    world.assert_unchanged(&before, "names").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_and_no_error_repeats_what_a_request_says_as_markup() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    for markup in MARKUP {
        for name in [
            "client_id",
            "redirect_uri",
            "state",
            "scope",
            "resource",
            "response_type",
            "code_challenge",
            "prompt",
            "login_hint",
            "error",
            "error_description",
        ] {
            for path in ["/authorize", "/callback"] {
                let url = world.url(&format!("{path}?{}", form(&[(name, markup)])));
                let answer = alice.open(&url.parse().unwrap(), From::OtherSite).await;
                assert_page(&answer, &format!("{path} {name} {markup}"));
                assert_escaped(&answer.body, markup);
            }
            // Of a known client: the page shows some of it, the redirect carries the rest.
            let flow = world.flow(&alice).with(name, Some(markup));
            let answer = alice.open(&flow.authorization_url(), From::Nowhere).await;
            assert_escaped(&answer.body, markup);
            assert!(!answer.header("location").contains(['<', '"']), "{answer:?}");
        }
        for (path, answer) in [
            ("/token", world.post("/token", &[("grant_type", markup), ("client_id", markup), ("code", markup)]).await),
            ("/register", world.register(&json!({ "redirect_uris": [markup], "client_name": markup })).await),
            ("/nowhere", world.get(&format!("/{}", form(&[("x", markup)]))).await),
            ("/mcp", world.call("/mcp", "x").await),
        ] {
            // A browser that opens it must not take it for a page.
            assert_eq!(answer.header("content-type"), "application/json", "{path}: {answer:?}");
            assert!(!answer.header("www-authenticate").contains(['<', '\n']), "{answer:?}");
        }
    }
    world.gatehouse.stop().await;
}
