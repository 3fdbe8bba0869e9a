//! What the gateway costs: the same call of a tool, to an upstream alone and through routes that do more and more.
//!
//! Everything is in this one process, on the loopback interface: the upstream that answers at once, Gatehouse on its
//! embedded host with a store on disk, and who asks. `cargo xtask bench` runs it. What counts are the ratios within one
//! run; everything shares the machine's processors.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gatehouse_tests::{AttackSettings, AttackWorld, Person, Received, serve};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// Who asks at once, each on a connection of their own.
const CONNECTIONS: usize = 8;
/// How often it is each case's turn. What else the machine does meanwhile is then everybody's burden.
const TURNS: usize = 10;
/// How long a turn is. The first one of each case opens connections and loads modules, and does not count.
const TURN: Duration = Duration::from_millis(300);

const VERSION: &str = "2026-07-28";

/// Of each kind one, with limits that nobody gets to.
const RATES: &str = r#"rates = [
    { per = "subject", requests = 10000000, seconds = 60 }, { per = "tool", tools = ["*"], requests = 10000000, seconds = 60 },
]"#;

const POLICY: &str = r#"policy = [
    { name = "reading", effect = "allow", scopes = ["mcp"], tools = ["echo", "read_*"] },
    { name = "writing", effect = "allow", groups = ["editors"], tools = ["write_*"] },
    { name = "never", effect = "deny", tools = ["delete_*"] },
]"#;

/// A case: what is asked, and what came of it.
struct Case {
    name: &'static str,
    /// One for each connection.
    requests: Vec<RequestBuilder>,
    /// How long each request took.
    latencies: Vec<Duration>,
    /// How long all turns took.
    elapsed: Duration,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let upstream = serve(|request| async move { Some(answer(&request)) }).await;
    let world = world(&upstream).await;
    let alone = format!("{upstream}/mcp");
    let mut cases = vec![Case::new("(a) the upstream alone", &alone, None, &call("echo"))];
    for (name, path, message) in [
        ("(b) through the gateway", "/plain", call("echo")),
        ("(c) with a policy", "/policy", call("echo")),
        ("(d) with two rates", "/rates", call("echo")),
        ("(e) federated: one of two", "/federated", call("one_echo")),
        ("(f) federated: both listed", "/federated", message("tools/list", json!({}))),
    ] {
        let token = token(&world, path).await;
        cases.push(Case::new(name, &world.url(path), Some(&token), &message));
    }
    for case in &mut cases {
        case.turn().await;
    }
    for turn in 0..TURNS * cases.len() {
        let case = turn % cases.len();
        let (latencies, elapsed) = cases[case].turn().await;
        cases[case].latencies.extend(latencies);
        cases[case].elapsed += elapsed;
    }
    world.gatehouse.stop().await;
    print!("{}", table(&mut cases));
}

/// The cases, one a line.
fn table(cases: &mut [Case]) -> String {
    let mut text = format!("{:<28} {:>11} {:>9} {:>9} {:>8}\n", "", "requests/s", "p50 ms", "p99 ms", "of (b)");
    let plain = cases[1].per_second();
    for case in cases {
        case.latencies.sort_unstable();
        let (per_second, p50, p99) = (case.per_second(), case.percentile(50), case.percentile(99));
        let ratio = per_second / plain;
        text += &format!("{:<28} {per_second:>11.0} {p50:>9.2} {p99:>9.2} {ratio:>8.2}\n", case.name);
    }
    text
}

/// Gatehouse with a route for each case.
async fn world(upstream: &str) -> AttackWorld {
    let route = |path: &str, lines: &str| format!("[[routes]]\npath = \"{path}\"\nscopes = [\"mcp\"]\n{lines}\n");
    let one = |path: &str, lines: &str| route(path, &format!("url = \"{upstream}/mcp\"\n{lines}"));
    let members = format!(
        "members = [{{ prefix = \"one\", url = \"{upstream}/mcp\" }}, {{ prefix = \"two\", url = \"{upstream}/mcp\" }}]"
    );
    AttackWorld::start_with(AttackSettings {
        tables: [one("/plain", ""), one("/policy", POLICY), one("/rates", RATES), route("/federated", &members)]
            .concat(),
        variables: vec![("upstream_origin".to_owned(), "http://127.0.0.1:*".to_owned())],
        ..AttackSettings::default()
    })
    .await
}

/// An access token for the route at `path`.
async fn token(world: &AttackWorld, path: &str) -> String {
    let person = Person::new("alice");
    let tokens = world.flow_of(&person, world.public(), path).finish().await;
    tokens["access_token"].as_str().expect("an access token").to_owned()
}

fn call(tool: &str) -> Value {
    message("tools/call", json!({ "name": tool, "arguments": { "text": "hello" } }))
}

fn message(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// What the upstream says: the same to everybody, at once.
fn answer(request: &Received) -> Response<Bytes> {
    let result = match request.header("mcp-method") {
        "tools/list" => {
            let tool = json!({ "name": "echo", "description": "Says it again", "inputSchema": { "type": "object" } });
            json!({ "resultType": "complete", "tools": [tool], "ttlMs": 60_000, "cacheScope": "public" })
        }
        _ => json!({ "resultType": "complete", "content": [{ "type": "text", "text": "hello" }] }),
    };
    let body = json!({ "jsonrpc": "2.0", "id": 1, "result": result }).to_string();
    let mut response = Response::new(Bytes::from(body));
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Case {
    fn new(name: &'static str, url: &str, token: Option<&str>, message: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let fields = [
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json, text/event-stream".to_owned()),
            ("mcp-protocol-version", VERSION.to_owned()),
            ("mcp-method", text(&message["method"])),
            ("mcp-name", text(&message["params"]["name"])),
            ("authorization", token.map(|token| format!("Bearer {token}")).unwrap_or_default()),
        ];
        let field = |(name, value): (&'static str, String)| {
            (HeaderName::from_static(name), HeaderValue::from_str(&value).expect("a header value"))
        };
        let headers: HeaderMap = fields.into_iter().filter(|(_, value)| !value.is_empty()).map(field).collect();
        // A client, and so a connection, of its own.
        let request = || gatehouse_tests::http().post(url).headers(headers.clone()).body(message.to_string());
        let requests = (0..CONNECTIONS).map(|_| request()).collect();
        Self { name, requests, latencies: Vec::new(), elapsed: Duration::ZERO }
    }

    /// Asks from all connections at once: how long each request took, and how long all of it.
    async fn turn(&self) -> (Vec<Duration>, Duration) {
        let started = Instant::now();
        let asking = |request: &RequestBuilder| {
            tokio::spawn(ask(request.try_clone().expect("a body in memory"), started + TURN))
        };
        let connections: Vec<_> = self.requests.iter().map(asking).collect();
        let mut latencies = Vec::new();
        for connection in connections {
            latencies.extend(connection.await.expect("every request is answered"));
        }
        (latencies, started.elapsed())
    }

    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Milliseconds that so many percent of the requests took at most; the shortest ones stand first.
    fn percentile(&self, percent: usize) -> f64 {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len() - 1);
        self.latencies[index].as_secs_f64() * 1_000.0
    }
}

/// One request after the other; how long each took.
async fn ask(request: RequestBuilder, until: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let asked = Instant::now();
        let answer = request.try_clone().expect("a body in memory").send().await.expect("an answer");
        let status = answer.status();
        let body = answer.text().await.expect("a body");
        assert!(status == 200 && body.contains("\"result\""), "{status}: {body}");
        latencies.push(asked.elapsed());
    }
    latencies
}
