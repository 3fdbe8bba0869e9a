//! What is counted of sign-ins, calls, refusals and limits.

use serde_json::json;
use tokio::task::JoinSet;

use crate::scene::{ROUTE, Samples, Scene, call, request};

#[tokio::test(flavor = "multi_thread")]
async fn calls_count_by_route_method_tool_decision_and_status_once_a_listing_has_told_the_tools() {
    let scene = Scene::start("", &[]).await;
    let tokens = scene.sign_in("alice").await;
    scene.ask(&tokens, &call("echo")).await;
    let of_tool = |samples: &Samples, tool: &str| {
        let labels = [
            ("http_route", ROUTE),
            ("mcp_method_name", "tools/call"),
            ("gen_ai_tool_name", tool),
            ("gatehouse_decision", "allowed"),
            ("http_response_status_code", "200"),
        ];
        samples.sum("gatehouse_requests_total", &labels)
    };
    scene.until("a tool that nobody has listed", |samples| of_tool(samples, "other") == 1.0).await;
    scene.ask(&tokens, &request("tools/list", &json!({}))).await;
    let listed = |samples: &Samples| samples.sum("gatehouse_requests_total", &[("mcp_method_name", "tools/list")]);
    scene.until("the listing", |samples| listed(samples) == 1.0).await;
    for tool in ["echo", "search.files", "echo", "invented"] {
        scene.ask(&tokens, &call(tool)).await;
    }
    let samples = scene
        .until("the calls", |samples| {
            ["echo", "search.files", "other"].map(|tool| of_tool(samples, tool)) == [2.0, 1.0, 2.0]
        })
        .await;
    let count = samples.sum("mcp_server_operation_duration_seconds_count", &[("mcp_method_name", "tools/call")]);
    assert_eq!(count, 5.0);
    let seconds = samples.sum("mcp_server_operation_duration_seconds_sum", &[("mcp_method_name", "tools/call")]);
    assert!(seconds > 0.0 && seconds < 60.0, "{seconds}");
    let of_route = [("http_route", ROUTE), ("http_request_method", "POST"), ("http_response_status_code", "200")];
    assert_eq!(samples.sum("http_server_request_duration_seconds_count", &of_route), 6.0);
    // What the store and the parties took.
    assert!(samples.sum("db_client_operation_duration_seconds_count", &[("db_operation_name", "get")]) >= 6.0);
    let to_server =
        [("gatehouse_peer", "server"), ("server_address", "127.0.0.1"), ("http_response_status_code", "200")];
    assert_eq!(samples.sum("http_client_request_duration_seconds_count", &to_server), 6.0);
    let to_provider = [("gatehouse_peer", "identity-provider"), ("http_response_status_code", "200")];
    assert!(samples.sum("http_client_request_duration_seconds_count", &to_provider) >= 2.0);
    // Of the process.
    assert!(samples.sum("process_resident_memory_bytes", &[]) > 1e6);
    assert!(samples.sum("process_cpu_seconds_total", &[]) > 0.0);
    assert!(samples.sum("gatehouse_connections_open", &[]) >= 1.0);
    assert_eq!(samples.sum("gatehouse_build_info", &[]), 1.0);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_count_when_they_are_issued_refreshed_revoked_and_used_a_second_time() {
    let scene = Scene::start("", &[]).await;
    let client = scene.world.public();
    let of = |samples: &Samples, what: &str| samples.sum("gatehouse_tokens_total", &[("gatehouse_token", what)]);
    let all = |samples: &Samples| ["issued", "refreshed", "revoked", "reused"].map(|what| of(samples, what));
    let first = scene.sign_in("alice").await;
    scene.until("a sign-in", |samples| all(samples) == [1.0, 0.0, 0.0, 0.0]).await;
    let stolen = gatehouse_tests::text(&first, "refresh_token");
    let mut refreshed = scene.world.refresh(&client, &stolen).await.json();
    scene.until("a refresh", |samples| all(samples) == [1.0, 1.0, 0.0, 0.0]).await;
    let second = scene.sign_in("bob").await;
    let given_back = [("token".to_owned(), gatehouse_tests::text(&second, "refresh_token"))];
    assert_eq!(scene.world.as_client(&client, "/revoke", &given_back).await.status, 200);
    scene.until("a token given back", |samples| all(samples) == [2.0, 1.0, 1.0, 0.0]).await;
    // Two generations later, what is presented again is a theft, without the time that clients have to retry.
    for _ in 0..2 {
        refreshed = scene.world.refresh(&client, &gatehouse_tests::text(&refreshed, "refresh_token")).await.json();
    }
    assert_eq!(scene.world.refresh(&client, &stolen).await.status, 400);
    let samples = scene.until("a theft", |samples| all(samples) == [2.0, 3.0, 1.0, 1.0]).await;
    let refused = [("gatehouse_action", "token"), ("gatehouse_decision", "refused")];
    assert_eq!(samples.sum("gatehouse_authorization_decisions_total", &refused), 1.0);
    let completed = [("gatehouse_action", "callback"), ("gatehouse_decision", "allowed")];
    assert_eq!(samples.sum("gatehouse_authorization_decisions_total", &completed), 2.0);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_limits_count_with_what_refused_them() {
    let rates = "rates = [{ per = \"subject\", requests = 2, seconds = 3600 }]";
    let scene = Scene::start(rates, &[]).await;
    let tokens = scene.sign_in("alice").await;
    let without = scene.world.mcp_request(ROUTE).send().await.expect("an answer");
    assert_eq!(without.status(), 401);
    for status in [200, 200, 429] {
        assert_eq!(scene.post(&tokens, &call("echo")).send().await.expect("an answer").status(), status);
    }
    let refused = |samples: &Samples, status: &str| {
        let labels = [("gatehouse_decision", "refused"), ("http_response_status_code", status), ("http_route", ROUTE)];
        samples.sum("gatehouse_requests_total", &labels)
    };
    let samples =
        scene.until("refusals", |samples| [refused(samples, "401"), refused(samples, "429")] == [1.0, 1.0]).await;
    assert_eq!(samples.sum("gatehouse_limits_reached_total", &[("gatehouse_limit", "rates")]), 1.0);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_are_not_where_clients_are_and_nothing_else_is_where_they_are() {
    let scene = Scene::start("", &[]).await;
    for path in ["/metrics", "/metrics/", "/.well-known/metrics"] {
        let answer = scene.world.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(!answer.body.contains("gatehouse_"), "{answer:?}");
    }
    let http = gatehouse_tests::http();
    let origin = scene.metrics.trim_end_matches("/metrics");
    for path in ["/", "/healthz", "/mcp", "/token", "/metrics/x"] {
        assert_eq!(http.get(format!("{origin}{path}")).send().await.expect("an answer").status(), 404, "{path}");
    }
    assert_eq!(http.post(&scene.metrics).body("x").send().await.expect("an answer").status(), 405);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_clients_call_every_scrape_is_whole_and_no_count_goes_back() {
    const CALLS: usize = 200;
    let scene = Scene::start("", &[]).await;
    let tokens = scene.sign_in("alice").await;
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let requests: Vec<_> = (0..CALLS / 8).map(|_| scene.post(&tokens, &call("echo"))).collect();
        calls.spawn(async move {
            for request in requests {
                assert_eq!(request.send().await.expect("an answer").status(), 200);
            }
        });
    }
    let mut before = 0.0;
    let counted = |samples: &Samples| samples.sum("gatehouse_requests_total", &[("mcp_method_name", "tools/call")]);
    let mut scrapes = 0;
    while calls.try_join_next().is_none_or(|ended| ended.is_ok()) && !calls.is_empty() {
        let text = scene.exposition().await;
        assert!(text.ends_with('\n') && text.contains("process_start_time_seconds "), "{text}");
        let now = counted(&Samples::parse(&text));
        assert!(now >= before, "{now} after {before}");
        (before, scrapes) = (now, scrapes + 1);
    }
    while let Some(ended) = calls.join_next().await {
        ended.expect("all calls are answered");
    }
    assert!(scrapes > 1, "{scrapes}");
    scene.until("all calls", |samples| counted(samples) == CALLS as f64).await;
    scene.until("no request is left", |samples| samples.sum("http_server_active_requests", &[]) == 0.0).await;
    scene.world.gatehouse.stop().await;
}
