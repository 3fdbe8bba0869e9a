//! Requests that last: how many there may be at once, and what becomes of one too many.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{CONFIGURATION, PING, TOKEN, call, fakes, principal};
use crate::bindings::imports::gatehouse::auth::sessions::Principal;
use crate::component::GATEWAY;
use crate::fakes::{Entry, Fakes};
use crate::outbound::{Answer, Pieces};
use crate::serve::{Reply, begin, request, serve, start};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":{}}}"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

/// A route with these limits, and these keys at the top, before a server that takes its time.
struct World {
    fakes: Arc<Fakes>,
    waiting: UnboundedReceiver<oneshot::Sender<Answer>>,
}

impl World {
    fn with(limits: &str, top: &str) -> Self {
        let fakes = fakes();
        let limits = format!("request_bytes = 1000, {limits}");
        fakes.set("config", &format!("{top}\n{}", CONFIGURATION.replace("request_bytes = 1000", &limits)));
        let (sender, waiting) = unbounded_channel();
        fakes.answer(move |sent| {
            let (answer, later) = oneshot::channel();
            // Only calls of tools are slow.
            if String::from_utf8_lossy(&sent.body).contains("tools/call") {
                sender.send(answer).unwrap();
                Answer::Later(later)
            } else {
                Answer::json(&json!({ "jsonrpc": "2.0", "id": 1, "result": {} }))
            }
        });
        Self { fakes, waiting }
    }

    /// A call that is with the server now.
    async fn call(&mut self) -> (JoinHandle<Reply>, oneshot::Sender<Answer>) {
        let fakes = Arc::clone(&self.fakes);
        let calling = tokio::spawn(async move { call(&fakes, &[], CALL).await });
        (calling, self.waiting.recv().await.expect("the server is asked"))
    }

    /// Waits until so many places are taken in the present minute.
    async fn taken(&self, places: i64) {
        while self.places() != places {
            tokio::task::yield_now().await;
        }
    }

    /// How many places are taken: of a subject at a route and at all, of a route and of all, in two minutes each.
    fn places(&self) -> i64 {
        let store = self.fakes.store.lock().unwrap();
        let sum = |kind: &str| -> i64 {
            let of_kind = |name: &&String| name.starts_with(&format!("{kind}."));
            let count = |entry: &Entry| match entry {
                Entry::Counter(count) => *count,
                Entry::Value(_) => 0,
            };
            store.entries.keys().filter(of_kind).map(|name| count(&store.entries[name])).sum()
        };
        (sum("places") - sum("places-left")) / 8
    }

    fn is(&self, subject: &str) {
        let principal = Principal { subject: subject.to_owned(), ..principal() };
        *self.fakes.validated.lock().unwrap() = Some(Ok(principal));
    }

    async fn ask(&self, body: &str) -> Reply {
        call(&self.fakes, &[], body).await
    }
}

fn result() -> Answer {
    Answer::json(&serde_json::from_str(RESULT).unwrap())
}

fn assert_refused(reply: &Reply, status: u16, id: &Value, message: &str) {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!((&reply.json()["id"], &reply.json()["error"]["message"]), (id, &json!(message)));
    assert_eq!(reply.header("retry-after"), "10");
}

const ONE_TOO_MANY: &str = "More than the 1 calls at once allowed at /mcp";

#[tokio::test]
async fn a_quick_request_counts_nothing_and_a_slow_one_takes_a_place_and_gives_it_back() {
    let world = World::with("calls_per_subject = 1", "");
    let calls = || world.fakes.store.lock().unwrap().take_calls();
    assert_eq!(world.ask(PING).await.status, 200);
    assert!(calls().is_empty());
    world.fakes.answer(|_| result());
    assert_eq!(world.ask(CALL).await.status, 200);
    assert!(calls().is_empty(), "whether there is a place is known with the session, and nothing is written");

    let mut world = World::with("calls_per_subject = 1", "");
    for _ in 0..2 {
        let (slow, answer) = world.call().await;
        world.taken(1).await;
        answer.send(result()).ok().unwrap();
        let reply = slow.await.unwrap();
        assert_eq!((reply.status.as_u16(), &reply.json()["result"]), (200, &json!({ "content": [] })));
        assert_eq!(world.places(), 0);
    }
}

