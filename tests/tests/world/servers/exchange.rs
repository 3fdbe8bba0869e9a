//! A client of Streamable HTTP that sees everything, in both eras.

use std::collections::BTreeMap;
use std::time::Duration;

use gatehouse_tests::http;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// No single answer takes longer on two busy cores.
const PATIENCE: Duration = Duration::from_secs(120);
const BOTH: &str = "application/json, text/event-stream";

/// What a field of an answer was: its path, such as `status`, `header content-type` or `message 0 /result/tools/0/name`.
pub(crate) type Fields = BTreeMap<String, String>;

/// One client of a server.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
    session: Option<String>,
    version: Option<&'static str>,
}

impl Client {
    /// A client of the server at `url`, with a token where it is Gatehouse's.
    pub(crate) fn new(url: &str, token: Option<&str>) -> Self {
        let token = token.map(str::to_owned);
        Self { http: http(), url: url.to_owned(), token, session: None, version: None }
    }

    fn request(&self, method: Method) -> RequestBuilder {
        let mut request = self.http.request(method, &self.url);
        for (name, value) in [("mcp-session-id", self.session.as_deref()), ("mcp-protocol-version", self.version)] {
            request = value.into_iter().fold(request, |request, value| request.header(name, value));
        }
        self.token.iter().fold(request, |request, token| request.bearer_auth(token))
    }

    /// Begins a session of 2025-11-25, where the server has any.
    pub(crate) async fn initialize(&mut self) -> Fields {
        let parameters = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "gatehouse-tests", "version": "1" },
        });
        let (headers, fields) = self.post(&request("initialize", &parameters), &[]).await;
        self.session = text(&headers, "mcp-session-id");
        self.version = Some("2025-11-25");
        fields
    }

    /// Says that it is ready.
    pub(crate) async fn initialized(&self) -> Fields {
        self.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }), &[]).await.1
    }

    /// A request of the session.
    pub(crate) async fn ask(&self, method: &str, parameters: &Value) -> Fields {
        self.post(&request(method, parameters), &[]).await.1
    }

    /// A request of 2026-07-28, which stands for itself.
    pub(crate) async fn ask_alone(&self, method: &str, mut parameters: Value) -> Fields {
        parameters["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        parameters["_meta"]["io.modelcontextprotocol/clientInfo"] =
            json!({ "name": "gatehouse-tests", "version": "1" });
        parameters["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let name = parameters["name"].as_str().map(str::to_owned);
        let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        headers.extend(name.as_deref().map(|name| ("mcp-name", name)));
        self.post(&request(method, &parameters), &headers).await.1
    }

    /// The head of the session's own stream, which is left again.
    pub(crate) async fn listen(&self) -> Fields {
        let answer = send(self.request(Method::GET).header("accept", "text/event-stream")).await;
        if is_stream(&answer) { head(&answer) } else { read(answer).await.1 }
    }

    /// Ends the session.
    pub(crate) async fn end(&self) -> Fields {
        read(send(self.request(Method::DELETE)).await).await.1
    }

    async fn post(&self, message: &Value, headers: &[(&str, &str)]) -> (HeaderMap, Fields) {
        let mut request = self.request(Method::POST).header("content-type", "application/json").header("accept", BOTH);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = send(request.body(message.to_string())).await;
        // As reqwest does by itself, and as the clients do: the same origin, with method and body.
        match (answer.status().as_u16(), text(answer.headers(), "location")) {
            (307 | 308, Some(location)) => {
                let target = answer.url().join(&location).expect("a URL");
                let moved = Self { url: target.into(), ..self.copy() };
                Box::pin(moved.post(message, headers)).await
            }
            _ => read(answer).await,
        }
    }

    fn copy(&self) -> Self {
        let Self { http, url, token, session, version } = self;
        Self { http: http.clone(), url: url.clone(), token: token.clone(), session: session.clone(), version: *version }
    }
}

fn request(method: &str, parameters: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": parameters })
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    tokio::time::timeout(PATIENCE, request.send()).await.expect("an answer in time").expect("an answer")
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().expect("text").to_owned())
}

