//! Real OAuth servers, in their default settings, as the services in which users link accounts.

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, From, HeldPort, Person};
use serde_json::{Value, json};

use crate::providers::rows::PROVIDERS;
use crate::providers::visitor::{Login, sign_in};

/// Those whose tokens can be renewed without anybody's help.
const SERVICES: [&str; 2] = ["oidc-provider", "django-oauth-toolkit"];
const HEADER: &str = "x-api-token";

/// The page of the user's linked accounts.
async fn page(world: &AttackWorld, person: &Person) -> Answer {
    let url = world.url("/connections").parse().expect("a URL");
    let page = person.open(&url, From::Nowhere).await;
    let Some(form) = page.form("/sign-in") else { return page };
    let sent = person.submit(&world.gatehouse.url, "/sign-in", &form.pressed("provider", "test")).await;
    let returned = person.open(&sent.location().expect("the provider"), From::OtherSite).await;
    let signed_in = person.open(&returned.location().expect("the callback"), From::OtherSite).await;
    person.open(&signed_in.location().expect("the page"), From::SameOrigin).await
}

async fn press(world: &AttackWorld, person: &Person, name: &str) -> Answer {
    let form = page(world, person).await.form("/connections").expect("a form");
    person.submit(&world.gatehouse.url, "/connections", &form.pressed(name, "real")).await
}

/// What the server of a call got in the header; what the client was told, where it was not asked.
async fn called(world: &AttackWorld, person: &Person) -> Result<String, Value> {
    let tokens: Value = world.flow(person).finish().await;
    let before = world.upstream.requests().len();
    let message =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "a", "arguments": {} } });
    let request = world.mcp_request("/mcp").bearer_auth(tokens["access_token"].as_str().expect("a token"));
    let request = request.header("mcp-protocol-version", "2025-11-25").body(message.to_string());
    let answer = Answer::of(request.send().await.expect("an answer")).await;
    let requests = world.upstream.requests();
    if requests.len() == before { Err(answer.json()) } else { Ok(requests[before].header(HEADER).to_owned()) }
}

/// Links an account at the service `name`, calls, has the token renewed, and removes the link.
async fn link_at(name: &str) {
    let provider = PROVIDERS.iter().find(|provider| provider.name == name).expect("a provider");
    let held = HeldPort::take();
    let callback = format!("http://127.0.0.1:{}/connections/callback/real", held.number());
    let folder = tempfile::tempdir().expect("a folder for what the service writes");
    let mut program = provider.start(&callback, folder.path());
    let ready = program.json().await;
    let text = |key: &str, usual: &str| ready[key].as_str().unwrap_or(usual).to_owned();
    let tables = format!(
        "[[connections]]\nname = \"real\"\nissuer = \"{}\"\nclient_id = \"{}\"\nclient_secret = {{ secret = \"real_secret\" }}\n{}",
        text("issuer", ""),
        text("client_id", ""),
        provider.lines,
    );
    let world = AttackWorld::start_at(
        held,
        AttackSettings {
            tables,
            mcp_lines: format!("backend_token = {{ connection = \"real\", header = \"{HEADER}\" }}"),
            variables: vec![("real_secret".to_owned(), provider.secret.unwrap_or_default().to_owned())],
            ..AttackSettings::default()
        },
    )
    .await;
    let login = Login { name: text("login", "alice"), password: text("password", "correct horse & battery") };
    let (person, nobody_else) = (Person::new(&login.name), Person::new("bob"));
    let told = called(&world, &person).await.expect_err("there is no link yet");
    assert_eq!(told["error"]["code"], -32042, "{name}: {told}");

    let sent = press(&world, &person, "link").await;
    let at_service = sent.location().expect("the service");
    let returned = sign_in(&person, &login, &at_service, &callback).await;
    let linked = person.open(&returned, From::OtherSite).await;
    let log = || world.gatehouse.log.lines().join("\n");
    assert_eq!(linked.status, 303, "{name}: {linked:?}\n{}", log());
    let first = called(&world, &person).await.unwrap_or_else(|told| panic!("{name}: {told}\n{}", log()));
    assert!(!first.is_empty(), "{name}");
    assert!(called(&world, &nobody_else).await.is_err(), "{name}: somebody else");

    world.gatehouse.clock.advance(provider.token_seconds);
    let second = called(&world, &person).await.unwrap_or_else(|told| panic!("{name}: {told}\n{}", log()));
    assert_ne!(first, second, "{name}: the token was not renewed");
    assert_eq!(press(&world, &person, "remove").await.status, 303, "{name}");
    assert!(called(&world, &person).await.is_err(), "{name}: the link was removed\n{}", log());
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_link_renew_and_revoke() {
    for name in SERVICES {
        link_at(name).await;
    }
}
