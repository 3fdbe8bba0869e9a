//! Microsoft's sample "Secure Remote MCP Servers using Azure API Management", step by step with only the URLs changed
//! (`docs/from-azure.md`): MCP Inspector over SSE at `/mcp/sse`, before a server that wants a function key.

use gatehouse_tests::{HostKind, Program, World, WorldSettings, http};

/// The host's key of the function app: the named value `function-host-key` of the sample.
const FUNCTION_KEY: &str = "fk-3vJ8-test-only";

async fn sample() -> World {
    World::start(WorldSettings {
        host: HostKind::Embedded,
        upstream: &["functions-server.mjs", "--key", FUNCTION_KEY],
        access_token_seconds: 60,
        upstream_lines:
            "transport = \"sse\"\nsecret_headers = { \"x-functions-key\" = { secret = \"upstream_secret\" } }"
                .to_owned(),
        variables: vec![("upstream_secret".to_owned(), FUNCTION_KEY.to_owned())],
        ..WorldSettings::default()
    })
    .await
}

/// Lists the tools, runs one and, when the access token has ended, does both again by a refresh.
async fn lists_and_runs(world: &World, tool: &str, arguments: &str) -> String {
    let url = format!("{}/sse", world.mcp_url());
    let arguments = [&url, "--era", "legacy", "--transport", "sse", "--tool", tool, "--arguments", arguments];
    let mut inspector = Program::client("inspector.mjs", &arguments);
    let signed_in = inspector.step("signed-in").await;
    assert_eq!(signed_in["browser_opened"], 1, "{signed_in}");
    assert_eq!(inspector.step("listed").await["tools"], 3);
    let called = inspector.step("called").await["text"].as_str().unwrap_or_default().to_owned();
    inspector.step("expire").await;
    world.gatehouse.expire_access_tokens().await;
    inspector.say("continue").await;
    assert_eq!(inspector.step("refreshed").await["text"], called);
    inspector.step("done").await;
    inspector.finish().await;
    called
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_lists_and_runs_the_tools_of_the_sample_over_sse() {
    let world = sample().await;
    assert_eq!(lists_and_runs(&world, "hello_mcp", "{}").await, "Hello I am MCPTool!");
    let saved = lists_and_runs(&world, "save_snippet", r#"{"snippetname":"one","snippet":"print(1)"}"#).await;
    assert_eq!(saved, "Snippet 'one' saved successfully");
    assert_eq!(lists_and_runs(&world, "get_snippet", r#"{"snippetname":"one"}"#).await, "print(1)");
    world.gatehouse.stop().await;
}

/// The first layer of the sample, and the third: nobody comes in without a token, and nobody past Gatehouse without the key.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_reaches_the_server_of_the_sample_without_a_token_or_past_gatehouse_without_its_key() {
    let world = sample().await;
    let client = http();
    let (events, direct) = (format!("{}/sse", world.mcp_url()), world.upstream_url.clone());
    for (url, challenged) in [(&events, true), (&direct, false)] {
        let answer = client.get(url).header("x-functions-key", "guessed").send().await.unwrap();
        assert_eq!(answer.status(), 401, "{url}");
        assert_eq!(answer.headers().contains_key("www-authenticate"), challenged, "{url}");
    }
    world.gatehouse.stop().await;
}
