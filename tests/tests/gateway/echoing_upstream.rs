//! An upstream that repeats who asks, in answers and in streams that stay open, so that a test sees whose data it got.
//!
//! `initialize` gives a session, a GET in it opens its stream, `subscriptions/listen` opens one under the name in the
//! header `x-stream`; the tool `publish` says something on a stream, the tool `wait` takes its time. Everything else is
//! answered with who asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, watch};

/// The upstream; it ends with the test's runtime.
pub(crate) struct EchoingUpstream {
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// How many calls of `wait` there are now.
    waiting: watch::Sender<usize>,
    released: Notify,
}

#[derive(Default)]
struct State {
    requests: usize,
    /// The subject of each session.
    sessions: HashMap<String, String>,
    /// The open streams, by session or name.
    streams: HashMap<String, UnboundedSender<String>>,
}

/// What is asked, as far as it matters here.
struct Asked {
    method: String,
    headers: HashMap<String, String>,
    body: Value,
}

impl EchoingUpstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::<Shared>::default();
        let for_all = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&for_all);
                // Whoever goes away ends the connection; that is what some tests want.
                tokio::spawn(async move { serve(BufReader::new(stream), &shared).await });
            }
        });
        Self { origin, shared }
    }

    /// A route to it, with these lines in its table.
    pub(crate) fn route(&self, path: &str, lines: &str) -> String {
        let origin = &self.origin;
        format!(
            "\n[[routes]]\npath = \"{path}\"\nurl = \"{origin}{path}\"\nscopes = [\"mcp\"]\n\
             subject_header = \"x-subject\"\n{lines}\n"
        )
    }

    /// How many requests came in so far.
    pub(crate) fn requests(&self) -> usize {
        self.state(|state| state.requests)
    }

    /// How many sessions it has given out.
    pub(crate) fn sessions(&self) -> usize {
        self.state(|state| state.sessions.len())
    }

    /// Waits until there are so many calls of `wait`.
    pub(crate) async fn waits_for(&self, calls: usize) {
        let mut waiting = self.shared.waiting.subscribe();
        let reached = waiting.wait_for(|waiting| *waiting == calls);
        let reached = tokio::time::timeout(core::time::Duration::from_secs(60), reached).await;
        reached.expect("so many calls in time").expect("the upstream runs");
    }

    /// Answers all calls of `wait` that there are.
    pub(crate) fn release(&self) {
        self.shared.released.notify_waiters();
    }

    fn state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.shared.state.lock().expect("no panic"))
    }
}

async fn serve(mut stream: BufReader<TcpStream>, shared: &Shared) -> Option<()> {
    loop {
        let asked = read(&mut stream).await?;
        shared.state.lock().expect("no panic").requests += 1;
        match answer(&asked, shared) {
            Answer::Whole(status, headers, body) => {
                let body = body.map_or_else(String::new, |body| body.to_string());
                let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}");
                write(&mut stream, &format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await?;
            }
            Answer::Stream { key, first } => return keep_open(stream, shared, key, &first).await,
            Answer::Held(body) => hold(&mut stream, shared, &body.to_string()).await?,
        }
    }
}

enum Answer {
    Whole(&'static str, String, Option<Value>),
    Stream { key: String, first: Value },
    Held(Value),
}

fn answer(asked: &Asked, shared: &Shared) -> Answer {
    let header = |name: &str| asked.headers.get(name).cloned().unwrap_or_default();
    let (subject, session) = (header("x-subject"), header("mcp-session-id"));
    let mut state = shared.state.lock().expect("no panic");
    if !session.is_empty() && state.sessions.get(&session) != Some(&subject) {
        // The gateway let somebody into another one's session: no test may see this.
        return Answer::Whole("500 Mixed Up", String::new(), None);
    }
    let hello = json!({
        "jsonrpc": "2.0", "method": "notifications/message",
        "params": { "level": "info", "data": { "subject": subject, "resumed": header("last-event-id") } },
    });
    match asked.method.as_str() {
        "GET" => return Answer::Stream { key: session, first: hello },
        "DELETE" => {
            state.sessions.remove(&session);
            return Answer::Whole("204 No Content", String::new(), None);
        }
        _ => {}
    }
    let id = &asked.body["id"];
    let params = &asked.body["params"];
    let result = |result: Value| Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }));
    match asked.body["method"].as_str().unwrap_or_default() {
        "initialize" => {
            let session = format!("upstream-session-{}-{subject}", state.sessions.len());
            let headers = format!("mcp-session-id: {session}\r\n");
            state.sessions.insert(session, subject);
            let info = json!({ "name": "echoing", "version": "1" });
            let result = result(json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": info }));
            Answer::Whole("200 OK", headers, result)
        }
        "subscriptions/listen" => Answer::Stream { key: header("x-stream"), first: hello },
        "tools/call" if params["name"] == "publish" => {
            let arguments = &params["arguments"];
            let key = if session.is_empty() { arguments["stream"].as_str().expect("a name") } else { &session };
            let said = json!({
                "jsonrpc": "2.0", "method": "notifications/message",
                "params": { "level": "info", "data": { "subject": subject, "text": arguments["text"] } },
            });
            let sent = state.streams.get(key).is_some_and(|stream| stream.send(said.to_string()).is_ok());
            Answer::Whole("200 OK", String::new(), result(json!({ "content": [], "subject": subject, "sent": sent })))
        }
        "tools/call" if params["name"] == "wait" => {
            Answer::Held(json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [], "subject": subject } }))
        }
        _ if id.is_null() => Answer::Whole("202 Accepted", String::new(), None),
        _ => {
            let who = json!({ "content": [], "subject": subject, "session": session, "asked": params });
            Answer::Whole("200 OK", String::new(), result(who))
        }
    }
}

/// Answers when it is released; `None` where the other side has gone before.
async fn hold(stream: &mut BufReader<TcpStream>, shared: &Shared, body: &str) -> Option<()> {
    let released = shared.released.notified();
    tokio::pin!(released);
    released.as_mut().enable();
    shared.waiting.send_modify(|waiting| *waiting += 1);
    let is_released = tokio::select! {
        () = released => true,
        _ = stream.fill_buf() => false,
    };
    shared.waiting.send_modify(|waiting| *waiting -= 1);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
    if is_released { write(stream, &format!("{head}: {}\r\n\r\n{body}", body.len())).await } else { None }
}

/// Writes events, each with an id, until the other side goes away.
async fn keep_open(mut stream: BufReader<TcpStream>, shared: &Shared, key: String, first: &Value) -> Option<()> {
    let (sender, mut events) = unbounded_channel();
    shared.state.lock().expect("no panic").streams.insert(key.clone(), sender);
    write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .await?;
    let mut next = Some(first.to_string());
    for number in 0_u64.. {
        let event = match next.take() {
            Some(event) => event,
            None => tokio::select! {
                event = events.recv() => event?,
                // Nothing more is sent to us here: whatever can be read is the end.
                _ = stream.fill_buf() => return None,
            },
        };
        let event = format!("id: {key}/{number}\ndata: {event}\n\n");
        write(&mut stream, &format!("{:x}\r\n{event}\r\n", event.len())).await?;
    }
    None
}

async fn write(stream: &mut BufReader<TcpStream>, text: &str) -> Option<()> {
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let method = line.split(' ').next().unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { method, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}
