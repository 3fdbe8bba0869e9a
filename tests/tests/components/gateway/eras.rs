//! What differs between versions of MCP: batches, headers that mirror the body, resumption, early answers.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;

use super::{PING, RESOURCE, TOKEN, call, fakes, is_terse_refusal, principal, sent_nothing};
use crate::bindings::imports::gatehouse::auth::sessions::Principal;
use crate::component::GATEWAY;
use crate::fakes::{Fakes, SessionCall};
use crate::imports::{bound, opened};
use crate::outbound::{Answer, Pieces};
use crate::serve::{begin, request, serve};

const MODERN: &str = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"wait","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
const MODERN_HEADERS: [(&str, &str); 4] = [
    ("mcp-protocol-version", "2026-07-28"),
    ("mcp-method", "tools/call"),
    ("mcp-name", "wait"),
    ("accept", "application/json, text/event-stream"),
];

#[tokio::test]
async fn what_the_headers_say_is_what_the_body_says_or_the_upstream_hears_nothing() {
    let fakes = fakes();
    for (name, value) in [("mcp-method", "tools/list"), ("mcp-name", "other"), ("mcp-protocol-version", "2025-11-25")] {
        let mut headers = MODERN_HEADERS;
        headers.iter_mut().filter(|(header, _)| *header == name).for_each(|(_, header)| *header = value);
        let reply = call(&fakes, &headers, MODERN).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (400, &json!(-32020)), "{name}");
        assert_eq!(reply.json()["id"], "a");
    }
    sent_nothing(&fakes);
    assert_eq!(call(&fakes, &MODERN_HEADERS, MODERN).await.status, 200);
}

#[tokio::test]
async fn a_batch_is_answered_where_the_era_has_them() {
    let fakes = fakes();
    let batch = format!("[{PING}]");
    assert_eq!(call(&fakes, &[("mcp-protocol-version", "2025-06-18")], &batch).await.status, 400);
    sent_nothing(&fakes);
    assert_eq!(call(&fakes, &[("mcp-protocol-version", "2025-03-26")], &batch).await.status, 200);
    assert_eq!(fakes.sent()[0].body, batch.as_bytes());
}

#[tokio::test]
async fn what_is_no_message_that_everybody_reads_alike_goes_no_further() {
    let fakes = fakes();
    for body in [
        "",
        "{}",
        "null",
        "[]",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"method\":\"tools/list\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"Method\":\"tools/list\"}",
        "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
    ] {
        is_terse_refusal(&call(&fakes, &[], body).await, 400);
    }
    for content_type in ["text/plain", "application/json; charset=utf-16"] {
        let authorization = format!("Bearer {TOKEN}");
        let headers = [("authorization", authorization.as_str()), ("content-type", content_type)];
        is_terse_refusal(&serve(&GATEWAY, &fakes, request("POST", "/mcp", &headers, PING)).await, 415);
    }
    is_terse_refusal(&call(&fakes, &[("content-encoding", "gzip")], PING).await, 415);
    sent_nothing(&fakes);
}