#[tokio::test]
async fn at_the_limit_the_next_call_is_refused_before_the_server_is_asked_and_all_else_goes_on() {
    let mut world = World::with("calls_per_subject = 2", "");
    let (first, answer) = world.call().await;
    let (second, _second_answer) = world.call().await;
    world.taken(2).await;
    let sent = world.fakes.sent().len();
    for _ in 0..3 {
        let reply = world.ask(CALL).await;
        assert_refused(&reply, 429, &json!(1), "More than the 2 calls at once allowed at /mcp");
    }
    assert_eq!(world.fakes.sent().len(), sent, "the server was asked");
    assert!(world.fakes.log().contains("as many requests last as limits.calls_per_subject allows"));
    // What is no call, and who is somebody else.
    assert_eq!(world.ask(PING).await.status, 200);
    world.is("demo:bob");
    let (his, his_answer) = world.call().await;
    world.taken(3).await;
    his_answer.send(result()).ok().unwrap();
    assert_eq!(his.await.unwrap().status, 200);
    // One that is over makes room.
    world.is("demo:alice");
    answer.send(result()).ok().unwrap();
    assert_eq!(first.await.unwrap().status, 200);
    let (third, answer) = world.call().await;
    answer.send(result()).ok().unwrap();
    assert_eq!(third.await.unwrap().status, 200);
    second.abort();
}

#[tokio::test]
async fn a_call_that_lasts_and_finds_no_place_is_ended_and_the_servers_request_with_it() {
    let mut world = World::with("calls_per_subject = 1", "");
    // Both are on their way before either has lasted.
    let (one, mut one_answer) = world.call().await;
    let (other, mut other_answer) = world.call().await;
    let (ended, running, answer) = tokio::select! {
        () = one_answer.closed() => (one, other, other_answer),
        () = other_answer.closed() => (other, one, one_answer),
    };
    assert_refused(&ended.await.unwrap(), 429, &json!(1), ONE_TOO_MANY);
    answer.send(result()).ok().unwrap();
    assert_eq!(running.await.unwrap().status, 200);
    assert_eq!(world.places(), 0);
}

#[tokio::test]
async fn an_answer_that_has_begun_with_events_ends_with_an_error_for_the_request() {
    let mut world = World::with("calls_per_subject = 1", "");
    let (slow, _answer) = world.call().await;
    world.taken(1).await;
    // The note that the places are taken counts for a moment; then the next one is let through, and lasts, too.
    world.fakes.advance(10);
    let (mut upstream, events) = body();
    let events = Mutex::new(Some(events));
    world.fakes.answer(move |_| {
        let response = Response::builder().header("content-type", "text/event-stream");
        Answer::Stream(response.body(events.lock().unwrap().take().unwrap().boxed_unsync()).unwrap())
    });
    upstream.send("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n");
    let headers = [("authorization", &*format!("Bearer {TOKEN}")), ("content-type", "application/json")];
    let (response, guest) = begin(&GATEWAY, &world.fakes, request("POST", "/mcp", &headers, CALL)).await;
    assert_eq!(response.status(), 200);
    let text = response.into_body().collect().await.expect("it ends well").to_bytes();
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.contains("notifications/progress") && text.contains(ONE_TOO_MANY), "{text}");
    assert!(text.contains("\"id\":1"), "{text}");
    guest.await.unwrap().unwrap();
    upstream.is_left().await;
    assert!(world.fakes.log().contains("given-up"), "{}", world.fakes.log());
    slow.abort();
}

#[tokio::test]
async fn a_routes_places_are_everybodys_and_all_routes_share_what_there_is_in_all() {
    for (limits, top, status, message) in [
        ("calls_per_route = 1", "", 429, "Too many calls are under way at /mcp"),
        (
            "calls_per_subject = 9",
            "limits = { long_requests = 1 }",
            503,
            "Too many requests are under way at this gateway",
        ),
    ] {
        let mut world = World::with(limits, top);
        let (slow, answer) = world.call().await;
        world.taken(1).await;
        world.is("demo:bob");
        let (his, mut dropped) = world.call().await;
        assert_refused(&his.await.unwrap(), status, &json!(1), message);
        dropped.closed().await;
        assert_eq!(world.ask(PING).await.status, 200, "what is short finds room");
        answer.send(result()).ok().unwrap();
        assert_eq!(slow.await.unwrap().status, 200);
        assert_eq!(world.places(), 0);
    }
}

