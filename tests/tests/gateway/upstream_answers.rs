//! What the client gets when the upstream says no, or nothing at all.

use gatehouse_tests::{World, raw};
use reqwest::Method;
use serde_json::{Value, json};

use crate::mcp::{Client, Events, ping, send, whole};
use crate::programmed_upstream::{self, ProgrammedUpstream};

const LIMIT: usize = 2000;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_at_the_limit_passes_and_one_byte_more_does_not() {
    let upstream = ProgrammedUpstream::start().await;
    let world =
        World::start(programmed_upstream::beside_mcp(&upstream, &format!("limits = {{ request_bytes = {LIMIT} }}")))
            .await;
    let alice = programmed_upstream::sign_in(&world, "/programmed", "alice", "").await;
    let of =
        |length: usize| alice.request(Method::POST).header("content-type", "application/json").body(padded(length));
    for at_the_limit in [LIMIT - 1, LIMIT] {
        let answer = send(of(at_the_limit)).await;
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (200, at_the_limit.to_string()));
        let answer = raw(&world.gatehouse.url, &chunked(&alice, at_the_limit)).await;
        assert_eq!(answer.status, Some(200), "{}", answer.text);
    }
    let seen = upstream.requests().len();
    for over_it in [LIMIT + 1, LIMIT * 40] {
        let answer = send(of(over_it)).await;
        assert_eq!(answer.status(), 413);
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).expect("JSON");
        let message = "The request is larger than the 2000 bytes allowed at /programmed";
        assert_eq!(body, json!({ "jsonrpc": "2.0", "error": { "code": 413, "message": message }, "id": null }));
        let answer = raw(&world.gatehouse.url, &chunked(&alice, over_it)).await;
        assert_eq!(answer.status, Some(413), "{}", answer.text);
    }
    assert_eq!(upstream.requests().len(), seen, "the upstream was asked");
    world.gatehouse.stop().await;
}

/// A message of `length` bytes.
fn padded(length: usize) -> String {
    let message = ping().to_string();
    let space = " ".repeat(length - message.len());
    message + &space
}

/// A request with a body of `length` bytes that does not say beforehand how long it is.
fn chunked(client: &Client, length: usize) -> Vec<u8> {
    let head = format!(
        "POST /programmed HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        client.token()
    );
    let body = padded(length);
    let (first, second) = body.split_at(length / 2);
    let pieces = [first, second].map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len()));
    (head + &pieces.concat() + "0\r\n\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstreams_own_answer_is_passed_on_and_its_absence_names_the_route_and_no_address() {
    let upstream = ProgrammedUpstream::start().await;
    let world = World::start(programmed_upstream::beside_mcp(&upstream, "")).await;
    let alice = programmed_upstream::sign_in(&world, "/programmed", "alice", "").await;
    let at =
        |query: &str| Client::new(&format!("{}/programmed?{query}", world.gatehouse.url), alice.token()).post(&ping());
    let header = |headers: &[(String, String)], name: &str| {
        headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
    };

    for status in [200, 202, 400, 403, 404, 409, 415, 418, 429, 500, 503] {
        let (got, headers, body) = whole(at(&format!("status={status}"))).await;
        assert_eq!((got, body), (status, format!("the upstream says {status}")));
        for (name, value) in [
            ("content-type", Some("text/x-own")),
            ("retry-after", Some("7")),
            ("cache-control", Some("no-store")),
            ("x-content-type-options", Some("nosniff")),
            ("x-own", None),
        ] {
            assert_eq!(header(&headers, name).as_deref(), value, "{status} {name}");
        }
    }
    // What is between Gatehouse and the server is not told as the client's fault, and nobody is sent elsewhere in our name.
    for (query, message) in [
        ("redirect", "The MCP server at /programmed redirects to another address"),
        ("unauthorized", "The MCP server at /programmed does not accept this gateway's credentials"),
    ] {
        let answer = send(at(query)).await;
        assert_eq!(answer.status(), 502);
        for name in ["location", "set-cookie", "www-authenticate"] {
            assert!(!answer.headers().contains_key(name), "{query}: {name}");
        }
        let expected = json!({ "jsonrpc": "2.0", "error": { "code": -32603, "message": message }, "id": 1 });
        assert_eq!(serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap(), expected);
    }

    let dead = programmed_upstream::sign_in(&world, "/dead", "alice", "").await;
    for (path, call) in [("/dead", dead.post(&ping())), ("/programmed", at("not-http"))] {
        let (status, headers, body) = whole(call).await;
        assert_eq!(status, 502, "{path}");
        assert_eq!(header(&headers, "www-authenticate"), None, "{path}");
        let message = format!("The MCP server at {path} cannot be reached");
        let expected = json!({ "jsonrpc": "2.0", "error": { "code": -32603, "message": message }, "id": 1 });
        assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON"), expected);
    }

    // Half an answer must not be taken for a whole one.
    let mut broken = send(at("broken")).await;
    let mut ended_well = None;
    while ended_well.is_none() {
        match broken.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => ended_well = Some(true),
            Err(_) => ended_well = Some(false),
        }
    }
    assert_eq!(ended_well, Some(false));
    world.gatehouse.log.wait_for(|line| line.contains("stream-broken")).await;

    // And all of this has left the connection to the upstream usable.
    let mut events = Events::of(send(at("gated")).await);
    assert_eq!(events.next().await.expect("an event"), "first");
    upstream.open_the_gate();
    assert_eq!(events.next().await.expect("an event"), "second");
    world.gatehouse.stop().await;
}
