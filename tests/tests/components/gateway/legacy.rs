//! Clients of 2024-11-05.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt as _;
use serde_json::json;
use wasmtime_wasi_http::WasiBody;

use super::{CONFIGURATION, PING, RESOURCE, TOKEN, fakes, is_terse_refusal, principal};
use crate::bindings::imports::gatehouse::auth::sessions::Principal;
use crate::component::GATEWAY;
use crate::fakes::Fakes;
use crate::imports::opened;
use crate::outbound::{Answer, Pieces, Sent};
use crate::serve::{Reply, begin, request, serve};

/// What a client has read of its event stream.
struct Stream {
    body: WasiBody,
    text: String,
}

impl Stream {
    /// The next event: its type and its data.
    async fn next(&mut self) -> (String, String) {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let found = (field("event: "), field("data: "));
                self.text = rest.to_owned();
                if let (event, Some(data)) = found {
                    return (event.unwrap_or_else(|| "message".to_owned()), data);
                }
            }
            let frame = self.body.frame().await.expect("the stream goes on").expect("it does not break off");
            self.text.push_str(core::str::from_utf8(&frame.into_data().unwrap()).unwrap());
        }
    }
}

fn get(path: &str) -> http::Request<WasiBody> {
    let authorization = format!("Bearer {TOKEN}");
    request("GET", path, &[("authorization", authorization.as_str()), ("accept", "text/event-stream")], "")
}

async fn post(fakes: &Arc<Fakes>, target: &str, body: &str) -> Reply {
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    serve(&GATEWAY, fakes, request("POST", target, &headers, body)).await
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

fn streamable(sent: &Sent) -> Answer {
    let method = serde_json::from_slice::<serde_json::Value>(&sent.body).unwrap_or_default();
    let response = Response::builder();
    match (sent.method.as_str(), method["method"].as_str()) {
        ("POST", Some("initialize")) => {
            let response = response.header("content-type", "application/json").header("mcp-session-id", "abc");
            let answer = json!({ "jsonrpc": "2.0", "id": 0, "result": { "protocolVersion": "2024-11-05" } });
            Answer::Whole(response.body(answer.to_string().into_bytes()).unwrap())
        }
        ("POST", Some("ping")) => {
            let response = response.header("content-type", "text/event-stream");
            let events = "id: 1\ndata: \n\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n";
            Answer::Whole(response.body(events.as_bytes().to_vec()).unwrap())
        }
        ("GET", _) => {
            let response = response.header("content-type", "text/event-stream");
            let event = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";
            Answer::Whole(response.body(event.as_bytes().to_vec()).unwrap())
        }
        _ => Answer::status(202),
    }
}

#[tokio::test]
async fn a_client_of_2024_speaks_to_a_server_of_streamable_http() {
    let fakes = fakes();
    fakes.answer(streamable);
    let (response, guest) = begin(&GATEWAY, &fakes, get("/mcp/sse")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = Stream { body: response.into_body(), text: String::new() };
    let (event, endpoint) = stream.next().await;
    assert_eq!(event, "endpoint");
    assert!(endpoint.starts_with("/mcp/message?session="), "{endpoint}");
    assert!(!fakes.store.lock().unwrap().dump().contains("demo:alice"));

    let reply = post(&fakes, &endpoint, INITIALIZE).await;
    // No body: a client that closes the connection when it has the head has then all of the answer.
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (202, ""));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&stream.next().await.1).unwrap()["id"], 0);
    // The server's own stream is listened to from now on.
    let (_, notification) = stream.next().await;
    assert!(notification.contains("list_changed"), "{notification}");

    assert_eq!(post(&fakes, &endpoint, PING).await.status, 202);
    assert_eq!(stream.next().await.1, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let of_session = |sent: &&Sent| sent.headers.get("mcp-session-id").is_some_and(|id| id == "abc");
    assert_eq!(fakes.sent().iter().filter(of_session).count(), 2);

    drop(stream);
    guest.await.unwrap().unwrap();
    let last = fakes.sent().pop().unwrap();
    assert_eq!((last.method.as_str(), &last.headers["mcp-session-id"]), ("DELETE", &"abc".parse().unwrap()));
    is_terse_refusal(&post(&fakes, &endpoint, PING).await, 404);
}

