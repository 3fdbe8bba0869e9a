//! What others have made for the same job, as their documentation has it. The programs are in `tests/peers`.

use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;

use super::load::Target;
use super::servers::{CALL, Server, VERSION};
use super::setup::Setup;
use crate::paths::{repository, tool};
use crate::world::CLIENT_SECRET;
use crate::{CHALLENGE, From, HeldPort, Person, ScriptedProvider, VERIFIER, http, parameter};

/// The client's redirect URI, where nobody listens.
const REDIRECT_URI: &str = "http://127.0.0.1:1/callback";

/// Cloudflare's workers-oauth-provider on workerd, in front of a server; and the call.
pub(super) async fn workers_oauth_provider(server: &str) -> (Server, Target) {
    let port = HeldPort::take().lend();
    let mut command = Command::new(tool("GATEHOUSE_TEST_NODE", "node"));
    command.arg(program("workers-oauth-provider.mjs")).arg(port.to_string()).arg(format!("{server}/mcp"));
    let running = Server::start("workers-oauth-provider", command, port, tempfile::tempdir().expect("a folder")).await;
    let token = sign_in(&running.origin).await;
    let call = Target::post(&running.origin, "/mcp", &[VERSION, ("Authorization", &bearer(&token))], CALL);
    (running, call)
}

/// FastMCP's OAuth proxy in front of a server; and the call, in so many sessions: within one, no two requests may have the same id
/// at a time.
pub(super) async fn fastmcp(setup: &Setup, server: &str, sessions: usize) -> (Server, Target) {
    let provider = ScriptedProvider::start("peer").await;
    let (issuer, now) = (provider.issuer(), std::time::SystemTime::now());
    let now = now.duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970").as_secs();
    // FastMCP checks the provider's access token at each request, as a JWT. So it has to be one, and to last.
    provider.script(|script| {
        script.token_answer(move |answer| {
            let claims = json!({
                "iss": issuer, "sub": "alice", "aud": "gateway", "client_id": "gateway", "iat": now, "exp": now + 7200,
                "scope": "openid",
            });
            answer["access_token"] = crate::jwt::SigningKey::Rsa.sign(&claims).into();
        });
    });
    let port = HeldPort::take().lend();
    let mut command = Command::new(setup.peers_python.as_ref().expect("FastMCP is installed"));
    command.arg(program("fastmcp_proxy.py")).arg(port.to_string()).arg(format!("{server}/mcp"));
    command.arg(provider.origin()).arg(CLIENT_SECRET);
    let folder = tempfile::tempdir().expect("a folder");
    command.env("FASTMCP_HOME", folder.path().join("fastmcp")).env("HOME", folder.path());
    let running = Server::start("fastmcp", command, port, folder).await;
    let bearer = bearer(&sign_in(&running.origin).await);
    let mut calls = Vec::new();
    for _ in 0..sessions {
        let session = session(&running.origin, &bearer).await;
        let fields = [VERSION, ("Mcp-Session-Id", session.as_str()), ("Authorization", bearer.as_str())];
        calls.push(Target::post(&running.origin, "/mcp", &fields, CALL));
    }
    let call = Target::of_each_connection(calls);
    (running, call)
}

fn program(name: &str) -> std::path::PathBuf {
    repository().join("tests/peers").join(name)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Registers a client, signs a person in, whom nobody asks anything, and redeems the code: an access token.
async fn sign_in(origin: &str) -> String {
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI], "client_name": "Client", "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
    });
    let request = http().post(format!("{origin}/register")).header("content-type", "application/json");
    let client: Value = answer(request.body(metadata.to_string())).await;
    let client_id = client["client_id"].as_str().expect("a client");
    let resource = format!("{origin}/mcp");
    let query = crate::form(&[
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT_URI),
        ("state", "the-state"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", resource.as_str()),
    ]);
    let person = Person::new("alice");
    let mut url = Url::parse(&format!("{origin}/authorize?{query}")).expect("a URL");
    while !url.as_str().starts_with(REDIRECT_URI) {
        let answer = person.open(&url, From::Nowhere).await;
        url = answer.location().unwrap_or_else(|| panic!("no redirect: {answer:?}"));
    }
    let code = parameter(&url, "code").unwrap_or_else(|| panic!("no code: {url}"));
    let body = crate::form(&[
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("resource", resource.as_str()),
    ]);
    let request = http().post(format!("{origin}/token")).header("content-type", "application/x-www-form-urlencoded");
    let tokens = answer(request.body(body)).await;
    tokens["access_token"].as_str().unwrap_or_else(|| panic!("no token: {tokens}")).to_owned()
}

async fn answer(request: reqwest::RequestBuilder) -> Value {
    let text = request.send().await.expect("an answer").text().await.expect("a body");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Begins an MCP session; its id.
async fn session(origin: &str, bearer: &str) -> String {
    let post = |message: Value| {
        let request = http().post(format!("{origin}/mcp")).header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream").header("authorization", bearer);
        request.body(message.to_string())
    };
    let begin = post(json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {
            "protocolVersion": VERSION.1, "capabilities": {}, "clientInfo": { "name": "bench", "version": "1" },
        },
    }));
    let answer = begin.send().await.expect("an answer");
    let session = answer.headers().get("mcp-session-id").map(|id| id.to_str().expect("text").to_owned());
    let text = answer.text().await.expect("a body");
    let session = session.unwrap_or_else(|| panic!("no session: {text}"));
    let ready = post(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let told = ready.header("mcp-session-id", &session).header(VERSION.0, VERSION.1).send().await.expect("an answer");
    assert_eq!(told.status(), 202);
    session
}
