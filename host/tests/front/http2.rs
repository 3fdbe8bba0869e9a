//! HTTP/2: many requests on one connection, each with its own answer and its own end.

use std::time::Duration;

use gatehouse_host::Limits;
use http_body_util::BodyExt as _;

use crate::http2_client::{Files, first_event, frame, get, names_no_connection};
use crate::world::{DEADLINE, Upstream, World, head};

fn credential(number: usize) -> String {
    format!("Bearer {number}")
}

#[tokio::test]
async fn a_hundred_streams_are_open_on_one_connection_and_the_next_request_waits_for_one_to_end() {
    let (files, limits) = (Files::new(), Limits { concurrent_requests: 400, ..Limits::default() });
    let world = files.host(limits).await;
    let client = files.client(&world).await;
    let mut open = Vec::new();
    for number in 0..100 {
        let mut response = client.ask("GET", "/stream", &credential(number)).await;
        first_event(&mut response).await;
        assert!(names_no_connection(response.headers()));
        open.push(response);
    }
    let mut next = std::pin::pin!(client.get("/now"));
    let early = tokio::time::timeout(Duration::from_millis(50), next.as_mut()).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(files.client(&world).await.get("/healthz").await, 200);
    // A client that ends one of its streams is seen by that one's guest alone.
    open.pop();
    assert_eq!(next.await, 200);
    world.logged("\"message\":\"gone\"").await;
    assert_eq!(world.log.lines().iter().filter(|line| line.contains("\"message\":\"gone\"")).count(), 1);
    drop(open);
    assert!(world.running.shutdown(DEADLINE).await);
}

#[tokio::test]
async fn large_answers_come_whole_to_clients_with_little_room() {
    let files = Files::new();
    let world = files.host(Limits::default()).await;
    let client = files.client_with_window(&world, 1000).await;
    for _ in 0..3 {
        let response = client.ask("GET", "/large", "Bearer a").await;
        let body = tokio::time::timeout(DEADLINE, response.into_body().collect()).await.unwrap().unwrap();
        assert_eq!(body.to_bytes().len(), 400 * 1024);
    }
    // An answer to HEAD has no body, whatever the guest writes.
    let response = client.ask("HEAD", "/large", "Bearer a").await;
    assert_eq!((response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes().len()), (200, 0));
    let whole = || world.log.lines().iter().filter(|line| line.contains("request-ended")).count();
    let logged = async {
        while whole() < 4 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, logged).await.unwrap();
    assert!(world.log.lines().iter().all(|line| !line.contains("\"complete\":false")), "{:?}", world.log.lines());
}

#[tokio::test]
async fn who_leaves_before_the_answer_ends_its_own_request_alone() {
    let files = Files::new();
    let upstream = Upstream::start().await;
    let world = World::start_with_tls(Limits::default(), Some(upstream.address()), files.options()).await;
    let client = files.client(&world).await;
    let path = format!("/call/{}", upstream.address());
    let mut asked = {
        let mut call = std::pin::pin!(client.ask("GET", &path, "Bearer a"));
        tokio::select! {
            asked = upstream.asked() => asked,
            _ = call.as_mut() => panic!("it is answered"),
        }
    };
    assert_eq!(asked.rest().await.0, "");
    world.logged("\"message\":\"ended\"").await;
    assert_eq!(client.get("/now").await, 200);
}

#[tokio::test]
async fn a_request_that_does_not_say_its_host_clearly_or_whose_head_is_too_large_is_refused() {
    let files = Files::new();
    let world = files.host(Limits::default()).await;
    let client = files.client(&world).await;
    let with = |name: &str, value: String| {
        http::Request::get("https://localhost/now").header(name, value).body(http_body_util::Full::default()).unwrap()
    };
    for (request, status) in [
        (with("host", "localhost".to_owned()), 200),
        (with("host", "elsewhere".to_owned()), 400),
        (with("x", "a".repeat(60_000)), 200),
        (with("x", "a".repeat(70_000)), 431),
    ] {
        assert_eq!(client.send(request).await.unwrap().status(), status);
    }
    let mut connect = with("x", String::new());
    *connect.method_mut() = http::Method::CONNECT;
    *connect.uri_mut() = "localhost:1".parse().unwrap();
    assert_eq!(client.send(connect).await.unwrap().status(), 405);
    // Two of these reached a guest.
    assert_eq!(world.log.lines().iter().filter(|line| line.contains("\"guest\":\"guest\"")).count(), 2);
}

#[tokio::test]
async fn a_stop_ends_silent_streams_finishes_what_runs_and_takes_nothing_new() {
    let files = Files::new();
    let upstream = Upstream::start().await;
    let world = World::start_with_tls(Limits::default(), Some(upstream.address()), files.options()).await;
    let client = files.client(&world).await;
    let request = http::Request::get("https://localhost/stream").header("mcp-session-id", "a");
    let mut news = client.send(request.body(http_body_util::Full::default()).unwrap()).await.unwrap();
    first_event(&mut news).await;
    let path = format!("/call/{}", upstream.address());
    let call = client.ask("GET", &path, "Bearer a");
    let stopping = async {
        let mut asked = upstream.asked().await;
        let host = world.running;
        let stop = tokio::spawn(async move { host.shutdown(DEADLINE).await });
        // It ends in order.
        assert!(news.into_body().collect().await.unwrap().to_bytes().is_empty());
        asked.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        stop.await.unwrap()
    };
    let answered = async {
        let answer = call.await;
        assert_eq!(answer.status(), 200);
        assert!(answer.into_body().collect().await.is_ok());
    };
    let ((), is_stopped) = tokio::join!(answered, stopping);
    assert!(is_stopped);
    assert!(client.ended().await);
}

#[tokio::test]
async fn neither_a_client_that_understands_nothing_nor_a_stream_without_end_holds_a_stop_up() {
    let files = Files::new();
    let world = files.host(Limits::default()).await;
    let mut deaf = files.frames(&world).await;
    deaf.write(&get(1, "/now")).await;
    while deaf.read().await.unwrap().0 != 0 {}
    let began = std::time::Instant::now();
    assert!(world.running.shutdown(DEADLINE).await);
    assert!(began.elapsed() < DEADLINE / 2);

    let world = files.host(Limits::default()).await;
    let client = files.client(&world).await;
    let mut answer = client.ask("POST", "/stream", "Bearer a").await;
    first_event(&mut answer).await;
    assert!(!world.running.shutdown(Duration::from_millis(300)).await);
    assert!(answer.into_body().collect().await.is_err());
}

#[tokio::test]
async fn cleartext_is_http_1_1_whatever_the_client_says_first() {
    let world = World::start(Limits::default()).await;
    let mut client = world.send([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(4, 0, 0, &[])].concat()).await;
    let answer = client.rest().await.0;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    let mut upgrade = world
        .send(head(
            "GET",
            "/now",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        ))
        .await;
    assert_eq!(upgrade.status().await, 200);
}
