//! Servers inside the test's own process: they end with its runtime.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use url::form_urlencoded;

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, without its question mark.
    pub query: String,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// The value of the header `name`; nothing where it is absent or not text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The value of `name` in the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        value_of(&self.query, name)
    }

    /// The value of `name` in the form that the body is.
    pub fn field(&self, name: &str) -> Option<String> {
        value_of(&String::from_utf8_lossy(&self.body), name)
    }
}

fn value_of(form: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(form.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Serves on a free port of 127.0.0.1 until the runtime ends; its origin. Where `answer` returns `None`, the connection
/// is cut.
pub async fn serve<Answer, Answered>(answer: Answer) -> String
where
    Answer: Fn(Received) -> Answered + Send + Sync + 'static,
    Answered: Future<Output = Option<Response<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            let service = service_fn(move |request| respond(Arc::clone(&answer), request));
            tokio::spawn(async move {
                // A client that goes away, and a connection that is cut, are what the tests ask for.
                let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    origin
}

async fn respond<Answer, Answered>(
    answer: Arc<Answer>,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error>
where
    Answer: Fn(Received) -> Answered,
    Answered: Future<Output = Option<Response<Bytes>>>,
{
    let cut = || std::io::Error::other("the connection is cut");
    let (head, body) = request.into_parts();
    let received = Received {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.collect().await.map_err(|_| cut())?.to_bytes(),
    };
    let response: Option<Result<_, Infallible>> = answer(received).await.map(Ok);
    response.map(|response| response.map(|response| response.map(Full::new))).transpose().ok().flatten().ok_or_else(cut)
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &serde_json::Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
