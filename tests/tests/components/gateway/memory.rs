//! What is large: it passes, or is refused with an error that says so, and no instance runs out of memory.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use wasmtime_wasi_http::Error;

use super::{CONFIGURATION, PING, TOKEN, call, fakes};
use crate::component::GATEWAY;
use crate::fakes::Fakes;
use crate::outbound::Answer;
use crate::serve::{Reply, request, serve};

const MIB: usize = 1 << 20;

const POLICY: &str = r#"
[[policy]]
name = "all"
tools = ["*"]
"#;

const MEMBERS: &str = r#"
public_url = "https://gateway.example"
[identity_provider]
name = "demo"
issuer = "https://provider.example"
client_id = "gatehouse"
[[routes]]
path = "/mcp"
name = "Everything"
scopes = ["mcp"]
limits = { request_bytes = 16777216 }
members = [
    { prefix = "files", url = "https://files.internal.example/mcp" },
    { prefix = "git", url = "https://git.internal.example/mcp" },
    { url = "https://own.internal.example/mcp" },
]
"#;

fn world(configuration: &str, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Arc<Fakes> {
    let fakes = fakes();
    fakes.set("config", &configuration.replace("request_bytes = 1000", "request_bytes = 16777216"));
    fakes.answer(move |sent| answer(&sent.url));
    fakes
}

fn single(policy: &str, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Arc<Fakes> {
    world(&format!("{CONFIGURATION}{}", policy.replace("[[policy]]", "[[routes.policy]]")), answer)
}

fn in_events(text: &str) -> Answer {
    let response = Response::builder().header("content-type", "text/event-stream");
    Answer::Whole(response.body(format!("id: 1\nevent: message\ndata: {text}\n\n").into_bytes()).unwrap())
}

fn in_json(text: &str) -> Answer {
    let response = Response::builder().header("content-type", "application/json");
    Answer::Whole(response.body(text.as_bytes().to_vec()).unwrap())
}

fn content(bytes: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{}"}}]}}}}"#, "x".repeat(bytes))
}

fn listing(bytes: usize) -> String {
    let description = "x".repeat(bytes);
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"a","description":"{description}"}}]}}}}"#)
}

/// A body in one piece. Once it has been read to its end and is dropped, the others answer.
struct First {
    piece: Option<Bytes>,
    others: Vec<oneshot::Sender<Answer>>,
}

impl http_body::Body for First {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(self.piece.take().map(|piece| Ok(Frame::data(piece))))
    }
}

impl Drop for First {
    fn drop(&mut self) {
        for other in self.others.drain(..) {
            // Nobody waits for it any more where its request was given up.
            drop(other.send(in_json(&listing(300))));
        }
    }
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files_a","arguments":{}}}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn message(reply: &Reply) -> Value {
    let text = reply.body.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(&reply.body);
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{} bytes", reply.body.len()))
}

fn is_too_large(fakes: &Fakes, reply: &Reply, what: &str) {
    let message = message(reply);
    assert_eq!((&message["id"], &message["error"]["code"]), (&json!(1), &json!(-32603)), "{what}");
    assert!(
        message["error"]["message"].as_str().unwrap().ends_with("gave an answer that is too large to be passed on")
    );
    assert!(fakes.log().contains("the upstream's answer is too large to be rewritten"), "{what}");
}

#[tokio::test]
async fn an_answer_of_nearly_16_mib_is_rewritten_in_every_form() {
    let text = content(16 * MIB - 200);
    let listed = listing(16 * MIB - 200);
    for (what, configuration, asked, answer) in [
        ("ids of events", "", PING, &text),
        ("a listing in events", POLICY, LIST, &listed),
        ("a listing", POLICY, LIST, &listed),
    ] {
        let (answer, is_json) = (answer.clone(), what == "a listing");
        let fakes = single(configuration, move |_| if is_json { in_json(&answer) } else { in_events(&answer) });
        let reply = call(&fakes, &[], asked).await;
        assert_eq!(reply.status, 200, "{what}");
        assert!(reply.body.len() > 16 * MIB - 1000, "{what}: {}", reply.body.len());
    }
    for is_json in [true, false] {
        let text = text.clone();
        let fakes = world(MEMBERS, move |_| if is_json { in_json(&text) } else { in_events(&text) });
        let reply = call(&fakes, &[], CALL).await;
        assert!(reply.body.len() > 16 * MIB - 1000, "a member's: {}", reply.body.len());
    }
}

