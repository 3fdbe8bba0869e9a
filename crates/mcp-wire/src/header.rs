//! The names of MCP's headers and media types, each in one place.

use http::HeaderName;

/// The session of a client (MCP 2025-03-26 to 2025-11-25, transports, "Session Management").
pub const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// The version of the protocol (MCP 2025-06-18 and later).
pub const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The method of the body (MCP 2026-07-28, Streamable HTTP, "Standard Request Headers").
pub const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// The name of the tool, prompt or resource in the body (MCP 2026-07-28, Streamable HTTP, "Standard Request Headers").
pub const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
/// The event after which a stream is resumed (HTML, server-sent events).
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Asks proxies in between to hold no events back (MCP 2026-07-28, transports).
pub const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What the names of all of MCP's headers begin with.
pub const MCP_PREFIX: &str = "mcp-";
/// What the names of headers begin with that repeat a tool's arguments (MCP 2026-07-28, "Custom Headers from Tool
/// Parameters").
pub const MCP_PARAM_PREFIX: &str = "mcp-param-";

/// The media type of a JSON-RPC message.
pub const JSON: &str = "application/json";
/// The media type of a stream of events.
pub const EVENT_STREAM: &str = "text/event-stream";
/// An `Accept` for an answer of either media type.
pub const JSON_OR_EVENT_STREAM: &str = "application/json, text/event-stream";

/// Whether a header repeats one of a tool's arguments.
pub fn is_parameter(name: &HeaderName) -> bool {
    name.as_str().starts_with(MCP_PARAM_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_repeats_an_argument_by_its_name() {
        assert!(is_parameter(&HeaderName::from_static("mcp-param-region")));
        assert!(!is_parameter(&MCP_NAME));
    }
}