fn is_stream(answer: &Response) -> bool {
    text(answer.headers(), "content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// Status and header fields.
fn head(answer: &Response) -> Fields {
    let mut fields = Fields::from([("status".to_owned(), answer.status().as_u16().to_string())]);
    for name in answer.headers().keys() {
        let values: Vec<_> =
            answer.headers().get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        fields.insert(format!("header {name}"), values.join(", "));
    }
    fields
}

async fn read(answer: Response) -> (HeaderMap, Fields) {
    let (headers, mut fields) = (answer.headers().clone(), head(&answer));
    let has_events = is_stream(&answer);
    let body = tokio::time::timeout(PATIENCE, answer.text()).await.expect("an end in time").expect("a body");
    if has_events {
        // A server says that a list has changed in whichever answer is under way.
        let events = events(&body);
        let answers = events.iter().filter(|event| !event.data.contains("/list_changed\""));
        for (at, event) in answers.enumerate() {
            if let Some(name) = &event.name {
                fields.insert(format!("event {at} name"), name.clone());
            }
            fields.insert(format!("event {at} id"), event.id.is_some().to_string());
            flatten(&mut fields, &format!("message {at} "), &event.data);
        }
    } else if !body.is_empty() {
        flatten(&mut fields, "message 0 ", &body);
    }
    (headers, fields)
}

/// Each leaf of a message that is JSON, or the whole text.
pub(crate) fn flatten(fields: &mut Fields, prefix: &str, data: &str) {
    fn leaves(fields: &mut Fields, path: &str, value: &Value) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                members.iter().for_each(|(name, value)| leaves(fields, &format!("{path}/{name}"), value));
            }
            Value::Array(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(at, value)| leaves(fields, &format!("{path}/{at}"), value));
            }
            _ => {
                fields.insert(path.to_owned(), value.to_string());
            }
        }
    }
    match serde_json::from_str(data) {
        Ok(message) => leaves(fields, prefix, &message),
        Err(_) => {
            fields.insert(format!("{prefix}text"), data.to_owned());
        }
    }
}

/// An event of a stream.
#[derive(Default)]
pub(crate) struct Event {
    /// Its type, where it is named.
    pub(crate) name: Option<String>,
    id: Option<String>,
    /// Its data.
    pub(crate) data: String,
}

/// The events with data; those without only keep a stream open, or tell a client where it may go on.
pub(crate) fn events(body: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut event = Event::default();
    for line in body.lines().chain([""]) {
        match line.split_once(':').map(|(field, value)| (field, value.strip_prefix(' ').unwrap_or(value))) {
            Some(("event", value)) => event.name = Some(value.to_owned()),
            Some(("id", value)) => event.id = Some(value.to_owned()),
            Some(("data", value)) => event.data += value,
            _ if line.is_empty() => {
                events.extend(Some(std::mem::take(&mut event)).filter(|event| !event.data.is_empty()))
            }
            _ => {}
        }
    }
    events
}

/// What `listed` says of each tool, by its name. A name is JSON.
pub(crate) fn tools(listed: &Fields) -> BTreeMap<String, Fields> {
    let mut by_position = BTreeMap::<&str, Fields>::new();
    for (field, value) in listed {
        if let Some((at, rest)) = field.split_once("/result/tools/").and_then(|(_, rest)| rest.split_once('/')) {
            by_position.entry(at).or_default().insert(rest.to_owned(), value.clone());
        }
    }
    by_position.into_values().map(|tool| (tool["name"].trim_matches('"').to_owned(), tool)).collect()
}

/// The messages alone.
pub(crate) fn messages(fields: &Fields) -> Fields {
    fields
        .iter()
        .filter(|(field, _)| field.starts_with("message "))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect()
}