#[tokio::test]
async fn the_place_from_which_a_stream_goes_on_is_bound_to_user_and_session() {
    let fakes = fakes();
    fakes.answer(|_| {
        let response = Response::builder().header("content-type", "text/event-stream");
        Answer::Whole(response.body(b"id: 7\ndata: \n\nid: 8\ndata: {\"a\":1}\n\n".to_vec()).unwrap())
    });
    let session = bound("demo:alice", RESOURCE, "session abc");
    let reply = call(&fakes, &[("mcp-session-id", &session)], PING).await;
    let ids: Vec<_> = reply.body.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    let meant: Vec<_> = ids.iter().map(|id| opened("demo:alice", RESOURCE, id)).collect();
    assert_eq!(meant, [r#"event ["session abc","7"]"#, r#"event ["session abc","8"]"#]);
    let id = ids[0].to_owned();
    let keys = |call: &SessionCall| matches!(call, SessionCall::HandleKeys { .. });
    assert_eq!(fakes.session_calls().iter().filter(|call| keys(call)).count(), 1, "one call for all events");
    assert!(reply.body.starts_with(&format!("id: {id}\ndata: \n\n")), "{}", reply.body);

    let authorization = format!("Bearer {TOKEN}");
    let listen = |session: &str, id: &str| {
        let headers = [
            ("authorization", authorization.as_str()),
            ("accept", "text/event-stream"),
            ("mcp-session-id", session),
            ("last-event-id", id),
        ];
        request("GET", "/mcp", &headers, "")
    };
    assert_eq!(serve(&GATEWAY, &fakes, listen(&session, &id)).await.status, 200);
    let sent = fakes.sent();
    assert_eq!((sent[1].method.as_str(), &sent[1].headers["last-event-id"]), ("GET", &"7".parse().unwrap()));
    assert_eq!(sent[1].headers["mcp-session-id"], "abc");

    for (session, id) in [(bound("demo:alice", RESOURCE, "session xyz"), id.clone()), (session.clone(), "7".to_owned())]
    {
        is_terse_refusal(&serve(&GATEWAY, &fakes, listen(&session, &id)).await, 400);
    }
    *fakes.validated.lock().unwrap() = Some(Ok(Principal { subject: "demo:mallory".to_owned(), ..principal() }));
    is_terse_refusal(&serve(&GATEWAY, &fakes, listen(&bound("demo:mallory", RESOURCE, "session abc"), &id)).await, 400);
    assert_eq!(fakes.sent().len(), 2);
}

/// An upstream that says nothing before the test does.
fn silent(fakes: &Arc<Fakes>) -> oneshot::Sender<Answer> {
    let (sender, receiver) = oneshot::channel();
    let receiver = Mutex::new(Some(receiver));
    fakes.answer(move |_| Answer::Later(receiver.lock().unwrap().take().expect("one request")));
    sender
}

fn modern_call() -> http::Request<wasmtime_wasi_http::WasiBody> {
    let authorization = format!("Bearer {TOKEN}");
    let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
    headers.extend(MODERN_HEADERS);
    request("POST", "/mcp", &headers, MODERN)
}

#[tokio::test]
async fn a_call_that_takes_long_is_answered_early_and_its_result_follows_as_an_event() {
    let fakes = fakes();
    let upstream = silent(&fakes);
    let (response, guest) = begin(&GATEWAY, &fakes, modern_call()).await;
    assert_eq!(
        (response.status().as_u16(), response.headers()["content-type"].as_bytes()),
        (200, &b"text/event-stream"[..])
    );
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let result = json!({ "jsonrpc": "2.0", "id": "a", "result": { "content": [] } });
    upstream.send(Answer::json(&result)).ok().unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = core::str::from_utf8(&body).unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap(), result);
    guest.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_that_passes_unchanged_is_kept_alive_and_has_no_length() {
    let fakes = fakes();
    let (upstream, receiver) = unbounded_channel();
    let body = Mutex::new(Some(Pieces(receiver)));
    fakes.answer(move |_| {
        let body = body.lock().unwrap().take().expect("one request").boxed_unsync();
        let response = Response::builder().header("content-type", "text/event-stream");
        Answer::Stream(response.header("content-length", "11").body(body).unwrap())
    });
    let (response, guest) = begin(&GATEWAY, &fakes, modern_call()).await;
    assert!(!response.headers().contains_key("content-length"), "{response:?}");
    let mut body = response.into_body();
    for (sent, received) in
        [(&b"data: 1\n\n"[..], &b"data: 1\n\n"[..]), (b"", b":\n\n"), (b"data: 2\n\n", b"data: 2\n\n")]
    {
        if !sent.is_empty() {
            upstream.send(Ok(Bytes::from_static(sent))).unwrap();
        }
        // The second waits for the 15 seconds of silence.
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), received);
    }
    drop(upstream);
    assert!(body.frame().await.is_none());
    guest.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_while_its_call_is_silent_cancels_it() {
    let fakes = fakes();
    let mut upstream = silent(&fakes);
    let (response, guest) = begin(&GATEWAY, &fakes, modern_call()).await;
    drop(response);
    upstream.closed().await;
    guest.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_late_error_of_the_server_gets_the_id_of_the_request() {
    let fakes = fakes();
    let upstream = silent(&fakes);
    let (response, guest) = begin(&GATEWAY, &fakes, modern_call()).await;
    let error = r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request"},"id":null}"#;
    let answer = http::Response::builder().status(400).header("content-type", "application/json");
    upstream.send(Answer::Whole(answer.body(error.as_bytes().to_vec()).unwrap())).ok().unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = core::str::from_utf8(&body).unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let message: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&message["id"], &message["error"]["code"]), (&json!("a"), &json!(-32000)), "{message}");
    guest.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_late_failure_is_told_with_the_id_of_the_request() {
    let fakes = fakes();
    let upstream = silent(&fakes);
    let (response, guest) = begin(&GATEWAY, &fakes, modern_call()).await;
    upstream.send(Answer::Fails(wasmtime_wasi_http::Error::ConnectionRefused)).ok().unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = core::str::from_utf8(&body).unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let message: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&message["id"], &message["error"]["code"]), (&json!("a"), &json!(-32603)), "{message}");
    assert!(!text.contains("internal.example"));
    guest.await.unwrap().unwrap();
}
