//! A client of Streamable HTTP in both eras, small enough that a test sees every byte.

use std::time::Duration;

use gatehouse_tests::{World, http};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// No single answer takes longer on two busy cores.
const PATIENCE: Duration = Duration::from_secs(60);
const BOTH_ERAS: &str = "application/json, text/event-stream";

/// The two ways in which MCP uses HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// 2025-11-25: a session that begins with `initialize`.
    Sessions,
    /// 2026-07-28: every request stands for itself.
    Stateless,
}

/// Somebody with an access token.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    /// A client of the MCP server at `url`.
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self { http: http(), url: url.to_owned(), token: token.to_owned() }
    }

    /// Signs `user` in.
    pub(crate) async fn sign_in(world: &World, user: &str) -> Self {
        Self::new(&world.mcp_url(), &world.access_token(user).await)
    }

    /// The token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A request with the token.
    pub(crate) fn request(&self, method: Method) -> RequestBuilder {
        self.http.request(method, &self.url).bearer_auth(&self.token)
    }

    /// A POST of `message`.
    pub(crate) fn post(&self, message: &Value) -> RequestBuilder {
        let request = self.request(Method::POST).header("content-type", "application/json").header("accept", BOTH_ERAS);
        request.body(message.to_string())
    }

    /// Begins a session; its id as the client sees it.
    pub(crate) async fn initialize(&self) -> String {
        let parameters = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "gatehouse-tests", "version": "1" },
        });
        let answer = send(self.post(&request("initialize", &parameters))).await;
        assert_eq!(answer.status(), 200);
        let id = answer.headers()["mcp-session-id"].to_str().expect("text").to_owned();
        let mut events = Events::of(answer);
        assert_eq!(events.next().await.expect("an answer")["result"]["protocolVersion"], "2025-11-25");
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let answer = send(in_session(self.post(&initialized), &id)).await;
        assert_eq!(answer.status(), 202);
        id
    }

    /// Calls `stream_progress`, asking for its progress; answered by events.
    pub(crate) async fn stream_progress(&self, era: Era, count: u32, interval_ms: u32) -> Events {
        let mut meta = json!({ "progressToken": "progress" });
        if era == Era::Stateless {
            meta["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
            meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "gatehouse-tests", "version": "1" });
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        let arguments = json!({ "count": count, "interval_ms": interval_ms });
        let call = json!({ "name": "stream_progress", "arguments": arguments, "_meta": meta });
        let call = self.post(&request("tools/call", &call));
        let call = match era {
            Era::Sessions => in_session(call, &self.initialize().await),
            Era::Stateless => call
                .header("mcp-protocol-version", "2026-07-28")
                .header("mcp-method", "tools/call")
                .header("mcp-name", "stream_progress"),
        };
        let answer = send(call).await;
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["content-type"].as_bytes()),
            (200, &b"text/event-stream"[..])
        );
        Events::of(answer)
    }
}

/// A JSON-RPC request.
pub(crate) fn request(method: &str, parameters: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters })
}

/// A request that every server answers.
pub(crate) fn ping() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })
}

/// The request as a part of a session.
pub(crate) fn in_session(request: RequestBuilder, id: &str) -> RequestBuilder {
    request.header("mcp-protocol-version", "2025-11-25").header("mcp-session-id", id)
}

/// Sends the request; the head of the answer.
pub(crate) async fn send(request: RequestBuilder) -> Response {
    tokio::time::timeout(PATIENCE, request.send()).await.expect("an answer in time").expect("an answer")
}

/// Status, headers without the date and the request's id, and text of an answer: what a client can tell two answers apart
/// by.
pub(crate) async fn whole(request: RequestBuilder) -> (u16, Vec<(String, String)>, String) {
    let answer = send(request).await;
    let status = answer.status().as_u16();
    let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = answer.headers().iter().filter(|(name, _)| *name != "date" && *name != "x-request-id");
    let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
    (status, headers, answer.text().await.expect("a whole answer"))
}

/// An answer of events, read as they arrive. Dropping it closes the connection.
pub(crate) struct Events {
    answer: Response,
    unread: String,
}

impl Events {
    pub(crate) fn of(answer: Response) -> Self {
        Self { answer, unread: String::new() }
    }

    /// The next message, `None` at the end of the whole answer.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.unread.split_once("\n\n") {
                let data: String = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                self.unread = rest.to_owned();
                // An event without data only gives an id to resume from.
                if !data.trim().is_empty() {
                    return Some(serde_json::from_str(&data).expect("JSON"));
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await;
            let chunk = chunk.expect("an event in time").expect("an unbroken answer")?;
            self.unread.push_str(core::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    /// The next message, which must be progress: how far.
    pub(crate) async fn progress(&mut self) -> u64 {
        let message = self.next().await.expect("progress");
        assert_eq!(message["method"], "notifications/progress", "{message}");
        message["params"]["progress"].as_u64().expect("a number")
    }
}
