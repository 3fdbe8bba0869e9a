//! What the page shows: no secret, no markup of others, and nothing to frame.

use gatehouse_tests::{AttackSettings, AttackWorld, CLIENT_SECRET, From, Gatehouse, Person, ScriptedProvider};
use serde_json::json;

use super::{KEY_ADMINISTRATOR, ROLES, SERVER_SECRET, access_token, key, sent, signed_in, world};
use crate::account::sign_in;
use crate::answers::assert_shown;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_names_secrets_and_shows_none() {
    let world = world().await;
    let carol = Person::new("carol");
    let token = access_token(&world, "alice").await;
    let key = key(&world).await;
    let page = signed_in(&world, &carol).await;
    let found = sent(&world, &carol, &page, "find-sessions", &[("subject", "test:alice")]).await.body;
    for named in [
        "$identity_provider_secret",
        "secret_headers.x-functions-key = $upstream_secret",
        "/mcp url = http://127.0.0.1",
    ] {
        assert!(found.contains(named), "{named}: {found}");
    }
    let server_key = Gatehouse::SERVER_KEYS.split(':').nth(1).unwrap();
    for secret in [CLIENT_SECRET, KEY_ADMINISTRATOR, SERVER_SECRET, server_key, &token, &key] {
        assert!(!found.contains(secret), "{secret}: {found}");
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_markup_of_clients_and_of_whoever_is_looked_for_is_text() {
    let world = world().await;
    let (alice, carol) = (Person::new("alice"), Person::new("carol"));
    let name = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'";
    let registered =
        world.register(&json!({ "client_name": name, "redirect_uris": ["https://evil.example/callback"] })).await;
    let client_id = registered.json()["client_id"].as_str().expect("an id").to_owned();
    let client = gatehouse_tests::TestClient::public(&client_id, "https://evil.example/callback");
    world.flow_of(&alice, client, "/mcp").finish().await;
    let page = signed_in(&world, &carol).await;
    let sessions = sent(&world, &carol, &page, "find-sessions", &[("subject", "test:alice")]).await;
    let client = sent(&world, &carol, &sessions, "find-client", &[("client_id", &client_id)]).await;
    for page in [&sessions, &client] {
        assert!(page.body.contains("&#60;script&#62;alert(1)"), "{}", page.body);
    }
    let evil = "test:\"><script>alert(3)</script>";
    let looked_for = sent(&world, &carol, &client, "find-sessions", &[("subject", evil)]).await;
    let nobody = sent(&world, &carol, &looked_for, "find-client", &[("client_id", "\"><b onclick=alert(4)>")]).await;
    for page in [&sessions, &client, &looked_for, &nobody] {
        // No script, no frame, nothing loaded: `assert_shown` reads the policy.
        assert_shown(page, 200, "markup");
        for markup in ["<img", "<b on", "onerror=alert(2)>\"", "\"><script"] {
            assert!(!page.body.contains(markup), "{markup}: {}", page.body);
        }
    }
    world.gatehouse.stop().await;
}

/// How many accounts are linked, and of nobody whose.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_counts_linked_accounts_and_says_nothing_of_whose_they_are() {
    let service = ScriptedProvider::start("issues").await;
    let connection = |name: &str, lines: &str| {
        let issuer = service.issuer();
        format!("[[connections]]\nname = \"{name}\"\nissuer = \"{issuer}\"\nclient_id = \"gatehouse\"\n{lines}\n")
    };
    let tables = connection("issues", "display_name = \"Issues\"") + &connection("chat", "shared = true");
    let settings = AttackSettings { tables, provider_lines: ROLES.to_owned(), ..AttackSettings::default() };
    let world = AttackWorld::start_with(settings).await;
    world.provider().script(|script| {
        script.claims(|claims| {
            if claims["email"] == "carol@example.test" {
                claims["roles"] = json!(["Ops"]);
            }
        });
    });
    let carol = Person::new("carol");
    let count = async |number: u32| {
        let page = signed_in(&world, &carol).await.body;
        assert!(page.contains(&format!("At all connections together, {number} accounts are linked.")), "{page}");
        assert!(page.contains("<h3>Issues</h3>") && page.contains("Not linked"), "{page}");
        for personal in ["alice", "bob", &service.last_access_token()] {
            assert!(!page.contains(personal), "{personal}: {page}");
        }
    };
    for name in ["alice", "bob"] {
        let person = Person::new(name);
        sign_in(&world, &person).await;
        let page = person.open(&world.url("/connections").parse().unwrap(), From::SameOrigin).await;
        let link = page.form("/connections").expect("a form").pressed("link", "issues");
        let sent = person.submit(&world.gatehouse.url, "/connections", &link).await;
        let returned = person.open(&sent.location().expect("the service"), From::OtherSite).await;
        let linked = person.open(&returned.location().expect("the callback"), From::OtherSite).await;
        assert_eq!(linked.location().expect("our page").path(), "/connections", "{linked:?}");
    }
    count(2).await;
    world.gatehouse.stop().await;
}
