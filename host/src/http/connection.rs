//! Serving one connection: its requests one after the other, the times in which something has to come, and its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::client_stream::{ClientStream, has_closed, linger};
use super::connection_state::{Activity, Connection};
use super::request::respond;
use super::request_log::RequestLog;
use super::worker::Worker;
use crate::limits::Limits;

/// A request's head may have this many bytes, and this many fields: room for a large cookie or token, and for as many
/// fields as a route of Gatehouse may allow (`routes[].limits.headers`).
const HEAD_BYTES: usize = 64 * 1024;
const HEAD_FIELDS: usize = 1024;

/// How often a connection is looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Serves `stream` until it ends, or has to.
pub(crate) async fn serve_connection(stream: TcpStream, client: SocketAddr, worker: Arc<Worker>) {
    let host = &worker.host;
    let mut phase = host.phase();
    let limits = host.application.limits;
    let connection = Arc::new(Connection::new(&host.connections));
    let socket = Arc::new(stream);
    let service = {
        let (worker, connection) = (Arc::clone(&worker), Arc::clone(&connection));
        service_fn(move |request| {
            let (worker, connection) = (Arc::clone(&worker), Arc::clone(&connection));
            // Not only when it is answered: a client may have closed by then, and hyper drops the answer before it begins.
            let log = RequestLog::begin(&worker.host.application.log, request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(respond(&worker, &connection, client, request, log).await) }
        })
    };
    let serving = async {
        let serving = http1::Builder::new()
            // What is timed is seen to below: hyper's own timer cannot tell an idle connection from half a head, nor from
            // one whose client still takes its answer.
            .header_read_timeout(None)
            .max_header_size(HEAD_BYTES)
            .max_headers(HEAD_FIELDS)
            .serve_connection(TokioIo::new(ClientStream::new(&socket, &connection, limits.write_stall)), service);
        let mut serving = pin!(serving);
        // What fails on a connection is the client's doing, or is logged where it happens.
        tokio::select! {
            _ = serving.as_mut() => return,
            () = phase.draining() => {}
        }
        if !connection.is_used() {
            return;
        }
        serving.as_mut().graceful_shutdown();
        tokio::select! {
            _ = serving.as_mut() => {}
            () = phase.ended() => {}
        }
    };
    let ended = tokio::select! {
        () = serving => true,
        () = has_to_end(&socket, &connection, &limits) => false,
    };
    if ended && connection.has_unread_body() {
        let mut phase = host.phase();
        tokio::select! {
            () = linger(&socket) => {}
            () = connection.dismissed.notified() => {}
            () = phase.ended() => {}
        }
    }
}

/// Ends when the connection has to: its client has left, or takes too long, or others need the room more.
async fn has_to_end(socket: &TcpStream, connection: &Connection, limits: &Limits) {
    loop {
        let left = match connection.activity() {
            Activity::Busy if has_closed(socket) => return,
            Activity::Busy | Activity::Writing => LOOK,
            Activity::Idle(since) => left(since, limits.connection_idle),
            Activity::Head(since) => left(since, limits.header_read),
        };
        if left.is_zero() {
            return;
        }
        tokio::select! {
            () = sleep(left.min(LOOK)) => {}
            () = connection.dismissed.notified() => {
                // A request may have come just then, or its client does not take all of an answer at once.
                if !matches!(connection.activity(), Activity::Busy | Activity::Writing) {
                    return;
                }
            }
        }
    }
}

fn left(since: Instant, limit: Duration) -> Duration {
    limit.saturating_sub(since.elapsed())
}
