//! A message as its member gets it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_mcp_wire::json_rpc::{Call, Message};

use crate::{Era, Federation};

/// A message for a member.
#[derive(Debug)]
pub struct Sending {
    /// For whom.
    pub member: usize,
    /// `Mcp-Session-Id`.
    pub session: Option<String>,
    /// `Mcp-Name`, encoded, where the era and the method have it. `Mcp-Method`, `Mcp-Param-*` and the version are those of
    /// the client's request.
    pub mcp_name: Option<String>,
    /// The body.
    pub message: Message,
}

impl Sending {
    pub(crate) fn new(federation: &Federation, member: usize, mut message: Message, session: Option<&str>) -> Self {
        let mut mcp_name = None;
        if let Message::Request(call) = &mut message {
            if federation.naming.prefix(member).is_some() {
                without_tasks(federation.era, call);
            }
            mcp_name = name_of(federation.era, call).map(|name| header_value(&name));
        }
        Self { member, session: session.map(str::to_owned), mcp_name, message }
    }
}

/// MCP 2026-07-28, Streamable HTTP, "Standard Request Headers".
fn name_of(era: Era, call: &Call) -> Option<String> {
    match (era, call.method.as_str()) {
        (Era::Modern, "tools/call" | "prompts/get") => call.param("name"),
        (Era::Modern, "resources/read") => call.param("uri"),
        _ => None,
    }
}

/// Tasks go by ids of their own, in methods that only the member without a prefix gets: the others are not asked for any
/// (MCP 2025-11-25, tasks; 2026-07-28, the extension `io.modelcontextprotocol/tasks`).
fn without_tasks(era: Era, call: &mut Call) {
    const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    const TASKS: &str = "io.modelcontextprotocol/tasks";
    let Some(params) = &mut call.params else { return };
    match era {
        Era::Legacy if call.method == "tools/call" => _ = params.remove("task"),
        Era::Legacy => {}
        Era::Modern => {
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

/// MCP 2026-07-28, Streamable HTTP, "Value Encoding".
fn header_value(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.is_empty()
        && text.trim() == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    if is_plain { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MCP 2026-07-28, Streamable HTTP, "Encoding examples".
    #[test]
    fn a_name_that_no_header_can_hold_is_encoded() {
        for (name, encoded) in [
            ("us-west1", "us-west1"),
            ("a b", "a b"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("=?base64?open", "=?base64?open"),
            ("", "=?base64??="),
            ("a\tb", "=?base64?YQli?="),
            ("\u{7f}", "=?base64?fw==?="),
        ] {
            assert_eq!(header_value(name), encoded);
        }
    }
}
