//! An upstream that says 200 to everything, and remembers what it was sent.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::http_server::{Received, json, serve};

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
            let path = received.path.clone();
            record.lock().expect("no panic").push(received);
            async move { Some(json(200, &json!({ "jsonrpc": "2.0", "id": 1, "result": { "path": path } }))) }
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
