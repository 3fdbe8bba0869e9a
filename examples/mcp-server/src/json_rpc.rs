//! JSON-RPC 2.0 as MCP uses it.

use serde_json::{Map, Value, json};

/// The error codes that this server uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The body is not JSON.
    ParseError,
    /// The JSON is not a JSON-RPC message.
    InvalidRequest,
    /// The method does not exist.
    MethodNotFound,
    /// The parameters are not what the method takes.
    InvalidParams,
    /// The server failed.
    InternalError,
    /// MCP 2026-07-28: a header says something else than the body, or is missing.
    HeaderMismatch,
    /// MCP 2026-07-28: the server does not speak this version.
    UnsupportedProtocolVersion,
    /// The transport refused before the message was read; the code that the TypeScript SDK uses for it.
    Transport,
}

impl Code {
    const fn number(self) -> i64 {
        match self {
            Self::ParseError => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::InternalError => -32603,
            Self::HeaderMismatch => -32020,
            Self::UnsupportedProtocolVersion => -32022,
            Self::Transport => -32000,
        }
    }
}

/// An error object.
#[derive(Clone, Debug, PartialEq)]
pub struct RpcError {
    /// What sort of error.
    pub code: Code,
    /// A sentence.
    pub message: String,
    /// More for programs.
    pub data: Option<Value>,
}

impl RpcError {
    /// An error without data.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }
}

/// A request's id: a string or an integer; MCP forbids `null`.
#[derive(Clone, Debug, PartialEq)]
pub struct Id(Value);

/// A message that a client sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// It expects an answer.
    Request {
        /// To be repeated in the answer.
        id: Id,
        /// What to do.
        method: String,
        /// With what.
        params: Map<String, Value>,
    },
    /// It expects none.
    Notification {
        /// What happened.
        method: String,
        /// With what.
        params: Map<String, Value>,
    },
    /// The answer to a request; this server sends none, so it answers nothing.
    Response,
}

/// A value that is not a message: the id where one could be read, and what is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct NotAMessage {
    /// The id, to be repeated.
    pub id: Option<Id>,
    /// What is wrong.
    pub error: RpcError,
}

impl Message {
    /// Takes a JSON value for a message.
    ///
    /// # Errors
    /// Where it is none (JSON-RPC 2.0, sections 4 and 5).
    pub fn from_value(value: Value) -> Result<Self, NotAMessage> {
        let Value::Object(mut members) = value else {
            return Err(not_a_message(None, "a message is an object"));
        };
        let id = match members.remove("id") {
            None => None,
            Some(id @ Value::String(_)) => Some(Id(id)),
            Some(Value::Number(id)) if id.is_i64() || id.is_u64() => Some(Id(Value::Number(id))),
            Some(_) => return Err(not_a_message(None, "id must be a string or an integer")),
        };
        if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(not_a_message(id, "jsonrpc must be \"2.0\""));
        }
        let method = match members.remove("method") {
            Some(Value::String(method)) => method,
            Some(_) => return Err(not_a_message(id, "method must be a string")),
            None if members.contains_key("result") || members.contains_key("error") => return Ok(Self::Response),
            None => return Err(not_a_message(id, "method is missing")),
        };
        let params = match members.remove("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(not_a_message(id, "params must be an object")),
        };
        Ok(match id {
            Some(id) => Self::Request { id, method, params },
            None => Self::Notification { method, params },
        })
    }
}

fn not_a_message(id: Option<Id>, problem: &str) -> NotAMessage {
    NotAMessage { id, error: RpcError::new(Code::InvalidRequest, format!("Invalid request: {problem}")) }
}

/// The answer to a request: a result, or an error (then without an id where none could be read).
pub fn response(id: Option<Id>, outcome: Result<Map<String, Value>, RpcError>) -> Value {
    let id = id.map_or(Value::Null, |Id(id)| id);
    match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(RpcError { code, message, data }) => {
            let mut error = json!({ "code": code.number(), "message": message });
            if let (Some(error), Some(data)) = (error.as_object_mut(), data) {
                error.insert("data".to_owned(), data);
            }
            json!({ "jsonrpc": "2.0", "id": id, "error": error })
        }
    }
}
