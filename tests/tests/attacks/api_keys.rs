//! API keys, and the administrators who fetch and replace them.

mod administrators;
mod guesses;
mod mismatches;
mod races;
mod replaced;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_tests::{Answer, AttackSettings, AttackWorld};
use reqwest::header::AUTHORIZATION;

/// The bearer token of the administrator `operations`.
const ADMINISTRATOR: &str = "token-of-an-administrator-5d1f0c7a";
const FETCH: &str = "fetchMCPServerCredentials";
const REGENERATE: &str = "regenerateCredentials";
/// The name of the session pool at `/mcp`.
const POOL: &str = "code-pool";

/// A key for the configuration; each byte makes another one.
fn configured_key(byte: u8) -> String {
    format!("gatehouse_{}", URL_SAFE_NO_PAD.encode([byte; 32]))
}

fn sha256(key: &str) -> String {
    gatehouse_api_keys::digest(key).expose().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key of the configuration, with more lines of its table.
fn table(label: &str, byte: u8, more: &str) -> String {
    let hash = sha256(&configured_key(byte));
    format!("[[routes.api_keys.keys]]\nlabel = \"{label}\"\nsha256 = \"{hash}\"\n{more}\n")
}

/// `/mcp` takes keys, and `/other` tokens. `route` are lines of `/mcp`, `keys` of its `api_keys`, and `tables` are more keys.
fn settings(route: &str, keys: &str, tables: &str) -> AttackSettings {
    let mcp_lines = format!(
        "subject_header = \"x-subject\"\n{route}\n[routes.api_keys]\nsession_pool = \"{POOL}\"\n\
         administrators = [{{ label = \"operations\", secret = \"administrator_token\" }}, \
         {{ label = \"deputy\", secret = \"deputy_token\" }}]\n{keys}\n{}{tables}",
        table("robot", 1, "")
    );
    let variables = [("administrator_token", ADMINISTRATOR), ("deputy_token", "token-of-the-deputy-5d1f0c7a-0000")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    AttackSettings { mcp_lines, variables, ..AttackSettings::default() }
}

async fn world() -> AttackWorld {
    AttackWorld::start_with(settings("", "", "")).await
}

/// What `az rest` posts: only the host is another one.
fn action(pool: &str, action: &str) -> String {
    format!(
        "/subscriptions/8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10/resourceGroups/any/providers/Microsoft.App/sessionPools/{pool}/\
         {action}?api-version=2025-02-02-preview"
    )
}

async fn ask(world: &AttackWorld, path: &str, authorization: Option<&str>) -> Answer {
    let mut request = gatehouse_tests::http().post(world.url(path));
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// What the administrator is told.
async fn key_of(world: &AttackWorld, what: &str) -> String {
    let answer = ask(world, &action(POOL, what), Some(&format!("Bearer {ADMINISTRATOR}"))).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    let json = answer.json();
    assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
    json["apiKey"].as_str().unwrap().to_owned()
}

/// A call with these headers.
async fn call_with(world: &AttackWorld, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers.iter().fold(world.mcp_request(path), |request, (name, value)| request.header(*name, *value));
    Answer::of(request.send().await.unwrap()).await
}

async fn call(world: &AttackWorld, key: &str) -> Answer {
    call_with(world, "/mcp", &[("x-ms-apikey", key)]).await
}

/// Whose call the server has answered.
fn subject(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["result"]["subject"].as_str().unwrap().to_owned()
}
