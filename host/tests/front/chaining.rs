//! Components that call each other (`chain_guest.wat`).

use std::time::Duration;

use gatehouse_host::Limits;
use gatehouse_testing_application::{application_with, component};
use serde_json::Value;

use crate::world::{DEADLINE, World, head};

/// What the guests see of errors: their places in `error-code` of wasi:http.
const CONNECTION_LIMIT_REACHED: &str = "error 11";
const DENIED: &str = "error 15";
const METHOD_INVALID: &str = "error 18";
const TIMEOUT: &str = "error 33";
const LOOP_DETECTED: &str = "error 36";

/// `a` is for clients and may ask `b` and `c`; the others are private and may ask all.
async fn start(limits: Limits) -> World {
    let mut manifest = "spin_manifest_version = 2\n[application]\nname = \"chain\"\n".to_owned();
    for id in ["a", "b", "c", "d", "e", "f"] {
        let (route, hosts) = match id {
            "a" => {
                ("\"/...\"", "\"http://b.spin.internal\", \"http://c.spin.internal\", \"http://*:*\", \"https://*:*\"")
            }
            _ => ("{ private = true }", "\"http://*.spin.internal\""),
        };
        manifest += &format!(
            "[[trigger.http]]\nroute = {route}\ncomponent = \"{id}\"\n[component.{id}]\nsource = \"guest.wasm\"\n\
             allowed_outbound_hosts = [{hosts}]\n"
        );
    }
    let imports =
        ["http/types", "http/outgoing-handler", "io/streams", "io/poll", "clocks/monotonic-clock", "cli/stdout"];
    let guest = component(include_str!("chain_guest.wat"), &imports);
    World::load(limits, application_with(&manifest, "guest.wasm", &guest), None).await
}

/// Whoever asks nobody is not given the time that a guest may have after its client.
fn limits() -> Limits {
    Limits { client_gone: Duration::from_secs(3600), ..Limits::default() }
}

/// What is logged of a component whose caller has gone.
const STOPPED: &str = "the component was stopped: the component that had asked it waits no longer";

/// Waits until a component is logged to have ended without whoever asked it, after so many lines: it was stopped, or has noticed it itself.
async fn ended(world: &World, after: usize, guest: &str) {
    let is_end = |line: &str| line.contains(STOPPED) || line.contains("\"message\":\"gone\"");
    let has_ended = || world.log.lines().iter().skip(after).any(|line| is_end(line) && json(line)["guest"] == guest);
    let ended = async {
        while !has_ended() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, ended).await.unwrap();
}

/// Waits until this was logged so often.
async fn count(world: &World, text: &str, times: usize) {
    let counted = async {
        while world.log.lines().iter().filter(|line| line.contains(text)).count() < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, counted).await.unwrap();
}

/// The status and the body of an answer.
async fn ask(world: &World, method: &str, path: &str, lines: &str, body: &str) -> (u16, String) {
    let lines = format!("Connection: close\r\nContent-Length: {}\r\n{lines}", body.len());
    let mut connection = world.send(head(method, path, &lines) + body).await;
    let head = connection.head().await;
    let (rest, _) = connection.rest().await;
    (head[9..12].parse().unwrap(), if head.contains("chunked") { unchunked(&rest) } else { rest })
}

fn unchunked(mut text: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = text.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole += rest.get(..length).unwrap();
        text = rest.get(length + 2..).unwrap_or_default();
    }
    whole
}

