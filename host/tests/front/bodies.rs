//! Bodies of requests (S3, S8, S13).

use std::time::Duration;

use gatehouse_host::Limits;

use crate::world::{DEADLINE, World, head};

fn post(path: &str, lines: &str) -> String {
    head("POST", path, &format!("Connection: close\r\n{lines}"))
}

fn lasting(seconds: u64) -> Limits {
    Limits { body_read: Duration::from_secs(seconds), ..Limits::default() }
}

/// Reads and bytes that the guest says it had.
fn counts(body: &str) -> (u64, u64) {
    let line = body.lines().find(|line| line.len() == 21).unwrap();
    let (reads, bytes) = line.split_once(' ').unwrap();
    (reads.parse().unwrap(), bytes.parse().unwrap())
}

#[tokio::test]
async fn a_body_that_does_not_come_never_starts_a_guest_and_is_answered_with_408() {
    let limits = Limits { concurrent_requests: 1, body_read: Duration::from_millis(500), ..Limits::default() };
    let world = World::start(limits).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(world.send(post("/body", "Content-Length: 100\r\n") + "a").await);
    }
    // There is one turn, and nobody has it.
    assert_eq!(world.get("/now").await, 200);
    for connection in &mut slow {
        let head = connection.head().await;
        assert!(head.starts_with("HTTP/1.1 408 ") && head.contains("connection: close"), "{head}");
    }
    assert!(world.log.lines().iter().all(|line| !line.contains("too many are running")), "{:?}", world.log.lines());
}

#[tokio::test]
async fn a_body_in_one_byte_chunks_costs_the_guest_one_read() {
    let world = World::start(lasting(30)).await;
    let chunks = "1\r\na\r\n".repeat(1000) + "0\r\n\r\n";
    let mut connection = world.send(post("/body", "Transfer-Encoding: chunked\r\n") + &chunks).await;
    assert_eq!(connection.status().await, 200);
    assert_eq!(counts(&connection.rest().await.0), (1, 1000));
}

