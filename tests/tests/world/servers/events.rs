//! The same over HTTP+SSE (2024-11-05): every answer comes on the one stream.

use std::time::Duration;

use gatehouse_tests::http;
use reqwest::Response;
use serde_json::{Value, json};
use url::Url;

use super::behind::gatehouse_with;
use super::exchange::{Event, Fields, events, flatten, send};
use super::rows::Row;
use super::running::Running;
use super::script::{Answers, call};
use super::seen::Seen;

/// No single event takes longer on two busy cores.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client with its stream.
struct Client {
    http: reqwest::Client,
    token: Option<String>,
    stream: Response,
    received: String,
    endpoint: Url,
}

impl Client {
    /// Opens the stream at `url`, and learns where to send.
    async fn open(url: &str, token: Option<&str>) -> (Self, Fields) {
        let (http, token) = (http(), token.map(str::to_owned));
        let request = token.iter().fold(http.get(url), |request, token| request.bearer_auth(token));
        let stream = send(request.header("accept", "text/event-stream")).await;
        let fields = Fields::from([("status".to_owned(), stream.status().as_u16().to_string())]);
        let url = Url::parse(url).expect("a URL");
        let mut client = Self { http, token, stream, received: String::new(), endpoint: url.clone() };
        let first = client.next().await;
        assert_eq!(first.name.as_deref(), Some("endpoint"));
        client.endpoint = url.join(&first.data).expect("a URL");
        (client, fields)
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.received.split_once("\n\n") {
                let (event, rest) = (events(event).pop(), rest.to_owned());
                self.received = rest;
                // Without data, it only keeps the stream open.
                if let Some(event) = event {
                    return event;
                }
                continue;
            }
            let part = tokio::time::timeout(PATIENCE, self.stream.chunk()).await.expect("an event in time");
            let part = part.expect("a stream").expect("the stream goes on");
            self.received += &String::from_utf8_lossy(&part).replace("\r\n", "\n");
        }
    }

    async fn post(&self, message: &Value) -> Fields {
        let request = self.http.post(self.endpoint.clone()).header("content-type", "application/json");
        let request = self.token.iter().fold(request, |request, token| request.bearer_auth(token));
        let answer = send(request.body(message.to_string())).await;
        Fields::from([("status".to_owned(), answer.status().as_u16().to_string())])
    }

    /// The status of the request, and the answer on the stream.
    async fn ask(&mut self, method: &str, parameters: &Value) -> Fields {
        let mut fields = self.post(&json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": parameters })).await;
        loop {
            let event = self.next().await;
            let message: Value = serde_json::from_str(&event.data).expect("JSON");
            if message["id"] == 7 {
                flatten(&mut fields, "message 0 ", &event.data);
                return fields;
            }
        }
    }
}

async fn script(row: &Row, url: &str, token: Option<&str>) -> Answers {
    let (mut client, opened) = Client::open(url, token).await;
    let parameters = json!({
        "protocolVersion": "2024-11-05",
        "capabilities": {},
        "clientInfo": { "name": "gatehouse-tests", "version": "1" },
    });
    let mut answers = vec![("GET", opened), ("initialize", client.ask("initialize", &parameters).await)];
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    answers.push(("initialized", client.post(&initialized).await));
    for listing in ["tools/list", "resources/list", "prompts/list"] {
        answers.push((listing, client.ask(listing, &json!({})).await));
    }
    answers.push(("tools/call", client.ask("tools/call", &call(row.call)).await));
    answers.push(("tools/call of nothing", client.ask("tools/call", &call(("no_such_tool", "{}"))).await));
    answers
}

/// One server, directly and through a route.
pub(crate) async fn run(row: &Row) -> Seen {
    let mut server = Running::start(row);
    server.listens().await;
    let (path, url) = (row.path, &server.url);
    let route = format!("\n[[routes]]\npath = \"/{path}\"\nurl = \"{url}\"\ntransport = \"sse\"\nscopes = [\"mcp\"]\n");
    let world = gatehouse_with(route).await;
    let direct = script(row, url, None).await;
    let again = script(row, url, None).await;
    let token = world.access_token_at(&format!("/{path}/sse"), "alice").await;
    let through = script(row, &format!("{}/{path}/sse", world.gatehouse.url), Some(&token)).await;
    world.gatehouse.stop().await;
    Seen::of(&direct, &again, &through).with_events_alone()
}
