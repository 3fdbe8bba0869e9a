//! The administrator's page: what an operator sees and does there, and that nobody else does.

mod environments;
mod forged;
mod shown;

use std::sync::Arc;

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, Form, From, Person};
use serde_json::{Value, json};

use crate::account::sign_in;
use crate::answers::assert_shown;

const ROLES: &str = "operator_roles = [\"Ops\"]\nadministrator_roles = [\"Admin\"]";
const POOL: &str = "code-pool";
const KEY_ADMINISTRATOR: &str = "token-of-an-administrator-5d1f0c7a";
/// What a server gets in a header.
const SERVER_SECRET: &str = "header-secret-4b7e";

/// Carol is an operator, and dave consents for everybody.
async fn world() -> AttackWorld {
    let mcp_lines = format!(
        "own_tokens = true\n\
         secret_headers = {{ x-functions-key = {{ secret = \"upstream_secret\" }} }}\n\
         rates = [{{ per = \"subject\", requests = 1000, seconds = 60 }}]\n\
         policy = [{{ name = \"readers\", groups = [\"staff\"], tools = [\"read_*\"] }}]\n\
         [routes.api_keys]\nsession_pool = \"{POOL}\"\nvalidation_seconds = 0\n\
         administrators = [{{ label = \"operations\", secret = \"administrator_token\" }}]"
    );
    let variables = [("administrator_token", KEY_ADMINISTRATOR), ("upstream_secret", SERVER_SECRET)];
    world_with(mcp_lines, &variables).await
}

/// The same people, with these lines of the route and these variables.
async fn world_with(mcp_lines: String, variables: &[(&str, &str)]) -> AttackWorld {
    let settings = AttackSettings {
        mcp_lines,
        provider_lines: ROLES.to_owned(),
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..AttackSettings::default()
    };
    let world = AttackWorld::start_with(settings).await;
    world.provider().script(|script| {
        script.claims = Arc::new(|claims| match claims["email"].as_str() {
            Some("carol@example.test") => claims["roles"] = json!(["Ops"]),
            Some("dave@example.test") => claims["roles"] = json!(["Admin"]),
            _ => {}
        });
    });
    world
}

async fn open(world: &AttackWorld, person: &Person) -> Answer {
    person.open(&world.url("/admin").parse().unwrap(), From::SameOrigin).await
}

/// Carol signs in, and opens the page.
async fn signed_in(world: &AttackWorld, carol: &Person) -> Answer {
    let sessions = sign_in(world, carol).await;
    assert!(sessions.body.contains("<a href=\"/admin\">"), "{}", sessions.body);
    let page = open(world, carol).await;
    assert_shown(&page, 200, "the administrator's page");
    page
}

/// The form of the page with the button that does this.
fn form(page: &Answer, act: &str) -> Form {
    let has_it = |form: &Form| form.buttons.iter().any(|(name, value)| name == "act" && value == act);
    page.forms().into_iter().find(has_it).unwrap_or_else(|| panic!("no form {act}: {}", page.body))
}

/// What the form sends with these fields.
fn filled(page: &Answer, act: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs = form(page, act).pressed("act", act);
    pairs.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    pairs
}

/// Sends the form; the page that comes.
async fn sent(world: &AttackWorld, person: &Person, page: &Answer, act: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = person.submit(&world.gatehouse.url, "/admin", &filled(page, act, fields)).await;
    assert_shown(&answer, 200, act);
    answer
}

async fn access_token(world: &AttackWorld, name: &str) -> String {
    let tokens: Value = world.flow(&Person::new(name)).finish().await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

/// The first `count` lines of the log about an act: event, who, and whom it was about.
async fn acts(world: &AttackWorld, action: &str, count: usize) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    loop {
        let lines = world.gatehouse.log.lines();
        let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines: Vec<_> = lines.filter(|line| line["action"] == action).collect();
        if lines.len() >= count {
            let told = |line: &Value| (text(&line["event"]), text(&line["subject"]), text(&line["target_subject"]));
            return lines.iter().map(told).collect();
        }
        tokio::task::yield_now().await;
    }
}

