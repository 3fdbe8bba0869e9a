//! How MCP looks on the wire: JSON-RPC messages, and the event streams that carry them.

pub mod event_stream;
pub mod header;
pub mod header_value;
pub mod json_rpc;