#[tokio::test]
async fn streams_take_from_what_there_is_in_all_at_their_beginning() {
    let mut world = World::with("streams_per_subject = 9", "limits = { long_requests = 1 }");
    let (slow, _answer) = world.call().await;
    world.taken(1).await;
    world.is("demo:bob");
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("accept", "text/event-stream")];
    for path in ["/mcp", "/mcp/sse"] {
        let reply = serve(&GATEWAY, &world.fakes, request("GET", path, &headers, "")).await;
        assert_refused(&reply, 503, &Value::Null, "Too many requests are under way at this gateway");
    }
    assert_eq!(world.fakes.sent().len(), 1);
    slow.abort();
}

#[tokio::test]
async fn a_subjects_calls_and_streams_have_a_quarter_of_what_there_is_in_all() {
    const LIMIT: &str = "More than the 1 open streams and calls at once allowed to one user";
    let mut world = World::with("streams_per_subject = 9", "limits = { long_requests = 4 }");
    let (slow, answer) = world.call().await;
    world.taken(1).await;
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("accept", "text/event-stream")];
    for path in ["/mcp", "/mcp/sse"] {
        let reply = serve(&GATEWAY, &world.fakes, request("GET", path, &headers, "")).await;
        assert_refused(&reply, 429, &Value::Null, LIMIT);
    }
    assert!(world.fakes.log().contains("as many requests last as a quarter of limits.long_requests allows"));
    let (late, mut dropped) = world.call().await;
    assert_refused(&late.await.unwrap(), 429, &json!(1), LIMIT);
    dropped.closed().await;
    assert_eq!(world.ask(PING).await.status, 200, "what is short finds room");
    world.is("demo:bob");
    let (his, his_answer) = world.call().await;
    world.taken(2).await;
    for (call, answer) in [(slow, answer), (his, his_answer)] {
        answer.send(result()).ok().unwrap();
        assert_eq!(call.await.unwrap().status, 200);
    }
    assert_eq!(world.places(), 0);
}

#[tokio::test]
async fn the_place_of_an_instance_that_was_killed_is_free_within_two_minutes() {
    let mut world = World::with("calls_per_subject = 1", "");
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let (_answer, guest) = start(&GATEWAY, &world.fakes, request("POST", "/mcp", &headers, CALL));
    let _asked = world.waiting.recv().await.unwrap();
    world.taken(1).await;
    guest.abort();
    assert!(guest.await.unwrap_err().is_cancelled());
    assert_eq!(world.places(), 1, "nobody has given it back");
    world.fakes.advance(120);
    let (next, answer) = world.call().await;
    answer.send(result()).ok().unwrap();
    assert_eq!(next.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let fakes = fakes();
    let (mut upstream, events) = body();
    let events = Mutex::new(Some(events));
    fakes.answer(move |_| {
        let response = Response::builder().header("content-type", "text/event-stream");
        Answer::Stream(response.body(events.lock().unwrap().take().unwrap().boxed_unsync()).unwrap())
    });
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let (response, guest) = begin(&GATEWAY, &fakes, request("POST", "/mcp", &headers, PING)).await;
    // More than anything between here and there holds; nobody reads it, and nobody closes the connection either.
    for _ in 0..64 {
        upstream.send(&format!("data: {}\n\n", "x".repeat(1 << 20)));
    }
    upstream.is_left().await;
    guest.await.unwrap().unwrap();
    drop(response);
}

/// A body that the test writes.
struct Upstream(tokio::sync::mpsc::UnboundedSender<Result<Bytes, wasmtime_wasi_http::Error>>);

impl Upstream {
    fn send(&mut self, text: &str) {
        self.0.send(Ok(Bytes::copy_from_slice(text.as_bytes()))).expect("somebody reads");
    }

    /// Waits until nobody reads any more.
    async fn is_left(&self) {
        self.0.closed().await;
    }
}

fn body() -> (Upstream, Pieces) {
    let (sender, receiver) = unbounded_channel();
    (Upstream(sender), Pieces(receiver))
}
