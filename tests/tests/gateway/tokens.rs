//! Who is let in.

use gatehouse_tests::{World, WorldSettings, snapshot};
use reqwest::Method;
use serde_json::json;

use crate::mcp::{Client, request, send, whole};
use crate::programmed_upstream::{self, ProgrammedUpstream};
use crate::streaming::counters;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same_and_the_upstream_is_not_asked() {
    let upstream = ProgrammedUpstream::start().await;
    let world = World::start(programmed_upstream::beside_mcp(&upstream, "")).await;
    let tokens = world.sign_in("alice").await;
    let (token, refresh_token) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let for_another_resource =
        programmed_upstream::sign_in(&world, "/programmed", "alice", "").await.token().to_owned();
    let list = request("tools/list", &json!({}));
    let (before, store) = (counters(&world, "").await, snapshot(&world.gatehouse.state_directory()).await);
    let with = |token: &str| Client::new(&world.mcp_url(), token).post(&list);

    let unknown = whole(with("unknown")).await;
    let challenge = format!(
        "Bearer error=\"invalid_token\", error_description=\"The access token is invalid or has expired\", scope=\"mcp\", \
         resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"",
        world.gatehouse.url
    );
    assert_eq!(unknown.0, 401);
    assert!(unknown.1.contains(&("www-authenticate".to_owned(), challenge)), "{unknown:?}");

    let mut wrong = vec![
        refresh_token.to_owned(),
        for_another_resource,
        format!("{token}A"),
        format!("{token}="),
        token[1..].to_owned(),
    ];
    wrong.push(token.to_ascii_uppercase());
    for position in (0..token.len()).step_by(5).chain([token.len() - 1]) {
        let flipped = if token.as_bytes()[position] == b'A' { "B" } else { "A" };
        let mut tampered = token.to_owned();
        tampered.replace_range(position..=position, flipped);
        wrong.push(tampered);
    }
    for token in &wrong {
        assert_eq!(whole(with(token)).await, unknown, "{token}");
    }
    world.gatehouse.expire_access_tokens().await;
    assert_eq!(whole(with(token)).await, unknown, "expired");
    assert_eq!(counters(&world, "").await, before, "the upstream was asked");
    assert_eq!(snapshot(&world.gatehouse.state_directory()).await, store);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_foreign_origin_is_refused_and_a_preflight_needs_no_token() {
    let world = World::start(WorldSettings {
        upstream: &["conformance-upstream.mjs"],
        configuration_head: "allowed_origins = [\"http://localhost:6274\"]".to_owned(),
        ..WorldSettings::default()
    })
    .await;
    let alice = Client::sign_in(&world, "alice").await;
    let initialize = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "gatehouse-tests", "version": "1" },
    });
    let initialize = request("initialize", &initialize);
    let before = counters(&world, "").await;
    for origin in
        ["http://evil.example", "null", "http://localhost:6275", "https://localhost:6274", "", "http://LOCALHOST:6274/"]
    {
        let post = send(alice.post(&initialize).header("origin", origin)).await;
        assert_eq!(post.status(), 403, "{origin}");
        assert!(!post.headers().contains_key("access-control-allow-origin"), "{origin}");
        let preflight =
            alice.request(Method::OPTIONS).header("origin", origin).header("access-control-request-method", "POST");
        assert_eq!(send(preflight).await.status(), 403, "{origin}");
    }
    let doubled =
        alice.post(&initialize).header("origin", "http://localhost:6274").header("origin", "http://localhost:6274");
    assert_eq!(send(doubled).await.status(), 403);
    assert_eq!(counters(&world, "").await, before, "the upstream was asked");

    for origin in ["http://localhost:6274", &world.gatehouse.url] {
        let preflight = Client::new(&world.mcp_url(), "nothing").request(Method::OPTIONS).header("origin", origin);
        let preflight = send(preflight.header("access-control-request-method", "POST")).await;
        assert_eq!(
            (preflight.status().as_u16(), preflight.headers()["access-control-allow-origin"].as_bytes()),
            (204, origin.as_bytes())
        );
        let allowed = preflight.headers()["access-control-allow-headers"].to_str().unwrap().to_ascii_lowercase();
        for name in
            ["authorization", "content-type", "mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"]
        {
            assert!(allowed.contains(name), "{name}");
        }
        let answer = send(alice.post(&initialize).header("origin", origin)).await;
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["access-control-allow-origin"].as_bytes()),
            (200, origin.as_bytes())
        );
        let unauthorized =
            send(Client::new(&world.mcp_url(), "nothing").post(&initialize).header("origin", origin)).await;
        assert_eq!(unauthorized.status(), 401);
        let exposed = unauthorized.headers()["access-control-expose-headers"].to_str().unwrap();
        assert!(exposed.contains("WWW-Authenticate") && exposed.contains("Mcp-Session-Id"), "{exposed}");
    }
    world.gatehouse.stop().await;
}
