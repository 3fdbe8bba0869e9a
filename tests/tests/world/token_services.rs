//! Token services of others: what they give the gateway for servers.

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::{AttackSettings, AttackWorld, Person, Program, TokenService, http, repository, text, tool};
use serde_json::{Value, json};
use tokio::process::Command;

const SECRET: &str = "authlib secret & 100% +more";
const ROUTES: &str = r#"
[[token_services]]
name = "authlib"
token_endpoint = "SERVICE/token"
client_id = "gatehouse"
client_secret = { secret = "token_service_secret" }

[[routes]]
path = "/own"
url = "UPSTREAM/own"
backend_token = { flow = "client-credentials", token_service = "authlib", scopes = ["orders.read"] }
"#;
const EXCHANGE: &str = r#"backend_token = { flow = "token-exchange", token_service = "authlib", audience = "orders", scopes = ["orders.read"] }"#;

async fn asked(url: &str) -> Value {
    let answer = http().get(url).send().await.expect("an answer");
    serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
}

/// RFC 8693 and client credentials, at a server on Authlib.
#[tokio::test(flavor = "multi_thread")]
async fn authlib_exchanges_the_users_token_and_gives_the_gateway_one_of_its_own() {
    let python = repository().join("target/python-providers/bin/python");
    let mut command = Command::new(tool("GATEHOUSE_TEST_PROVIDERS_PYTHON", &python.to_string_lossy()));
    command.arg(repository().join("tests/world/providers/authlib_token_service.py"));
    command
        .args(["--redirect-uri", "none", "--client-secret", SECRET])
        .env("SUBJECT_KEY", SigningKey::P256.jwk().to_string());
    let mut program = Program::start("authlib_token_service.py", command);
    let service = text(&program.json().await, "url");
    let world = AttackWorld::start_with(AttackSettings {
        tables: ROUTES.replace("SERVICE", &service).replace("UPSTREAM", "http://127.0.0.1:1"),
        mcp_lines: EXCHANGE.to_owned(),
        variables: vec![("token_service_secret".to_owned(), SECRET.to_owned())],
        access_token_seconds: 3600,
        ..AttackSettings::default()
    })
    .await;
    TokenService::trust(world.provider());
    let alice = Person::new("alice");
    let token = text(&world.flow(&alice).finish().await, "access_token");
    for _ in 0..3 {
        assert_eq!(world.call("/mcp", &token).await.status, 200);
    }
    let requests = world.upstream.requests();
    let backend = requests[0].header("authorization").strip_prefix("Bearer ").expect("a bearer token");
    let given = asked(&format!("{service}/given/{backend}")).await;
    assert_eq!(given, json!({ "user": "alice", "audience": "orders", "scope": "orders.read" }));
    assert!(requests.iter().all(|it| it.header("authorization") == requests[0].header("authorization")));
    // Nobody listens behind it: 502 says that there was a token.
    let of_own = text(&world.flow_of(&alice, world.public(), "/own").finish().await, "access_token");
    assert_eq!(world.call("/own", &of_own).await.status, 502);
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert_eq!(asked(&format!("{service}/asked")).await, json!([exchange, "client_credentials"]));
    // It takes the user's token no more: it says so with `invalid_request`, as RFC 8693 has it.
    program.say("remove").await;
    program.step("remove").await;
    world.gatehouse.clock.advance(601);
    assert_eq!(world.call("/mcp", &token).await.status, 403);
    assert_eq!(world.upstream.requests().len(), 3);
    world.gatehouse.stop().await;
}
