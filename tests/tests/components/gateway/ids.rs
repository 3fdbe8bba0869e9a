//! What is a request is no notification, and the other way round (docs/cases.md, S14).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{CONFIGURATION, TOKEN, fakes, principal, sent_nothing};
use crate::bindings::imports::gatehouse::auth::sessions::Principal;
use crate::component::GATEWAY;
use crate::fakes::Fakes;
use crate::serve::{Reply, request, serve};

/// A member that has no prefix would get the other one's tool under its name.
const FEDERATION: &str = r#"
[[routes]]
path = "/all"
name = "All"
scopes = ["mcp"]
[[routes.members]]
url = "https://one.internal.example/mcp"
[[routes.members]]
prefix = "git"
url = "https://git.internal.example/mcp"
[[routes.policy]]
name = "git"
tools = ["git_*"]
"#;
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

fn world(path: &str) -> Arc<Fakes> {
    let fakes = fakes();
    fakes.set("config", &format!("{}{FEDERATION}", CONFIGURATION.replace("limits = { request_bytes = 1000 }", "")));
    let resource = format!("https://gateway.example{path}");
    *fakes.validated.lock().unwrap() = Some(Ok(Principal { resource, ..principal() }));
    fakes
}

async fn post(fakes: &Arc<Fakes>, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let authorization = format!("Bearer {TOKEN}");
    let mut all = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
    all.extend_from_slice(headers);
    serve(&GATEWAY, fakes, request("POST", path, &all, body.to_string())).await
}

fn is_refused(fakes: &Fakes, reply: &Reply, what: &str) {
    let code = &reply.json()["error"]["code"];
    // A batch is answered message by message.
    let code = if code.is_null() { reply.json()[0]["error"]["code"].clone() } else { code.clone() };
    assert_eq!((reply.status.as_u16(), code), (400, json!(-32600)), "{what}: {}", reply.body);
    sent_nothing(fakes);
    assert_eq!(fakes.store.lock().unwrap().dump(), "", "{what}");
}

#[tokio::test]
async fn a_request_without_an_id_is_refused_before_the_policy_in_every_era_and_at_every_route() {
    let eras = ["", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "x"];
    for path in ["/mcp", "/all"] {
        for version in eras {
            let headers = [("mcp-protocol-version", version)];
            let headers = if version.is_empty() { &[][..] } else { &headers };
            for method in ["tools/call", "tools/list", "resources/read", "prompts/get", "initialize", "Tools/Call"] {
                let params = json!({ "name": "git_log", "uri": "git+file:///a", "arguments": { "a": 1 } });
                let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
                if version == "2026-07-28" {
                    message["params"]["_meta"] = json!({ VERSION: version });
                }
                let fakes = world(path);
                let reply = post(&fakes, path, headers, &message).await;
                is_refused(&fakes, &reply, &format!("{path} {version} {method}"));
            }
        }
    }
}

#[tokio::test]
async fn no_unusual_id_makes_a_notification_of_a_request() {
    for id in ["null", "1.5", "\"\"", "{}", "[1]", "true"] {
        for path in ["/mcp", "/all"] {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"git_log","arguments":{{}}}}}}"#
            );
            let fakes = world(path);
            let authorization = format!("Bearer {TOKEN}");
            let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
            let reply = serve(&GATEWAY, &fakes, request("POST", path, &headers, text)).await;
            is_refused(&fakes, &reply, &format!("{path} {id}"));
        }
    }
}

#[tokio::test]
async fn no_batch_hides_a_request_without_an_id() {
    let call = json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": "git_log" } });
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    for batch in [json!([call]), json!([ping, call]), json!([call, ping])] {
        let fakes = world("/mcp");
        let reply = post(&fakes, "/mcp", &[("mcp-protocol-version", "2025-03-26")], &batch).await;
        is_refused(&fakes, &reply, &batch.to_string());
    }
}

#[tokio::test]
async fn a_notification_with_an_id_is_refused_and_one_without_goes_on() {
    for path in ["/mcp", "/all"] {
        let fakes = world(path);
        let mut message =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
        message["id"] = json!(1);
        let reply = post(&fakes, path, &[], &message).await;
        is_refused(&fakes, &reply, path);
        assert_eq!(reply.json()["id"], 1);
        message.as_object_mut().unwrap().remove("id");
        assert!(post(&fakes, path, &[], &message).await.status.is_success());
        assert!(!fakes.sent().is_empty(), "{path}");
    }
}

/// Of a method that nobody here knows, the policy says whether it goes on, with an id or without.
#[tokio::test]
async fn an_unknown_method_needs_a_rule_whether_it_has_an_id_or_not() {
    for id in [None, Some(json!(1))] {
        let mut message = json!({ "jsonrpc": "2.0", "method": "extension/do", "params": { "name": "git_log" } });
        if let Some(id) = &id {
            message["id"] = id.clone();
        }
        let fakes = world("/all");
        let status = post(&fakes, "/all", &[], &message).await.status.as_u16();
        assert_eq!(status, if id.is_some() { 200 } else { 403 });
        sent_nothing(&fakes);
    }
}
