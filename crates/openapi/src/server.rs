//! An MCP server that has the tools of a compiled document.

use std::collections::HashMap;

use gatehouse_mcp_wire::json_rpc::{Call, Id, Message, Object, Reply, code};
use http::{Request, StatusCode};
use serde_json::json;
use serde_json::value::RawValue;

use crate::answer::{ResultForm, error};
use crate::operation::Operation;
use crate::pieces::piece_of;
use crate::{Index, Pieces, RequestTarget, RestAnswer, UnusableArguments, call_piece, list_piece};

/// Newest first.
const VERSIONS: [&str; 5] = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// Where a request of 2026-07-28 names its version.
const CLAIM: &str = "io.modelcontextprotocol/protocolVersion";
/// What the client can do, in each request of 2026-07-28.
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Who answers, in results of 2026-07-28.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// Milliseconds for which clients may keep a listing.
const LISTING_MILLISECONDS: u64 = 5 * 60 * 1000;

/// By which rules a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol<'a> {
    /// The version of MCP: a date.
    pub version: &'a str,
    /// Whether each request stands alone (2026-07-28).
    pub is_stateless: bool,
}

/// The server.
#[derive(Debug)]
pub struct RestServer<'a, P> {
    /// What is kept of the document.
    pub pieces: &'a P,
    /// The rules.
    pub protocol: Protocol<'a>,
}

/// What becomes of a message.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each message")]
pub enum Received {
    /// It wants no answer: 202.
    Accepted,
    /// The answer, and its status.
    Reply(StatusCode, Reply),
    /// The API is asked.
    Call(Box<OperationCall>),
}

/// A call of a tool.
#[derive(Clone, Debug)]
pub struct OperationCall {
    id: Id,
    tool: String,
    operation: Operation,
    arguments: Object,
    is_stateless: bool,
    form: ResultForm,
}

impl core::fmt::Debug for ResultForm {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("ResultForm")
    }
}

impl<'a, P: Pieces> RestServer<'a, P> {
    /// Answers a message.
    ///
    /// # Errors
    /// Where a piece cannot be read.
    pub fn receive(&self, message: &Message) -> Result<Received, P::Error> {
        let Message::Request(call) = message else { return Ok(Received::Accepted) };
        let Some(id) = call.id.clone() else { return Ok(Received::Accepted) };
        let server = Self { pieces: self.pieces, protocol: self.protocol_of(call) };
        server.answer(call, id)
    }

