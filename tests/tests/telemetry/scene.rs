//! Gatehouse in a process of its own, measured, before an MCP server that lists its tools.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gatehouse_tests::{Answer, AttackSettings, AttackWorld, HeldPort, HostKind, Person, Received, http, serve};
use http::{HeaderValue, Response};
use serde_json::{Value, json};

/// The route that the tests use.
pub(crate) const ROUTE: &str = "/mcp";

/// Everything that runs.
pub(crate) struct Scene {
    pub(crate) world: AttackWorld,
    /// Where the metrics are.
    pub(crate) metrics: String,
    /// What the MCP server was sent.
    pub(crate) received: Arc<Mutex<Vec<Received>>>,
    http: reqwest::Client,
}

impl Scene {
    /// With these lines in the table of the route, and these arguments.
    pub(crate) async fn start(mcp_lines: &str, arguments: &[&str]) -> Self {
        let address = format!("127.0.0.1:{}", HeldPort::take().lend());
        let mut all = vec!["--metrics-listen".to_owned(), address.clone()];
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let settings = AttackSettings {
            host: Some(HostKind::EmbeddedProcess),
            mcp_lines: mcp_lines.to_owned(),
            arguments: all,
            ..AttackSettings::default()
        };
        Self::start_with(settings, format!("http://{address}/metrics")).await
    }

    /// The same on another host, without an address of metrics, and with a receiver of OTLP for what the components tell.
    pub(crate) async fn start_on(host: HostKind, mcp_lines: &str, receiver: &str) -> Self {
        let settings = AttackSettings {
            host: Some(host),
            mcp_lines: mcp_lines.to_owned(),
            otlp: Some(receiver.to_owned()),
            ..AttackSettings::default()
        };
        Self::start_with(settings, String::new()).await
    }

    async fn start_with(settings: AttackSettings, metrics: String) -> Self {
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let record = Arc::clone(&received);
        let upstream = serve(move |request: Received| {
            let answer = answer(&request);
            record.lock().expect("no panic").push(request);
            async move { Some(answer) }
        });
        let upstream_origin = Some(upstream.await);
        let world = AttackWorld::start_with(AttackSettings { upstream_origin, ..settings }).await;
        Self { world, metrics, received, http: http() }
    }

    /// Tokens of a user who signs in.
    pub(crate) async fn sign_in(&self, name: &str) -> Value {
        self.world.flow(&Person::new(name)).finish().await
    }

    /// An MCP request with this token.
    pub(crate) fn post(&self, token: &Value, message: &Value) -> reqwest::RequestBuilder {
        let token = token["access_token"].as_str().expect("an access token");
        self.world.mcp_request(ROUTE).bearer_auth(token).body(message.to_string())
    }

    /// The same, sent; the answer is a good one.
    pub(crate) async fn ask(&self, token: &Value, message: &Value) -> Answer {
        let answer = Answer::of(self.post(token, message).send().await.expect("an answer")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// What Prometheus reads.
    pub(crate) async fn exposition(&self) -> String {
        let answer = self.http.get(&self.metrics).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        answer.text().await.expect("text")
    }

    /// The same as numbers, by name and labels.
    pub(crate) async fn samples(&self) -> Samples {
        Samples::parse(&self.exposition().await)
    }

    /// Waits until the metrics say so: a request counts when its connection has taken the answer, which is after the client has it.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Samples) -> bool) -> Samples {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let samples = self.samples().await;
            if holds(&samples) {
                return samples;
            }
            assert!(std::time::Instant::now() < deadline, "{what}: {:#?}", samples.0);
            tokio::task::yield_now().await;
        }
    }
}

/// The numbers of an exposition.
pub(crate) struct Samples(pub(crate) BTreeMap<String, f64>);

impl Samples {
    pub(crate) fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            (series.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        });
        Self(samples.collect())
    }

    /// The sum of all series of this name whose labels hold these.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let of_name = self.0.iter().filter(|(series, _)| series.split('{').next() == Some(name));
        of_name.filter(|(series, _)| labels.iter().all(|label| series.contains(label))).map(|(_, value)| value).sum()
    }
}

/// A request of JSON-RPC.
pub(crate) fn request(method: &str, parameters: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters })
}

/// A call of a tool.
pub(crate) fn call(tool: &str) -> Value {
    request("tools/call", &json!({ "name": tool, "arguments": { "text": "of-the-arguments" } }))
}

fn answer(received: &Received) -> Response<Bytes> {
    let message: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let result = match message["method"].as_str() {
        Some("tools/list") => {
            let tool = |name| json!({ "name": name, "inputSchema": { "type": "object" } });
            json!({ "tools": [tool("echo"), tool("search.files")] })
        }
        _ => json!({ "content": [{ "type": "text", "text": "of-the-answer" }] }),
    };
    let body = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
    let mut response = Response::new(Bytes::from(body.to_string()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}
