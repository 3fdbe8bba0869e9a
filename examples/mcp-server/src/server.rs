//! The server as a function: a request, the time and a store give a response.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Store, StoreUnavailable};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::answers;
use crate::caller::Caller;
use crate::envelope::{self, Era, LEGACY, MODERN, McpHeaders};
use crate::json_rpc::{Code, Id, Message, NotAMessage, RpcError, response};
use crate::settings::Settings;
use crate::tools::{self, CallError};

/// Messages in a batch, which only 2025-03-26 knows.
const LARGEST_BATCH: usize = 32;
/// Milliseconds for which a client may keep the list of tools; it changes only with the server.
const LIST_TTL_MS: u64 = 60_000;

/// Answers `request`; its `Host` header is the authority that the client asked for. What goes to the log is passed to
/// `report`.
pub fn answer(
    request: &Request<Vec<u8>>,
    settings: &Settings,
    now: UnixTime,
    store: &impl Store,
    report: &mut impl FnMut(&StoreUnavailable),
) -> Response<Vec<u8>> {
    if request.uri().path() != "/mcp" {
        return answers::refused(StatusCode::NOT_FOUND, "Not found: the MCP endpoint is /mcp");
    }
    let caller = match Caller::from_headers(request.headers(), settings) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.to_response(),
    };
    if request.method() != Method::POST {
        return answers::only_post();
    }
    if !is_json(request.headers()) {
        return answers::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json");
    }
    if !takes_json(request.headers()) {
        return answers::refused(StatusCode::NOT_ACCEPTABLE, "Accept must include application/json");
    }
    let mut server = Server { headers: McpHeaders::of(request.headers()), caller, now, store, report };
    match serde_json::from_slice(request.body()) {
        Ok(Value::Array(batch)) => server.answer_batch(batch),
        Ok(message) => server.answer_message(message),
        Err(_) => error(StatusCode::BAD_REQUEST, None, RpcError::new(Code::ParseError, "Parse error: not JSON")),
    }
}

/// One HTTP request's circumstances.
struct Server<'a, S, R> {
    headers: McpHeaders<'a>,
    caller: Caller,
    now: UnixTime,
    store: &'a S,
    report: &'a mut R,
}

impl<S: Store, R: FnMut(&StoreUnavailable)> Server<'_, S, R> {
    fn answer_message(&mut self, message: Value) -> Response<Vec<u8>> {
        let (id, method, params) = match Message::from_value(message) {
            Ok(Message::Request { id, method, params }) => (id, method, params),
            // No notification means anything to a server without state.
            Ok(Message::Notification { .. } | Message::Response) => return answers::accepted(),
            Err(NotAMessage { id, error: problem }) => return error(StatusCode::BAD_REQUEST, id, problem),
        };
        let era = match envelope::era_of(&method, &params, &self.headers) {
            Ok(era) => era,
            Err(problem) => return error(StatusCode::BAD_REQUEST, Some(id), problem),
        };
        let outcome = match era {
            Era::Legacy => self.legacy(&method, &params),
            Era::Modern => self.modern(&method, &params),
        };
        let status = match &outcome {
            // MCP 2026-07-28, Streamable HTTP: 404 for a method that does not exist; before, errors were always 200.
            Err(RpcError { code: Code::MethodNotFound, .. }) if era == Era::Modern => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        };
        answers::json(status, &response(Some(id), outcome))
    }

    /// A batch (JSON-RPC 2.0, section 6): MCP had it in 2025-03-26, whose clients need not send a version.
    fn answer_batch(&mut self, batch: Vec<Value>) -> Response<Vec<u8>> {
        let invalid = |problem: &str| {
            let problem = RpcError::new(Code::InvalidRequest, format!("Invalid request: {problem}"));
            error(StatusCode::BAD_REQUEST, None, problem)
        };
        if self.headers.version.is_some_and(|version| version != "2025-03-26") {
            return invalid("this protocol version has no batches");
        }
        if batch.is_empty() || batch.len() > LARGEST_BATCH {
            return invalid("a batch holds 1 to 32 messages");
        }
        let answers: Vec<Value> = batch.into_iter().filter_map(|message| self.batch_element(message)).collect();
        if answers.is_empty() { answers::accepted() } else { answers::json(StatusCode::OK, &Value::Array(answers)) }
    }

    fn batch_element(&mut self, message: Value) -> Option<Value> {
        match Message::from_value(message) {
            Ok(Message::Request { id, method, params }) => {
                let outcome = if method == "initialize" || envelope::claims_a_version(&params) {
                    Err(RpcError::new(Code::InvalidRequest, "Invalid request: this cannot be part of a batch"))
                } else {
                    self.legacy(&method, &params)
                };
                Some(response(Some(id), outcome))
            }
            Ok(Message::Notification { .. } | Message::Response) => None,
            Err(NotAMessage { id, error }) => Some(response(id, Err(error))),
        }
    }

    fn legacy(&mut self, method: &str, params: &Map<String, Value>) -> Result<Map<String, Value>, RpcError> {
        match method {
            "initialize" => initialize(params),
            "ping" => Ok(Map::new()),
            "tools/list" => list(params),
            "tools/call" => self.call(params),
            _ => Err(RpcError::new(Code::MethodNotFound, "Method not found")),
        }
    }

    fn modern(&mut self, method: &str, params: &Map<String, Value>) -> Result<Map<String, Value>, RpcError> {
        let (mut result, is_cacheable) = match method {
            "server/discover" => (discover(), true),
            "tools/list" => (list(params)?, true),
            "tools/call" => (self.call(params)?, false),
            _ => return Err(RpcError::new(Code::MethodNotFound, "Method not found")),
        };
        result.insert("resultType".to_owned(), json!("complete"));
        result.insert("_meta".to_owned(), json!({ "io.modelcontextprotocol/serverInfo": server_info() }));
        if is_cacheable {
            result.insert("ttlMs".to_owned(), json!(LIST_TTL_MS));
            result.insert("cacheScope".to_owned(), json!("private"));
        }
        Ok(result)
    }

    fn call(&mut self, params: &Map<String, Value>) -> Result<Map<String, Value>, RpcError> {
        tools::call(params, &self.caller, self.now, self.store).map_err(|error| match error {
            CallError::Rpc(error) => error,
            CallError::Store(error) => {
                (self.report)(&error);
                RpcError::new(Code::InternalError, "Internal error: the store is unavailable")
            }
        })
    }
}

