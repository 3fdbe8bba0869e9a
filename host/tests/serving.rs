//! The library, in this process: hosts that start, answer for themselves, and stop.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatehouse_host::{Application, CapturedLog, Options, StartError};
use gatehouse_testing_application::{MANIFEST, application};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const GRACE: Duration = Duration::from_secs(30);

async fn load(directory: &tempfile::TempDir, log: &Arc<CapturedLog>) -> Result<Application, StartError> {
    let mut options = Options::new(directory.path().join("state"));
    options.cache_directory = Some(directory.path().join("cache"));
    options.log = log.clone();
    Application::load(directory.path(), options).await
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Sends `request` and returns all that comes back until the connection ends.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8(response).unwrap()
}

#[tokio::test]
async fn a_request_that_does_not_say_its_host_clearly_is_refused() {
    let directory = application(MANIFEST);
    let log = Arc::new(CapturedLog::new());
    let running = load(&directory, &log).await.unwrap().serve(any_port()).await.unwrap();
    for (head, status) in [
        ("GET /trap/ HTTP/1.1\r\n", 400),
        ("GET /trap/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        ("GET /trap/ HTTP/1.1\r\nHost: a b\r\n", 400),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n", 405),
        ("GET /trapped HTTP/1.1\r\nHost: a\r\n", 404),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n", 404),
        ("GET /.well-known/spin/health HTTP/1.1\r\nHost: a\r\n", 200),
    ] {
        let response = exchange(running.address(), &format!("{head}Connection: close\r\n\r\n")).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{head}{response}");
        let id = response.split("\r\nx-request-id: ").nth(1).unwrap().get(..32).unwrap();
        let of_request = log.wait_for(|line| line.contains("request-ended") && line.contains(id)).await;
        assert!(of_request.contains(&format!("\"status\":{status}")), "{of_request}");
    }
    assert!(log.lines().iter().all(|line| !line.contains("\"guest\":\"trap\"")), "{:?}", log.lines());
    assert!(running.shutdown(GRACE).await);
}

#[tokio::test]
async fn a_check_in_http_1_0_without_a_host_reaches_the_guest_as_one_with_an_empty_host_does() {
    let directory = application(MANIFEST);
    let log = Arc::new(CapturedLog::new());
    let running = load(&directory, &log).await.unwrap().serve(any_port()).await.unwrap();
    for head in ["GET /trap/ HTTP/1.0\r\n", "GET /trap/ HTTP/1.1\r\nHost:\r\n"] {
        let response = exchange(running.address(), &format!("{head}Connection: close\r\n\r\n")).await;
        // The guest is one that fails.
        assert!(response.get(8..).is_some_and(|rest| rest.starts_with(" 500 ")), "{head}{response}");
        log.wait_for(|line| line.contains("the component failed")).await;
    }
    assert!(running.shutdown(GRACE).await);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let directory = application(MANIFEST);
    let running = load(&directory, &Arc::default()).await.unwrap().serve(any_port()).await.unwrap();
    let many = |count| (0..count).map(|index| format!("x-{index}: a\r\n")).collect::<String>();
    // As many as a route of Gatehouse may allow, and what else a request has.
    let health = format!("GET /.well-known/spin/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n", many(1000));
    assert!(exchange(running.address(), &health).await.starts_with("HTTP/1.1 200 "));
    for fields in [many(1100), format!("x: {}\r\n", "a".repeat(100_000))] {
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        stream.write_all(format!("GET /trap/ HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes()).await.unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 431");
    }
    assert!(running.shutdown(GRACE).await);
}

#[tokio::test]
async fn a_trap_is_a_500_and_its_reason_is_logged() {
    let directory = application(MANIFEST);
    let log = Arc::new(CapturedLog::new());
    let running = load(&directory, &log).await.unwrap().serve(any_port()).await.unwrap();
    let response = exchange(running.address(), "GET /trap/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.1 500 ") && response.ends_with("\r\n\r\n"), "{response}");
    let line = log.wait_for(|line| line.contains("the component failed")).await;
    assert!(line.contains("unreachable"), "{line}");
    assert!(running.shutdown(GRACE).await);
}

#[tokio::test]
async fn two_hosts_share_an_application_and_stop_on_their_own() {
    let directory = application(MANIFEST);
    let application = load(&directory, &Arc::default()).await.unwrap();
    let first = application.serve(any_port()).await.unwrap();
    let second = application.serve(any_port()).await.unwrap();
    assert_ne!(first.address(), second.address());
    let closed = first.address();
    assert!(first.shutdown(GRACE).await);
    assert!(TcpStream::connect(closed).await.is_err());
    let health = "GET /.well-known/spin/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(exchange(second.address(), health).await.ends_with("OK"));
    assert!(second.shutdown(GRACE).await);
}

#[tokio::test]
async fn idle_and_unused_connections_do_not_hold_a_shutdown_up() {
    let directory = application(MANIFEST);
    let running = load(&directory, &Arc::default()).await.unwrap().serve(any_port()).await.unwrap();
    let mut unused = TcpStream::connect(running.address()).await.unwrap();
    let mut idle = TcpStream::connect(running.address()).await.unwrap();
    idle.write_all(b"GET /.well-known/spin/health HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut response = vec![0; 12];
    idle.read_exact(&mut response).await.unwrap();
    assert!(running.shutdown(GRACE).await);
    assert_eq!(unused.read(&mut [0]).await.unwrap_or(0), 0);
    idle.read_to_end(&mut response).await.unwrap();
}
