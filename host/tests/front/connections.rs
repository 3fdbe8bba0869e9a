//! Connections (S9), and clients that do not read.

use std::time::Duration;

use gatehouse_host::Limits;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpSocket;

use crate::world::{Connection, DEADLINE, World, head};

fn limits(connections: usize) -> Limits {
    Limits { connections, client_gone: Duration::from_millis(50), ..Limits::default() }
}

#[tokio::test]
async fn when_all_connections_are_in_use_the_longest_idle_one_makes_room() {
    let world = World::start(limits(3)).await;
    // A request under way, half a head, and one that is used and idle.
    let mut busy = world.send(head("GET", "/wait", "")).await;
    world.until_served("/now").await;
    let mut half = world.send("GET /now HTTP/1.1\r\nHost: ").await;
    let mut idle = world.send(head("GET", "/now", "")).await;
    assert_eq!(idle.status().await, 200);

    // Each of these finds no room, and gets it.
    let mut kept = Vec::new();
    for _ in 0..6 {
        let mut next = world.send(head("GET", "/now", "")).await;
        assert_eq!(next.status().await, 200);
        kept.push(next);
    }
    assert_eq!(half.rest().await.0, "");
    idle.rest().await;
    let nothing = tokio::time::timeout(Duration::from_millis(50), busy.0.read_u8()).await;
    assert!(nothing.is_err(), "a request under way was ended");
}

#[tokio::test]
async fn many_half_heads_do_not_keep_anybody_out() {
    let world = World::start(limits(50)).await;
    let mut halves = Vec::new();
    for number in 0..300 {
        halves.push(world.send("POST /token HTTP/1.1\r\nHost: a\r\nX-Slow: ").await);
        if number % 30 == 0 {
            assert_eq!(world.get("/now").await, 200);
        }
    }
    assert_eq!(world.get("/healthz").await, 200);
}

#[tokio::test]
async fn half_a_head_is_closed_after_its_time_and_an_idle_connection_lives_longer() {
    let limits =
        Limits { header_read: Duration::from_millis(300), connection_idle: Duration::from_secs(60), ..limits(10) };
    let world = World::start(limits).await;
    let mut idle = world.send(head("GET", "/now", "")).await;
    assert_eq!(idle.status().await, 200);
    idle.until("0\r\n\r\n").await;
    let mut silent = world.connect().await;
    let mut half = world.send("GET /now HTTP/1.1\r\n").await;
    assert_eq!(silent.rest().await.0, "");
    assert_eq!(half.rest().await.0, "");
    // Its next head is timed from its own first byte.
    idle.send(head("GET", "/now", "")).await;
    assert_eq!(idle.status().await, 200);
    idle.until("0\r\n\r\n").await;
    idle.send("GET /now HTTP/1.1\r\n").await;
    assert_eq!(idle.rest().await.0, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let world = World::start(Limits { connection_idle: Duration::from_millis(200), ..limits(10) }).await;
    let mut idle = world.send(head("GET", "/now", "")).await;
    assert_eq!(idle.status().await, 200);
    assert!(idle.rest().await.1);
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off_and_its_guest_ends() {
    let world = World::start(Limits { write_stall: Duration::from_millis(300), ..limits(10) }).await;
    let _never_reads = world.send(head("GET", "/flood", "")).await;
    world.logged("\"message\":\"gone\"").await;
    let line = world.logged("\"path\":\"/flood\"").await;
    assert!(line.contains("\"complete\":false"), "{line}");
}

#[tokio::test]
async fn a_client_that_reads_slowly_is_not_cut_off() {
    let world = World::start(Limits { write_stall: Duration::from_millis(500), ..limits(10) }).await;
    let mut slow = world.send(head("GET", "/flood", "")).await;
    let mut buffer = vec![0; 256 * 1024];
    // Six times the limit, and never silent for as long as that.
    for _ in 0..30 {
        tokio::time::timeout(DEADLINE, slow.0.read_exact(&mut buffer)).await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A client that has little room for what comes and asked for 400 KiB, and what it has taken of that: the guest is done,
/// and hyper has the rest of it.
async fn slow_reader(world: &World) -> (Connection, Vec<u8>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    let mut slow = Connection(socket.connect(world.address).await.unwrap());
    slow.send(head("GET", "/large", "")).await;
    let (mut read, mut buffer) = (Vec::new(), vec![0; 4 * 1024]);
    while !world.log.lines().iter().any(|line| line.contains("\"path\":\"/large\"")) {
        let some = tokio::time::timeout(DEADLINE, slow.0.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(some, 0, "it was cut after {} bytes", read.len());
        read.extend_from_slice(&buffer[..some]);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(read.len() < 400 * 1024);
    (slow, read)
}

#[tokio::test]
async fn an_answer_that_is_taken_slowly_is_not_cut_when_hyper_has_all_of_it() {
    let world = World::start(Limits { connection_idle: Duration::from_millis(200), ..limits(10) }).await;
    let (mut slow, read) = slow_reader(&world).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let rest = slow.rest().await.0;
    assert!(rest.ends_with("0\r\n\r\n") && read.len() + rest.len() > 400 * 1024, "{}", read.len() + rest.len());
}

#[tokio::test]
async fn an_answer_that_is_not_taken_yet_makes_no_room_for_others() {
    let world = World::start(limits(2)).await;
    let (mut slow, mut read) = slow_reader(&world).await;
    for _ in 0..6 {
        assert_eq!(world.get("/now").await, 200);
    }
    let mut buffer = vec![0; 4 * 1024];
    while !read.ends_with(b"0\r\n\r\n") {
        let some = tokio::time::timeout(DEADLINE, slow.0.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(some, 0, "it was cut after {} bytes", read.len());
        read.extend_from_slice(&buffer[..some]);
    }
}