/// The handshake of 2025-11-25 and before: the client's version where this server speaks it, else the newest one.
fn initialize(params: &Map<String, Value>) -> Result<Map<String, Value>, RpcError> {
    let Some(requested) = params.get("protocolVersion").and_then(Value::as_str) else {
        return Err(RpcError::new(Code::InvalidParams, "Invalid params: protocolVersion must be a string"));
    };
    let [newest, ..] = LEGACY;
    let version = LEGACY.into_iter().find(|version| *version == requested).unwrap_or(newest);
    let mut result = Map::new();
    result.insert("protocolVersion".to_owned(), json!(version));
    result.insert("serverInfo".to_owned(), server_info());
    describe(&mut result);
    Ok(result)
}

fn discover() -> Map<String, Value> {
    let mut result = Map::new();
    result.insert("supportedVersions".to_owned(), json!([MODERN]));
    describe(&mut result);
    result
}

fn describe(result: &mut Map<String, Value>) {
    result.insert("capabilities".to_owned(), json!({ "tools": {} }));
    let instructions = "A demo behind Gatehouse. Snippets are kept for the signed-in user and nobody else.";
    result.insert("instructions".to_owned(), json!(instructions));
}

fn server_info() -> Value {
    json!({ "name": "demo-mcp-server", "title": "Gatehouse demo", "version": env!("CARGO_PKG_VERSION") })
}

fn list(params: &Map<String, Value>) -> Result<Map<String, Value>, RpcError> {
    if params.get("cursor").is_some_and(|cursor| !cursor.is_null()) {
        return Err(RpcError::new(Code::InvalidParams, "Invalid params: there is no such page"));
    }
    let mut result = Map::new();
    result.insert("tools".to_owned(), tools::definitions());
    Ok(result)
}

fn error(status: StatusCode, id: Option<Id>, problem: RpcError) -> Response<Vec<u8>> {
    answers::json(status, &response(id, Err(problem)))
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

/// Whether the client takes JSON, the only form of this server's answers. One that says nothing takes everything.
fn takes_json(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().peekable();
    accepted.peek().is_none()
        || accepted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|range| {
            let media_type = range.split(';').next().unwrap_or_default().trim();
            ["application/json", "application/*", "*/*"].iter().any(|json| media_type.eq_ignore_ascii_case(json))
        })
}
