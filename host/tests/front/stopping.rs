//! Stopping (S19).

use std::time::{Duration, Instant};

use gatehouse_host::Limits;

use crate::world::{DEADLINE, Upstream, World, head};

const SESSION: &str = "Mcp-Session-Id: a\r\n";

#[tokio::test]
async fn a_silent_stream_does_not_hold_a_stop_up() {
    for lines in [SESSION, "MCP-Protocol-Version: 2025-11-25\r\n", ""] {
        let world = World::start(Limits::default()).await;
        let mut client = world.send(head("GET", "/stream", lines)).await;
        client.until("data: a\n\n").await;
        assert!(world.running.shutdown(DEADLINE).await);
        // The stream has an end, and is not cut off.
        let (rest, closed) = client.rest().await;
        assert!(closed && rest.ends_with("0\r\n\r\n"), "{rest:?}");
    }
}

#[tokio::test]
async fn a_listening_post_ends_as_a_silent_stream_does() {
    let world = World::start(Limits::default()).await;
    let lines = "Mcp-Method: subscriptions/listen\r\nContent-Length: 0\r\n";
    let mut client = world.send(head("POST", "/stream", lines)).await;
    client.until("data: a\n\n").await;
    assert!(world.running.shutdown(DEADLINE).await);
}

#[tokio::test]
async fn running_requests_are_finished_while_streams_of_news_end_at_once() {
    let upstream = Upstream::start().await;
    let world = World::start_with_upstream(Limits::default(), Some(upstream.address())).await;
    let mut news = world.send(head("GET", "/stream", SESSION)).await;
    news.until("data: a\n\n").await;
    // Of 2024-11-05: answers to others' requests come on it.
    let mut answers = world.send(head("GET", "/stream", "")).await;
    answers.until("data: a\n\n").await;
    let mut running = world.send(head("GET", &format!("/call/{}", upstream.address()), "")).await;
    let mut asked = upstream.asked().await;

    let host = world.running;
    let stop = tokio::spawn(async move { host.shutdown(DEADLINE).await });
    assert!(news.rest().await.0.ends_with("0\r\n\r\n"));
    let still = tokio::time::timeout(Duration::from_millis(50), answers.rest()).await;
    assert!(still.is_err() && !stop.is_finished());
    asked.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(running.status().await, 200);
    assert!(stop.await.unwrap());
}

#[tokio::test]
async fn a_stream_that_answers_a_request_has_its_time_and_no_more() {
    let world = World::start(Limits::default()).await;
    let mut client = world.send(head("POST", "/stream", "Content-Length: 0\r\n")).await;
    client.until("data: a\n\n").await;
    let (began, grace) = (Instant::now(), Duration::from_millis(300));
    assert!(!world.running.shutdown(grace).await);
    assert!(began.elapsed() >= grace);
}
