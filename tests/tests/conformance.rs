//! The official conformance runner counts the same through Gatehouse as without it: through a route of the server, and
//! through one where another server is beside it.

use gatehouse_tests::rest_double::{RestDouble, answer, start};
use gatehouse_tests::{HeldPort, HostKind, Program, World, WorldSettings, spin_is_installed};
use serde_json::Value;

async fn run(url: &str, requirements: &str, token: Option<&str>) -> Value {
    let mut arguments = vec![url, "--requirements", requirements];
    arguments.extend(token.iter().flat_map(|token| ["--bearer", *token]));
    let mut program = Program::client("conformance.mjs", &arguments);
    let totals = program.json().await;
    program.finish().await;
    totals
}

/// A route where the server is beside another one, whose names have a prefix.
async fn federated(other: &mut Program) -> String {
    let other = other.json().await;
    let other = other["url"].as_str().expect("a URL");
    format!(
        r#"
[[routes]]
path = "/federated"
name = "Two servers"
scopes = ["mcp"]

[[routes.members]]
url = "{{upstream}}"

[[routes.members]]
prefix = "other"
url = "{other}"
"#
    )
}

async fn counts_the_same(host: HostKind) {
    let mut other = Program::client("server-modern.mjs", &["--both-eras"]);
    let world = World::start(WorldSettings {
        host,
        upstream: &["conformance-upstream.mjs"],
        upstream_lines: federated(&mut other).await,
        // The manifest has three places for allowed hosts; nobody publishes a client document here.
        variables: vec![("client_document_origin".to_owned(), "http://127.0.0.1:*".to_owned())],
        ..WorldSettings::default()
    });
    let world = world.await;
    for (requirements, passed, failed) in [("2025-11-25", 84, 0), ("2026-07-28", 164, 30)] {
        let directly = run(&world.upstream_url, requirements, None).await;
        for path in ["/mcp", "/federated"] {
            let token = world.access_token_at(path, "alice").await;
            let through = run(&format!("{}{path}", world.gatehouse.url), requirements, Some(&token)).await;
            assert_eq!(through, directly, "{requirements} through {path}");
        }
        assert_eq!((&directly["passed"], &directly["failed"]), (&passed.into(), &failed.into()), "{requirements}");
        for (scenario, outcome) in directly["scenarios"].as_object().expect("scenarios") {
            // All that the upstream does not have is the optional tasks extension.
            assert!(outcome["failed"] == 0 || scenario.starts_with("tasks-"), "{scenario}: {outcome}");
        }
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_suites_count_the_same_through_the_embedded_host_as_directly() {
    counts_the_same(HostKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_suites_count_the_same_through_spin_as_directly() {
    if spin_is_installed() {
        counts_the_same(HostKind::Spin).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_authorization_scenarios_pass_without_a_warning() {
    let world = World::start(WorldSettings::default()).await;
    let url = world.gatehouse.url.clone();
    let resource = world.mcp_url();
    // The client registered its loopback redirect URI with another port; any is good (RFC 8252, section 7.3).
    let port = HeldPort::take().lend().to_string();
    let arguments = [url.as_str(), "--client-id", "conformance", "--port", &port, "--resource", &resource];
    let mut program = Program::client("conformance-authorization.mjs", &arguments);
    let totals = program.json().await;
    program.finish().await;
    assert_eq!((&totals["failed"], &totals["warnings"]), (&0.into(), &0.into()), "{totals}");
    for scenario in ["authorization-server-metadata-endpoint", "authorization-code-grant"] {
        let outcome = &totals["scenarios"][scenario];
        assert!(outcome["passed"].as_u64().is_some_and(|passed| passed > 0), "{scenario}: {totals}");
    }
    world.gatehouse.stop().await;
}

/// The runner's tools, as far as a REST API can answer what they answer: one content, of any kind, or an error.
fn rest_tools() -> Value {
    let tools = ["simple_text", "image_content", "audio_content", "embedded_resource", "error_handling"];
    let operation =
        |tool: &str| serde_json::json!({ "get": { "operationId": format!("test_{tool}"), "responses": {} } });
    let paths: serde_json::Map<_, _> = tools.iter().map(|tool| (format!("/{tool}"), operation(tool))).collect();
    serde_json::json!({ "openapi": "3.1.0", "info": { "title": "Conformance", "version": "1" }, "paths": paths })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tool_scenarios_pass_against_a_rest_api_as_far_as_one_can_express_them() {
    let api = RestDouble::start(&rest_tools()).await;
    api.answer_with(|received| {
        Some(match received.path.as_str() {
            "/v1/simple_text" => answer(200, "text/plain", b"This is a simple text response for testing.".to_vec()),
            "/v1/image_content" => answer(200, "image/png", vec![0x89, b'P', b'N', b'G']),
            "/v1/audio_content" => answer(200, "audio/wav", b"RIFF".to_vec()),
            "/v1/embedded_resource" => answer(200, "application/octet-stream", b"bytes".to_vec()),
            _ => answer(500, "text/plain", b"This tool intentionally returns an error for testing".to_vec()),
        })
    });
    let world = start(&api, "").await;
    let url = world.url("/mcp");
    let calls =
        ["simple-text", "image", "audio", "embedded-resource", "error"].map(|call| format!("tools-call-{call}"));
    for (version, others) in [
        ("2025-06-18", vec!["server-initialize", "ping", "tools-list"]),
        ("2025-11-25", vec!["server-initialize", "ping", "tools-list", "dns-rebinding-protection"]),
        ("2026-07-28", vec!["server-stateless", "tools-list", "http-header-validation", "dns-rebinding-protection"]),
    ] {
        for scenario in others.into_iter().chain(calls.iter().map(String::as_str)) {
            let mut program =
                Program::client("conformance.mjs", &[&url, "--requirements", version, "--scenario", scenario]);
            let totals = program.json().await;
            program.finish().await;
            // Streams, logging and what a client must be capable of are no operations of a REST API: the runner says that it cannot test them.
            let problems = totals["scenarios"][scenario]["problems"].as_array().into_iter().flatten();
            let failed: Vec<_> = problems.filter(|problem| problem["status"] == "FAILURE").collect();
            let is_expressible =
                |problem: &&Value| !problem["message"].as_str().is_some_and(|text| text.starts_with("Not testable"));
            let failed: Vec<_> = failed.into_iter().filter(is_expressible).collect();
            assert!(failed.is_empty(), "{version} {scenario}: {failed:?}");
            assert!(scenario == "server-stateless" || totals["failed"] == 0, "{version} {scenario}: {totals}");
            assert!(totals["passed"].as_u64().is_some_and(|passed| passed > 0), "{version} {scenario}: {totals}");
        }
    }
    world.gatehouse.stop().await;
}
