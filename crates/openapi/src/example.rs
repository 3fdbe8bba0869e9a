//! A document for the tests of this crate.

use http::{HeaderMap, HeaderName, Request, Uri};
use serde_json::{Value, json};

use crate::{
    CompiledDocument, DocumentOptions, Index, OperationCall, Pieces, Protocol, Received, RequestTarget, RestServer,
    Selection, UnusableArguments, compile,
};
use gatehouse_mcp_wire::json_rpc::{Body, Message};

/// Compiles with everything chosen; a call may set every header but one.
pub(crate) fn compiled(document: &Value) -> CompiledDocument {
    compiled_with(document, "")
}

pub(crate) fn compiled_with(document: &Value, fixed_query: &str) -> CompiledDocument {
    try_compile(&document.to_string(), fixed_query).unwrap()
}

pub(crate) fn try_compile(text: &str, fixed_query: &str) -> Result<CompiledDocument, crate::DocumentError> {
    let selection = Selection::of([]);
    compile(text, &DocumentOptions { selection: &selection, fixed_query, may_set: &may_set, with_output_schemas: true })
}

fn may_set(name: &HeaderName) -> bool {
    name != "x-operator"
}

/// A document with one operation, `call`.
pub(crate) fn with_operation(method: &str, path: &str, operation: Value) -> Value {
    let mut operation = operation;
    operation["operationId"] = "call".into();
    json!({ "openapi": "3.1.0", "info": { "title": "Example", "version": "1" }, "paths": { path: { method: operation } } })
}

/// A document with one GET with these parameters.
pub(crate) fn with_parameters(path: &str, parameters: Value) -> Value {
    with_operation("get", path, json!({ "parameters": parameters, "responses": {} }))
}

/// The only tool.
pub(crate) fn only_tool(document: &Value) -> Value {
    let listed = tools(&compiled(document));
    let [tool] = listed.as_slice() else { panic!("one tool: {listed:?}") };
    tool.clone()
}

pub(crate) fn tools(compiled: &CompiledDocument) -> Vec<Value> {
    let lists = compiled.pieces.iter().filter(|(name, _)| name.starts_with("list-"));
    lists.flat_map(|(_, text)| serde_json::from_str::<Vec<Value>>(text).unwrap()).collect()
}

impl Pieces for CompiledDocument {
    type Error = String;

    fn index(&self) -> Result<Index, String> {
        Ok(self.index.clone())
    }

    fn piece(&self, name: &str) -> Result<String, String> {
        let piece = self.pieces.iter().find(|(piece, _)| piece == name);
        piece.map(|(_, text)| text.clone()).ok_or_else(|| name.to_owned())
    }
}

/// What the server makes of a message.
pub(crate) fn received(compiled: &CompiledDocument, version: &str, message: &Value) -> Received {
    let Body::Single(message) = Body::parse(message.to_string().as_bytes(), 64).unwrap() else { panic!("one message") };
    let protocol = Protocol { version, is_stateless: version == "2026-07-28" };
    RestServer { pieces: compiled, protocol }.receive(&message).unwrap()
}

/// The answer to a message, with its status.
pub(crate) fn replied(compiled: &CompiledDocument, version: &str, message: &Value) -> (u16, Value) {
    match received(compiled, version, message) {
        Received::Reply(status, reply) => {
            (status.as_u16(), serde_json::from_str(&Message::Response(reply).to_text()).unwrap())
        }
        other => panic!("a reply: {other:?}"),
    }
}

/// The call of the tool `call`.
pub(crate) fn called(compiled: &CompiledDocument, arguments: &Value) -> Box<OperationCall> {
    let params = json!({ "name": "call", "arguments": arguments });
    match received(
        compiled,
        "2025-11-25",
        &json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }),
    ) {
        Received::Call(call) => call,
        other => panic!("a call: {other:?}"),
    }
}

/// The request that a call becomes, at this base.
pub(crate) fn request_at(
    base: &str,
    document: &Value,
    arguments: &Value,
) -> Result<Request<Vec<u8>>, UnusableArguments> {
    let base: Uri = base.parse().unwrap();
    let mut headers = HeaderMap::new();
    let mut secret = http::HeaderValue::from_static("Bearer operators-secret");
    secret.set_sensitive(true);
    headers.insert("authorization", secret);
    headers.insert("via", http::HeaderValue::from_static("1.1 gatehouse"));
    let target = RequestTarget { base: &base, headers: &headers, secret_headers: &[], may_set: &may_set };
    called(&compiled_with(document, base.query().unwrap_or_default()), arguments).request(&target)
}

/// The same at the usual base.
pub(crate) fn request(document: &Value, arguments: &Value) -> Result<Request<Vec<u8>>, UnusableArguments> {
    request_at("https://api.example/v1", document, arguments)
}
