//! The methods that need no environment.

use gatehouse_mcp_wire::json_rpc::{Call, Object};
use sandbox_environments::Settings;
use serde_json::{Value, json};

use crate::revision::{Revision, VERSIONS};
use crate::tools;

/// Who answers, in results of 2026-07-28.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// Milliseconds for which a client may keep what changes only with the server.
const KEPT: u64 = 5 * 60 * 1_000;

/// The handshake of 2025-11-25 and before.
pub fn initialize(call: &Call) -> Object {
    let revision = Revision::initialized(call);
    let mut result = Object::new();
    result.set("protocolVersion", revision.version());
    // As the documented server says it.
    let is_documented = revision == Revision::UNNAMED;
    let tools = if is_documented { json!({ "call": true, "list": true }) } else { json!({}) };
    introduce(&mut result, &tools);
    result.set("serverInfo", &server_info());
    result
}

/// What takes its place in 2026-07-28.
pub fn discover() -> Object {
    let mut result = Object::new();
    result.set("supportedVersions", &VERSIONS);
    introduce(&mut result, &json!({}));
    result.set("_meta", &json!({ SERVER_INFO: server_info() }));
    for_everybody(&mut result);
    result
}

/// The tools; `None` for a page that there is not.
pub fn list_tools(call: &Call, revision: Revision, settings: &Settings) -> Option<Object> {
    list(call, revision, "tools", &json!(tools::definitions(revision, settings)))
}

/// A listing of one page that is the same for everybody; `None` for another page.
pub fn list(call: &Call, revision: Revision, name: &str, items: &Value) -> Option<Object> {
    let cursor = call.params.as_ref().and_then(|params| params.get("cursor"));
    if cursor.is_some_and(|cursor| cursor.get() != "null") {
        return None;
    }
    let mut result = Object::new();
    result.set(name, items);
    if revision.is_stateless() {
        for_everybody(&mut result);
    }
    Some(result)
}

/// Says that a result is the caller's alone, and may not be kept.
pub fn for_the_caller(result: &mut Object) {
    result.set("ttlMs", &0);
    result.set("cacheScope", "private");
}

fn for_everybody(result: &mut Object) {
    result.set("ttlMs", &KEPT);
    result.set("cacheScope", "public");
}

fn introduce(result: &mut Object, tools: &Value) {
    result.set("capabilities", &json!({ "tools": tools, "resources": {} }));
    let instructions = "Launch an environment with launchShell, and give its environmentId to the other tools. Files and variables stay in it until it has not been used for a while.";
    result.set("instructions", instructions);
}

fn server_info() -> Value {
    json!({ "name": "Gatehouse Sandboxes MCP Server", "title": "Sandboxes", "version": env!("CARGO_PKG_VERSION") })
}
