//! Several servers as one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{CONFIGURATION, TOKEN, fakes};
use crate::component::GATEWAY;
use crate::fakes::Fakes;
use crate::imports::opened;
use crate::outbound::{Answer, Sent};
use crate::serve::{Reply, request, serve};

const ROUTE: &str = r#"
[[routes]]
path = "/all"
name = "All"
scopes = ["mcp"]
[[routes.members]]
url = "https://one.internal.example/mcp"
[[routes.members]]
prefix = "two"
url = "https://two.internal.example/mcp"
[[routes.members]]
prefix = "three"
url = "https://three.internal.example/mcp"
"#;

fn world(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Arc<Fakes> {
    let fakes = fakes();
    fakes.set("config", &format!("{CONFIGURATION}{ROUTE}"));
    let principal = super::Principal { resource: "https://gateway.example/all".to_owned(), ..super::principal() };
    *fakes.validated.lock().unwrap() = Some(Ok(principal));
    fakes.answer(move |sent| {
        let host = sent.url.split("//").nth(1).unwrap().split('.').next().unwrap().to_owned();
        answer(&host, &serde_json::from_slice(&sent.body).unwrap_or(Value::Null))
    });
    fakes
}

async fn call(fakes: &Arc<Fakes>, headers: &[(&str, &str)], body: &Value) -> Reply {
    let authorization = format!("Bearer {TOKEN}");
    let mut all = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
    all.extend_from_slice(headers);
    serve(&GATEWAY, fakes, request("POST", "/all", &all, body.to_string())).await
}

fn message(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn tools(host: &str, asked: &Value) -> Answer {
    if host == "three" {
        return Answer::Fails(wasmtime_wasi_http::Error::ConnectionRefused);
    }
    let tools = [json!({ "name": format!("of_{host}"), "inputSchema": { "type": "object" } })];
    Answer::json(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "tools": tools } }))
}

#[tokio::test]
async fn a_listing_is_that_of_all_members_and_says_who_did_not_answer() {
    let fakes = world(tools);
    let reply = call(&fakes, &[], &message("tools/list", &json!({}))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let result = &reply.json()["result"];
    let names: Vec<_> = result["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["of_one", "two_of_two"]);
    assert_eq!(result["_meta"]["gatehouse/unavailable"][0]["member"], "three");
    assert!(!reply.body.contains("internal.example"));
    assert_eq!(fakes.sent().len(), 3);
}

#[tokio::test]
async fn a_call_goes_to_the_member_whose_name_it_has_and_to_no_other() {
    let fakes = world(|host, asked| {
        let text = format!("{host} has {}", asked["params"]["name"]);
        Answer::json(
            &json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "content": [{ "type": "text", "text": text }] } }),
        )
    });
    for (name, expected) in [("two_read", "two has \"read\""), ("read", "one has \"read\"")] {
        let reply = call(&fakes, &[], &message("tools/call", &json!({ "name": name }))).await;
        assert_eq!(reply.json()["result"]["content"][0]["text"], expected, "{}", reply.body);
    }
    let modern = json!({
        "name": "two_read", "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" }
    });
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "two_read")];
    assert_eq!(call(&fakes, &headers, &message("tools/call", &modern)).await.status, 200);
    let sent = fakes.sent();
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[2].headers["mcp-name"], "read");
    assert!(fakes.log().contains(r#""member":"two""#), "{}", fakes.log());
}

#[tokio::test]
async fn a_member_that_is_dead_is_named_by_its_prefix_and_when_all_are_the_route_is() {
    let fakes = world(tools);
    let reply = call(&fakes, &[], &message("tools/call", &json!({ "name": "three_x" }))).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (502, &json!(1)));
    assert!(reply.body.contains("three at /all") && !reply.body.contains("internal.example"), "{}", reply.body);

    let fakes = world(|_, _| Answer::Fails(wasmtime_wasi_http::Error::HttpResponseTimeout));
    let reply = call(&fakes, &[], &message("tools/list", &json!({}))).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (504, &json!(1)), "{}", reply.body);
    assert!(reply.body.contains("/all") && !reply.body.contains("internal.example"), "{}", reply.body);
}

