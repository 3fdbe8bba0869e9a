//! An upstream that answers as the test's query asks, however wrong, and remembers what it was sent.

use std::sync::{Arc, Mutex};

use gatehouse_tests::{Program, World, WorldSettings};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::mcp::Client;

/// The upstream; it ends with the test's runtime.
pub(crate) struct ProgrammedUpstream {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Received>>,
    gate: Notify,
    left: Notify,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Request line and header lines, in lower case.
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// Every value of the header `name`.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let fields = self.head.iter().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| *field == name).map(|(_, value)| value.trim()).collect()
    }
}

impl ProgrammedUpstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let for_all = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&for_all)));
            }
        });
        Self { port, shared }
    }

    /// Lets a `?gated` answer go on.
    pub(crate) fn open_the_gate(&self) {
        self.shared.gate.notify_one();
    }

    /// Waits until somebody leaves a `?silent` answer.
    pub(crate) async fn is_left(&self) {
        self.shared.left.notified().await;
    }

    /// What came in so far.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.shared.requests.lock().expect("no panic").clone()
    }

    /// What `Host` must say.
    pub(crate) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.authority())
    }
}

/// Settings with `/mcp` in front of the conformance upstream, `/programmed` in front of `upstream` (with `lines` in its
/// table) and `/dead` in front of nobody.
pub(crate) fn beside_mcp(upstream: &ProgrammedUpstream, lines: &str) -> WorldSettings {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let table = |path: &str, origin: &str, lines: &str| {
        format!(
            "[[routes]]\npath = \"{path}\"\nurl = \"{origin}/inside\"\nname = \"Other\"\nscopes = [\"mcp\"]\n{lines}\n"
        )
    };
    let upstream_lines =
        table("/programmed", &upstream.origin(), lines) + &table("/dead", &format!("http://{dead}"), "");
    // The manifest has three places for allowed hosts; nobody publishes a client document here.
    let variables = vec![
        ("client_document_origin".to_owned(), "http://127.0.0.1:*".to_owned()),
        ("upstream_secret".to_owned(), SECRET.to_owned()),
    ];
    WorldSettings { upstream: &["conformance-upstream.mjs"], upstream_lines, variables, ..WorldSettings::default() }
}

/// The value of the variable `upstream_secret`.
pub(crate) const SECRET: &str = "upstream-secret-6f1c";

/// Signs `user` in at another path than `/mcp`; the client then asks with `query`.
pub(crate) async fn sign_in(world: &World, path: &str, user: &str, query: &str) -> Client {
    let url = format!("{}{path}", world.gatehouse.url);
    let mut program = Program::client("token.mjs", &[&url, "--user", user]);
    let tokens = program.json().await;
    program.finish().await;
    Client::new(&(url + query), tokens["access_token"].as_str().expect("an access token"))
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    while let Some(received) = read(&mut stream).await {
        let target = received.head[0].clone();
        shared.requests.lock().expect("no panic").push(received.clone());
        let query = target.split(' ').nth(1).and_then(|target| target.split_once('?')).map_or("", |(_, query)| query);
        if answer(&mut stream, query, &received, &shared).await.is_err() || query == "broken" {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_ascii_lowercase()),
        }
    }
    let mut received = Received { head, body: Vec::new() };
    let length = received.header("content-length").first().map_or(0, |length| length.parse().expect("a length"));
    received.body = vec![0; length];
    stream.read_exact(&mut received.body).await.ok()?;
    Some(received)
}

async fn answer(
    to: &mut BufReader<TcpStream>,
    query: &str,
    received: &Received,
    shared: &Shared,
) -> std::io::Result<()> {
    let event = |text: &str| {
        let event = format!("data: \"{text}\"\n\n");
        format!("{:x}\r\n{event}\r\n", event.len())
    };
    let stream_head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    match query {
        "gated" => {
            to.write_all(format!("{stream_head}{}", event("first")).as_bytes()).await?;
            shared.gate.notified().await;
            to.write_all(format!("{}0\r\n\r\n", event("second")).as_bytes()).await
        }
        "silent" => {
            // Nothing more comes on this connection but its end.
            let _end = to.read_u8().await;
            shared.left.notify_one();
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
        "mcp" => {
            let asked: serde_json::Value = serde_json::from_slice(&received.body).expect("JSON");
            let tools = serde_json::json!([{ "name": "look", "inputSchema": { "type": "object" } }]);
            let text = serde_json::json!([{ "type": "text", "text": asked["params"]["name"] }]);
            let result = match asked["method"].as_str() {
                Some("tools/list") => serde_json::json!({ "tools": tools }),
                _ => serde_json::json!({ "content": text }),
            };
            let body = serde_json::json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
            to.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await
        }
        "broken" => to.write_all(format!("{stream_head}{}", event("first")).as_bytes()).await,
        "not-http" => to.write_all(b"220 mail.example ESMTP\r\n").await,
        "hop" => to.write_all(b"HTTP/1.1 200 OK\r\nconnection: x-hop\r\nx-hop: 1\r\ncontent-length: 0\r\n\r\n").await,
        "redirect" => {
            to.write_all(
                b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://10.9.8.7/elsewhere\r\nset-cookie: session=theirs\r\n\
                  www-authenticate: Bearer resource_metadata=\"https://evil.example\"\r\ncontent-length: 0\r\n\r\n",
            )
            .await
        }
        "unauthorized" => {
            to.write_all(
                b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"inside\"\r\ncontent-length: 4\r\n\r\nno\0\xff",
            )
            .await
        }
        _ => match query.strip_prefix("status=").and_then(|status| status.parse::<u16>().ok()) {
            Some(status) => {
                let body = format!("the upstream says {status}");
                let head = format!("HTTP/1.1 {status} Own Words\r\ncontent-type: text/x-own\r\nx-own: theirs\r\ncache-control: public\r\nretry-after: 7");
                to.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await
            }
            None => {
                let body = received.body.len().to_string();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
                to.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await
            }
        },
    }?;
    to.flush().await
}