#[tokio::test]
async fn somebody_elses_channel_is_not_found() {
    let fakes = fakes();
    fakes.answer(streamable);
    let (response, guest) = begin(&GATEWAY, &fakes, get("/mcp/sse")).await;
    let mut stream = Stream { body: response.into_body(), text: String::new() };
    let endpoint = stream.next().await.1;
    let before = fakes.snapshot();
    *fakes.validated.lock().unwrap() = Some(Ok(Principal { subject: "demo:mallory".to_owned(), ..principal() }));
    for target in [endpoint.as_str(), "/mcp/message", "/mcp/message?session=", "/mcp/message?session=x"] {
        is_terse_refusal(&post(&fakes, target, PING).await, 404);
    }
    assert_eq!(fakes.snapshot(), before);
    assert!(fakes.sent().is_empty());
    drop(stream);
    guest.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_that_fails_is_told_on_the_stream_with_its_id() {
    let fakes = fakes();
    fakes.answer(|_| Answer::Fails(wasmtime_wasi_http::Error::ConnectionRefused));
    let (response, guest) = begin(&GATEWAY, &fakes, get("/mcp/sse")).await;
    let mut stream = Stream { body: response.into_body(), text: String::new() };
    let endpoint = stream.next().await.1;
    assert_eq!(post(&fakes, &endpoint, PING).await.status, 202);
    let message: serde_json::Value = serde_json::from_str(&stream.next().await.1).unwrap();
    assert_eq!((&message["id"], &message["error"]["code"]), (&json!(1), &json!(-32603)));
    drop(stream);
    guest.await.unwrap().unwrap();
}

#[tokio::test]
async fn in_front_of_a_server_of_2024_its_endpoint_is_ours() {
    let fakes = fakes();
    let route = "transport = \"sse\"\n";
    fakes.set("config", &CONFIGURATION.replace("name = \"Demo\"\n", &format!("name = \"Demo\"\n{route}")));
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let body = Mutex::new(Some(Pieces(receiver)));
    fakes.answer(move |sent| {
        if sent.method == "POST" {
            return Answer::status(202);
        }
        let response = Response::builder().header("content-type", "text/event-stream");
        Answer::Stream(response.body(body.lock().unwrap().take().expect("one stream").boxed_unsync()).unwrap())
    });
    sender.send(Ok(Bytes::from_static(b"event: endpoint\ndata: /messages?id=5\n\n"))).unwrap();
    for path in ["/mcp/sse", "/mcp"] {
        if path == "/mcp" {
            let authorization = format!("Bearer {TOKEN}");
            let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
            assert_eq!(serve(&GATEWAY, &fakes, request("POST", path, &headers, PING)).await.status, 405);
            continue;
        }
        let (response, guest) = begin(&GATEWAY, &fakes, get(path)).await;
        let mut stream = Stream { body: response.into_body(), text: String::new() };
        let (event, endpoint) = stream.next().await;
        let sealed = endpoint.strip_prefix("/mcp/message?session=").unwrap();
        let meant = opened("demo:alice", RESOURCE, sealed);
        let expected = ("endpoint", "endpoint https://upstream.internal.example/messages?id=5");
        assert_eq!((event.as_str(), meant.as_str()), expected);
        assert_eq!(post(&fakes, &endpoint, PING).await.status, 202);
        let posted = fakes.sent().pop().unwrap();
        assert_eq!(
            (posted.url.as_str(), posted.body.as_slice()),
            ("https://upstream.internal.example/messages?id=5", PING.as_bytes())
        );
        sender
            .send(Ok(Bytes::from_static(b"event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n")))
            .unwrap();
        assert_eq!(stream.next().await.1, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
        drop(stream);
        guest.await.unwrap().unwrap();
    }
}
