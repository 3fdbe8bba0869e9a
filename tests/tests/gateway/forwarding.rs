//! What the upstream gets to see.

use gatehouse_tests::{World, WorldSettings, http};
use reqwest::Method;
use serde_json::{Value, json};

use crate::mcp::{Client, Events, in_session, ping, request, send};
use crate::programmed_upstream::{self, ProgrammedUpstream, SECRET};
use crate::streaming::counters;

/// The headers of the newest request that reached the conformance upstream.
async fn newest(world: &World) -> Value {
    let url = world.upstream_url.replace("/mcp", "/_test/requests");
    let text = http().get(url).send().await.expect("an answer").text().await.expect("text");
    let requests: Value = serde_json::from_str(&text).expect("JSON");
    requests.as_array().and_then(|requests| requests.last()).expect("a request")["headers"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_gateways_to_say_never_comes_from_the_client() {
    let lines = "subject_header = \"x-gatehouse-subject\"\n\
                 secret_headers = { \"x-functions-key\" = { secret = \"upstream_secret\" } }";
    let upstream = ProgrammedUpstream::start().await;
    let world = World::start(programmed_upstream::beside_mcp(&upstream, lines)).await;
    let alice = programmed_upstream::sign_in(&world, "/programmed", "alice", "?a=1&access_token=stolen&b=%2f").await;
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let forged = [
        ("cookie", "gatehouse-browser=mine; other=1"),
        ("proxy-authorization", "Basic bWU6bWU="),
        ("x-functions-key", "forged"),
        ("x_functions_key", "forged"),
        ("X-Functions-Key", "forged"),
        ("x-gatehouse-subject", "test:forged"),
        ("x_gatehouse_subject", "test:forged"),
        ("x-forwarded-for", "forged"),
        ("x-forwarded-host", "forged.example"),
        ("x-forwarded-proto", "forged"),
        ("x-forwarded-user", "forged"),
        ("forwarded", "for=forged"),
        ("x-real-ip", "forged"),
        ("x-ms-client-principal", "forged"),
        ("x-original-url", "/forged"),
        ("spin-full-url", "http://forged.example/"),
        ("te", "trailers"),
        ("traceparent", "forged"),
        ("x-request-id", "forged"),
    ];
    let kept = [("x-own", "kept"), ("mcp-param-city", "kept"), ("accept-language", "kept")];
    let call = forged.iter().chain(&kept).fold(alice.post(&message), |call, (name, value)| call.header(*name, *value));
    let answer = send(call).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (200, message.to_string().len().to_string()));

    let received = upstream.requests().pop().expect("a request");
    assert_eq!(received.head[0], "post /inside?a=1&b=%2f http/1.1");
    assert_eq!(received.body, message.to_string().into_bytes());
    assert_eq!(received.header("x-functions-key"), [SECRET]);
    assert_eq!(received.header("x-gatehouse-subject"), ["test:alice"]);
    assert_eq!(received.header("content-length"), [message.to_string().len().to_string()]);
    for (name, _) in kept {
        assert_eq!(received.header(name), ["kept"], "{name}");
    }
    let head = received.head.join("\n");
    for trace in ["authorization", "cookie", "forged", "stolen", "spin-", "x-forwarded", "x_", "bearer"] {
        assert!(!head.contains(trace), "{trace} in\n{head}");
    }
    assert_eq!(received.header("host"), [upstream.authority()], "the upstream's own name");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_connection_field_names_is_for_one_connection_only() {
    let upstream = ProgrammedUpstream::start().await;
    let world = World::start(programmed_upstream::beside_mcp(&upstream, "")).await;
    let alice = programmed_upstream::sign_in(&world, "/programmed", "alice", "?hop").await;
    let call = alice.post(&ping()).header("connection", "x-hop").header("x-hop", "1").header("keep-alive", "timeout=5");
    let answer = send(call).await;
    assert_eq!(answer.status(), 200);
    let received = upstream.requests().pop().expect("a request");
    // RFC 9110, section 7.6.1: an intermediary MUST remove the fields that the connection options name.
    assert!(received.header("x-hop").is_empty() && received.header("keep-alive").is_empty(), "{received:?}");
    assert!(!answer.headers().contains_key("x-hop"), "{:?}", answer.headers());
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_alice_opens_nothing_for_bob() {
    let world =
        World::start(WorldSettings { upstream: &["conformance-upstream.mjs"], ..WorldSettings::default() }).await;
    let (alice, bob) = (Client::sign_in(&world, "alice").await, Client::sign_in(&world, "bob").await);
    let session = alice.initialize().await;
    let upstreams_own = newest(&world).await["mcp-session-id"].as_str().expect("a session").to_owned();
    assert_ne!(session, upstreams_own);
    let list = request("tools/list", &json!({}));

    let before = counters(&world, "").await;
    let store = gatehouse_tests::snapshot(&world.gatehouse.state_directory()).await;
    for id in [session.as_str(), &upstreams_own, "", "x", &session[1..], &format!("{session}x"), "\u{e9}"] {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            let call = if method == Method::POST { bob.post(&list) } else { bob.request(method.clone()) };
            let call = in_session(call.header("accept", "text/event-stream"), id);
            let answer = send(call).await;
            assert_eq!(answer.status(), 404, "{method} {id:?}");
            let body: Value = serde_json::from_str(&answer.text().await.unwrap()).expect("JSON");
            let request = if method == Method::POST { json!(1) } else { Value::Null };
            let expected =
                json!({ "jsonrpc": "2.0", "error": { "code": -32001, "message": "Session not found" }, "id": request });
            assert_eq!(body, expected);
        }
    }
    // The upstream's own id is worth nothing to alice either: it is not what she was given.
    assert_eq!(send(in_session(alice.post(&list), &upstreams_own)).await.status(), 404);
    let doubled = in_session(alice.post(&list), &session).header("mcp-session-id", &session);
    assert!(send(doubled).await.status().is_client_error());
    assert_eq!(counters(&world, "").await, before, "the upstream was asked");
    assert_eq!(gatehouse_tests::snapshot(&world.gatehouse.state_directory()).await, store);

    let answer = send(in_session(alice.post(&list), &session)).await;
    assert_eq!(answer.status(), 200);
    let listed = Events::of(answer).next().await.expect("an answer");
    assert!(listed["result"]["tools"].as_array().is_some_and(|tools| !tools.is_empty()));
    assert_eq!(newest(&world).await["mcp-session-id"], upstreams_own);
    world.gatehouse.stop().await;
}
