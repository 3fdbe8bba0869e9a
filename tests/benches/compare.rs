//! Released hosts side by side: a small and a large configuration, of this checkout and of an earlier commit's.
//!
//! Each Gatehouse is a process of its own, `gatehouse up` of the profile `native`; an MCP server in this process answers at
//! once, always with the same 78 bytes. `cargo xtask bench` builds both checkouts and runs it. What counts are the ratios
//! within one run.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gatehouse_tests::{AttackSettings, AttackWorld, HostKind, Person, serve};
use http::{HeaderValue, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How many ask at once, each on a connection of its own.
const CONNECTIONS: usize = 8;
/// How often it is each case's turn. What else the machine does meanwhile is then everybody's burden.
const TURNS: usize = 30;
/// How long a turn is.
const TURN: Duration = Duration::from_millis(500);

/// What the MCP server always says: 78 bytes.
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}"#;
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}"#;

/// About 500 bytes where everything is filled in.
const SMALL: &str = r#"public_url = "{public_url}"
[[clients]]
client_id = "public"
client_name = "P"
redirect_uris = ["https://client.example/callback"]

{provider}
[[routes]]
path = "/mcp"
url = "{upstream}/mcp"
scopes = ["mcp"]
"#;

/// How many more routes the large document has, and how many rules each.
const MORE_ROUTES: usize = 60;
const RULES: usize = 20;

/// What the large document must come to at least, of the small one's requests a second.
const LARGE_TO_SMALL: f64 = 0.9;
/// What this checkout must come to at least, of the earlier commit's requests a second.
const NOW_TO_BEFORE: f64 = 1.3;

struct Case {
    name: String,
    world: AttackWorld,
    request: Vec<u8>,
    bytes: usize,
    latencies: Vec<Duration>,
    elapsed: Duration,
}

