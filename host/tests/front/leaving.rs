//! Clients that leave (S4).

use std::time::Duration;

use gatehouse_host::Limits;

use crate::world::{DEADLINE, Upstream, World, head};

fn limits() -> Limits {
    Limits { concurrent_requests: 4, client_gone: Duration::from_millis(300), ..Limits::default() }
}

#[tokio::test]
async fn a_slow_call_ends_with_its_client_and_the_upstream_sees_it() {
    let upstream = Upstream::start().await;
    let world = World::start_with_upstream(limits(), Some(upstream.address())).await;
    let client = world.send(head("GET", &format!("/call/{}", upstream.address()), "")).await;
    let mut asked = upstream.asked().await;
    drop(client);
    assert_eq!(asked.rest().await.0, "");
    // The guest is told, and ends in order.
    world.logged("\"message\":\"ended\"").await;
    let line = world.logged("\"complete\":false").await;
    assert!(line.contains("/call/"), "{line}");
}

#[tokio::test]
async fn what_ends_soon_by_itself_is_finished_for_a_client_that_has_gone() {
    let upstream = Upstream::start().await;
    let world = World::start_with_upstream(limits(), Some(upstream.address())).await;
    let client = world.send(head("GET", &format!("/token/{}", upstream.address()), "")).await;
    let mut asked = upstream.asked().await;
    drop(client);
    // The host has noticed, and longer ago than a guest is given that waits for nothing.
    world.logged("\"complete\":false").await;
    tokio::time::sleep(limits().client_gone * 2).await;
    asked.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    world.logged("\"message\":\"stored\"").await;
}

#[tokio::test]
async fn a_guest_that_waits_for_nobody_ends_soon_after_its_client() {
    let world = World::start(Limits { concurrent_requests: 2, ..limits() }).await;
    let mut clients = Vec::new();
    for number in 0..2 {
        clients.push(world.send(head("GET", "/wait", &format!("Authorization: Bearer {number}\r\n"))).await);
    }
    world.until_refused("/now").await;
    drop(clients);
    world.logged("after its client had gone").await;
    world.until_served("/now").await;
}

/// However soon: its request has come, and nothing is begun for it.
#[tokio::test]
async fn a_client_that_leaves_at_once_is_in_the_log_too() {
    let world = World::start(limits()).await;
    for _ in 0..20 {
        drop(world.send(head("GET", "/wait", "")).await);
    }
    let logged = async {
        while world.log.lines().iter().filter(|line| line.contains("request-ended")).count() < 20 {
            tokio::task::yield_now().await;
        }
    };
    let logged = tokio::time::timeout(DEADLINE, logged).await;
    assert!(logged.is_ok(), "{:?}", world.log.lines());
}

#[tokio::test]
async fn a_client_that_leaves_behind_unread_bytes_is_noticed_too() {
    let upstream = Upstream::start().await;
    let world = World::start_with_upstream(limits(), Some(upstream.address())).await;
    // A second request behind the first is not read while that is under way, and hides the end of the connection.
    let two = head("GET", &format!("/call/{}", upstream.address()), "") + &head("GET", "/now", "");
    let client = world.send(two + &"x".repeat(100_000)).await;
    let mut asked = upstream.asked().await;
    drop(client);
    assert_eq!(asked.rest().await.0, "");
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_body_never_starts_a_guest() {
    let world = World::start(limits()).await;
    drop(world.send(head("POST", "/body", "Content-Length: 100\r\n") + "a").await);
    let line = world.logged("\"path\":\"/body\"").await;
    // Nobody reads the status. A guest would have answered 200, or failed.
    assert!(line.contains("\"status\":400") || line.contains("\"complete\":false"), "{line}");
    assert!(world.log.lines().iter().all(|line| !line.contains("the component ")), "{:?}", world.log.lines());
}

#[tokio::test]
async fn a_guest_sees_that_the_reader_of_its_stream_has_gone() {
    let world = World::start(limits()).await;
    let mut client = world.send(head("GET", "/stream", "")).await;
    client.until("data: a").await;
    drop(client);
    world.logged("\"message\":\"gone\"").await;
}
