//! A message as its member gets it.

use gatehouse_mcp_wire::header_value::encoded;
use gatehouse_mcp_wire::json_rpc::{Call, Message};
use http::HeaderValue;

use crate::{Federation, Lifecycle};

/// A message for a member.
#[derive(Debug)]
pub struct MemberRequest {
    /// For whom.
    pub member: usize,
    /// `Mcp-Session-Id`.
    pub session: Option<String>,
    /// `Mcp-Name`, encoded, where the lifecycle and the method have it. `Mcp-Method`, `Mcp-Param-*` and the version are those of
    /// the client's request.
    pub mcp_name: Option<HeaderValue>,
    /// The body.
    pub message: Message,
}

impl MemberRequest {
    pub(crate) fn new(federation: &Federation, member: usize, mut message: Message, session: Option<&str>) -> Self {
        let mut mcp_name = None;
        if let Message::Request(call) = &mut message {
            if federation.naming.prefix(member).is_some() {
                without_tasks(federation.lifecycle, call);
            }
            mcp_name = name_of(federation.lifecycle, call).map(|name| encoded(&name));
        }
        Self { member, session: session.map(str::to_owned), mcp_name, message }
    }
}

/// MCP 2026-07-28, Streamable HTTP, "Standard Request Headers".
fn name_of(lifecycle: Lifecycle, call: &Call) -> Option<String> {
    match (lifecycle, call.method.as_str()) {
        (Lifecycle::Stateless, "tools/call" | "prompts/get") => call.param("name"),
        (Lifecycle::Stateless, "resources/read") => call.param("uri"),
        _ => None,
    }
}

/// Tasks go by ids of their own, in methods that only the member without a prefix gets: the others are not asked for any
/// (MCP 2025-11-25, tasks; 2026-07-28, the extension `io.modelcontextprotocol/tasks`).
fn without_tasks(lifecycle: Lifecycle, call: &mut Call) {
    const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    const TASKS: &str = "io.modelcontextprotocol/tasks";
    let Some(params) = &mut call.params else { return };
    match lifecycle {
        Lifecycle::Session if call.method == "tools/call" => _ = params.remove("task"),
        Lifecycle::Session => {}
        Lifecycle::Stateless => {
            let Some(mut meta) = params.object("_meta") else { return };
            let Some(mut capabilities) = meta.object(CAPABILITIES) else { return };
            let Some(mut extensions) = capabilities.object("extensions") else { return };
            if extensions.remove(TASKS).is_some() {
                capabilities.set_raw("extensions", extensions.to_raw());
                meta.set_raw(CAPABILITIES, capabilities.to_raw());
                params.set_raw("_meta", meta.to_raw());
            }
        }
    }
}
