//! The MCP server refuses, hangs, cuts or answers nonsense.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse_tests::{AttackSettings, AttackWorld, Person, text};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with a connection, once it has read the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Sends these bytes, and closes.
    Sends(&'static str),
    /// Sends these bytes, and then nothing for ever.
    SendsAndHangs(&'static str),
}

const WELL: Way = Way::Sends(
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 36\r\n\r\n\
     {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
);

/// A server that can be told what to do.
struct FaultyServer {
    origin: String,
    way: Arc<Mutex<Way>>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl FaultyServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let way = Arc::new(Mutex::new(WELL));
        let listening = Mutex::new(Some(tokio::spawn(listen(listener, Arc::clone(&way)))));
        Self { origin, way, listening }
    }

    fn goes(&self, way: Way) {
        *self.way.lock().expect("no panic") = way;
    }

    /// Does not listen any more: connections are refused.
    async fn stop(&self) {
        let listening = self.listening.lock().expect("no panic").take().expect("it listens");
        listening.abort();
        let _aborted = listening.await;
    }

    async fn start_again(&self) {
        let listener = TcpListener::bind(self.origin.trim_start_matches("http://")).await.expect("the port is free");
        *self.listening.lock().expect("no panic") = Some(tokio::spawn(listen(listener, Arc::clone(&self.way))));
    }
}

async fn listen(listener: TcpListener, way: Arc<Mutex<Way>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let way = *way.lock().expect("no panic");
        tokio::spawn(async move {
            // Gatehouse may have gone.
            let _ended = answer(stream, way).await;
        });
    }
}

async fn answer(mut stream: TcpStream, way: Way) -> std::io::Result<()> {
    let mut request = Vec::new();
    // A head, and the message that follows it.
    while !request.windows(4).any(|four| four == b"\r\n\r\n") || !request.ends_with(b"}") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await? {
            0 => return Ok(()),
            length => request.extend_from_slice(piece.get(..length).unwrap_or_default()),
        }
    }
    match way {
        Way::Sends(bytes) => stream.write_all(bytes.as_bytes()).await,
        Way::SendsAndHangs(bytes) => {
            stream.write_all(bytes.as_bytes()).await?;
            std::future::pending().await
        }
    }
}

/// Gatehouse before such a server, and a token for it.
async fn before(server: &FaultyServer) -> (AttackWorld, String) {
    let world = AttackWorld::start_with(AttackSettings {
        upstream_origin: Some(server.origin.clone()),
        mcp_lines: "timeouts = { connect = 1, answer = 1 }".to_owned(),
        ..AttackSettings::default()
    })
    .await;
    let tokens = world.flow(&Person::new("alice")).finish().await;
    (world, text(&tokens, "access_token"))
}

/// What a client gets for an error of the server.
fn refusal(message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "error": { "code": -32603, "message": message }, "id": 1 })
}

/// Calls while the server goes this way, and then while it is well.
async fn called_while(way: Way, status: u16, message: &str) {
    let server = FaultyServer::start().await;
    let (world, token) = before(&server).await;
    let entries = world.store().await;
    server.goes(way);
    let answer = world.call("/mcp", &token).await;
    assert_eq!((answer.status, answer.json()), (status, refusal(message)), "{way:?}");
    assert!(!answer.body.contains("127.0.0.1"), "{answer:?}");
    server.goes(WELL);
    assert_eq!(world.call("/mcp", &token).await.status, 200, "{way:?}: it is well again");
    world.assert_only_changed(&entries, &["places", "places-left"], "a call that failed").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_connections_is_502_until_it_listens_again() {
    let server = FaultyServer::start().await;
    let (world, token) = before(&server).await;
    let entries = world.store().await;
    server.stop().await;
    let answer = world.call("/mcp", &token).await;
    let message = "The MCP server at /mcp cannot be reached";
    assert_eq!((answer.status, answer.json()), (502, refusal(message)));
    world.assert_unchanged(&entries, "a server that refuses").await;
    server.start_again().await;
    assert_eq!(world.call("/mcp", &token).await.status, 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_504_after_its_time() {
    called_while(Way::SendsAndHangs(""), 504, "The MCP server at /mcp did not answer in time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_in_the_middle_of_its_head_is_504_after_its_time() {
    let half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-le";
    called_while(Way::SendsAndHangs(half), 504, "The MCP server at /mcp did not answer in time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cuts_the_connection_before_it_answers_is_502() {
    called_while(Way::Sends(""), 502, "The MCP server at /mcp cannot be reached").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cuts_the_connection_in_its_head_is_502() {
    let half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-le";
    called_while(Way::Sends(half), 502, "The MCP server at /mcp cannot be reached").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_speak_http_is_502() {
    called_while(Way::Sends("220 mail.example ESMTP\r\n"), 502, "The MCP server at /mcp cannot be reached").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_head_contradicts_itself_is_502() {
    let two_lengths = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}";
    called_while(Way::Sends(two_lengths), 502, "The MCP server at /mcp cannot be reached").await;
}

/// Half an answer must not be taken for a whole one.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cuts_the_connection_in_its_answer_breaks_the_clients_off_too() {
    let half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"jsonrpc\"";
    let events = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
                  b\r\ndata: {}\r\n\r\n\r\n";
    for bytes in [half, events] {
        let server = FaultyServer::start().await;
        let (world, token) = before(&server).await;
        let entries = world.store().await;
        server.goes(Way::Sends(bytes));
        let request = world.mcp_request("/mcp").bearer_auth(&token);
        let whole = async { request.send().await?.bytes().await };
        let whole = tokio::time::timeout(Duration::from_secs(30), whole).await.expect("it ends");
        assert!(whole.is_err(), "it looks whole: {whole:?}");
        world.gatehouse.log.wait_for(|line| line.contains("broke off")).await;
        server.goes(WELL);
        assert_eq!(world.call("/mcp", &token).await.status, 200);
        world.assert_only_changed(&entries, &["places", "places-left"], "an answer that broke off").await;
        world.gatehouse.stop().await;
    }
}
