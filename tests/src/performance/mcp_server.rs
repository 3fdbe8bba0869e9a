//! An MCP server in this process, for what needs more than the one answer: it begins sessions, and lists as many tools as its path
//! says.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Response};
use serde_json::{Value, json};

use crate::{Received, serve};

/// Serves until the runtime ends; its origin. At `/tools/N` it has N tools, elsewhere one; the first one is `echo`.
pub(super) async fn start() -> String {
    serve(|request| async move { Some(answer(&request)) }).await
}

fn answer(request: &Received) -> Response<Bytes> {
    let message: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let id = message["id"].clone();
    if request.method != Method::POST {
        return status(405);
    }
    if id.is_null() {
        return status(202);
    }
    let result = match message["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "measured", "version": "1" },
        }),
        Some("tools/list") => {
            json!({ "tools": tools(&request.path), "resultType": "complete", "ttlMs": 60_000, "cacheScope": "public" })
        }
        Some("tools/call") => json!({ "content": [{ "type": "text", "text": "hello" }], "resultType": "complete" }),
        _ => json!({}),
    };
    let body = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
    let mut response = Response::new(Bytes::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if message["method"] == "initialize" {
        response.headers_mut().insert(HeaderName::from_static("mcp-session-id"), HeaderValue::from_static("session"));
    }
    response
}

fn status(status: u16) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    response
}

fn tools(path: &str) -> Vec<Value> {
    let count = path.strip_prefix("/tools/").and_then(|count| count.parse().ok()).unwrap_or(1);
    let name = |number: usize| if number == 0 { "echo".to_owned() } else { format!("tool_{number}") };
    let tool = |number| {
        json!({
            "name": name(number),
            "description": "Says again what it is told",
            "inputSchema": { "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] },
        })
    };
    (0..count).map(tool).collect()
}
