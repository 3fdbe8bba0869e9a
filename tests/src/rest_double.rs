//! A REST API with its OpenAPI document, which remembers what it was sent.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::attack_world::{AttackSettings, AttackWorld};
use crate::http_server::{Received, serve};

type Answers = dyn Fn(&Received) -> Option<Response<Bytes>> + Send + Sync;

/// The API; it ends with the test's runtime.
#[derive(Clone)]
pub struct RestDouble {
    origin: String,
    requests: Arc<Mutex<Vec<Received>>>,
    document: Arc<Mutex<Response<Bytes>>>,
    answers: Arc<Mutex<Arc<Answers>>>,
}

impl RestDouble {
    /// Starts it with a document, which is at `/openapi.json`. It answers every request with what it was asked.
    pub async fn start(document: &Value) -> Self {
        let requests = Arc::<Mutex<Vec<Received>>>::default();
        let document = Arc::new(Mutex::new(json_answer(200, document)));
        let answers: Arc<Mutex<Arc<Answers>>> = Arc::new(Mutex::new(Arc::new(|_| None)));
        let (record, served, scripted) = (Arc::clone(&requests), Arc::clone(&document), Arc::clone(&answers));
        let origin = serve(move |received| {
            let answer = if received.path == "/openapi.json" {
                served.lock().expect("no panic").clone()
            } else {
                let scripted = Arc::clone(&scripted.lock().expect("no panic"));
                scripted(&received).unwrap_or_else(|| echo(&received))
            };
            record.lock().expect("no panic").push(received);
            async move { Some(answer) }
        });
        Self { origin: origin.await, requests, document, answers }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Serves another document.
    pub fn set_document(&self, document: Response<Bytes>) {
        *self.document.lock().expect("no panic") = document;
    }

    /// Answers as `answers` says; what it has no answer for is answered with what was asked.
    pub fn answer_with(&self, answers: impl Fn(&Received) -> Option<Response<Bytes>> + Send + Sync + 'static) {
        *self.answers.lock().expect("no panic") = Arc::new(answers);
    }

    /// What came in so far, without the requests for the document.
    pub fn calls(&self) -> Vec<Received> {
        self.all(|path| path != "/openapi.json")
    }

    /// How often the document was asked for.
    pub fn fetches(&self) -> usize {
        self.all(|path| path == "/openapi.json").len()
    }

    fn all(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<Received> {
        let requests = self.requests.lock().expect("no panic");
        requests.iter().filter(|received| is_wanted(&received.path)).cloned().collect()
    }
}

/// An answer in JSON.
///
/// # Panics
/// Where the status is none.
pub fn json_answer(status: u16, body: &Value) -> Response<Bytes> {
    answer(status, "application/json", body.to_string().into_bytes())
}

/// An answer of this media type.
///
/// # Panics
/// Where the status is none.
pub fn answer(status: u16, media_type: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn echo(received: &Received) -> Response<Bytes> {
    json_answer(
        200,
        &json!({
            "method": received.method.as_str(), "path": received.path, "query": received.query,
            "type": received.header("content-type"), "body": String::from_utf8_lossy(&received.body),
        }),
    )
}

/// A document with what OpenAPI can say of parameters and bodies.
pub fn document() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Orders", "version": "7", "description": "Orders of a shop." },
        "servers": [{ "url": "https://elsewhere.example/v9" }],
        "paths": {
            "/orders/{id}": {
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
                "get": {
                    "operationId": "getOrder", "summary": "One order", "tags": ["orders"],
                    "parameters": [
                        { "name": "fields", "in": "query", "schema": { "type": "array", "items": { "type": "string" } } },
                        { "name": "filter", "in": "query", "style": "deepObject", "explode": true, "schema": { "type": "object" } },
                        { "name": "X-Region", "in": "header", "schema": { "type": "string" } },
                        { "name": "Authorization", "in": "header", "schema": { "type": "string" } },
                    ],
                    "responses": { "200": { "description": "ok", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } } },
                },
                "delete": { "operationId": "deleteOrder", "tags": ["orders"], "responses": { "204": { "description": "gone" } } },
            },
            "/orders": {
                "get": {
                    "operationId": "listOrders", "tags": ["orders"],
                    "parameters": [{ "name": "page", "in": "query", "schema": { "type": "integer" } }],
                    "responses": { "200": { "description": "ok", "content": { "application/json": { "schema": { "type": "array", "items": { "$ref": "#/components/schemas/Order" } } } } } },
                },
                "post": {
                    "operationId": "createOrder", "tags": ["orders"],
                    "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } },
                    "responses": { "201": { "description": "ok", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } } },
                },
            },
            "/picture": { "get": { "operationId": "picture", "tags": ["files"], "responses": { "200": { "description": "ok", "content": { "image/png": {} } } } } },
        },
        "components": { "schemas": { "Order": {
            "type": "object", "required": ["item"],
            "properties": {
                "id": { "type": "string", "readOnly": true }, "item": { "type": "string", "nullable": true },
                "count": { "type": "integer", "minimum": 0, "exclusiveMinimum": true }, "parent": { "$ref": "#/components/schemas/Order" },
            },
        } } },
    })
}

/// Gatehouse before the API at `/mcp`, without a sign-in, with these lines in the route's table. The variable `api_key` is a secret.
pub async fn start(api: &RestDouble, lines: &str) -> AttackWorld {
    start_document(api, &format!("[[routes]]\npath = \"/mcp\"\n{}\n{lines}", keys(api))).await
}

/// The same with this query in `url`.
pub async fn start_with_query(api: &RestDouble, query: &str) -> AttackWorld {
    let keys = keys(api).replace("/v1\"", &format!("/v1?{query}\""));
    start_document(api, &format!("[[routes]]\npath = \"/mcp\"\n{keys}\n")).await
}

fn keys(api: &RestDouble) -> String {
    let origin = api.origin();
    format!("url = \"{origin}/v1\"\nopenapi = \"{origin}/openapi.json\"\nunauthenticated = \"allow\"")
}

async fn start_document(api: &RestDouble, routes: &str) -> AttackWorld {
    AttackWorld::start_with(AttackSettings {
        document: Some(format!("public_url = \"{{public_url}}\"\n{{provider}}\n{routes}\n")),
        upstream_origin: Some(api.origin().to_owned()),
        variables: vec![("api_key".to_owned(), "the-key-of-the-api".to_owned())],
        ..AttackSettings::default()
    })
    .await
}

/// Sends a message of this version to `/mcp`; the status and the answer.
///
/// # Panics
/// Where there is no answer.
pub async fn ask(world: &AttackWorld, version: &str, method: &str, params: Value) -> (u16, Value) {
    let mut params = params;
    let mut request = world.mcp_request("/mcp").header("mcp-protocol-version", version);
    if version == "2026-07-28" {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        request = request.header("mcp-method", method);
        if let Some(name) = params["name"].as_str() {
            request = request.header("mcp-name", name);
        }
    }
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    let response = request.body(message.to_string()).send().await.expect("an answer");
    let (status, is_events) = (
        response.status().as_u16(),
        response.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")),
    );
    let text = response.text().await.expect("a text");
    let text =
        if is_events { text.lines().filter_map(|line| line.strip_prefix("data: ")).collect::<String>() } else { text };
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// The result of a call of a tool.
///
/// # Panics
/// Where it is none.
pub async fn call(world: &AttackWorld, tool: &str, arguments: Value) -> Value {
    let (status, answer) =
        ask(world, "2025-11-25", "tools/call", json!({ "name": tool, "arguments": arguments })).await;
    assert_eq!(status, 200, "{answer}");
    answer["result"].clone()
}
