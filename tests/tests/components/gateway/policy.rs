//! Who may do what, and what a listing shows.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{CONFIGURATION, PING, call, fakes, principal, sent_nothing};
use crate::bindings::imports::gatehouse::auth::sessions::{Claims, Principal};
use crate::fakes::Fakes;
use crate::outbound::Answer;

const RULES: &str = r#"
[[routes.policy]]
name = "everybody-reads"
tools = ["read_*"]
[[routes.policy]]
name = "writers-write"
tools = ["write_*"]
scopes = ["files:write"]
[[routes.policy]]
name = "engineers-deploy"
tools = ["deploy"]
groups = ["engineering"]
[[routes.policy]]
name = "never-wipe"
effect = "deny"
tools = ["*_all"]
"#;

fn fakes_with_rules() -> Arc<Fakes> {
    let fakes = fakes();
    fakes.set("config", &format!("{CONFIGURATION}{RULES}"));
    fakes
}

fn tool(name: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": name } }).to_string()
}

#[tokio::test]
async fn what_a_rule_allows_goes_on_and_the_log_names_the_rule() {
    let fakes = fakes_with_rules();
    for name in ["read_file", "deploy"] {
        assert_eq!(call(&fakes, &[], &tool(name)).await.status, 200);
    }
    assert_eq!(call(&fakes, &[], PING).await.status, 200);
    assert_eq!(fakes.sent().len(), 3);
    let log = fakes.log();
    for part in
        [r#""rule":"everybody-reads""#, r#""rule":"engineers-deploy""#, r#""tool":"deploy""#, r#""decision":"allowed""#]
    {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[tokio::test]
async fn what_no_rule_allows_is_denied_in_json_rpc_and_the_upstream_hears_nothing() {
    let fakes = fakes_with_rules();
    *fakes.validated.lock().unwrap() = Some(Ok(Principal {
        claims: Claims { tenant: None, groups: Vec::new(), roles: Vec::new(), names: None },
        ..principal()
    }));
    for name in ["deploy", "read_all", "other", ""] {
        let reply = call(&fakes, &[], &tool(name)).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (200, &json!(7)), "{name}: {}", reply.body);
        assert!(reply.json()["error"]["code"].is_i64(), "{}", reply.body);
    }
    sent_nothing(&fakes);
    assert!(fakes.log().contains(r#""rule":"never-wipe""#), "{}", fakes.log());
}

#[tokio::test]
async fn a_scope_that_would_help_is_asked_for_in_a_challenge() {
    let fakes = fakes_with_rules();
    let reply = call(&fakes, &[], &tool("write_file")).await;
    assert_eq!(reply.status, 403);
    let challenge = reply.header("www-authenticate");
    assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    assert!(challenge.contains(r#"scope="mcp files:write""#), "{challenge}");
    assert_eq!(reply.json()["id"], 7);
    sent_nothing(&fakes);
}

fn listing() -> Value {
    let tools =
        ["read_file", "write_file", "deploy", "read_all"].map(|name| json!({ "name": name, "inputSchema": {} }));
    json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": tools } })
}

fn names(message: &Value) -> Vec<&str> {
    message["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

#[tokio::test]
async fn a_listing_shows_what_the_caller_may_call_or_could_with_a_scope_in_either_form_of_answer() {
    let fakes = fakes_with_rules();
    fakes.answer(|_| Answer::json(&listing()));
    let reply = call(&fakes, &[("accept-encoding", "gzip")], LIST).await;
    assert_eq!(names(&reply.json()), ["read_file", "write_file", "deploy"]);

    fakes.answer(|_| {
        let events = format!(":\n\nevent: message\ndata: {}\n\n", listing());
        let response = http::Response::builder().header("content-type", "text/event-stream");
        Answer::Whole(response.body(events.into_bytes()).unwrap())
    });
    let reply = call(&fakes, &[], LIST).await;
    let data = reply.body.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert_eq!(names(&serde_json::from_str(data).unwrap()), ["read_file", "write_file", "deploy"]);
}

#[tokio::test]
async fn a_listing_that_cannot_be_read_is_not_passed_on() {
    for (content_type, body) in [
        ("text/plain", listing().to_string()),
        ("application/json", "{".to_owned()),
        (
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[{"name":"read_all"}]}}"#.to_owned(),
        ),
    ] {
        let fakes = fakes_with_rules();
        fakes.answer(move |_| {
            let response = http::Response::builder().header("content-type", content_type);
            Answer::Whole(response.body(body.clone().into_bytes()).unwrap())
        });
        let reply = call(&fakes, &[], LIST).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (502, &json!(1)), "{}", reply.body);
        assert!(!reply.body.contains("read_all"), "{}", reply.body);
    }
}

#[tokio::test]
async fn half_a_character_and_an_item_that_cannot_be_read_cost_the_listing_nothing_else() {
    let listing = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read_a","description":"cut emoji \ud83d"},{"name":"read_b","name":"b"},{"name":"read_c"}]}}"#;
    for is_event in [false, true] {
        let fakes = fakes_with_rules();
        fakes.answer(move |_| {
            let (content_type, body) = match is_event {
                true => ("text/event-stream", format!("data: {listing}\n\n")),
                false => ("application/json", listing.to_owned()),
            };
            let response = http::Response::builder().header("content-type", content_type);
            Answer::Whole(response.body(body.into_bytes()).unwrap())
        });
        let reply = call(&fakes, &[], r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).await;
        let text = reply.body.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(&reply.body);
        let message: Value = serde_json::from_str(text).unwrap();
        assert!(!names(&message).contains(&"read_b") && !names(&message).contains(&"b"), "{text}");
        assert!(names(&message).contains(&"read_a") && text.contains("cut emoji"), "{text}");
        assert!(
            fakes.log().contains("the listing has items that cannot be read; they are left out"),
            "{}",
            fakes.log()
        );
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_told_with_the_id_of_its_request() {
    let fakes = fakes_with_rules();
    fakes.answer_always(200, "text/event-stream", "data: no JSON\n\n");
    let reply = call(&fakes, &[], r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).await;
    let text = reply.body.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let message: Value = serde_json::from_str(text).unwrap();
    assert_eq!((&message["id"], &message["error"]["code"]), (&json!(1), &json!(-32603)), "{text}");
}