    /// The rules of a call. One that names an unknown version itself stands alone, and is told which ones there are.
    fn protocol_of(&self, call: &Call) -> Protocol<'a> {
        let claim = call.meta().filter(|meta| meta.contains(CLAIM));
        let is_of_older =
            |claim: Object| claim.str(CLAIM).is_some_and(|version| with_sessions().contains(&version.as_str()));
        match claim {
            Some(claim) if !is_of_older(claim.clone()) => Protocol { version: VERSIONS[0], is_stateless: true },
            Some(_) | None => self.protocol,
        }
    }

    fn answer(&self, call: &Call, id: Id) -> Result<Received, P::Error> {
        if let Some(refused) = self.check_version(call, &id) {
            return Ok(refused);
        }
        match (call.method.as_str(), self.protocol.is_stateless) {
            ("initialize", false) => self.initialize(call, id),
            ("ping", false) => Ok(self.result(id, Object::new())),
            ("server/discover", true) => self.discover(id),
            ("tools/list", _) => self.list(call, id),
            ("tools/call", _) => self.call(call, id),
            (_, is_stateless) => {
                let status = if is_stateless { StatusCode::NOT_FOUND } else { StatusCode::OK };
                Ok(refused(status, id, code::METHOD_NOT_FOUND, "Method not found"))
            }
        }
    }

    /// A request of 2026-07-28 names a version in `_meta`, and gets no answer in another one.
    fn check_version(&self, call: &Call, id: &Id) -> Option<Received> {
        if !self.protocol.is_stateless {
            let is_known = call.method == "initialize" || VERSIONS.contains(&self.protocol.version);
            let refusal =
                || refused(StatusCode::BAD_REQUEST, id.clone(), code::INVALID_REQUEST, "Unsupported protocol version");
            return (!is_known).then(refusal);
        }
        let Some(requested) = call.meta().and_then(|meta| meta.str(CLAIM)) else {
            let text = format!("_meta lacks {CLAIM}");
            return Some(refused(StatusCode::BAD_REQUEST, id.clone(), code::INVALID_PARAMS, &text));
        };
        if requested == VERSIONS[0] {
            let has_capabilities = call.meta().is_some_and(|meta| meta.object(CAPABILITIES).is_some());
            let text = format!("_meta lacks {CAPABILITIES}");
            let refusal = || refused(StatusCode::BAD_REQUEST, id.clone(), code::INVALID_PARAMS, &text);
            return (!has_capabilities).then(refusal);
        }
        let data = json!({ "supported": VERSIONS, "requested": requested });
        let reply =
            Reply::error(Some(id.clone()), code::UNSUPPORTED_VERSION, "Unsupported protocol version", Some(&data));
        Some(Received::Reply(StatusCode::BAD_REQUEST, reply))
    }

    fn initialize(&self, call: &Call, id: Id) -> Result<Received, P::Error> {
        let index = self.pieces.index()?;
        let requested = call.param("protocolVersion").unwrap_or_default();
        let [newest, ..] = with_sessions();
        let version = with_sessions().into_iter().find(|version| *version == requested).unwrap_or(newest);
        let mut result = Object::new();
        result.set("protocolVersion", version);
        self.introduce(&mut result, &index);
        Ok(self.result(id, result))
    }

    fn discover(&self, id: Id) -> Result<Received, P::Error> {
        let index = self.pieces.index()?;
        let mut result = Object::new();
        result.set("supportedVersions", &VERSIONS);
        self.introduce(&mut result, &index);
        set_caching(&mut result);
        Ok(self.result(id, result))
    }

    fn introduce(&self, result: &mut Object, index: &Index) {
        result.set("capabilities", &json!({ "tools": {} }));
        let server = json!({ "name": index.title, "version": index.api_version });
        if self.protocol.is_stateless {
            result.set("_meta", &json!({ SERVER_INFO: server }));
        } else {
            result.set("serverInfo", &server);
        }
        if !index.about.is_empty() {
            result.set("instructions", &index.about);
        }
    }

    fn list(&self, call: &Call, id: Id) -> Result<Received, P::Error> {
        let index = self.pieces.index()?;
        let page = match call.param("cursor") {
            None => Some(0),
            Some(cursor) => cursor.strip_prefix(&index.version).and_then(|rest| rest.strip_prefix('.')?.parse().ok()),
        };
        let Some(page) = page.filter(|page| *page < index.lists.max(1)) else {
            return Ok(refused(
                self.status(StatusCode::BAD_REQUEST),
                id,
                code::INVALID_PARAMS,
                "The cursor is unknown",
            ));
        };
        let mut result = Object::new();
        result.set_raw("tools", self.tools(self.pieces.piece(&list_piece(page))?));
        let next = page.saturating_add(1);
        if next < index.lists {
            result.set("nextCursor", &format!("{}.{next}", index.version));
        }
        if self.protocol.is_stateless {
            set_caching(&mut result);
        }
        Ok(self.result(id, result))
    }

    /// The tools without what their revision does not have.
    fn tools(&self, page: String) -> Box<RawValue> {
        let unknown: &[&str] = match self.protocol.version {
            version if version < "2025-03-26" => &["title", "outputSchema", "annotations"],
            version if version < "2025-06-18" => &["title", "outputSchema"],
            _ => &[],
        };
        let raw = |text: String| RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned());
        if unknown.is_empty() {
            return raw(page);
        }
        let tools: Vec<Object> = serde_json::from_str(&page).unwrap_or_default();
        let mut list = Object::new();
        let tools: Vec<Object> = tools
            .into_iter()
            .map(|mut tool| {
                unknown.iter().for_each(|name| drop(tool.remove(name)));
                tool
            })
            .collect();
        list.set("tools", &tools);
        list.remove("tools").unwrap_or_else(|| raw(page))
    }

    fn call(&self, call: &Call, id: Id) -> Result<Received, P::Error> {
        let invalid =
            |id: Id, text: &str| Ok(refused(self.status(StatusCode::BAD_REQUEST), id, code::INVALID_PARAMS, text));
        let Some(tool) = call.param("name") else { return invalid(id, "The name of the tool is missing") };
        let given =
            call.params.as_ref().and_then(|params| params.get("arguments")).filter(|given| given.get() != "null");
        let Some(arguments) = given.map_or_else(|| Some(Object::new()), Object::of) else {
            return invalid(id, "The arguments are no object");
        };
        let index = self.pieces.index()?;
        let operations = self.pieces.piece(&call_piece(piece_of(&tool, index.calls)))?;
        let operations: HashMap<String, Box<RawValue>> = serde_json::from_str(&operations).unwrap_or_default();
        let operation = operations.get(&tool).and_then(|operation| serde_json::from_str(operation.get()).ok());
        let Some(operation) = operation else { return invalid(id, "Unknown tool") };
        let version = self.protocol.version;
        let form = ResultForm { has_structured_content: version >= "2025-06-18", has_audio: version >= "2025-03-26" };
        let is_stateless = self.protocol.is_stateless;
        Ok(Received::Call(Box::new(OperationCall { id, tool, operation, arguments, is_stateless, form })))
    }

    /// What an error of JSON-RPC is told with: up to 2025-11-25 in an answer of 200.
    fn status(&self, status: StatusCode) -> StatusCode {
        if self.protocol.is_stateless { status } else { StatusCode::OK }
    }

    fn result(&self, id: Id, result: Object) -> Received {
        Received::Reply(StatusCode::OK, finished(id, result, self.protocol.is_stateless))
    }
}

