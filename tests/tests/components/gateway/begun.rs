//! Who wanted what is in the log before anybody is asked, whatever becomes of the instance.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{CONFIGURATION, PING, TOKEN, call, fakes};
use crate::component::GATEWAY;
use crate::fakes::Fakes;
use crate::outbound::Answer;
use crate::serve::{request, serve, start};

/// What was in the log whenever a server was asked.
fn at_the_server(fakes: &Arc<Fakes>) -> Arc<Mutex<Vec<Vec<Value>>>> {
    let seen = Arc::<Mutex<Vec<Vec<Value>>>>::default();
    let (weak, noted) = (Arc::downgrade(fakes), Arc::clone(&seen));
    fakes.answer(move |_| {
        noted.lock().unwrap().push(weak.upgrade().unwrap().log_lines());
        Answer::json(&json!({ "jsonrpc": "2.0", "id": 1, "result": {} }))
    });
    seen
}

#[tokio::test]
async fn a_message_has_a_line_before_the_server_gets_it_and_one_after_the_server_has_answered() {
    let fakes = fakes();
    let seen = at_the_server(&fakes);
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "echo", "arguments": { "secret": "personal" } },
    });
    assert_eq!(call(&fakes, &[], &message.to_string()).await.status, 200);
    let before = seen.lock().unwrap().clone();
    let [before] = before.as_slice() else { panic!("{before:?}") };
    let [begun] = before.as_slice() else { panic!("{before:?}") };
    let fields = json!({
        "event": "begun", "decision": "allowed", "route": "/mcp", "method": "POST", "rpc_method": "tools/call",
        "tool": "echo", "subject": "demo:alice", "client_id": "a-client", "credential": "own-token",
    });
    for (name, value) in fields.as_object().unwrap() {
        assert_eq!(&begun[name], value, "{begun}");
    }
    for name in ["time", "request_id", "trace_id"] {
        assert!(begun[name].is_string(), "{begun}");
    }
    assert!(begun["status"].is_null() && !begun.to_string().contains("personal"), "{begun}");
    let after = fakes.log_lines();
    let [_, forwarded] = after.as_slice() else { panic!("{after:?}") };
    assert_eq!((&forwarded["event"], &forwarded["status"]), (&json!("forwarded"), &json!(200)));
    assert_eq!(forwarded["request_id"], begun["request_id"]);
}

#[tokio::test]
async fn whatever_else_asks_a_server_has_such_a_line_too() {
    const MEMBERS: &str = "\n[[routes]]\npath = \"/all\"\nscopes = [\"mcp\"]\n[[routes.members]]\n\
                           url = \"https://one.internal.example/mcp\"\n[[routes.members]]\nprefix = \"two\"\n\
                           url = \"https://two.internal.example/mcp\"\n";
    const OLD: &str = "\n[[routes]]\npath = \"/old\"\nscopes = [\"mcp\"]\ntransport = \"sse\"\n\
                       url = \"https://old.internal.example/sse\"\n";
    for (method, path, body) in [
        ("GET", "/mcp", ""),
        ("DELETE", "/mcp", ""),
        ("POST", "/all", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
        ("POST", "/all", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"two_a"}}"#),
        ("GET", "/old/sse", ""),
    ] {
        let fakes = fakes();
        fakes.set("config", &format!("{CONFIGURATION}{MEMBERS}{OLD}"));
        let seen = at_the_server(&fakes);
        let authorization = format!("Bearer {TOKEN}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        serve(&GATEWAY, &fakes, request(method, path, &headers, body)).await;
        let seen = seen.lock().unwrap().clone();
        assert!(!seen.is_empty(), "{method} {path}: nobody was asked: {}", fakes.log());
        for before in seen {
            let begun: Vec<_> = before.iter().filter(|line| line["event"] == "begun").collect();
            let [begun] = begun.as_slice() else { panic!("{method} {path}: {before:?}") };
            assert_eq!((&begun["subject"], &begun["method"]), (&json!("demo:alice"), &json!(method)), "{path}");
        }
    }
}

#[tokio::test]
async fn the_line_is_there_where_the_instance_is_killed_before_the_server_has_answered() {
    let fakes = fakes();
    let (sender, mut asked) = tokio::sync::mpsc::unbounded_channel();
    fakes.answer(move |_| {
        let (answer, later) = tokio::sync::oneshot::channel();
        sender.send(answer).unwrap();
        Answer::Later(later)
    });
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let (_answer, guest) = start(&GATEWAY, &fakes, request("POST", "/mcp", &headers, PING));
    let _asked = asked.recv().await.unwrap();
    guest.abort();
    assert!(guest.await.unwrap_err().is_cancelled());
    let lines = fakes.log_lines();
    let [begun] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&begun["event"], &begun["rpc_method"]), (&json!("begun"), &json!("ping")));
    assert_eq!((&begun["subject"], &begun["client_id"]), (&json!("demo:alice"), &json!("a-client")));
}

#[tokio::test]
async fn a_batch_has_a_line_for_itself_and_one_for_each_of_its_first_20_messages() {
    for (messages, expected) in [(1, 1), (2, 3), (20, 21), (21, 21), (50, 21)] {
        let fakes = fakes();
        fakes.set("config", &CONFIGURATION.replace("request_bytes = 1000", "request_bytes = 100000"));
        let seen = at_the_server(&fakes);
        let ping = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
        let batch = Value::from((0..messages).map(ping).collect::<Vec<_>>()).to_string();
        let reply = call(&fakes, &[("mcp-protocol-version", "2025-03-26")], &batch).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let before = seen.lock().unwrap()[0].clone();
        assert_eq!(before.len(), expected, "{messages}");
        if messages > 1 {
            assert_eq!(before[0]["messages"], messages);
        }
    }
}

#[tokio::test]
async fn what_is_refused_never_begins() {
    let fakes = fakes();
    let deny = "\n[[routes.policy]]\nname = \"nobody\"\nsubjects = [\"demo:carol\"]\n";
    fakes.set("config", &format!("{CONFIGURATION}{deny}"));
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "echo" } });
    call(&fakes, &[], &message.to_string()).await;
    let lines = fakes.log_lines();
    let [refused] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&refused["event"], &refused["decision"]), (&json!("refused"), &json!("refused")));
}
