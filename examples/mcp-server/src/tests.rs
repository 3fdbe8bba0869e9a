use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use gatehouse_protocol::UnixTime;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::server;
use crate::settings::Settings;
use crate::snippets::{EntryKey, Store, StoreUnavailable};

mod access;
mod eras;
mod tools;

/// A store in memory, with the rules of `wit/host/store.wit`.
#[derive(Default)]
struct Memory {
    now: Cell<u64>,
    values: RefCell<HashMap<EntryKey, Vec<u8>>>,
    broken: Cell<bool>,
}

impl Store for Memory {
    fn get(&self, key: &EntryKey) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        if self.broken.get() {
            return Err(StoreUnavailable("out of order".to_owned()));
        }
        let alive = key.expires_at.seconds() > self.now.get();
        Ok(self.values.borrow().get(key).filter(|_| alive).cloned())
    }

    fn put(&self, key: &EntryKey, value: &[u8]) -> Result<(), StoreUnavailable> {
        if self.broken.get() {
            return Err(StoreUnavailable("out of order".to_owned()));
        }
        assert!(key.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
        self.values.borrow_mut().insert(key.clone(), value.to_vec());
        Ok(())
    }
}

/// The server with its store, a clock that tests set, and what it reported to the log.
struct Bench {
    settings: Settings,
    store: Memory,
    log: RefCell<Vec<String>>,
}

impl Bench {
    fn new() -> Self {
        Self::with_key(None)
    }

    fn with_key(key: Option<&str>) -> Self {
        let settings = Settings::read(|_| Ok(key.map(str::to_owned))).unwrap();
        let store = Memory::default();
        store.now.set(1_795_000_000);
        Self { settings, store, log: RefCell::default() }
    }

    fn send(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let now = UnixTime::from_seconds(self.store.now.get());
        let mut report = |failure: &StoreUnavailable| self.log.borrow_mut().push(failure.to_string());
        server::answer(&request, &self.settings, now, &self.store, &mut report)
    }

    /// Posts `body` as alice, with more headers.
    fn post(&self, body: &str, headers: &[(&str, &str)]) -> Response<Vec<u8>> {
        self.send(request(&changed(headers), body))
    }

    /// Posts a request of 2025-11-25 and returns the answer.
    fn legacy(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let response = self.post(&body.to_string(), &[("mcp-protocol-version", "2025-11-25")]);
        assert_eq!(response.status(), StatusCode::OK);
        json_of(&response)
    }

    /// The text of a tool's result for `subject`, and whether it is an error.
    fn call(&self, subject: &str, name: &str, arguments: Value) -> (String, bool) {
        let params = json!({ "name": name, "arguments": arguments });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let response = self.post(&body.to_string(), &[("x-gatehouse-subject", subject)]);
        let result = json_of(&response)["result"].clone();
        (result["content"][0]["text"].as_str().unwrap().to_owned(), result["isError"].as_bool().unwrap())
    }
}

/// The headers of a good request, some of them changed; `""` leaves one out.
fn changed<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let good = [
        (HOST.as_str(), "127.0.0.1:3002"),
        (CONTENT_TYPE.as_str(), "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("x-gatehouse-subject", "demo:alice"),
    ];
    let mut headers: Vec<_> = good.into_iter().filter(|(name, _)| !changes.iter().any(|(n, _)| n == name)).collect();
    headers.extend(changes.iter().copied().filter(|(_, value)| !value.is_empty()));
    headers
}

fn request(headers: &[(&str, &str)], body: &str) -> Request<Vec<u8>> {
    let mut request = Request::post("/mcp");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.as_bytes().to_vec()).unwrap()
}

fn json_of(response: &Response<Vec<u8>>) -> Value {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    serde_json::from_slice(response.body()).unwrap()
}

fn code_of(response: &Response<Vec<u8>>) -> i64 {
    json_of(response)["error"]["code"].as_i64().unwrap()
}