impl OperationCall {
    /// The request to the API.
    ///
    /// # Errors
    /// Where the arguments make none; [`OperationCall::refused`] is the answer then.
    pub fn request(&self, target: &RequestTarget<'_>) -> Result<Request<Vec<u8>>, UnusableArguments> {
        self.operation.request(&self.arguments, target)
    }

    /// What the client gets where no request can be made.
    pub fn refused(&self, reason: &UnusableArguments) -> Reply {
        finished(self.id.clone(), error(&reason.to_string()), self.is_stateless)
    }

    /// What the client gets of the API's answer. `secrets` are removed from it.
    pub fn finish(&self, answer: RestAnswer<'_>, secrets: &[String]) -> Reply {
        let result = answer.result(&self.tool, &self.operation, self.form, secrets);
        finished(self.id.clone(), result, self.is_stateless)
    }

    /// What the client gets where the API gave no answer.
    pub fn failed(&self, text: &str) -> Reply {
        finished(self.id.clone(), error(text), self.is_stateless)
    }
}

/// Those that can be initialised: the newest has no sessions.
fn with_sessions() -> [&'static str; 4] {
    let [_, older @ ..] = VERSIONS;
    older
}

fn finished(id: Id, mut result: Object, is_stateless: bool) -> Reply {
    if is_stateless {
        result.set("resultType", "complete");
    }
    Reply::result(id, result)
}

fn refused(status: StatusCode, id: Id, code: i32, text: &str) -> Received {
    Received::Reply(status, Reply::error::<()>(Some(id), code, text, None))
}

/// Every caller gets the same; what a policy leaves out makes a listing private.
fn set_caching(result: &mut Object) {
    result.set("ttlMs", &LISTING_MILLISECONDS);
    result.set("cacheScope", "public");
}

#[cfg(test)]
mod tests;
