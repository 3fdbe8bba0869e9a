//! `cargo xtask up`: a client signs in at the demo provider through Gatehouse and uses the demo server's tools.

use std::time::Duration;

use gatehouse_tests::{Program, artefact, free_port_base, http, repository};
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

async fn token(url: &str, user: &str) -> String {
    let mut program = Program::client("token.mjs", &[url, "--user", user]);
    let tokens = program.json().await;
    program.finish().await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_starts_a_demo_in_which_every_user_has_snippets_of_their_own() {
    let (port, state) = (free_port_base(), tempfile::tempdir().unwrap());
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
