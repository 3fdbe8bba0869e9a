//! Error codes. 2026-07-28 keeps -32020 to -32099 for the specification, and gives -32000 to -32019 no meaning.

/// The text is not JSON (JSON-RPC 2.0, section 5.1).
pub const PARSE_ERROR: i32 = -32700;
/// The JSON is not a message that may be sent here (JSON-RPC 2.0, section 5.1).
pub const INVALID_REQUEST: i32 = -32600;
/// Nobody has this method (JSON-RPC 2.0, section 5.1). With 404 in 2026-07-28.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// Unknown tools, prompts and resources, and arguments that do not fit (JSON-RPC 2.0, section 5.1).
pub const INVALID_PARAMS: i32 = -32602;
/// Something on the answering side failed (JSON-RPC 2.0, section 5.1).
pub const INTERNAL_ERROR: i32 = -32603;
/// "Session not found", as the TypeScript SDK's server says it.
pub const SESSION_NOT_FOUND: i32 = -32001;
/// A header field does not say what the body says (MCP 2026-07-28).
pub const HEADER_MISMATCH: i32 = -32020;
/// The client did not declare a capability that is needed (MCP 2026-07-28).
pub const MISSING_CAPABILITY: i32 = -32021;
/// The server does not speak this version (MCP 2026-07-28).
pub const UNSUPPORTED_VERSION: i32 = -32022;
/// The user must visit a page first (MCP 2025-11-25 only).
pub const URL_ELICITATION_REQUIRED: i32 = -32042;
