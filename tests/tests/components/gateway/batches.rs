//! What a batch may be, and what it may cost (MCP 2025-03-26).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{CONFIGURATION, call, fakes, sent_nothing};
use crate::fakes::Fakes;
use crate::outbound::Answer;

const ERA: [(&str, &str); 1] = [("mcp-protocol-version", "2025-03-26")];

fn configuration(lines: &str) -> String {
    CONFIGURATION.replace("limits = { request_bytes = 1000 }", lines)
}

fn world(lines: &str) -> Arc<Fakes> {
    let fakes = fakes();
    fakes.set("config", &configuration(lines));
    fakes
}

fn tool_call(id: usize, name: &str, arguments: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": name, "arguments": arguments } })
}

fn batch(messages: usize, name: impl Fn(usize) -> String) -> String {
    let calls: Vec<_> = (0..messages).map(|id| tool_call(id, &name(id), &json!({}))).collect();
    json!(calls).to_string()
}

/// docs/cases.md, S6: 135,000 notifications in 4 MiB left 69 MB of log.
#[tokio::test]
async fn a_batch_of_50_messages_passes_and_one_of_51_is_refused_in_one_line() {
    for messages in [49, 50] {
        let fakes = world("");
        assert_eq!(call(&fakes, &ERA, &batch(messages, |_| "echo".to_owned())).await.status, 200, "{messages}");
        assert_eq!(fakes.sent().len(), 1);
    }
    let notifications = vec![json!({ "jsonrpc": "2.0", "method": "notifications/a" }); 20_000];
    for body in
        [batch(51, |_| "echo".to_owned()), batch(10_000, |_| "echo".to_owned()), json!(notifications).to_string()]
    {
        let fakes = world("");
        let reply = call(&fakes, &ERA, &body).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (400, &json!(-32600)), "{}", reply.body);
        sent_nothing(&fakes);
        assert_eq!(fakes.log_lines().len(), 1, "{}", fakes.log());
        assert!(fakes.log().len() < 1_000, "{}", fakes.log());
        assert!(fakes.store.lock().unwrap().take_calls().is_empty());
    }
}

#[tokio::test]
async fn a_batch_has_a_line_for_itself_and_for_its_first_20_messages_and_hides_none() {
    let rules =
        "policy = [{ name = \"all\", tools = [\"*\"] }, { name = \"no\", effect = \"deny\", tools = [\"secret\"] }]";
    for (denied, event) in [(None, "forwarded"), (Some(45), "refused")] {
        let fakes = world(rules);
        let body = batch(50, |id| if Some(id) == denied { "secret".to_owned() } else { format!("tool-{id}") });
        call(&fakes, &ERA, &body).await;
        let lines: Vec<_> = fakes.log_lines().into_iter().filter(|line| line["event"] == event).collect();
        assert_eq!(lines.len(), 21, "{}", fakes.log());
        assert_eq!(lines[0]["messages"], 50);
        assert!(lines[0].get("tool").is_none());
        let further = lines[0]["further"].as_array().unwrap();
        assert_eq!((further.len(), &further[0]), (30, &json!("tools/call tool-20")));
        assert_eq!(lines[1]["tool"], "tool-0");
        assert_eq!(lines[20]["tool"], "tool-19");
        if denied.is_some() {
            assert_eq!((&lines[0]["rule"], &further[25]), (&json!("no"), &json!("tools/call secret")));
            sent_nothing(&fakes);
        }
    }
    let fakes = world("");
    call(&fakes, &ERA, &batch(1, |_| "echo".to_owned())).await;
    assert!(!fakes.log().contains("messages"), "a batch of one is one message: {}", fakes.log());
}

/// docs/cases.md, S6: the schema was compiled for each call.
#[tokio::test]
async fn the_listing_is_asked_for_once_and_the_store_once_for_each_tool_of_a_batch() {
    let fakes = world("validate_arguments = true");
    fakes.answer(|sent| {
        let asked: Value = serde_json::from_slice(&sent.body).unwrap();
        match asked["method"].as_str() {
            Some("tools/list") => {
                let tool = |name: &str| json!({ "name": name, "inputSchema": { "type": "object" } });
                let result = json!({ "tools": [tool("a"), tool("b"), tool("c")] });
                Answer::json(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }))
            }
            _ => Answer::json(&json!([])),
        }
    });
    let body = batch(50, |id| ["a", "b"][id % 2].to_owned());
    assert_eq!(call(&fakes, &ERA, &body).await.status, 200);
    assert_eq!(fakes.sent().len(), 2, "one listing, and the batch");
    assert_eq!(fakes.store.lock().unwrap().take_calls(), ["get", "get", "put", "put"]);
    assert_eq!(fakes.store.lock().unwrap().count("tool-schema"), 2, "what is not called is not kept");
    assert_eq!(call(&fakes, &ERA, &body).await.status, 200);
    assert_eq!(fakes.sent().len(), 3);
    assert_eq!(fakes.store.lock().unwrap().take_calls(), ["get", "get"]);
}

/// docs/cases.md, S6: names that no listing has, and what only reads, leave nothing.
#[tokio::test]
async fn names_that_the_server_does_not_have_and_what_only_reads_leave_no_rows() {
    let fakes = world("validate_arguments = true");
    fakes.answer(|sent| {
        let asked: Value = serde_json::from_slice(&sent.body).unwrap_or_default();
        Answer::json(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "tools": [] } }))
    });
    for message in [
        tool_call(1, "invented", &json!({})),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": { "uri": "file:///a" } }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": { "name": "a" } }),
    ] {
        call(&fakes, &ERA, &message.to_string()).await;
    }
    assert_eq!(fakes.store.lock().unwrap().dump(), "");
}

#[tokio::test]
async fn invented_names_leave_a_bounded_number_of_rows_and_a_named_tool_keeps_its_rate() {
    let rate = |tools: &str| format!("rates = [{{ per = \"tool\", tools = [{tools}], requests = 3, seconds = 60 }}]");
    let fakes = world(&rate("\"real\", \"*\""));
    for round in 0..8 {
        let body = batch(50, |id| format!("invented-{round}-{id}"));
        call(&fakes, &ERA, &body).await;
    }
    let count = |kind: &str| fakes.store.lock().unwrap().count(kind);
    assert_eq!(count("tool-name"), 128);
    assert!(count("requests") <= 128 + 128 && count("tool-names") <= 2, "{}", count("requests"));
    for status in [200, 200, 200, 429] {
        assert_eq!(call(&fakes, &ERA, &tool_call(1, "real", &json!({})).to_string()).await.status, status);
    }
}
