//! `cargo xtask up` and `gatehouse up --upstream`: a client signs in at the demo provider through Gatehouse and uses the demo
//! server's tools; and the same with a server and a provider of one's own.

use std::time::Duration;

use gatehouse_tests::{CLIENT_SECRET, Program, artefact, http, repository, three_ports};
use serde_json::Value;
use tokio::process::Command;

async fn call(url: &str, token: &str, tool: &str, arguments: Value) -> String {
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments },
    });
    let request = http().post(url).bearer_auth(token).header("content-type", "application/json");
    let request = request.header("accept", "application/json, text/event-stream");
    let answer = request.header("mcp-protocol-version", "2025-11-25").body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{tool}");
    let text = answer.text().await.unwrap();
    let message: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{tool}: {text}: {error}"));
    message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned()
}

/// The first line that begins with `start`, without that; what came before it.
async fn line_after(program: &mut Program, start: &str) -> (String, String) {
    let mut before = String::new();
    loop {
        let line = program.line().await;
        if let Some(rest) = line.strip_prefix(start) {
            return (rest.to_owned(), before);
        }
        before.push_str(&line);
        before.push('\n');
    }
}

/// An MCP server of one's own, and its URL.
async fn own_server() -> (Program, String) {
    Program::server("everything.mjs", &[], "url").await
}

/// A session begins, with this token.
async fn begins_a_session(url: &str, token: &str) {
    let client = serde_json::json!({ "name": "demo", "version": "1" });
    let parameters = serde_json::json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let body = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters });
    let request = http().post(url).bearer_auth(token).header("content-type", "application/json");
    let request = request.header("accept", "application/json, text/event-stream").body(body.to_string());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("mcp-session-id"));
}

async fn token(url: &str, user: &str) -> String {
    let mut program = Program::client("token.mjs", &[url, "--user", user]);
    let tokens = program.json().await;
    program.finish().await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_starts_a_demo_in_which_every_user_has_snippets_of_their_own() {
    let (port, state) = (three_ports(), tempfile::tempdir().unwrap());
    let host = artefact("debug/gatehouse");
    let mut command = Command::new(host.with_file_name("xtask"));
    // Everything has been built for the other tests; on its own, `up` would build the host once more with fewer features.
    command.current_dir(repository()).args(["up", "--no-build", "--port-base"]).arg(port.to_string());
    command.arg("--state-dir").arg(state.path());
    let mut up = Program::start("cargo xtask up", command);
    let url = loop {
        if let Some(url) = up.line().await.strip_prefix("Ready: ") {
            break url.to_owned();
        }
    };
    let (alice, bob) = (token(&url, "alice").await, token(&url, "bob").await);
    assert_eq!(call(&url, &alice, "hello_mcp", serde_json::json!({})).await, "Hello I am MCPTool!");
    let snippet = serde_json::json!({ "snippetname": "greeting", "snippet": "of alice" });
    call(&url, &alice, "save_snippet", snippet).await;
    let name = serde_json::json!({ "snippetname": "greeting" });
    assert_eq!(call(&url, &alice, "get_snippet", name.clone()).await, "of alice");
    assert_ne!(call(&url, &bob, "get_snippet", name).await, "of alice");
    tokio::time::timeout(Duration::from_secs(60), up.interrupt()).await.expect("Ctrl-C ends all three");
}

#[tokio::test(flavor = "multi_thread")]
async fn up_puts_gatehouse_before_a_server_of_ones_own_and_keeps_the_demo_identity_provider() {
    let (port, state) = (three_ports(), tempfile::tempdir().unwrap());
    let (_server, upstream) = own_server().await;
    let mut command = Command::new(artefact("debug/gatehouse").with_file_name("xtask"));
    command.current_dir(repository()).args(["up", "--no-build", "--port-base"]).arg(port.to_string());
    command.args(["--upstream", &upstream]).arg("--state-dir").arg(state.path());
    let mut up = Program::start("cargo xtask up", command);
    let (url, guide) = line_after(&mut up, "Ready: ").await;
    assert!(
        guide.contains(&format!("{url}/sse ")) && guide.contains(&format!("Gatehouse protects {upstream}.")),
        "{guide}"
    );
    assert_eq!(url, format!("http://127.0.0.1:{port}/mcp"));
    begins_a_session(&url, &token(&url, "alice").await).await;
    tokio::time::timeout(Duration::from_secs(60), up.interrupt()).await.expect("Ctrl-C ends both");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_puts_gatehouse_before_a_server_and_a_provider_of_ones_own() {
    let (port, state) = (three_ports(), tempfile::tempdir().unwrap());
    let (_server, upstream) = own_server().await;
    let callback = format!("http://127.0.0.1:{port}/callback");
    let arguments = ["--redirect-uri", &callback, "--client-secret", CLIENT_SECRET];
    let (_provider, issuer) = Program::server("identity-provider.mjs", &arguments, "issuer").await;
    let secret = state.path().join("client-secret");
    std::fs::write(&secret, format!("{CLIENT_SECRET}\n")).unwrap();

    let start = |secret: &std::path::Path| {
        let mut command = Command::new(artefact("debug/gatehouse"));
        command.current_dir(repository()).args(["up", "--listen", &format!("127.0.0.1:{port}"), "--state-dir"]);
        command.arg(state.path().join("data")).args(["--upstream", &upstream, "--issuer", &issuer]);
        command.args(["--client-id", "gateway", "--client-secret-file"]).arg(secret);
        command
    };
    // A secret that the provider does not know is told before anybody signs in, and nothing is written.
    let wrong = state.path().join("wrong-secret");
    std::fs::write(&wrong, "hunter2").unwrap();
    let refused = start(&wrong).output().await.unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("invalid_client") && !said.contains("hunter2"), "{said}");
    assert!(!state.path().join("data/gatehouse.toml").exists());

    let mut up = Program::start("gatehouse up", start(&secret));
    let (url, guide) = line_after(&mut up, "Ready: ").await;
    assert!(guide.contains(&format!("Redirect URI          {callback} ")), "{guide}");
    assert!(!guide.contains(CLIENT_SECRET));
    begins_a_session(&url, &token(&url, "alice").await).await;
    tokio::time::timeout(Duration::from_secs(60), up.interrupt()).await.expect("Ctrl-C ends it");
    let written = std::fs::read_to_string(state.path().join("data/gatehouse.toml")).unwrap();
    assert!(written.contains(&upstream) && !written.contains(CLIENT_SECRET), "{written}");
}
