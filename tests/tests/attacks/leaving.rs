//! Clients that are slow, or leave: nobody else notices, and nothing is lost that must not be (S3, S4, S8).

use std::time::Duration;

use gatehouse_tests::{AttackSettings, AttackWorld, Endpoint, Person, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request to `path` of `world`, sent and not waited for.
async fn send(world: &AttackWorld, path: &str, lines: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.gatehouse.url.trim_start_matches("http://")).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: gatehouse\r\n{lines}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).await.unwrap();
    stream
}

async fn call(world: &AttackWorld, path: &str, token: &str) -> TcpStream {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}}"#;
    let lines = format!(
        "authorization: Bearer {token}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         mcp-protocol-version: 2025-06-18\r\ncontent-length: {}",
        body.len()
    );
    send(world, path, &lines, body).await
}

/// Waits until the host has noticed that a client left before it was answered.
async fn noticed(world: &AttackWorld) {
    let line = world.gatehouse.log.wait_for(|line| line.contains("\"complete\":false"));
    tokio::time::timeout(Duration::from_secs(60), line).await.expect("the host does not notice");
}

#[tokio::test(flavor = "multi_thread")]
async fn eleven_hundred_bodies_that_do_not_come_keep_nobody_waiting() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    // What a look at the upstreams finds is kept for some seconds.
    assert_eq!(world.get("/readyz").await.status, 200);
    let before = world.store().await;
    let mut slow = Vec::new();
    for _ in 0..1100 {
        slow.push(send(&world, "/token", "content-length: 100", "a").await);
    }
    for path in ["/healthz", "/readyz", "/healthz", "/readyz"] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
    for _ in 0..20 {
        assert_eq!(world.call("/mcp", tokens["access_token"].as_str().unwrap()).await.status, 200);
    }
    drop(slow);
    world.assert_unchanged(&before, "slow bodies").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_one_byte_chunks_is_refused_before_anything_is_done_for_it() {
    let world = AttackWorld::start().await;
    let before = world.store().await;
    let head = "POST /token HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\n\
                content-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = "1\r\na\r\n".repeat(60_000) + "0\r\n\r\n";
    let answer = raw(&world.gatehouse.url, (head.to_owned() + &chunks).as_bytes()).await;
    assert_eq!((answer.status, answer.body().as_str()), (Some(400), ""), "{answer:?}");
    world.assert_unchanged(&before, "one-byte chunks").await;
    world.gatehouse.stop().await;
}

/// The host lets guests decide about bodies that are declared larger than what it reads itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_declared_too_large_is_refused_without_waiting_for_it() {
    let world = AttackWorld::start().await;
    let before = world.store().await;
    for path in ["/token", "/register", "/consent", "/revoke"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: 5000000\r\n\r\n"
        );
        let answer = raw(&world.gatehouse.url, head.as_bytes()).await;
        assert_eq!(answer.status, Some(413), "{path}: {answer:?}");
    }
    world.assert_unchanged(&before, "bodies that were only declared").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_client_has_left_ends_at_the_server_too_before_its_answer_began() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/inside", upstream.local_addr().unwrap());
    let world = AttackWorld::start_with(AttackSettings {
        tables: format!("[[routes]]\npath = \"/slow\"\nurl = \"{url}\"\nname = \"Slow\"\nscopes = [\"mcp\"]"),
        ..AttackSettings::default()
    })
    .await;
    let alice = Person::new("alice");
    let tokens = world.flow_of(&alice, world.public(), "/slow").with("scope", Some("mcp")).finish().await;
    let before = world.store().await;
    let client = call(&world, "/slow", tokens["access_token"].as_str().unwrap()).await;
    let (mut asked, _) = upstream.accept().await.unwrap();
    let mut request = vec![0; 64 * 1024];
    assert_ne!(asked.read(&mut request).await.unwrap(), 0);
    drop(client);
    let closed = async { while asked.read(&mut request).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(Duration::from_secs(30), closed).await.expect("the server's connection stays open");
    noticed(&world).await;
    world.assert_unchanged(&before, "a call that was left").await;
    world.gatehouse.stop().await;
}

/// A provider that gives out refresh tokens for one use ends the session of who uses one twice. So what it answered must
/// be kept, even if nobody waits for it any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_at_the_provider_is_finished_and_kept_for_a_client_that_has_left() {
    const PROVIDER_TOKEN_SECONDS: u64 = 120;
    let world = AttackWorld::start_with(AttackSettings {
        mcp_lines: "identity_provider_token_header = \"authorization\"".to_owned(),
        ..AttackSettings::default()
    })
    .await;
    world.provider().script(|script| script.access_token_seconds = PROVIDER_TOKEN_SECONDS);
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let token = tokens["access_token"].as_str().unwrap();
    world.gatehouse.clock.advance(PROVIDER_TOKEN_SECONDS + 1);

    let gate = world.provider().hold(Endpoint::Token);
    let client = call(&world, "/mcp", token).await;
    gate.arrived(1).await;
    drop(client);
    noticed(&world).await;
    gate.open();

    let answer = world.call("/mcp", token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.provider().refreshes().len(), 1, "the provider was asked again");
    let received = world.upstream.requests();
    let expected = format!("Bearer {}", world.provider().last_access_token());
    assert_eq!(received.last().unwrap().header("authorization"), expected);
    world.gatehouse.stop().await;
}
