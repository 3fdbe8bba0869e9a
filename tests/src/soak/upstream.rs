//! The MCP servers of a soak: they answer at once, keep event streams open and count them, and fail when they are told.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The servers; they end with the test's runtime.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) origin: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    open_streams: AtomicUsize,
    streams: AtomicUsize,
    is_down: AtomicBool,
}

impl Upstream {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::<Shared>::default();
        let of_connections = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&of_connections);
                let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                // A client that goes away is what a soak has all the time.
                tokio::spawn(async move {
                    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { origin, shared }
    }

    /// How many event streams are open.
    pub(super) fn open_streams(&self) -> usize {
        self.shared.open_streams.load(Ordering::SeqCst)
    }

    /// How many event streams were opened.
    pub(super) fn streams(&self) -> usize {
        self.shared.streams.load(Ordering::SeqCst)
    }

    /// Cuts every connection from now on, or no more.
    pub(super) fn is_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::SeqCst);
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Answer>, std::io::Error> {
    if shared.is_down.load(Ordering::SeqCst) {
        return Err(std::io::Error::other("the server is down"));
    }
    if request.method() == Method::GET {
        shared.streams.fetch_add(1, Ordering::SeqCst);
        shared.open_streams.fetch_add(1, Ordering::SeqCst);
        let event = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n";
        return Ok(of_type("text/event-stream", Answer::Stream(Some(Bytes::from(event)), shared)));
    }
    if request.method() != Method::POST {
        return Ok(empty(StatusCode::OK));
    }
    let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(id) = message.get("id") else { return Ok(empty(StatusCode::ACCEPTED)) };
    let result = match message["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": message["params"]["protocolVersion"], "capabilities": { "tools": {} },
            "serverInfo": { "name": "soak", "version": "1" },
        }),
        Some("tools/list") => json!({ "tools": [{ "name": "quick", "inputSchema": { "type": "object" } }] }),
        Some("tools/call") => json!({ "content": [{ "type": "text", "text": "hello" }] }),
        _ => json!({}),
    };
    let text = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
    let mut response = of_type("application/json", Answer::Whole(Some(Bytes::from(text))));
    if message["method"] == "initialize" {
        response.headers_mut().insert("mcp-session-id", HeaderValue::from_static("soak-session"));
    }
    Ok(response)
}

fn of_type(media_type: &'static str, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn empty(status: StatusCode) -> Response<Answer> {
    let mut response = Response::new(Answer::Whole(None));
    *response.status_mut() = status;
    response
}

/// The body of an answer.
enum Answer {
    Whole(Option<Bytes>),
    /// An event, and then silence.
    Stream(Option<Bytes>, Arc<Shared>),
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Self::Stream(_, shared) = self {
            shared.open_streams.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Stream(event, _) => match event.take() {
                Some(event) => Poll::Ready(Some(Ok(Frame::data(event)))),
                None => Poll::Pending,
            },
        }
    }
}