async fn get(world: &World, path: &str) -> (u16, String) {
    ask(world, "GET", path, "", "").await
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn a_component_asks_another_one_that_no_client_reaches() {
    let world = start(limits()).await;
    assert_eq!(get(&world, "/t/b/n").await, (200, "now\n".to_owned()));
    assert_eq!(get(&world, "/t/b/t/d/t/c/n").await, (200, "now\n".to_owned()));
    assert_eq!(ask(&world, "POST", "/t/b/t/c/e", "", "whole").await, (200, "whole".to_owned()));
    let large = "a".repeat(5_000_000);
    assert_eq!(ask(&world, "POST", "/t/b/t/c/q", "", &large).await, (200, "0005000000".to_owned()));
    // By its host, a client reaches none of them, nor what only looks like one.
    for host in ["b.spin.internal", "B.SPIN.internal:80", "a.spin.internal", "spin.internal", "x.b.spin.internal."] {
        let request = format!("GET /n HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(world.send(request).await.status().await, 421, "{host}");
        let request = format!("GET http://{host}/n HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(world.send(request).await.status().await, 421, "{host}");
    }
}

#[tokio::test]
async fn only_what_the_manifest_names_is_reached_and_only_by_http() {
    let world = start(limits()).await;
    // It is there, and `a` may ask all of the internet, but not `d`.
    assert_eq!(get(&world, "/t/d/n").await, (502, DENIED.to_owned()));
    assert_eq!(get(&world, "/u/b/n").await, (502, DENIED.to_owned()));
    world.logged("request to https://b.spin.internal denied: it is not in allowed_outbound_hosts").await;
    // `b` may ask all that there are.
    assert_eq!(get(&world, "/t/b/t/z/n").await, (502, DENIED.to_owned()));
    let line = json(&world.logged("there is no component `z`").await);
    assert_eq!(line["guest"], "b");
}

#[tokio::test]
async fn a_component_sees_spins_headers_and_not_what_another_one_claims() {
    let world = start(limits()).await;
    let (status, text) = get(&world, "/t/b/i/x?y=1").await;
    let mut lines: Vec<_> = text.lines().collect();
    assert_eq!((status, lines.remove(0), lines.remove(0)), (200, "b.spin.internal", "/i/x?y=1"));
    lines.sort_unstable();
    // `Host` and what names a connection, WASI takes away.
    assert_eq!(
        lines,
        [
            "spin-base-path: /",
            "spin-client-addr: 0.0.0.0:0",
            "spin-component-route: ",
            "spin-full-url: http://b.spin.internal/i/x?y=1",
            "spin-matched-route: /...",
            "spin-path-info: /i/x",
            "spin-raw-component-route: /...",
            "x-own: 1",
        ]
    );
}

#[tokio::test]
async fn bodies_go_both_ways_piece_by_piece() {
    let world = start(limits()).await;
    // The second piece is sent after the first one has come back.
    assert_eq!(get(&world, "/d/b").await, (200, "one, two".to_owned()));
    let mut stream = world.send(head("GET", "/t/b/t/c/s", "")).await;
    stream.until("data: a\n\n").await;
    drop(stream);
    ended(&world, 0, "c").await;
}

#[tokio::test]
async fn answers_without_a_body_and_redirections_come_as_they_are() {
    let world = start(limits()).await;
    assert_eq!(get(&world, "/t/b/r").await.0, 307);
    assert_eq!(ask(&world, "HEAD", "/t/b/n", "", "").await, (200, String::new()));
    assert_eq!(ask(&world, "OPTIONS", "/t/b/n", "", "").await.0, 200);
}

#[tokio::test]
async fn a_component_that_fails_is_a_500_for_the_one_that_asked() {
    let world = start(Limits { compute: Duration::from_millis(200), ..limits() }).await;
    for path in ["/t/b/x", "/t/b/l", "/t/b/c"] {
        assert_eq!(get(&world, path).await, (500, String::new()), "{path}");
    }
    let trapped = json(&world.logged("the component failed: wasm trap").await);
    let stopped = json(&world.logged("the component was stopped: it computed for more than").await);
    assert_eq!((&trapped["guest"], &stopped["guest"]), (&Value::from("b"), &Value::from("b")));
    // The lines are about the client's request.
    let ended = json(&world.logged("\"path\":\"/t/b/x\"").await);
    assert_eq!((&ended["request_id"], &ended["guest"]), (&trapped["request_id"], &Value::from("a")));
    assert_eq!(get(&world, "/t/b/n").await.0, 200);
}

#[tokio::test]
async fn a_part_of_an_answer_is_not_taken_for_the_whole() {
    let world = start(limits()).await;
    let mut connection = world.send(head("GET", "/t/b/p", "Connection: close\r\n")).await;
    let (rest, _) = connection.rest().await;
    assert!(!rest.ends_with("0\r\n\r\n"), "{rest}");
    let line = json(&world.logged("\"message\":\"broken\"").await);
    assert_eq!(line["guest"], "a");
    let ended = json(&world.logged("\"path\":\"/t/b/p\"").await);
    assert_eq!((&ended["status"], &ended["complete"]), (&Value::from(200), &Value::from(false)));
}

#[tokio::test]
async fn components_that_ask_in_a_circle_are_told_so() {
    let world = start(limits()).await;
    assert_eq!(get(&world, "/t/b/t/b/n").await, (502, LOOP_DETECTED.to_owned()));
    assert_eq!(get(&world, "/t/b/t/c/t/a/n").await, (502, LOOP_DETECTED.to_owned()));
    world.logged("the request to component `a` makes a circle: a -> b -> c -> a").await;
    // One after the other is none.
    assert_eq!(get(&world, "/t/b/n").await.0, 200);
}

#[tokio::test]
async fn a_chain_has_four_requests_at_most() {
    let world = start(limits()).await;
    assert_eq!(get(&world, "/t/b/t/c/t/d/t/e/n").await, (200, "now\n".to_owned()));
    assert_eq!(get(&world, "/t/b/t/c/t/d/t/e/t/f/n").await, (502, CONNECTION_LIMIT_REACHED.to_owned()));
    let line = json(&world.logged("a chain of components has 4 requests at most").await);
    assert_eq!((&line["guest"], &line["limit"]), (&Value::from("e"), &Value::from("component-calls")));
}

/// Every permit of clients is held by a guest that waits for another one, which has a permit of its own; and where those are
/// taken, nobody waits for one.
#[tokio::test]
async fn callers_that_take_every_permit_do_not_wait_for_each_other() {
    let limits = Limits { concurrent_requests: 4, component_calls: 2, anonymous_share: 100, ..limits() };
    let world = start(limits).await;
    let mut held = Vec::new();
    for number in 0..2 {
        held.push(world.send(head("GET", "/t/b/t/c/w", "")).await);
        let waiting = async {
            while world.log.lines().iter().filter(|line| line.contains("\"message\":\"waiting\"")).count() <= number {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.unwrap();
    }
    assert_eq!(get(&world, "/t/b/n").await, (502, CONNECTION_LIMIT_REACHED.to_owned()));
    let line = json(&world.logged("too many such requests are under way").await);
    assert_eq!((&line["guest"], &line["limit"]), (&Value::from("a"), &Value::from("component-calls")));
    assert_eq!(get(&world, "/n").await.0, 200);
    held.pop();
    let served = async { while get(&world, "/t/b/t/c/n").await.0 != 200 {} };
    tokio::time::timeout(DEADLINE, served).await.unwrap();
}

#[tokio::test]
async fn one_credential_has_a_quarter_of_the_calls() {
    let world = start(Limits { component_calls: 4, ..limits() }).await;
    let one = "Authorization: Bearer one\r\n";
    let held = world.send(head("GET", "/t/b/w", one)).await;
    world.logged("\"message\":\"waiting\"").await;
    assert_eq!(ask(&world, "GET", "/t/b/n", one, "").await, (502, CONNECTION_LIMIT_REACHED.to_owned()));
    assert_eq!(ask(&world, "GET", "/t/b/n", "Authorization: Bearer two\r\n", "").await.0, 200);
    drop(held);
}

#[tokio::test]
async fn a_component_that_takes_too_long_is_given_up_and_ends() {
    let world = start(limits()).await;
    assert_eq!(get(&world, "/h/b/w").await, (502, TIMEOUT.to_owned()));
    assert_eq!(json(&world.logged(STOPPED).await)["guest"], "b");
    // The same in the middle of an answer.
    let before = world.log.lines().len();
    let mut connection = world.send(head("GET", "/h/b/s", "Connection: close\r\n")).await;
    connection.until("data: a").await;
    assert!(!connection.rest().await.0.ends_with("0\r\n\r\n"));
    ended(&world, before, "b").await;
}

/// Its place is free at once: a client that asks and goes, again and again, has no more of them than one that waits.
#[tokio::test]
async fn all_of_a_chain_ends_with_its_client_however_short_the_requests_are_said_to_be() {
    let world = start(Limits { component_calls: 2, ..limits() }).await;
    let mut waiting = 0;
    for path in ["/t/b/t/c/w", "/m/b/m/c/w", "/t/b/t/c/l", "/m/b/m/c/l"] {
        let client = world.send(head("GET", path, "")).await;
        if path.ends_with('w') {
            waiting += 1;
            count(&world, "\"message\":\"waiting\"", waiting).await;
        } else {
            // Both places are taken.
            let taken = async { while get(&world, "/t/b/n").await.0 != 502 {} };
            tokio::time::timeout(DEADLINE, taken).await.unwrap();
        }
        let before = world.log.lines().len();
        drop(client);
        ended(&world, before, "c").await;
        let served = async { while get(&world, "/t/b/t/c/n").await.0 != 200 {} };
        tokio::time::timeout(DEADLINE, served).await.unwrap();
    }
    let mut client = world.send(head("GET", "/t/b/t/c/f", "")).await;
    client.until("\0").await;
    let before = world.log.lines().len();
    drop(client);
    ended(&world, before, "c").await;
}

#[tokio::test]
async fn a_chain_ends_with_its_host() {
    let world = start(limits()).await;
    let _client = world.send(head("GET", "/t/b/t/c/w", "")).await;
    world.logged("\"message\":\"waiting\"").await;
    let log = world.log.clone();
    assert!(!world.running.shutdown(Duration::from_millis(10)).await);
    let stopped: Vec<_> = log.lines().iter().filter(|line| line.contains("the host was stopped")).cloned().collect();
    assert!(!stopped.is_empty(), "{:?}", log.lines());
}

#[tokio::test]
async fn no_component_opens_a_tunnel_to_another_one() {
    let world = start(limits()).await;
    assert_eq!(get(&world, "/k/b/n").await, (502, METHOD_INVALID.to_owned()));
}
