//! Real clients sign in through Gatehouse, call a tool, and go on by refreshing when their access token has expired.

use gatehouse_tests::{HostKind, Program, World, WorldSettings, spin_is_installed};

/// Short on Spin, whose clock a test cannot move.
fn on(host: HostKind) -> WorldSettings {
    let access_token_seconds = if host == HostKind::Spin { 5 } else { 300 };
    WorldSettings { host, access_token_seconds, ..WorldSettings::default() }
}

async fn signs_in_calls_and_refreshes(world: &World, program: &str, arguments: &[&str]) {
    let url = world.mcp_url();
    let mut client = Program::client(program, &[&[url.as_str()], arguments].concat());
    client.step("signed-in").await;
    let listed = client.step("listed").await;
    assert!(listed["tools"].as_u64().is_some_and(|tools| tools > 0), "{listed}");
    let called = client.step("called").await;
    assert_ne!(called["text"], "", "{called}");
    client.step("expire").await;
    world.gatehouse.expire_access_tokens().await;
    client.say("continue").await;
    let refreshed = client.step("refreshed").await;
    assert_eq!((&refreshed["tools"], &refreshed["text"]), (&listed["tools"], &called["text"]));
    client.step("done").await;
    client.finish().await;
}

async fn every_client_works(host: HostKind) {
    let world = World::start(on(host)).await;
    for (program, arguments) in [
        ("sdk-legacy.mjs", [].as_slice()),
        ("sdk-modern.mjs", &["--negotiation", "auto"]),
        ("mcp-remote.mjs", &["--protocol", "auto"]),
        ("inspector.mjs", &["--era", "legacy"]),
        ("python_sdk.py", &["--mode", "auto"]),
    ] {
        signs_in_calls_and_refreshes(&world, program, arguments).await;
    }
    world.gatehouse.stop().await;
}

async fn every_modern_client_works(host: HostKind) {
    let upstream = &["conformance-upstream.mjs"];
    let world = World::start(WorldSettings { upstream, ..on(host) }).await;
    for (program, arguments) in [
        ("sdk-modern.mjs", ["--negotiation", "modern"]),
        ("inspector.mjs", ["--era", "modern"]),
        ("python_sdk.py", ["--mode", "modern"]),
    ] {
        let arguments = [arguments.as_slice(), &["--tool", "test_simple_text"]].concat();
        signs_in_calls_and_refreshes(&world, program, &arguments).await;
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_signs_in_and_refreshes_before_server_everything_on_the_embedded_host() {
    every_client_works(HostKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_modern_client_signs_in_and_refreshes_before_a_dual_era_server_on_the_embedded_host() {
    every_modern_client_works(HostKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_signs_in_and_refreshes_before_server_everything_on_spin() {
    if spin_is_installed() {
        every_client_works(HostKind::Spin).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_modern_client_signs_in_and_refreshes_before_a_dual_era_server_on_spin() {
    if spin_is_installed() {
        every_modern_client_works(HostKind::Spin).await;
    }
}
