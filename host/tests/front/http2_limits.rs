//! HTTP/2: every limit of the host holds for each request, and a connection has limits of its own.

use std::time::Duration;

use bytes::Bytes;
use gatehouse_host::Limits;
use http_body_util::{BodyExt as _, Full};

use crate::http2_client::{Files, first_event, frame, get, names_no_connection};
use crate::world::DEADLINE;

fn limits() -> Limits {
    Limits {
        concurrent_requests: 8,
        queue_wait: Duration::from_millis(100),
        client_gone: Duration::from_millis(50),
        ..Limits::default()
    }
}

fn post(path: &str, body: Vec<u8>) -> http::Request<Full<Bytes>> {
    http::Request::post(format!("https://localhost{path}")).body(Full::from(body)).unwrap()
}

#[tokio::test]
async fn a_credential_has_its_share_of_the_turns_on_one_connection_too() {
    let files = Files::new();
    let world = files.host(limits()).await;
    let client = files.client(&world).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut response = client.ask("POST", "/stream", "Bearer one").await;
        first_event(&mut response).await;
        held.push(response);
    }
    let beyond = client.ask("GET", "/now", "Bearer one").await;
    assert_eq!((beyond.status().as_u16(), &beyond.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert!(names_no_connection(beyond.headers()));
    assert_eq!(client.ask("GET", "/now", "Bearer two").await.status(), 200);
    // What is given up is free for others.
    held.clear();
    let served = async { while client.ask("GET", "/now", "Bearer one").await.status() != 200 {} };
    tokio::time::timeout(DEADLINE, served).await.unwrap();
}

#[tokio::test]
async fn a_body_that_is_slow_or_too_large_is_refused_and_the_connection_goes_on() {
    let files = Files::new();
    let limits = Limits { body_bytes: 1 << 17, body_read: Duration::from_millis(300), ..limits() };
    let world = files.host(limits).await;
    let client = files.client(&world).await;
    let large = client.send(post("/body", vec![b'a'; 1 << 17])).await.unwrap();
    assert_eq!(large.status(), 413);
    assert!(names_no_connection(large.headers()));
    let taken = client.send(post("/body", vec![b'a'; 60_000])).await.unwrap().into_body().collect().await.unwrap();
    assert!(taken.to_bytes().ends_with(b"0000060000"));

    let mut slow = files.frames(&world).await;
    // The head of a POST that goes on, and a byte of its body.
    let head = [&[0x83, 0x87, 0x01, 1, b'a', 0x04, 5], &b"/body"[..]].concat();
    slow.write(&[frame(1, 0x4, 1, &head), frame(0, 0, 1, b"a")].concat()).await;
    while slow.read().await.unwrap().0 != 1 {}
    slow.write(&get(3, "/now")).await;
    while slow.read().await.unwrap().0 != 0 {}
    world.logged("its body comes too slowly").await;
    let mut statuses = world.log.lines().into_iter().filter(|line| line.contains("\"path\":\"/body\""));
    assert!(statuses.next_back().unwrap().contains("\"status\":408"));
}

#[tokio::test]
async fn who_takes_nothing_of_one_answer_loses_that_one_and_keeps_the_others() {
    let files = Files::new();
    let world = files.host(Limits { write_stall: Duration::from_millis(300), ..limits() }).await;
    let client = files.client_with_window(&world, 100_000).await;
    let never_read = client.ask("GET", "/flood", "Bearer a").await;
    world.logged("\"message\":\"gone\"").await;
    let line = world.logged("\"path\":\"/flood\"").await;
    assert!(line.contains("\"complete\":false"), "{line}");
    assert_eq!(client.get("/now").await, 200);
    // What it has of it is not the whole.
    assert!(never_read.into_body().collect().await.is_err());
}

#[tokio::test]
async fn thousands_of_requests_that_are_taken_back_end_their_connection_and_no_other() {
    let files = Files::new();
    let world = files.host(Limits { concurrent_requests: 100, ..limits() }).await;
    let other = files.client(&world).await;
    let mut stream = other.ask("GET", "/stream", "Bearer other").await;
    first_event(&mut stream).await;
    let mut rapid = files.frames(&world).await;
    let requests = (0..3000_u32).flat_map(|number| {
        let stream = 2 * number + 1;
        // CANCEL
        [get(stream, "/wait"), frame(3, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    let requests: Vec<_> = requests.collect();
    // It may be over before all of it is written.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut rapid.0, &requests).await;
    let mut last = None;
    while let Some(frame) = rapid.read().await {
        last = Some(frame);
    }
    // GOAWAY with ENHANCE_YOUR_CALM, where it came through.
    if let Some((7, payload)) = last {
        assert_eq!(payload.get(4..8), Some(&11_u32.to_be_bytes()[..]));
    }
    assert_eq!(other.get("/now").await, 200);
    assert_eq!(files.client(&world).await.get("/healthz").await, 200);
    let begun = world.log.lines().iter().filter(|line| line.contains("\"path\":\"/wait\"")).count();
    assert!(begun < 200, "{begun}");
    let still = tokio::time::timeout(Duration::from_millis(50), stream.body_mut().frame()).await;
    assert!(still.is_err(), "{still:?}");
}

#[tokio::test]
async fn an_idle_connection_is_told_to_go_after_its_time_and_a_busy_one_is_not() {
    let files = Files::new();
    let world = files.host(Limits { connection_idle: Duration::from_millis(200), ..limits() }).await;
    let (busy, idle) = (files.client(&world).await, files.client(&world).await);
    let mut stream = busy.ask("GET", "/stream", "Bearer a").await;
    first_event(&mut stream).await;
    assert_eq!(idle.get("/now").await, 200);
    // In order: a request that is on its way then is not lost without a word.
    assert!(idle.ended().await);
    assert_eq!(busy.get("/now").await, 200);
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_others_and_one_with_a_stream_does_not() {
    let files = Files::new();
    let world = files.host(Limits { connections: 2, ..limits() }).await;
    let (busy, idle) = (files.client(&world).await, files.client(&world).await);
    let mut stream = busy.ask("GET", "/stream", "Bearer a").await;
    first_event(&mut stream).await;
    assert_eq!(idle.get("/now").await, 200);
    for _ in 0..6 {
        assert_eq!(files.client(&world).await.get("/now").await, 200);
    }
    idle.ended().await;
    let still = tokio::time::timeout(Duration::from_millis(50), stream.body_mut().frame()).await;
    assert!(still.is_err() && busy.get("/now").await == 200, "{still:?}");
}

#[tokio::test]
async fn requests_beyond_the_first_of_a_connection_have_as_much_room_as_there_may_be_connections() {
    let files = Files::new();
    let world = files.host(Limits { connections: 3, concurrent_requests: 100, ..limits() }).await;
    let client = files.client(&world).await;
    let mut open = Vec::new();
    for number in 0..4 {
        let mut response = client.ask("GET", "/stream", &format!("Bearer {number}")).await;
        first_event(&mut response).await;
        open.push(response);
    }
    let beyond = client.ask("GET", "/now", "Bearer a").await;
    assert_eq!((beyond.status().as_u16(), &beyond.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    // The first request of a connection, such as a probe, needs none of it.
    assert_eq!(files.client(&world).await.get("/healthz").await, 200);
    open.pop();
    let served = async { while client.get("/now").await != 200 {} };
    tokio::time::timeout(DEADLINE, served).await.unwrap();
}
