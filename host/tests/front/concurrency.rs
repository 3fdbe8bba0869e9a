//! Turns for guests (S3, S4).

use std::time::Duration;

use gatehouse_host::Limits;

use crate::world::{Connection, World, head};

fn limits() -> Limits {
    Limits {
        concurrent_requests: 8,
        probe_requests: 1,
        queue_wait: Duration::from_millis(100),
        client_gone: Duration::from_millis(50),
        ..Limits::default()
    }
}

/// Requests that wait for an hour; all of them run.
async fn fill(world: &World, count: usize, authorization: impl Fn(usize) -> String) -> Vec<Connection> {
    let mut filling = Vec::new();
    for number in 0..count {
        filling.push(world.send(head("GET", "/wait", &authorization(number))).await);
    }
    filling
}

async fn asked_with(world: &World, path: &str, authorization: &str) -> String {
    world.send(head("GET", path, authorization)).await.head().await
}

#[tokio::test]
async fn one_credential_has_a_quarter_of_the_turns_and_the_next_request_gets_429() {
    let world = World::start(limits()).await;
    let one = "Authorization: Bearer one\r\n";
    let held = fill(&world, 2, |_| one.to_owned()).await;
    let beyond = loop {
        let head = asked_with(&world, "/now", one).await;
        if !head.starts_with("HTTP/1.1 200 ") {
            break head;
        }
    };
    assert!(beyond.starts_with("HTTP/1.1 429 ") && beyond.contains("retry-after: 1"), "{beyond}");
    assert!(asked_with(&world, "/now", "Authorization: Bearer two\r\n").await.starts_with("HTTP/1.1 200 "));
    assert!(world.log.lines().iter().all(|line| !line.contains("Bearer")), "a credential is in the log");
    drop(held);
    let served = async { while !asked_with(&world, "/now", one).await.starts_with("HTTP/1.1 200 ") {} };
    tokio::time::timeout(crate::world::DEADLINE, served).await.unwrap();
}

#[tokio::test]
async fn requests_without_a_credential_have_half_of_the_turns_and_the_next_gets_503() {
    let world = World::start(limits()).await;
    let _held = fill(&world, 4, |_| String::new()).await;
    let beyond = loop {
        let head = asked_with(&world, "/now", "").await;
        if !head.starts_with("HTTP/1.1 200 ") {
            break head;
        }
    };
    assert!(beyond.starts_with("HTTP/1.1 503 ") && beyond.contains("retry-after: 1"), "{beyond}");
    assert!(asked_with(&world, "/now", "Authorization: Bearer one\r\n").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn probes_are_answered_when_every_turn_is_taken() {
    let world = World::start(limits()).await;
    let held = fill(&world, 8, |number| format!("Authorization: Bearer {number}\r\n")).await;
    while asked_with(&world, "/now", "Authorization: Bearer last\r\n").await.starts_with("HTTP/1.1 200 ") {}
    for (method, path) in [("GET", "/healthz"), ("HEAD", "/healthz"), ("GET", "/readyz")] {
        let mut connection = world.send(head(method, path, "")).await;
        assert_eq!(connection.status().await, 200, "{method} {path}");
    }
    // What only looks like a probe waits for its turn.
    assert_eq!(world.get("/healthz/").await, 503);
    assert_eq!(world.send(head("POST", "/healthz", "")).await.status().await, 503);
    drop(held);
    world.until_served("/now").await;
}

#[tokio::test]
async fn a_host_has_no_more_turns_than_its_pool_and_says_so() {
    let world = World::start(Limits { concurrent_requests: 100_000, ..limits() }).await;
    let line = world.logged("requests at the same time").await;
    assert!(line.contains("of 100000"), "{line}");
    assert_eq!(world.get("/now").await, 200);
}

#[tokio::test]
async fn streams_have_half_of_the_turns_and_the_next_gets_503() {
    let world = World::start(limits()).await;
    let mut open = Vec::new();
    for number in 0..4 {
        let mut stream = world.send(head("GET", "/stream", &format!("Authorization: Bearer {number}\r\n"))).await;
        stream.until("data: a\n\n").await;
        open.push(stream);
    }
    let lines = "Authorization: Bearer another\r\n";
    let beyond = asked_with(&world, "/stream", lines).await;
    assert!(beyond.starts_with("HTTP/1.1 503 ") && beyond.contains("retry-after: 1"), "{beyond}");
    assert!(asked_with(&world, "/now", lines).await.starts_with("HTTP/1.1 200 "));
    open.pop();
    let served = async { while !asked_with(&world, "/stream", lines).await.starts_with("HTTP/1.1 200 ") {} };
    tokio::time::timeout(crate::world::DEADLINE, served).await.unwrap();
}
