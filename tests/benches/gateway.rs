//! What the gateway costs: the same call of a tool, to an upstream alone and through routes that do more and more.
//!
//! Everything is in this one process, on the loopback interface: the upstream that answers at once, Gatehouse on its
//! embedded host with a store on disk, and who asks. `cargo xtask bench` runs it. What counts are the ratios within one
//! run; everything shares the machine's processors.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gatehouse_tests::{AttackSettings, AttackWorld, Person, Received, serve};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde_json::{Value, json};

/// Who asks at once, each on a connection of their own.
const CONNECTIONS: usize = 8;
/// How long each case is measured.
const MEASURED: Duration = Duration::from_secs(3);
/// Before that, connections are opened and modules loaded.
const WARM_UP: Duration = Duration::from_millis(500);

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

/// A case: what is asked, and where.
struct Case {
    name: &'static str,
    url: String,
    token: Option<String>,
    message: Value,
}

/// What came of it.
struct Outcome {
    /// How long each request took, the shortest first.
    latencies: Vec<Duration>,
    /// How long all of them took.
    elapsed: Duration,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let upstream = serve(|request| async move { Some(answer(&request)) }).await;
    let world = world(&upstream).await;
    let mut cases = vec![Case {
        name: "(a) the upstream alone",
        url: format!("{upstream}/mcp"),
        token: None,
        message: call("echo"),
    }];
    for (name, path, message) in [
        ("(b) through the gateway", "/plain", call("echo")),
        ("(c) with a policy", "/policy", call("echo")),
        ("(d) with two rates", "/rates", call("echo")),
        ("(e) federated: one of two", "/federated", call("one_echo")),
        ("(f) federated: both listed", "/federated", message("tools/list", json!({}))),
    ] {
        let token = token(&world, path).await;
        cases.push(Case { name, url: world.url(path), token: Some(token), message });
    }
    println!("{:<28} {:>11} {:>9} {:>9} {:>8}", "", "requests/s", "p50 ms", "p99 ms", "of (b)");
    let mut outcomes = Vec::new();
    for case in &cases {
        outcomes.push(measure(case).await);
    }
    let plain = outcomes.get(1).map_or(1.0, Outcome::per_second);
    for (case, outcome) in cases.iter().zip(&outcomes) {
        let (per_second, p50, p99) = (outcome.per_second(), outcome.percentile(50), outcome.percentile(99));
        println!("{:<28} {per_second:>11.0} {p50:>9.2} {p99:>9.2} {:>8.2}", case.name, per_second / plain);
    }
    world.gatehouse.stop().await;
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

/// Asks for as long as is measured, from all connections at once.
async fn measure(case: &Case) -> Outcome {
    ask_for(case, WARM_UP).await;
    ask_for(case, MEASURED).await
}

async fn ask_for(case: &Case, duration: Duration) -> Outcome {
    let started = Instant::now();
    let connections: Vec<_> =
        (0..CONNECTIONS).map(|_| tokio::spawn(ask_on_one(request(case), started + duration))).collect();
    let mut latencies = Vec::new();
    for connection in connections {
        latencies.extend(connection.await.expect("every request is answered"));
    }
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    Outcome { latencies, elapsed }
}

/// A request with a client, and so a connection, of its own.
fn request(case: &Case) -> reqwest::RequestBuilder {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fields = [
        ("content-type", "application/json".to_owned()),
        ("accept", "application/json, text/event-stream".to_owned()),
        ("mcp-protocol-version", VERSION.to_owned()),
        ("mcp-method", text(&case.message["method"])),
        ("mcp-name", text(&case.message["params"]["name"])),
        ("authorization", case.token.as_ref().map(|token| format!("Bearer {token}")).unwrap_or_default()),
    ];
    let field = |(name, value): (&'static str, String)| {
        (HeaderName::from_static(name), HeaderValue::from_str(&value).expect("a header value"))
    };
    let headers: HeaderMap = fields.into_iter().filter(|(_, value)| !value.is_empty()).map(field).collect();
    gatehouse_tests::http().post(&case.url).headers(headers).body(case.message.to_string())
}

/// One request after the other; how long each took.
async fn ask_on_one(request: reqwest::RequestBuilder, until: Instant) -> Vec<Duration> {
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

impl Outcome {
    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Milliseconds that so many percent of the requests took at most.
    fn percentile(&self, percent: usize) -> f64 {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }
}