#[tokio::test]
async fn where_no_member_gives_an_answer_the_client_and_the_log_are_told_what_each_did() {
    let fakes = world(|host, asked| match host {
        "one" => Answer::status(503),
        "two" => Answer::status(401),
        _ => Answer::json(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "tools": 5 } })),
    });
    let reply = call(&fakes, &[], &message("tools/list", &json!({}))).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (502, &json!(1)), "{}", reply.body);
    let each = "the one without a prefix answered with an error; two does not accept this gateway's credentials; three answered with something else than was asked for";
    let message = format!("No MCP server at /all gave an answer: {each}");
    assert_eq!(reply.json()["error"]["message"], json!(message));
    assert!(fakes.log().contains(&format!("no member gave an answer: {each}")), "{}", fakes.log());
}

#[tokio::test]
async fn a_member_that_refuses_the_gateways_credentials_is_in_the_log_although_others_answer() {
    let fakes = world(|host, asked| if host == "two" { Answer::status(401) } else { tools("one", asked) });
    let reply = call(&fakes, &[], &message("tools/list", &json!({}))).await;
    let unavailable = &reply.json()["result"]["_meta"]["gatehouse/unavailable"];
    assert_eq!(*unavailable, json!([{ "member": "two", "reason": "does not accept this gateway's credentials" }]));
    let log = fakes.log();
    let line = log.lines().find(|line| line.contains("not-ready")).unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains(r#""member":"two""#) && line.contains("does not accept this gateway's credentials"),
        "{line}"
    );
}

#[tokio::test]
async fn a_call_at_a_member_that_does_not_speak_the_clients_version_is_an_error_with_the_id_of_the_call() {
    for error in [
        json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32000, "message": "Bad Request: Unsupported protocol version" } }),
        json!({ "jsonrpc": "2.0", "id": "server-error", "error": { "code": -32600, "message": "Missing session ID" } }),
    ] {
        let fakes = world(move |_, _| {
            let answer = http::Response::builder().status(400).header("content-type", "application/json");
            Answer::Whole(answer.body(error.to_string().into_bytes()).unwrap())
        });
        let modern =
            json!({ "name": "two_read", "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } });
        let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "two_read")];
        let reply = call(&fakes, &headers, &message("tools/call", &modern)).await;
        let error = json!({ "code": -32603, "message": "The MCP server two at /all does not speak MCP 2026-07-28" });
        assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({ "jsonrpc": "2.0", "id": 1, "error": error })));
        assert!(fakes.log().contains("two: the upstream does not speak MCP 2026-07-28"), "{}", fakes.log());
    }
}

#[tokio::test]
async fn a_session_is_that_of_all_members_and_ends_at_all() {
    let fakes = world(|host, asked| {
        let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": {
            "protocolVersion": "2025-11-25", "capabilities": { "tools": {} }, "serverInfo": { "name": host, "version": "1" },
        } });
        let response = http::Response::builder().header("content-type", "application/json");
        let response = response.header("mcp-session-id", format!("s-{host}"));
        Answer::Whole(response.body(answer.to_string().into_bytes()).unwrap())
    });
    let initialize =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let reply = call(&fakes, &[], &message("initialize", &initialize)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let id = reply.header("mcp-session-id").to_owned();
    let meant = opened("demo:alice", "https://gateway.example/all", &id);
    assert_eq!(meant, r#"sessions [":s-one","two:s-two","three:s-three"]"#);

    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("mcp-session-id", id.as_str())];
    let reply = serve(&GATEWAY, &fakes, request("DELETE", "/all", &headers, "")).await;
    assert_eq!(reply.status, 200);
    let ended: Vec<_> = fakes.sent()[3..].iter().map(of_session).collect();
    assert_eq!(ended, ["DELETE s-one", "DELETE s-two", "DELETE s-three"]);
}

fn of_session(sent: &Sent) -> String {
    format!("{} {}", sent.method, sent.headers["mcp-session-id"].to_str().unwrap())
}
