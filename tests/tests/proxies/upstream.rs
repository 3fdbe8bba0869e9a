//! An MCP server of 2026-07-28 that remembers what it was sent, and has a stream on which the test speaks.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use gatehouse_tests::Received;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The server; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) origin: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    streams: Mutex<Vec<UnboundedSender<Bytes>>>,
    requests: Mutex<Vec<Received>>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::<Shared>::default();
        let of_all = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&of_all);
                let service = service_fn(move |request| respond(Arc::clone(&shared), request));
                tokio::spawn(async move {
                    // Whoever goes away ends the connection.
                    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { origin, shared }
    }

    /// Says `text` on every stream that is open.
    pub(crate) fn say(&self, text: &str) {
        let parameters = json!({ "level": "info", "data": text });
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": parameters });
        let event = Bytes::from(format!("data: {message}\n\n"));
        self.shared.streams.lock().expect("no panic").retain(|stream| stream.send(event.clone()).is_ok());
    }

    /// The calls of tools that came in.
    pub(crate) fn calls(&self) -> Vec<Received> {
        let requests = self.shared.requests.lock().expect("no panic");
        requests.iter().filter(|request| request.header("mcp-method") == "tools/call").cloned().collect()
    }
}

async fn respond(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Answer>, hyper::Error> {
    let (head, body) = request.into_parts();
    let received = Received {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: String::new(),
        headers: head.headers,
        body: body.collect().await?.to_bytes(),
    };
    let asked: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let (media_type, body) = match asked["method"].as_str().unwrap_or_default() {
        "subscriptions/listen" => {
            let (sender, events) = unbounded_channel();
            shared.streams.lock().expect("no panic").push(sender);
            ("text/event-stream", Answer::Events(events))
        }
        method => {
            let result = if method == "tools/list" { tools() } else { length(received.body.len()) };
            let message = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result });
            ("application/json", Answer::Whole(Some(Bytes::from(message.to_string()))))
        }
    };
    shared.requests.lock().expect("no panic").push(received);
    Ok(Response::builder().header("content-type", media_type).body(body).expect("an answer"))
}

/// One tool, with arguments that are repeated in headers of every spelling.
fn tools() -> Value {
    let named = |name: &str| json!({ "type": "string", "x-mcp-header": name });
    let properties = json!({ "region": named("Region_Name"), "city": named("city.name"), "odd": named("odd~name") });
    let schema = json!({ "type": "object", "properties": properties });
    let tools = json!([{ "name": "echo", "inputSchema": schema }]);
    json!({ "resultType": "complete", "tools": tools, "ttlMs": 60_000, "cacheScope": "public" })
}

/// A result that says how long the request was.
fn length(bytes: usize) -> Value {
    json!({ "resultType": "complete", "content": [{ "type": "text", "text": bytes.to_string() }] })
}

/// The body of an answer.
enum Answer {
    Whole(Option<Bytes>),
    Events(UnboundedReceiver<Bytes>),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(events) => events.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event)))),
        }
    }
}
