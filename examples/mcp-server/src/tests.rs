use std::cell::{Cell, RefCell};

use gatehouse_protocol::UnixTime;
use gatehouse_storage::StoreUnavailable;
use gatehouse_storage::memory::MemoryStore;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::server;
use crate::settings::Settings;

mod access;
mod eras;
mod tools;

/// The server with its store, a clock that tests set, and what it reported to the log.
struct Bench {
    settings: Settings,
    store: MemoryStore,
    now: Cell<UnixTime>,
    log: RefCell<Vec<String>>,
}

impl Bench {
    fn new() -> Self {
        Self::with_key(None)
    }

    fn with_key(key: Option<&str>) -> Self {
        let settings = Settings::read(|_| Ok(key.map(str::to_owned))).unwrap();
        let now = UnixTime::from_seconds(1_795_000_000);
        Self { settings, store: MemoryStore::at(now), now: Cell::new(now), log: RefCell::default() }
    }

    fn set_now(&self, seconds: u64) {
        let now = UnixTime::from_seconds(seconds);
        self.now.set(now);
        self.store.set_now(now);
    }

    fn send(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let mut report = |failure: &StoreUnavailable| self.log.borrow_mut().push(failure.to_string());
        server::answer(&request, &self.settings, self.now.get(), &self.store, &mut report)
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
