//! The three tools.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Store, StoreUnavailable};
use serde_json::{Map, Value, json};

use crate::caller::Caller;
use crate::json_rpc::{Code, RpcError};
use crate::snippets;

/// Characters of a snippet's name.
const LONGEST_NAME: usize = 128;
/// Bytes of a snippet, in UTF-8.
const LARGEST_SNIPPET: usize = 64 * 1024;

/// The tools' definitions, as `tools/list` gives them.
pub fn definitions() -> Value {
    let name = json!({
        "type": "string",
        "description": "The snippet's name",
        "minLength": 1,
        "maxLength": LONGEST_NAME,
    });
    json!([
        {
            "name": "hello_mcp",
            "title": "Hello",
            "description": "Says hello, which shows that the way to this server is open.",
            "inputSchema": { "type": "object", "properties": {}, "additionalProperties": false },
            "annotations": { "readOnlyHint": true, "openWorldHint": false },
        },
        {
            "name": "save_snippet",
            "title": "Save a snippet",
            "description": "Saves a text under a name, in place of what stood there. Only the same user can get it again.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "snippetname": name,
                    "snippet": { "type": "string", "description": "The text, at most 64 KiB", "maxLength": LARGEST_SNIPPET },
                },
                "required": ["snippetname", "snippet"],
                "additionalProperties": false,
            },
            "annotations": { "readOnlyHint": false, "destructiveHint": true, "idempotentHint": true, "openWorldHint": false },
        },
        {
            "name": "get_snippet",
            "title": "Get a snippet",
            "description": "Gets the text that the same user saved under a name.",
            "inputSchema": {
                "type": "object",
                "properties": { "snippetname": name },
                "required": ["snippetname"],
                "additionalProperties": false,
            },
            "annotations": { "readOnlyHint": true, "openWorldHint": false },
        },
    ])
}

/// Why a call has no result.
#[derive(Debug)]
pub enum CallError {
    /// The request is wrong.
    Rpc(RpcError),
    /// The store failed.
    Store(StoreUnavailable),
}

impl From<StoreUnavailable> for CallError {
    fn from(error: StoreUnavailable) -> Self {
        Self::Store(error)
    }
}

/// Answers `tools/call`.
///
/// # Errors
/// Where the parameters name no tool, or the store fails. Arguments that do not fit the tool's schema are no
/// such error but a result that says so, for the model to correct itself (MCP 2025-11-25, tools, error handling).
pub fn call(
    params: &Map<String, Value>,
    caller: &Caller,
    now: UnixTime,
    store: &impl Store,
) -> Result<Map<String, Value>, CallError> {
    let invalid = |message: String| CallError::Rpc(RpcError::new(Code::InvalidParams, message));
    let Some(name) = params.get("name").and_then(Value::as_str) else {
        return Err(invalid("Invalid params: name must be a string".to_owned()));
    };
    let none = Map::new();
    let arguments = match params.get("arguments") {
        None => &none,
        Some(Value::Object(arguments)) => arguments,
        Some(_) => return Err(invalid("Invalid params: arguments must be an object".to_owned())),
    };
    let outcome = match name {
        "hello_mcp" => no_arguments(arguments).map(|()| "Hello I am MCPTool!".to_owned()),
        "save_snippet" => match two_arguments(arguments) {
            Ok((name, snippet)) => {
                snippets::save(caller, name, snippet, now, store)?;
                Ok(format!("Saved the snippet \"{name}\"."))
            }
            Err(problem) => Err(problem),
        },
        "get_snippet" => match one_argument(arguments) {
            Ok(name) => {
                snippets::get(caller, name, now, store)?.ok_or_else(|| format!("There is no snippet \"{name}\"."))
            }
            Err(problem) => Err(problem),
        },
        _ => return Err(invalid(format!("Unknown tool: {}", shortened(name)))),
    };
    Ok(result(outcome))
}

/// The result of a call, with the error of a failed one as its text.
fn result(outcome: Result<String, String>) -> Map<String, Value> {
    let (text, is_error) = match outcome {
        Ok(text) => (text, false),
        Err(problem) => (problem, true),
    };
    let mut result = Map::new();
    result.insert("content".to_owned(), json!([{ "type": "text", "text": text }]));
    result.insert("isError".to_owned(), json!(is_error));
    result
}

fn no_arguments(arguments: &Map<String, Value>) -> Result<(), String> {
    nothing_but(&[], arguments)
}

fn one_argument(arguments: &Map<String, Value>) -> Result<&str, String> {
    nothing_but(&["snippetname"], arguments)?;
    snippet_name(arguments)
}

fn two_arguments(arguments: &Map<String, Value>) -> Result<(&str, &str), String> {
    nothing_but(&["snippetname", "snippet"], arguments)?;
    let name = snippet_name(arguments)?;
    let snippet = string("snippet", arguments)?;
    if snippet.len() > LARGEST_SNIPPET {
        return Err(format!("Invalid arguments: snippet is longer than {LARGEST_SNIPPET} bytes."));
    }
    Ok((name, snippet))
}

fn snippet_name(arguments: &Map<String, Value>) -> Result<&str, String> {
    let name = string("snippetname", arguments)?;
    match name.chars().count() {
        0 => Err("Invalid arguments: snippetname is empty.".to_owned()),
        1..=LONGEST_NAME => Ok(name),
        _ => Err(format!("Invalid arguments: snippetname is longer than {LONGEST_NAME} characters.")),
    }
}

fn string<'a>(name: &str, arguments: &'a Map<String, Value>) -> Result<&'a str, String> {
    match arguments.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("Invalid arguments: {name} must be a string.")),
        None => Err(format!("Invalid arguments: {name} is missing.")),
    }
}

fn nothing_but(names: &[&str], arguments: &Map<String, Value>) -> Result<(), String> {
    match arguments.keys().find(|key| !names.contains(&key.as_str())) {
        Some(unknown) => Err(format!("Invalid arguments: {} is not an argument of this tool.", shortened(unknown))),
        None => Ok(()),
    }
}

/// What a client sent, short enough for a message.
fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}