#[tokio::test]
async fn a_body_of_tiny_frames_is_refused_with_400() {
    let world = World::start(lasting(30)).await;
    let chunks = "1\r\na\r\n".repeat(60_000) + "0\r\n\r\n";
    let mut connection = world.send(post("/body", "Transfer-Encoding: chunked\r\n") + &chunks).await;
    let (answer, closed) = connection.rest().await;
    assert!(closed && answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_large_body_comes_to_the_guest_in_large_pieces() {
    let world = World::start(lasting(30)).await;
    // As a client sends it that writes often: 4 MB in chunks of 100 bytes.
    let chunk = format!("64\r\n{}\r\n", "a".repeat(100));
    let body = chunk.repeat(40_000) + "0\r\n\r\n";
    let mut connection = world.send(post("/body", "Transfer-Encoding: chunked\r\n") + &body).await;
    assert_eq!(connection.status().await, 200);
    let (reads, bytes) = counts(&connection.rest().await.0);
    assert_eq!(bytes, 4_000_000);
    assert!(reads <= 4_000_000 / (16 * 1024) + 3, "{reads}");
}

#[tokio::test]
async fn a_large_body_that_stops_coming_is_answered_with_408_and_its_guest_ends() {
    let limits =
        Limits { concurrent_requests: 2, client_gone: Duration::from_millis(50), body_rate: 1 << 30, ..lasting(1) };
    let world = World::start(limits).await;
    // More than is read before the guest starts.
    let mut connection = world.send(post("/body", "Content-Length: 8000000\r\n") + &"a".repeat(4_300_000)).await;
    assert_eq!(connection.status().await, 408);
    world.until_served("/now").await;
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_still_sends() {
    let world = World::start(lasting(30)).await;
    for length in [100, 300_000, 8_000_000] {
        let mut connection = world.send(post("/early", &format!("Content-Length: {length}\r\n"))).await;
        connection.send("a".repeat(length)).await;
        let (answer, closed) = connection.rest().await;
        assert!(closed && answer.starts_with("HTTP/1.1 401 "), "{length}: {answer}");
    }
}

#[tokio::test]
async fn a_small_body_does_not_end_its_connection_even_if_nobody_reads_it() {
    let world = World::start(lasting(30)).await;
    let mut connection = world.connect().await;
    for _ in 0..3 {
        connection.send(head("POST", "/early", "Content-Length: 5\r\n") + "hello").await;
        assert_eq!(connection.status().await, 401);
        connection.until("0\r\n\r\n").await;
    }
}

#[tokio::test]
async fn a_client_that_asks_first_is_asked_for_its_body_or_answered() {
    let world = World::start(lasting(30)).await;
    let expecting = "Expect: 100-continue\r\nContent-Length: ";
    let mut small = world.send(post("/body", &format!("{expecting}5\r\n"))).await;
    assert_eq!(small.status().await, 100);
    small.send("hello").await;
    assert_eq!(small.status().await, 200);
    assert_eq!(counts(&small.rest().await.0), (1, 5));

    let mut large = world.send(post("/body", &format!("{expecting}100000\r\n"))).await;
    assert_eq!(large.status().await, 100);
    large.send("a".repeat(100_000)).await;
    assert_eq!(large.status().await, 200);
    assert_eq!(counts(&large.rest().await.0).1, 100_000);

    // A guest that does not want a large one says so at once.
    let mut unwanted = world.send(post("/early", &format!("{expecting}5000000\r\n"))).await;
    assert_eq!(unwanted.status().await, 401);
    // What can never fit is not asked for.
    let mut impossible = world.send(post("/body", &format!("{expecting}100000000\r\n"))).await;
    assert_eq!(impossible.status().await, 413);
}

#[tokio::test]
async fn bodies_beyond_the_budget_are_answered_with_503_and_impossible_ones_with_413() {
    let limits = Limits {
        // Half of it is for those without a credential.
        body_bytes: 200_000,
        queue_wait: Duration::from_millis(100),
        client_gone: Duration::from_millis(50),
        ..lasting(30)
    };
    let world = World::start(limits).await;
    let mut impossible = world.send(post("/body", "Content-Length: 100001\r\n")).await;
    assert_eq!(impossible.status().await, 413);

    // Its guest runs, and holds it.
    let hold = || world.send(post("/wait", "Content-Length: 60000\r\n") + &"a".repeat(60_000));
    let mut holding = hold().await;
    let refused = async {
        loop {
            let mut second = world.send(post("/body", "Content-Length: 60000\r\n") + &"a".repeat(60_000)).await;
            let head = second.head().await;
            if head.starts_with("HTTP/1.1 503 ") {
                return head;
            }
            // It came first, and the other one may have been refused.
            holding = hold().await;
        }
    };
    let head = tokio::time::timeout(DEADLINE, refused).await.expect("a refusal");
    assert!(head.contains("retry-after: 1"), "{head}");
    // What grows beyond the budget while its guest reads it is refused too.
    let chunk = format!("8000\r\n{}\r\n", "a".repeat(0x8000));
    let mut growing = world.send(post("/body", "Transfer-Encoding: chunked\r\n") + &chunk.repeat(2)).await;
    assert_eq!(growing.status().await, 503);
    assert_eq!(world.get("/now").await, 200);

    drop(holding);
    let served = async {
        loop {
            let mut next = world.send(post("/body", "Content-Length: 60000\r\n") + &"a".repeat(60_000)).await;
            if next.status().await == 200 {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, served).await.expect("an answer");
}

#[tokio::test]
async fn one_credential_has_a_quarter_of_the_budget_and_its_next_body_gets_429() {
    let world = World::start(Limits { body_bytes: 400_000, ..lasting(30) }).await;
    let request = |path: &str, credential: &str| {
        let lines = format!("Authorization: Bearer {credential}\r\nContent-Length: 70000\r\n");
        post(path, &lines) + &"a".repeat(70_000)
    };
    let _holding = world.send(request("/wait", "one")).await;
    let refused = async {
        loop {
            let mut second = world.send(request("/body", "one")).await;
            let head = second.head().await;
            if head.starts_with("HTTP/1.1 429 ") {
                return head;
            }
        }
    };
    let head = refused.await;
    assert!(head.contains("retry-after: 1"), "{head}");
    assert_eq!(world.send(request("/body", "two")).await.status().await, 200);
    assert_eq!(world.send(post("/body", "Content-Length: 1\r\n") + "a").await.status().await, 200);
}
