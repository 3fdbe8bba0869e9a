//! Serving one connection: its handshake, its requests, the times in which something has to come, and its end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::client_stream::{ClientStream, has_closed, linger};
use super::connection_state::{Activity, Connection};
use super::head_limits::{HEAD_BYTES, HEAD_FIELDS};
use super::http2;
use super::http2_body::for_http2;
use super::request::respond;
use super::request_log::RequestLog;
use super::worker::Worker;
use crate::limits::Limits;
use crate::server_tls::speaks_http2;

/// How often a connection is looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// A client's connection, for what runs on it.
struct Served {
    worker: Arc<Worker>,
    connection: Arc<Connection>,
    socket: Arc<TcpStream>,
    client: SocketAddr,
}

impl Served {
    fn for_request(&self) -> (Arc<Worker>, Arc<Connection>, SocketAddr) {
        (Arc::clone(&self.worker), Arc::clone(&self.connection), self.client)
    }
}

/// Serves `stream` until it ends, or has to.
pub(crate) async fn serve_connection(stream: TcpStream, client: SocketAddr, worker: Arc<Worker>) {
    let connection = Arc::new(Connection::new(&worker.host.connections));
    let served = Served { worker, connection, socket: Arc::new(stream), client };
    let application = &served.worker.host.application;
    let stream = ClientStream::new(&served.socket, &served.connection, application.limits.write_stall);
    let Some(tls) = &application.tls else { return serve_http1(&served, stream).await };
    let mut phase = served.worker.host.phase();
    // A handshake is a part of the first head: it has the same time, and makes room for others in the same way.
    let accepted = tokio::select! {
        accepted = tls.accept(stream) => accepted,
        _ = has_to_end(&served) => return,
        () = phase.draining() => return,
    };
    match accepted {
        Ok(stream) if speaks_http2(&stream) => serve_http2(&served, stream).await,
        Ok(stream) => serve_http1(&served, stream).await,
        // Another fault is that the client has left: whoever only looks whether the port is open does so.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            served.worker.host.handshake_failures.log(&*application.log, &error);
        }
        Err(_) => {}
    }
}

async fn serve_http1(served: &Served, stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
    let service = service_fn(|request| {
        let (worker, connection, client) = served.for_request();
        // Not only when it is answered: a client may have closed by then, and hyper drops the answer before it begins.
        let log = begin_log(&worker, &request);
        async move { Ok::<_, Infallible>(respond(&worker, &connection, client, request, log).await) }
    });
    let serving = http1::Builder::new()
        // What is timed is seen to below: hyper's own timer cannot tell an idle connection from half a head, nor from
        // one whose client still takes its answer.
        .header_read_timeout(None)
        .max_header_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    serve(served, serving).await;
}

async fn serve_http2(served: &Served, stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
    served.connection.is_http2(HEAD_BYTES);
    let write_stall = served.worker.host.application.limits.write_stall;
    let service = service_fn(|request| {
        let (worker, connection, client) = served.for_request();
        let unanswered = connection.unanswered();
        let log = begin_log(&worker, &request);
        let method = request.method().clone();
        async move {
            let response = respond(&worker, &connection, client, request, log).await;
            Ok::<_, Infallible>(for_http2(response, &method, write_stall, unanswered))
        }
    });
    serve(served, http2::builder().serve_connection(TokioIo::new(stream), service)).await;
}

fn begin_log(worker: &Worker, request: &Request<Incoming>) -> RequestLog {
    let application = &worker.host.application;
    let log = RequestLog::begin(&application.log, request.method(), request.uri().path());
    log.measured(application.measuring.as_ref(), request.headers())
}

/// Serves by `serving` until the connection ends, or has to, or the host stops.
async fn serve<C: GracefulConnection>(served: &Served, serving: C) {
    let Served { worker, connection, socket, .. } = served;
    let mut phase = worker.host.phase();
    let mut serving = pin!(serving);
    let until_stopped = async {
        // What fails on a connection is the client's doing, or is logged where it happens.
        tokio::select! {
            _ = serving.as_mut() => return,
            () = phase.draining() => {}
        }
        if connection.is_used() {
            end_gracefully(served, serving.as_mut()).await;
        }
    };
    let end = tokio::select! {
        () = until_stopped => None,
        end = has_to_end(served) => Some(end),
    };
    match end {
        None if connection.has_unread_body() => {
            let mut phase = worker.host.phase();
            tokio::select! {
                () = linger(socket) => {}
                () = connection.dismissed.notified() => {}
                () = phase.ended() => {}
            }
        }
        // On HTTP/1.1, its end says the same.
        Some(End::IsIdle) if connection.speaks_http2() => end_gracefully(served, serving.as_mut()).await,
        _ => {}
    }
}

/// Tells the client that no more requests are taken, and ends when those that run have ended.
async fn end_gracefully<C: GracefulConnection>(served: &Served, mut serving: Pin<&mut C>) {
    let mut phase = served.worker.host.phase();
    serving.as_mut().graceful_shutdown();
    tokio::select! {
        _ = serving => {}
        () = phase.ended() => {}
        () = is_over(served) => {}
    }
}

/// Ends when nothing is under way any more on a connection of HTTP/2 whose client was told that it ends. A client that does not
/// say that it has understood must not hold it open. On HTTP/1.1, hyper sees the end itself.
async fn is_over(served: &Served) {
    loop {
        sleep(LOOK).await;
        match served.connection.activity() {
            Activity::Abused => return,
            Activity::Busy if has_closed(&served.socket) => return,
            Activity::Idle(_) | Activity::Head(_) if served.connection.speaks_http2() => return,
            _ => {}
        }
    }
}

/// Why a connection has to end.
enum End {
    /// It was idle for as long as it may be.
    IsIdle,
    /// The client has left, takes too long or asks too much, or others need the room more.
    AtOnce,
}

/// Ends when the connection has to.
async fn has_to_end(served: &Served) -> End {
    let Served { worker, connection, socket, .. } = served;
    let limits: &Limits = &worker.host.application.limits;
    loop {
        let (left, end) = match connection.activity() {
            Activity::Abused => return End::AtOnce,
            Activity::Busy if has_closed(socket) => return End::AtOnce,
            Activity::Busy | Activity::Writing => (LOOK, End::AtOnce),
            Activity::Idle(since) => (left(since, limits.connection_idle), End::IsIdle),
            Activity::Head(since) => (left(since, limits.header_read), End::AtOnce),
        };
        if left.is_zero() {
            return end;
        }
        tokio::select! {
            () = sleep(left.min(LOOK)) => {}
            () = connection.dismissed.notified() => {
                // A request may have come just then, or its client does not take all of an answer at once.
                if !matches!(connection.activity(), Activity::Busy | Activity::Writing) {
                    return End::AtOnce;
                }
            }
        }
    }
}

fn left(since: Instant, limit: Duration) -> Duration {
    limit.saturating_sub(since.elapsed())
}