#[tokio::test]
async fn an_answer_of_24_mib_is_refused_with_the_id_of_its_request_where_it_must_be_rewritten() {
    let text = listing(24 * MIB);
    for is_json in [true, false] {
        let answer = text.clone();
        let fakes = single(POLICY, move |_| if is_json { in_json(&answer) } else { in_events(&answer) });
        let reply = call(&fakes, &[], LIST).await;
        assert_eq!(reply.status, if is_json { 502 } else { 200 });
        is_too_large(&fakes, &reply, "with a policy");
    }
    let answer = text.clone();
    let fakes = single("", move |_| in_events(&answer));
    is_too_large(&fakes, &call(&fakes, &[], LIST).await, "ids of events");
    let fakes = single("", move |_| in_json(&text));
    assert!(call(&fakes, &[], LIST).await.body.len() > 24 * MIB, "what need not be read passes");
}

#[tokio::test]
async fn members_whose_answers_together_are_too_large_are_named() {
    let (fits, too_large) = (listing(7 * MIB), listing(3 * MIB));
    let fakes = world(MEMBERS, move |url| in_json(if url.contains("files") { &fits } else { &too_large }));
    let reply = call(&fakes, &[], LIST).await;
    assert_eq!(reply.status, 200);
    let reply = reply.json();
    assert!(!reply["result"]["tools"].as_array().unwrap().is_empty());
    let unavailable = reply["result"]["_meta"]["gatehouse/unavailable"].to_string();
    assert!(unavailable.contains("gave an answer that is too large"), "{unavailable}");
}

/// The others have not begun to answer then. Its answer is kept while they do, and takes all the room that there is for all of them.
#[tokio::test]
async fn a_member_that_answers_first_with_8_mib_is_shown_and_those_that_come_after_it_are_named() {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| oneshot::channel()).unzip();
    let waiting = Mutex::new((Some(senders), receivers));
    let fakes = world(MEMBERS, move |url| {
        let mut waiting = waiting.lock().unwrap();
        if !url.contains("files") {
            return Answer::Later(waiting.1.pop().expect("two others"));
        }
        let piece = Some(Bytes::from(listing(8 * MIB - 200)));
        let first = First { piece, others: waiting.0.take().expect("one request") };
        let response = Response::builder().header("content-type", "application/json");
        Answer::Stream(response.body(first.boxed_unsync()).unwrap())
    });
    let reply = call(&fakes, &[], LIST).await;
    assert_eq!(reply.status, 200, "{}", reply.body.len());
    assert!(reply.body.len() > 8 * MIB - 1000, "{}", reply.body.len());
    let reply = reply.json();
    let names: Vec<_> = reply["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["files_a"]);
    let unavailable = reply["result"]["_meta"]["gatehouse/unavailable"].to_string();
    assert_eq!(unavailable.matches("gave an answer that is too large").count(), 2, "{unavailable}");
}

#[tokio::test]
async fn a_request_of_16_mib_reaches_a_server_and_one_to_all_members_is_refused() {
    let large = |body: &str| {
        let (before, after) = body.split_at(body.len() - 1);
        let rest = 16 * MIB - body.len() - r#","_meta":{"a":""}"#.len();
        let text = format!(r#""_meta":{{"a":"{}"}}"#, "x".repeat(rest));
        if let Some(before) = before.strip_suffix('}') {
            format!("{before},{text}}}{after}")
        } else {
            format!("{before},{text}{after}")
        }
    };
    let body = large(CALL);
    assert_eq!(body.len(), 16 * MIB);
    for configuration in
        [format!("{CONFIGURATION}{}", POLICY.replace("[[policy]]", "[[routes.policy]]")), MEMBERS.to_owned()]
    {
        let fakes = world(&configuration, |_| in_json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#));
        let reply = call(&fakes, &[], &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(fakes.sent()[0].body.len() > 16 * MIB - 100);
    }
    let fakes = world(MEMBERS, |_| in_json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#));
    let all = large(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"a":1}}"#);
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let reply = serve(&GATEWAY, &fakes, request("POST", "/mcp", &headers, all)).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (413, &json!(1)), "{}", reply.body);
}
