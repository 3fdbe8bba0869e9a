//! OTLP by gRPC, before the receiver that takes it over HTTP. The messages are the same.

use std::convert::Infallible;

use bytes::Bytes;
use gatehouse_tests::http;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// What stands before a message: whether it is compressed, and its length in four bytes.
const PREFIX: usize = 5;

/// Takes OTLP by gRPC at a free port of 127.0.0.1 until the runtime ends, and hands it to the receiver at `url`; its own URL.
pub(crate) async fn before(url: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let url = url.to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let url = url.clone();
            let service = service_fn(move |request| hand_on(url.clone(), request));
            // Whoever exports closes its connections as it likes.
            tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service));
        }
    });
    origin
}

async fn hand_on(
    url: String,
    request: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    let signals = [("trace.v1", "traces"), ("metrics.v1", "metrics"), ("logs.v1", "logs")];
    let path = request.uri().path().to_owned();
    let signal = signals.iter().find(|(service, _)| path.contains(service)).map(|(_, signal)| signal);
    let signal = signal.unwrap_or_else(|| panic!("{path} is no service of OTLP"));
    let body = request.into_body().collect().await?.to_bytes();
    assert_eq!(body.first(), Some(&0), "it is compressed");
    let sent = http().post(format!("{url}/v1/{signal}")).header("content-type", "application/x-protobuf");
    let answer = sent.body(body.slice(PREFIX..)).send().await.expect("the receiver answers");
    assert_eq!(answer.status(), 200);
    let done = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
    // An empty message.
    let body = Full::new(Bytes::from_static(&[0; PREFIX])).with_trailers(async move { Some(Ok(done)) });
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}
