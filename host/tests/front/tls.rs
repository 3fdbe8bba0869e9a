//! TLS that the host ends itself.

use std::time::Duration;

use gatehouse_host::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::http2_client::Files;
use crate::world::{DEADLINE, World, head};

const FAILED: &str = "the TLS handshake of a client failed";

/// The first line that answers a GET of `path` on HTTP/1.1.
async fn get(stream: &mut TlsStream<TcpStream>, path: &str) -> String {
    stream.write_all(head("GET", path, "").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = async {
        while !answer.ends_with(b"0\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.unwrap();
    String::from_utf8(answer).unwrap().lines().next().unwrap().to_owned()
}

/// Which of the certificates a new client sees.
async fn seen(files: &Files, world: &World) -> usize {
    let stream = files.connect(world, &[]).await;
    let certificate = &stream.get_ref().1.peer_certificates().unwrap()[0];
    files.made.iter().position(|made| made == certificate).unwrap()
}

#[tokio::test]
async fn clients_of_both_versions_get_http_2_where_they_ask_for_it_and_http_1_1_otherwise() {
    let files = Files::new();
    let world = files.host(Limits::default()).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (protocols, agreed) in [
            (&["h2", "http/1.1"][..], Some("h2")),
            (&["http/1.1"], Some("http/1.1")),
            (&[], None),
            (&["http/1.1", "h2"], Some("h2")),
        ] {
            let mut stream = files.connect_with(world.address, &[version], protocols).await;
            assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
            assert_eq!(stream.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes));
            if agreed != Some("h2") {
                assert_eq!(get(&mut stream, "/now").await, "HTTP/1.1 200 OK");
                // Twice on the same connection.
                assert_eq!(get(&mut stream, "/now").await, "HTTP/1.1 200 OK");
            }
        }
    }
    assert_eq!(files.client(&world).await.get("/now").await, 200);
    assert!(world.running.shutdown(DEADLINE).await);
}

#[tokio::test]
async fn new_connections_get_a_new_certificate_and_keep_it_when_the_next_one_is_bad() {
    let mut files = Files::new();
    let world = files.host(Limits::default()).await;
    let mut old = files.connect(&world, &[]).await;
    assert_eq!(seen(&files, &world).await, 0);
    files.replace();
    let renewed = async { while seen(&files, &world).await != 1 {} };
    tokio::time::timeout(DEADLINE, renewed).await.unwrap();
    // Who is connected stays so.
    assert_eq!(get(&mut old, "/now").await, "HTTP/1.1 200 OK");

    std::fs::write(files.path("tls.key"), "no key").unwrap();
    let line = world.logged("new connections get the certificate from before").await;
    assert!(line.contains("there is no PEM key in it"), "{line}");
    assert_eq!(seen(&files, &world).await, 1);
    files.replace();
    let renewed = async { while seen(&files, &world).await != 2 {} };
    tokio::time::timeout(DEADLINE, renewed).await.unwrap();
    let said = world.log.lines().iter().filter(|line| line.contains("certificate")).count();
    assert_eq!(said, 3, "{:?}", world.log.lines());
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_closed_in_its_time_and_keeps_nobody_out() {
    let files = Files::new();
    let limits = Limits { connections: 10, header_read: Duration::from_millis(500), ..Limits::default() };
    let world = files.host(limits).await;
    let mut silent = Vec::new();
    for number in 0..50 {
        let mut connection = world.connect().await;
        if number % 2 == 0 {
            // The beginning of a ClientHello.
            connection.send([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await;
        }
        silent.push(connection);
        if number % 10 == 0 {
            let mut stream = files.connect(&world, &[]).await;
            assert_eq!(get(&mut stream, "/now").await, "HTTP/1.1 200 OK");
        }
    }
    for mut connection in silent {
        assert_eq!(connection.rest().await.0, "");
    }
    // They are no faults that anybody has to read about.
    assert!(world.log.lines().iter().all(|line| !line.contains(FAILED)), "{:?}", world.log.lines());
}

#[tokio::test]
async fn plain_http_at_the_port_of_tls_is_no_request_and_one_line_in_the_log() {
    let files = Files::new();
    let world = files.host(Limits::default()).await;
    let mut stream = files.connect(&world, &[]).await;
    for _ in 0..50 {
        let mut plain = world.send(head("GET", "/now", "")).await;
        let answer = plain.rest().await.0;
        assert!(!answer.contains("HTTP"), "{answer}");
    }
    assert_eq!(get(&mut stream, "/now").await, "HTTP/1.1 200 OK");
    world.logged("\"path\":\"/now\"").await;
    let lines = world.log.lines();
    assert_eq!(lines.iter().filter(|line| line.contains("request-ended")).count(), 1, "{lines:?}");
    assert!((1..=5).contains(&lines.iter().filter(|line| line.contains(FAILED)).count()), "{lines:?}");
}
