//! Which era of MCP a request belongs to, and whether its headers say the same as its body.
//!
//! Up to 2025-11-25 a version is agreed on with `initialize`; from 2026-07-28 on every request names its version in
//! `params._meta` and repeats what intermediaries route by in headers. The body decides, the headers are checked
//! against it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use crate::json_rpc::{Code, RpcError};

/// The version without sessions.
pub const MODERN: &str = "2026-07-28";
/// The versions with `initialize`, the newest first.
pub const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

/// `_meta` keys of 2026-07-28.
const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// How a request is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25 and before.
    Legacy,
    /// 2026-07-28.
    Modern,
}

/// The headers that MCP defines, as sent.
#[derive(Debug)]
pub struct McpHeaders<'a> {
    /// `MCP-Protocol-Version`.
    pub version: Option<&'a str>,
    method: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'a> McpHeaders<'a> {
    /// Picks them out. A value that is not text reads as empty, which matches nothing.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
        Self { version: value("mcp-protocol-version"), method: value("mcp-method"), name: value("mcp-name") }
    }
}

/// Whether the parameters claim to be of the era in which every request names its version.
pub fn claims_a_version(params: &Map<String, Value>) -> bool {
    params.get("_meta").is_some_and(|meta| meta.get(PROTOCOL_VERSION).is_some())
}

/// The era of a request.
///
/// # Errors
/// Where the envelope of a modern request is incomplete, or headers and body disagree. The HTTP status is 400.
pub fn era_of(method: &str, params: &Map<String, Value>, headers: &McpHeaders<'_>) -> Result<Era, RpcError> {
    if claims_a_version(params) {
        check_envelope(method, params, headers)?;
        return Ok(Era::Modern);
    }
    match headers.version {
        // Absent in 2025-03-26, and in `initialize`.
        None => Ok(Era::Legacy),
        Some(version) if LEGACY.contains(&version) => Ok(Era::Legacy),
        Some(MODERN) if method == "initialize" => {
            Err(mismatch("initialize does not exist in the version that MCP-Protocol-Version names"))
        }
        Some(MODERN) => Err(RpcError::new(
            Code::InvalidParams,
            format!("Invalid params: MCP-Protocol-Version names {MODERN}, but _meta lacks {PROTOCOL_VERSION}"),
        )),
        Some(version) => Err(unsupported(version)),
    }
}

fn check_envelope(method: &str, params: &Map<String, Value>, headers: &McpHeaders<'_>) -> Result<(), RpcError> {
    let invalid = |problem: String| RpcError::new(Code::InvalidParams, format!("Invalid params: {problem}"));
    let meta = params.get("_meta");
    let Some(version) = meta.and_then(|meta| meta.get(PROTOCOL_VERSION)).and_then(Value::as_str) else {
        return Err(invalid(format!("{PROTOCOL_VERSION} must be a string")));
    };
    if !meta.and_then(|meta| meta.get(CLIENT_CAPABILITIES)).is_some_and(Value::is_object) {
        return Err(invalid(format!("{CLIENT_CAPABILITIES} must be an object")));
    }
    if headers.version.is_some_and(|header| header != version) {
        return Err(mismatch(&format!("MCP-Protocol-Version is not the version in {PROTOCOL_VERSION}")));
    }
    if version != MODERN {
        return Err(unsupported(version));
    }
    if headers.version.is_none() {
        return Err(mismatch("MCP-Protocol-Version is missing"));
    }
    match headers.method {
        None => return Err(mismatch("Mcp-Method is missing")),
        Some(header) if header != method => return Err(mismatch("Mcp-Method is not the method in the body")),
        Some(_) => {}
    }
    // Of the methods with a name, this server has one.
    match params.get("name").and_then(Value::as_str) {
        Some(name) if method == "tools/call" => check_name(name, headers.name),
        _ => Ok(()),
    }
}

fn check_name(name: &str, header: Option<&str>) -> Result<(), RpcError> {
    let header = header.ok_or_else(|| mismatch("Mcp-Name is missing"))?;
    match decoded(header) {
        Some(header) if header == name => Ok(()),
        Some(_) => Err(mismatch("Mcp-Name is not params.name")),
        None => Err(mismatch("Mcp-Name is not valid Base64")),
    }
}

/// A header's value, out of the form for characters that headers cannot hold (`=?base64?…?=`).
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|value| value.strip_suffix("?=")) {
        None => Some(value.to_owned()),
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
    }
}

fn mismatch(problem: &str) -> RpcError {
    RpcError::new(Code::HeaderMismatch, format!("Header mismatch: {problem}"))
}

fn unsupported(version: &str) -> RpcError {
    let requested: String = version.chars().take(64).collect();
    RpcError {
        code: Code::UnsupportedProtocolVersion,
        message: format!("Unsupported protocol version: {requested}"),
        data: Some(json!({ "supported": [MODERN], "requested": requested })),
    }
}
