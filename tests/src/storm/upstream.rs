//! An MCP server that answers at once, or never: as the tool that is called asks for.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The tool that never answers.
pub(super) const SLOW_TOOL: &str = "never-answers";

/// Serves until the runtime ends; its origin.
pub async fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that goes away is what the storm is about.
            tokio::spawn(async move {
                let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            });
        }
    });
    origin
}

async fn answer(request: Request<Incoming>) -> Result<Response<Answer>, hyper::Error> {
    if request.method() == Method::GET {
        return Ok(of_type("text/event-stream", Answer::Silent));
    }
    let body = request.into_body().collect().await?.to_bytes();
    if String::from_utf8_lossy(&body).contains(SLOW_TOOL) {
        return std::future::pending().await;
    }
    let result = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}"#;
    Ok(of_type("application/json", Answer::Whole(Full::from(result))))
}

fn of_type(media_type: &'static str, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The body of an answer.
enum Answer {
    Whole(Full<Bytes>),
    /// An event stream without an event.
    Silent,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx),
            Self::Silent => Poll::Pending,
        }
    }
}
