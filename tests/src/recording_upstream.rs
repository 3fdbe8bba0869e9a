//! An upstream that says 200 to everything, and remembers what it was sent. It repeats `x-subject`, so that a test sees
//! whose answer it got, and gives everyone who initializes a session.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, Response};
use serde_json::json;

use crate::http_server::{Received, json, serve};
use crate::text::unique;

/// The upstream; it ends with the test's runtime.
#[derive(Clone)]
pub struct RecordingUpstream {
    origin: String,
    requests: Arc<Mutex<Vec<Received>>>,
}

impl RecordingUpstream {
    /// Starts it.
    pub async fn start() -> Self {
        let requests = Arc::<Mutex<Vec<Received>>>::default();
        let record = Arc::clone(&requests);
        let origin = serve(move |received| {
            let answer = answer(&received);
            record.lock().expect("no panic").push(received);
            async move { Some(answer) }
        });
        Self { origin: origin.await, requests }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What came in so far.
    pub fn requests(&self) -> Vec<Received> {
        self.requests.lock().expect("no panic").clone()
    }
}

fn answer(received: &Received) -> Response<Bytes> {
    let result =
        json!({ "path": received.path, "subject": received.header("x-subject"), "asked": received.header("x-asked") });
    let mut response = json(200, &json!({ "jsonrpc": "2.0", "id": 1, "result": result }));
    if String::from_utf8_lossy(&received.body).contains("\"initialize\"") {
        let session = HeaderValue::from_str(&unique("upstream-session-")).expect("ASCII");
        response.headers_mut().insert("mcp-session-id", session);
    }
    response
}
