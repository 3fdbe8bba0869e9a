//! A REST API behind Gatehouse, for the targets.

use gatehouse_mcp_wire::json_rpc::{Body, Message};
use gatehouse_openapi::{
    CompiledDocument, DocumentError, DocumentOptions, Index, OperationCall, Pieces, Protocol, Received, RequestTarget,
    RestAnswer, RestServer, Selection, UnusableArguments,
};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use serde_json::{Value, json};

/// What the operator sends, and nobody else learns.
pub const SECRET: &str = "the-secret-of-the-operator";
const BASE: &str = "https://api.operator.example/base?key=fixed";

/// A compiled document with its pieces.
pub struct Compiled(pub CompiledDocument);

impl Pieces for Compiled {
    type Error = ();

    fn index(&self) -> Result<Index, ()> {
        Ok(self.0.index.clone())
    }

    fn piece(&self, name: &str) -> Result<String, ()> {
        let piece = self.0.pieces.iter().find(|(piece, _)| piece == name);
        piece.map(|(_, text)| text.clone()).ok_or(())
    }
}

impl Compiled {
    /// Every tool, as it is listed.
    pub fn tools(&self) -> Vec<Value> {
        let lists = self.0.pieces.iter().filter(|(name, _)| name.starts_with("list-"));
        lists.flat_map(|(_, text)| serde_json::from_str::<Vec<Value>>(text).expect("a list")).collect()
    }
}

fn may_set(name: &HeaderName) -> bool {
    ![AUTHORIZATION, http::header::HOST, http::header::COOKIE].contains(name)
}

/// Compiles a document.
pub fn compile(text: &str) -> Result<CompiledDocument, DocumentError> {
    let selection = Selection::default();
    let options =
        DocumentOptions { selection: &selection, fixed_query: "key=fixed", may_set: &may_set, with_output_schemas: true };
    gatehouse_openapi::compile(text, &options)
}

/// A call of a tool.
pub fn call(compiled: &Compiled, tool: &str, arguments: &Value) -> Option<Box<OperationCall>> {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments } });
    let Ok(Body::Single(message)) = Body::parse(message.to_string().as_bytes(), 127) else { return None };
    let server = RestServer { pieces: compiled, protocol: Protocol { version: "2025-11-25", is_stateless: false } };
    match server.receive(&message) {
        Ok(Received::Call(call)) => Some(call),
        _ => None,
    }
}

/// Some value for each argument that a tool requires.
pub fn arguments_for(tool: &Value) -> Value {
    let required = tool["inputSchema"]["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Value::Object(required.map(|name| (name.to_owned(), json!("value"))).collect())
}

fn headers() -> HeaderMap {
    let mut secret = HeaderValue::try_from(format!("Bearer {SECRET}")).expect("a header");
    secret.set_sensitive(true);
    HeaderMap::from_iter([(AUTHORIZATION, secret)])
}

fn target<'a>(base: &'a Uri, headers: &'a HeaderMap) -> RequestTarget<'a> {
    RequestTarget { base, headers, secret_headers: &[AUTHORIZATION], may_set: &may_set }
}

/// The request that a call becomes.
pub fn request(call: &OperationCall) -> Result<Request<Vec<u8>>, UnusableArguments> {
    let (base, headers) = (BASE.parse().expect("an address"), headers());
    call.request(&target(&base, &headers))
}

/// A request goes to the operator's address, with the operator's credentials and query.
pub fn assert_is_at_the_operators(request: &Request<Vec<u8>>) {
    let uri = request.uri();
    assert_eq!((uri.scheme_str(), uri.authority().map(|it| it.as_str())), (Some("https"), Some("api.operator.example")));
    assert!(uri.path().starts_with("/base/") && !uri.path().contains("//"), "{uri}");
    let query = uri.query().expect("the operator's query");
    assert!(query.starts_with("key=fixed"), "{query}");
    let own = query.split('&').filter(|pair| pair.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("key")));
    assert_eq!(own.count(), 1, "{query}");
    assert_eq!(request.headers()[AUTHORIZATION], format!("Bearer {SECRET}").as_str());
    let whole = format!("{uri}");
    assert!(!whole.contains(['\r', '\n', ' ']), "{whole:?}");
}

/// The message that the client gets of an answer in which the API repeats the secret.
pub fn finish(call: &OperationCall, status: u16, media_type: &'static str, body: &str) -> String {
    let headers_of_answer = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))]);
    let answer = RestAnswer {
        status: StatusCode::from_u16(status).expect("a status"),
        headers: &headers_of_answer,
        body: format!("{body}{SECRET}{body}").into_bytes(),
        is_whole: true,
    };
    let (base, headers) = (BASE.parse().expect("an address"), headers());
    let text = Message::Response(call.finish(answer, &target(&base, &headers).secrets())).to_text();
    assert!(Body::parse_answer(text.as_bytes()).is_ok(), "{text}");
    text
}