fn act(event: &str, target: &str) -> (String, String, String) {
    (event.to_owned(), "test:carol".to_owned(), target.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_finds_and_ends_the_sessions_of_a_user_and_the_log_says_who_did_it_to_whom() {
    let world = world().await;
    let carol = Person::new("carol");
    let tokens =
        [access_token(&world, "alice").await, access_token(&world, "alice").await, access_token(&world, "bob").await];
    let page = signed_in(&world, &carol).await;
    assert!(!page.body.contains("test:alice") && !page.body.contains("end-session"), "{}", page.body);

    let found = sent(&world, &carol, &page, "find-sessions", &[("subject", "test:alice")]).await;
    assert!(found.body.contains("Sessions of <code>test:alice</code>: 2"), "{}", found.body);
    assert!(found.body.contains("Public client") && found.body.contains("<code class=\"uri\">public</code>"));
    let ended = sent(&world, &carol, &found, "end-session", &[]).await;
    assert!(ended.body.contains("It is done.") && ended.body.contains("</code>: 1"), "{}", ended.body);
    let statuses = [world.call("/mcp", &tokens[0]).await.status, world.call("/mcp", &tokens[1]).await.status];
    assert!(statuses == [200, 401] || statuses == [401, 200], "{statuses:?}");
    let ended = sent(&world, &carol, &ended, "end-sessions", &[]).await;
    assert!(ended.body.contains("</code>: 0"), "{}", ended.body);
    let statuses = [
        world.call("/mcp", &tokens[0]).await.status,
        world.call("/mcp", &tokens[1]).await.status,
        world.call("/mcp", &tokens[2]).await.status,
    ];
    assert_eq!(statuses, [401, 401, 200], "bob's goes on");
    let page = sent(&world, &carol, &ended, "find-sessions", &[("subject", "no subject")]).await;
    assert!(page.body.contains("There is nothing with this name."), "{}", page.body);

    assert_eq!(acts(&world, "administration-sessions", 1).await, [act("completed", "test:alice")]);
    let both = [act("begun", "test:alice"), act("completed", "test:alice")];
    assert_eq!(acts(&world, "administration-end-session", 2).await, both);
    assert_eq!(acts(&world, "administration-end-sessions", 2).await, both);
    assert_eq!(acts(&world, "administration", 1).await, [act("completed", "")]);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_removes_a_client_that_registered_and_no_other() {
    let world = world().await;
    let carol = Person::new("carol");
    let [gone, stays] = [
        world.registered("https://notes.example/callback").await,
        world.registered("https://notes.example/callback").await,
    ];
    let mut refresh_tokens = Vec::new();
    for client in [&gone, &stays] {
        let tokens = world.flow_of(&Person::new("alice"), client.clone(), "/mcp").finish().await;
        refresh_tokens.push(tokens["refresh_token"].as_str().unwrap().to_owned());
    }
    let page = signed_in(&world, &carol).await;
    let found = sent(&world, &carol, &page, "find-client", &[("client_id", &gone.client_id)]).await;
    for words in ["Registered", "https://notes.example/callback", "It has registered itself, and was last used between"]
    {
        assert!(found.body.contains(words), "{words}: {}", found.body);
    }
    let removed = sent(&world, &carol, &found, "remove-client", &[]).await;
    assert!(removed.body.contains("It is done."), "{}", removed.body);
    assert_eq!(world.refresh(&gone, &refresh_tokens[0]).await.error(), "invalid_client");
    assert_eq!(world.refresh(&stays, &refresh_tokens[1]).await.status, 200);
    let found = sent(&world, &carol, &removed, "find-client", &[("client_id", &gone.client_id)]).await;
    assert!(found.body.contains("There is nothing with this name."), "{}", found.body);

    let found = sent(&world, &carol, &found, "find-client", &[("client_id", "public")]).await;
    assert!(found.body.contains("It is in the configuration.") && !found.body.contains("remove-client"));
    let mut by_hand = filled(&found, "find-client", &[("client_id", "public")]);
    by_hand.iter_mut().find(|(name, _)| name == "act").unwrap().1 = "remove-client".to_owned();
    let answer = carol.submit(&world.gatehouse.url, "/admin", &by_hand).await;
    assert!(answer.body.contains("There is nothing with this name."), "{}", answer.body);
    assert!(access_token(&world, "alice").await.len() > 20, "the client of the configuration still works");
    world.gatehouse.stop().await;
}

/// The key as its own administrator fetches it.
async fn key(world: &AttackWorld) -> String {
    let path = format!(
        "/subscriptions/0/resourceGroups/any/providers/Microsoft.App/sessionPools/{POOL}/fetchMCPServerCredentials"
    );
    let request = gatehouse_tests::http().post(world.url(&path)).bearer_auth(KEY_ADMINISTRATOR);
    let answer = Answer::of(request.send().await.unwrap()).await;
    answer.json()["apiKey"].as_str().expect("a key").to_owned()
}

async fn status_with(world: &AttackWorld, key: &str) -> u16 {
    world.mcp_request("/mcp").header("x-ms-apikey", key).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_replaces_a_key_once_and_is_not_told_it() {
    let world = world().await;
    let carol = Person::new("carol");
    let before = key(&world).await;
    let page = signed_in(&world, &carol).await;
    let renewed = sent(&world, &carol, &page, "renew-key", &[]).await;
    let after = key(&world).await;
    assert_ne!(before, after);
    assert_eq!((status_with(&world, &before).await, status_with(&world, &after).await), (401, 200));
    assert!(!renewed.body.contains(&before) && !renewed.body.contains(&after), "{}", renewed.body);

    // The same form again, and another one of the same page.
    let store = world.store().await;
    for (act, fields) in [("renew-key", &[][..]), ("remove-client", &[("client_id", "x")])] {
        let mut pairs = filled(&page, "renew-key", fields);
        pairs.iter_mut().filter(|(name, _)| name == "act").for_each(|(_, value)| *value = act.to_owned());
        let replayed = carol.submit(&world.gatehouse.url, "/admin", &pairs).await;
        assert_shown(&replayed, 403, act);
    }
    world.assert_only_changed(&store, &["administration-form"], "replayed").await;
    assert_eq!(key(&world).await, after);
    let events: Vec<_> = acts(&world, "administration-renew-key", 3).await.into_iter().map(|line| line.0).collect();
    assert_eq!(events, ["begun", "completed", "refused"]);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asks_the_policy_what_the_command_would_say() {
    let world = world().await;
    let carol = Person::new("carol");
    let page = signed_in(&world, &carol).await;
    let question = |name: &'static str, groups: &'static str| {
        [
            ("route", "/mcp"),
            ("subject", "test:alice"),
            ("client_id", "public"),
            ("scopes", ""),
            ("groups", groups),
            ("roles", ""),
            ("tenant", ""),
            ("name", name),
        ]
    };
    let answer = sent(&world, &carol, &page, "ask-tool", &question("read_file", "staff other")).await;
    assert!(answer.body.contains("Allowed: by the rule readers"), "{}", answer.body);
    let answer = sent(&world, &carol, &answer, "ask-tool", &question("read_file", "")).await;
    assert!(answer.body.contains("Denied: no rule allows it"), "{}", answer.body);
    let answer = sent(&world, &carol, &answer, "ask-tool", &question("<script>alert(1)</script>", "staff")).await;
    assert!(answer.body.contains("&#60;script&#62;"), "{}", answer.body);
    assert_eq!(acts(&world, "administration-ask", 3).await.len(), 3);
    world.gatehouse.stop().await;
}