fn main() {
    let checkout = |variable: &str| {
        let folder =
            std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is missing: run `cargo xtask bench`"));
        &*Box::leak(Path::new(&folder).to_owned().into_boxed_path())
    };
    let (now, before) = (checkout("GATEHOUSE_BENCH_NOW"), checkout("GATEHOUSE_BENCH_BEFORE"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(now, before));
}

async fn run(now: &'static Path, before: &'static Path) {
    let upstream = serve(|_| async { Some(answer()) }).await;
    let (small, large) = (SMALL.to_owned(), large());
    let mut cases = Vec::new();
    for (name, checkout, document) in [
        ("this checkout, small", now, &small),
        ("this checkout, large", now, &large),
        ("the earlier commit, small", before, &small),
        ("the earlier commit, large", before, &large),
    ] {
        cases.push(Case::start(name, checkout, document, &upstream).await);
    }
    for case in &cases {
        case.turn().await;
    }
    for turn in 0..TURNS * cases.len() {
        let case = turn % cases.len();
        let (latencies, elapsed) = cases[case].turn().await;
        cases[case].latencies.extend(latencies);
        cases[case].elapsed += elapsed;
    }
    print!("{}", table(&mut cases));
    for case in cases {
        case.world.gatehouse.stop().await;
    }
}

/// The cases, one a line, and the two ratios.
fn table(cases: &mut [Case]) -> String {
    let mut text = format!("{:<28} {:>9} {:>11} {:>9} {:>9}\n", "", "document", "requests/s", "p50 ms", "p99 ms");
    for case in &mut *cases {
        case.latencies.sort_unstable();
        let (per_second, p50, p99) = (case.per_second(), case.percentile(50), case.percentile(99));
        let _ = writeln!(text, "{:<28} {:>7} B {per_second:>11.0} {p50:>9.2} {p99:>9.2}", case.name, case.bytes);
    }
    let mut ratio = |name: &str, one: usize, other: usize, least: f64| {
        let ratio = cases[one].per_second() / cases[other].per_second();
        let verdict = if ratio >= least { "met" } else { "NOT MET" };
        let _ = writeln!(text, "{name}: {ratio:.2} (at least {least}: {verdict})");
    };
    ratio("large to small", 1, 0, LARGE_TO_SMALL);
    ratio("this checkout to the earlier commit, small", 0, 2, NOW_TO_BEFORE);
    text
}

/// The small document with more routes before the one that is asked for, each with rules.
fn large() -> String {
    let mut routes = String::new();
    for route in 0..MORE_ROUTES {
        let _ = writeln!(
            routes,
            "[[routes]]\npath = \"/team-{route}/mcp\"\nurl = \"{{upstream}}/mcp\"\nscopes = [\"mcp\"]"
        );
        routes += &policy(route);
    }
    let (before, asked_for) = SMALL.split_once("[[routes]]").expect("a route");
    format!("{before}{routes}[[routes]]{asked_for}{}", policy(MORE_ROUTES))
}

/// Rules as operators write them. The last one allows the call that is measured.
fn policy(route: usize) -> String {
    let mut rules = String::from("policy = [\n");
    for rule in 1..RULES {
        let _ = writeln!(
            rules,
            "  {{ name = \"rule-{rule}\", effect = \"allow\", groups = [\"team-{route}-{rule}\"], tools = [\"read_{rule}_*\"] }},"
        );
    }
    rules + "  { name = \"everybody\", effect = \"allow\", scopes = [\"mcp\"], tools = [\"echo\"] },\n]\n"
}

fn answer() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(ANSWER.as_bytes()));
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Case {
    async fn start(name: &str, checkout: &'static Path, document: &str, upstream: &str) -> Self {
        let world = AttackWorld::start_with(AttackSettings {
            document: Some(document.to_owned()),
            upstream_origin: Some(upstream.to_owned()),
            access_token_seconds: 3600,
            host: Some(HostKind::Released(checkout)),
            ..AttackSettings::default()
        })
        .await;
        let person = Person::new("alice");
        let tokens = world.flow_of(&person, world.public(), "/mcp").finish().await;
        let token = tokens["access_token"].as_str().expect("an access token");
        let host = world.gatehouse.url.trim_start_matches("http://");
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{CALL}",
            CALL.len()
        );
        let bytes = world.gatehouse.variable("config").len();
        let (name, request) = (name.to_owned(), request.into_bytes());
        Self { name, world, request, bytes, latencies: Vec::new(), elapsed: Duration::ZERO }
    }

    /// Asks from all connections at once: how long each request took, and how long all of it.
    async fn turn(&self) -> (Vec<Duration>, Duration) {
        let started = Instant::now();
        let address = self.world.gatehouse.url.trim_start_matches("http://").to_owned();
        let asking = (0..CONNECTIONS).map(|_| tokio::spawn(ask(address.clone(), self.request.clone(), started + TURN)));
        let mut latencies = Vec::new();
        for connection in asking.collect::<Vec<_>>() {
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

/// One request after the other on one connection, written and read as bytes: who asks must cost little beside who is asked.
async fn ask(address: String, request: Vec<u8>, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let mut latencies = Vec::new();
    let mut received = Vec::new();
    while Instant::now() < until {
        let asked = Instant::now();
        stream.write_all(&request).await.expect("the request is taken");
        received.clear();
        while !is_whole(&received) {
            let read = stream.read_buf(&mut received).await.expect("an answer");
            assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&received));
        }
        latencies.push(asked.elapsed());
    }
    latencies
}

/// Whether all of an answer is there, which must be the right one.
fn is_whole(received: &[u8]) -> bool {
    let is_whole = received.ends_with(b"\r\n0\r\n\r\n") || received.ends_with(ANSWER.as_bytes());
    let refused = received.len() > 12 && !received.starts_with(b"HTTP/1.1 200");
    assert!(!refused, "{}", String::from_utf8_lossy(received));
    is_whole
}
