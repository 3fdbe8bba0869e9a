//! The server of the sandboxes alone, with interpreters that the test plays. What it decides is tested in `sandboxes/`; here is what only the
//! component has: its imports, its streams, and instances that are killed.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;

use crate::component::SANDBOX;
use crate::fakes::Fakes;
use crate::outbound::{Answer, Pieces, Sent};
use crate::serve::{Reply, begin, request, serve, start};

const SECRET: &str = "a-secret-of-the-gateway";
const FRAMES: &str = "application/vnd.gatehouse.sandbox-frames.v1";

fn fakes() -> Arc<Fakes> {
    let fakes = Fakes::new();
    for (name, value) in [
        ("server_keys", "a:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"),
        ("gateway_secret", SECRET),
        ("shell_url", "http://shell.example"),
        ("python_url", "http://python.example"),
    ] {
        fakes.set(name, value);
    }
    fakes.answer(|sent| Answer::Whole(frames(&[output("ran"), ended(&sent.body)])));
    fakes
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 128, "one byte holds the length");
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

fn frame(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

/// A frame of standard output.
fn output(text: &str) -> Vec<u8> {
    frame(&[&[0, 0][..], &bytes(text.as_bytes())].concat())
}

/// The end of a run that leaves one file, `code`, with the code that it was given.
fn ended(run: &[u8]) -> Vec<u8> {
    let code = &run[1..=usize::from(run[0])];
    let changed = [&[1][..], &bytes(b"code"), &bytes(code)].concat();
    frame(&[&[1, 0, 0][..], &changed, &[0, 0, 0]].concat())
}

fn frames(frames: &[Vec<u8>]) -> Response<Vec<u8>> {
    Response::builder().header("content-type", FRAMES).body(frames.concat()).unwrap()
}

fn headers(key: &str) -> Vec<(&str, &str)> {
    let accept = ("accept", "application/json, text/event-stream");
    vec![("content-type", "application/json"), accept, ("x-gatehouse-subject", "key:robot"), ("x-sandbox-key", key)]
}

fn message(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

async fn post(fakes: &Arc<Fakes>, body: String) -> Reply {
    serve(&SANDBOX, fakes, request("POST", "/mcp", &headers(SECRET), body)).await
}

fn run(id: &str, command: &str, meta: &Value) -> String {
    let arguments = json!({ "environmentId": id, "shellCommand": command });
    let params = json!({ "name": "runShellCommandInRemoteEnvironment", "arguments": arguments, "_meta": meta });
    message("tools/call", &params)
}

async fn launched(fakes: &Arc<Fakes>) -> String {
    let reply = post(fakes, message("tools/call", &json!({ "name": "launchShell" }))).await;
    reply.json()["result"]["structuredContent"]["environmentId"].as_str().expect("an id").to_owned()
}

/// The text of the file that runs leave, as its resource.
async fn code(fakes: &Arc<Fakes>, id: &str) -> Value {
    let reply = post(fakes, message("resources/read", &json!({ "uri": format!("sandbox://{id}/code") }))).await;
    reply.json()["result"]["contents"][0]["text"].clone()
}

#[test]
fn it_reaches_the_store_the_settings_and_http_and_nothing_else() {
    let expected = ["gatehouse:host/settings@0.3.0", "gatehouse:host/store@0.3.0", "wasi:http/outgoing-handler@0.2.12"];
    assert_eq!(SANDBOX.own_imports(), expected);
}

#[tokio::test]
async fn what_one_instance_keeps_another_finds_and_an_interpreter_is_told_no_secret() {
    let fakes = fakes();
    let id = launched(&fakes).await;
    for command in ["first", "second"] {
        let reply = post(&fakes, run(&id, command, &json!({}))).await;
        assert_eq!(reply.json()["result"]["structuredContent"]["stdout"], "ran", "{}", reply.body);
        assert_eq!(code(&fakes, &id).await, command);
    }
    for Sent { url, headers, body, .. } in fakes.sent() {
        assert_eq!(url, "http://shell.example/run");
        let told = format!("{headers:?} {}", String::from_utf8_lossy(&body));
        assert!([SECRET, "key:robot", id.as_str()].iter().all(|secret| !told.contains(secret)), "{told}");
    }
}

#[tokio::test]
async fn whoever_is_not_the_gateway_gets_401_and_without_settings_nobody_is_answered() {
    let fakes = fakes();
    let launch = || message("tools/call", &json!({ "name": "launchShell" }));
    let reply = serve(&SANDBOX, &fakes, request("POST", "/mcp", &headers("another"), launch())).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    fakes.unset("gateway_secret");
    for key in ["", SECRET] {
        let reply = serve(&SANDBOX, &fakes, request("POST", "/mcp", &headers(key), launch())).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(fakes.log().contains("`gateway_secret` is missing"), "{}", fakes.log());
    assert!(fakes.snapshot().is_empty());
}

#[tokio::test]
async fn a_body_beyond_a_mebibyte_is_refused() {
    let fakes = fakes();
    let reply = post(&fakes, run("x", &"a".repeat(1 << 20), &json!({}))).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn output_reaches_the_client_while_the_run_goes_on() {
    let fakes = fakes();
    let id = launched(&fakes).await;
    let (interpreter, receiver) = unbounded_channel();
    let body = Mutex::new(Some(Pieces(receiver)));
    fakes.answer(move |_| {
        let body = body.lock().unwrap().take().expect("one run").boxed_unsync();
        Answer::Stream(Response::builder().header("content-type", FRAMES).body(body).unwrap())
    });
    let streamed = run(&id, "x", &json!({ "progressToken": "t" }));
    let (response, guest) = begin(&SANDBOX, &fakes, request("POST", "/mcp", &headers(SECRET), streamed)).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    for text in ["one", "two"] {
        interpreter.send(Ok(Bytes::from(output(text)))).unwrap();
        let event = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let event = String::from_utf8(event.to_vec()).unwrap();
        assert!(
            event.contains("notifications/progress") && event.contains(&format!(r#""message":"{text}""#)),
            "{event}"
        );
    }
    interpreter.send(Ok(Bytes::from(ended(&[1, b'x'])))).unwrap();
    let rest = body.collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&rest).contains(r#""stdout":"onetwo""#), "{rest:?}");
    guest.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_instance_that_is_killed_during_a_run_leaves_the_former_state_and_the_next_run_waits_its_time() {
    let fakes = fakes();
    let id = launched(&fakes).await;
    post(&fakes, run(&id, "before", &json!({}))).await;
    let (asked, is_asked) = oneshot::channel();
    let asked = Mutex::new(Some(asked));
    let never = Mutex::new(Vec::new());
    fakes.answer(move |_| {
        if let Some(asked) = asked.lock().unwrap().take() {
            let _gone = asked.send(());
        }
        let (sender, later) = oneshot::channel();
        never.lock().unwrap().push(sender);
        Answer::Later(later)
    });
    let killed = request("POST", "/mcp", &headers(SECRET), run(&id, "killed", &json!({})));
    let (_answer, guest) = start(&SANDBOX, &fakes, killed);
    is_asked.await.expect("the interpreter is asked");
    guest.abort();
    assert!(guest.await.unwrap_err().is_cancelled());

    fakes.answer(|sent| Answer::Whole(frames(&[ended(&sent.body)])));
    let busy = post(&fakes, run(&id, "after", &json!({}))).await;
    assert!(busy.body.contains("The environment is busy"), "{}", busy.body);
    assert_eq!(code(&fakes, &id).await, "before");
    fakes.advance(120);
    let reply = post(&fakes, run(&id, "after", &json!({}))).await;
    assert_eq!(reply.json()["result"]["isError"], false, "{}", reply.body);
    assert_eq!(code(&fakes, &id).await, "after");
}

#[tokio::test]
async fn an_interpreter_whose_instance_ends_costs_one_answer() {
    let fakes = fakes();
    let id = launched(&fakes).await;
    post(&fakes, run(&id, "before", &json!({}))).await;
    for is_gone in [true, false] {
        fakes.answer(move |_| {
            let half = output("so far")[..8].to_vec();
            let cut = Response::builder().header("content-type", FRAMES).body(half).unwrap();
            if is_gone { Answer::status(500) } else { Answer::Whole(cut) }
        });
        let reply = post(&fakes, run(&id, "x", &json!({}))).await;
        assert!(reply.body.contains("The run was stopped"), "{}", reply.body);
        assert_eq!(code(&fakes, &id).await, "before");
    }
}
