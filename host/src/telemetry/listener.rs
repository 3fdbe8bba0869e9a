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
use hyper_util::rt::TokioIo;
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
    patience: Duration,
}

/// Listens on `address`.
///
/// # Errors
/// It cannot be listened on.
pub(crate) async fn listen(address: SocketAddr, measuring: Measuring) -> Result<MetricsListener, StartError> {
    let failed = |error: std::io::Error| StartError::Listen { address, message: format!("for metrics: {error}") };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    Ok(MetricsListener { listener, measuring, patience: LONGEST })
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
                    let (measuring, patience) = (self.measuring.clone(), self.patience);
                    tokio::spawn(async move {
                        // Who takes longer gets no answer.
                        let _ = timeout(patience, serve(stream, measuring)).await;
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
        // Reading the head is a part of the connection's time.
        .header_read_timeout(None)
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::telemetry::TelemetryOptions;

    async fn listening(patience: Duration) -> SocketAddr {
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let options = TelemetryOptions { metrics: Some(address), otlp: None, names: |_| None };
        let listener = listen(address, Measuring::new(&options)).await.unwrap();
        let address = listener.address().unwrap();
        tokio::spawn(MetricsListener { patience, ..listener }.serve());
        address
    }

    async fn asked(address: SocketAddr, head: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{head}\r\nHost: h\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn who_says_nothing_is_cut_off_and_others_are_answered_meanwhile() {
        let address = listening(Duration::from_millis(100)).await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let answer = asked(address, "GET /metrics HTTP/1.1").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\ngatehouse_build_info{"), "{answer}");
        let mut end = [0];
        assert_eq!(silent[0].read(&mut end).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_an_error_that_names_it() {
        let address = listening(LONGEST).await;
        let options = TelemetryOptions { metrics: Some(address), otlp: None, names: |_| None };
        let error = listen(address, Measuring::new(&options)).await.err().unwrap();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
