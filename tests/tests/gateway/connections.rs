//! A route whose server acts in an account that the user has to link, before the official SDK's client.

use gatehouse_tests::{Program, ScriptedProvider, World, WorldSettings};

/// The way in which the client of this era is told, before a server of its era, and what it gets in the end.
async fn led(negotiation: &str, way: &str, upstream: &'static [&'static str]) {
    let service = ScriptedProvider::start("service").await;
    let tables = format!(
        "[[connections]]\nname = \"service\"\nissuer = \"{}\"\nclient_id = \"us\"\nscopes = [\"offline_access\"]\n",
        service.issuer()
    );
    let world = World::start(WorldSettings {
        tables,
        upstream,
        variables: vec![("graph_origin".to_owned(), service.issuer())],
        upstream_lines: "backend_token = { connection = \"service\", header = \"x-api-token\" }".to_owned(),
        ..WorldSettings::default()
    })
    .await;
    service.follow(&world.gatehouse.clock);
    let mut client = Program::client("sdk-connections.mjs", &[&world.mcp_url(), "--negotiation", negotiation]);
    let told = client.step("told").await;
    assert_eq!(told["way"], way);
    let url = told["url"].as_str().expect("a URL");
    assert!(url.starts_with(&format!("{}/connections", world.gatehouse.url)), "{url}");
    client.step("linked").await;
    let called = client.step("called").await;
    assert!(called["text"].as_str().expect("a text").contains("hello"), "{called}");
    client.step("done").await;
    client.finish().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdks_client_is_led_to_the_page_by_an_error_and_its_call_then_works() {
    led("legacy", "error", &["everything.mjs"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdks_client_of_2026_07_28_is_asked_for_input_and_its_call_then_works() {
    led("modern", "input-required", &["server-modern.mjs"]).await;
}
