//! What clients could get into metrics and spans: names that they invent, and what is secret or personal.

use gatehouse_tests::{Person, Step};
use serde_json::json;

use crate::otlp::Receiver;
use crate::scene::{ROUTE, Scene, call, request};

/// A client with a token that makes up as many names as it likes, one request for each batch of them.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_invents_ten_thousand_names_of_tools_methods_and_paths_makes_no_series() {
    let scene = Scene::start("", &[]).await;
    let tokens = scene.sign_in("alice").await;
    scene.ask(&tokens, &call("first")).await;
    scene.ask(&tokens, &request("x/first", &json!({}))).await;
    scene.until("the first ones", |samples| samples.sum("gatehouse_requests_total", &[]) >= 2.0).await;
    for name in ["get", "PROPFIND"] {
        let method = name.parse().expect("a method");
        let request = gatehouse_tests::http().request(method, scene.world.url("/first"));
        assert!(request.send().await.expect("an answer").status().is_client_error());
    }
    let before = scene.exposition().await.lines().count();
    for number in 0..200 {
        // A batch has 50 messages at most, and only one revision has batches.
        let batch: Vec<_> = (0..50)
            .map(|index| {
                json!({ "jsonrpc": "2.0", "id": index, "method": "tools/call",
                                 "params": { "name": format!("invented_{number}_{index}"), "arguments": {} } })
            })
            .collect();
        let request = scene.post(&tokens, &json!(batch)).header("mcp-protocol-version", "2025-03-26");
        request.send().await.expect("an answer");
        let path = format!("/path-{number}?name=alice");
        assert_eq!(scene.world.get(&path).await.status, 404);
    }
    let samples = scene
        .until("the batches", |samples| {
            samples.sum("gatehouse_requests_total", &[("gen_ai_tool_name", "other")]) >= 10_000.0
        })
        .await;
    let text = scene.exposition().await;
    assert!(text.lines().count() < before + 100, "{} lines after {before}", text.lines().count());
    assert!(!text.contains("invented_") && !text.contains("/path-"), "{text}");
    assert_eq!(samples.sum("gatehouse_requests_total", &[("gen_ai_tool_name", "first")]), 0.0);
    scene.world.gatehouse.stop().await;
}

/// A whole sign-in, calls and refusals, with all that is secret or personal in them.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_or_personal_is_in_a_label_or_a_span() {
    let Some(mut receiver) = Receiver::start().await else { return };
    let scene = Scene::start("", &["--otlp-endpoint", &receiver.url, "--otlp-interval", "1"]).await;
    let person = Person::new("mallory-the-person");
    let mut flow = scene.world.flow(&person);
    flow.to(Step::Redeemed).await;
    let mut secrets = vec![flow.verifier.clone(), "mallory".to_owned(), "public".to_owned()];
    for url in [&flow.provider_url, &flow.callback_url, &flow.client_url].into_iter().flatten() {
        secrets.extend(
            url.query_pairs()
                .filter(|(name, _)| ["state", "code", "nonce"].contains(&&**name))
                .map(|(_, value)| value.into_owned()),
        );
    }
    let tokens = flow.tokens.clone().expect("tokens");
    for name in ["access_token", "refresh_token"] {
        secrets.push(gatehouse_tests::text(&tokens, name));
    }
    secrets.extend(person.cookies().into_iter().map(|cookie| cookie.value));
    for path in ["/mallory?token=hunter2", "/mcp/mallory", "/callback?code=hunter2&state=mallory"] {
        scene.world.get(path).await;
    }
    let session = "session-of-mallory";
    let message = request(
        "tools/call",
        &json!({ "name": "mallory@example.test", "arguments": { "password": "hunter2-of-mallory" } }),
    );
    let asked =
        scene.post(&tokens, &message).header("mcp-session-id", session).header("x-forwarded-for", "203.0.113.77");
    asked.send().await.expect("an answer");
    secrets.extend(["hunter2", "203.0.113.77", "127.0.0.1:", "of-the-answer", "reqwest"].map(str::to_owned));
    scene.until("the call", |samples| samples.sum("gatehouse_requests_total", &[("http_route", ROUTE)]) >= 1.0).await;
    let spans = receiver.spans_until(|spans| spans.iter().any(|span| span["name"] == "tools/call other")).await;
    let metrics =
        receiver.metrics_until(|metrics| metrics.iter().any(|metric| metric["name"] == "gatehouse.requests")).await;
    let text = format!("{}\n{}\n{}", scene.exposition().await, json!(spans), json!(metrics));
    for secret in &secrets {
        assert!(!secret.is_empty() && !text.contains(secret.as_str()), "{secret} is in {text}");
    }
    scene.world.gatehouse.stop().await;
}
