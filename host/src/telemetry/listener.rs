//! `GET /metrics`, on an address of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::measuring::Measuring;
use crate::error::StartError;

/// Where the metrics are.
const PATH: &str = "/metrics";
/// The exposition format's own.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// So many are answered at once; others wait.
const CONNECTIONS: usize = 16;
/// A connection has one request, and no more time than this, which is Prometheus' own patience.
const LONGEST: Duration = Duration::from_secs(10);

/// The metrics' address, and what serves them until it is dropped.
pub(crate) struct MetricsListener {
    listener: TcpListener,
    measuring: Measuring,
}

/// Listens on `address`.
///
/// # Errors
/// It cannot be listened on.
pub(crate) async fn listen(address: SocketAddr, measuring: Measuring) -> Result<MetricsListener, StartError> {
    let failed = |error: std::io::Error| StartError::Listen { address, message: format!("for metrics: {error}") };
    Ok(MetricsListener { listener: TcpListener::bind(address).await.map_err(failed)?, measuring })
}

impl MetricsListener {
    /// The address that is listened on.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Serves for ever.
    pub(crate) async fn serve(self) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            // Never closed, so this is a slot.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let measuring = self.measuring.clone();
                    tokio::spawn(async move {
                        // Who takes longer gets no answer.
                        let _ = timeout(LONGEST, serve(stream, measuring)).await;
                        drop(slot);
                    });
                }
                // Out of file descriptors, most likely: time for others to end.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

async fn serve(stream: TcpStream, measuring: Measuring) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let measuring = measuring.clone();
        async move { Ok::<_, Infallible>(answer(request.method(), request.uri().path(), measuring).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // What fails on a connection is its client's doing.
    let _ = serving.await;
}

async fn answer(method: &Method, path: &str, measuring: Measuring) -> Response<Full<Bytes>> {
    let (status, text) = match (path == PATH, method) {
        (true, &Method::GET | &Method::HEAD) => {
            match tokio::task::spawn_blocking(move || measuring.exposition()).await {
                Ok(text) => (StatusCode::OK, text),
                Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
            }
        }
        (true, _) => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        (false, _) => (StatusCode::NOT_FOUND, String::new()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
