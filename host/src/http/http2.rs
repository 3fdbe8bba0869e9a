//! HTTP/2: what one connection may do. Everything that a request may do is as on HTTP/1.1.

use std::time::Duration;

use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::head_limits::HEAD_BYTES;

/// Requests at once on one connection.
const STREAMS: u32 = 100;

/// What may come of one request's body before somebody reads it, and of all bodies on a connection: it is in nobody's budget
/// until then. The first is the least that every client knows without being told.
const STREAM_WINDOW: u32 = 64 * 1024 - 1;
const CONNECTION_WINDOW: u32 = 128 * 1024;

/// What is kept of one answer for a client that takes little at a time.
const ANSWER_BYTES: usize = 64 * 1024;

/// Requests that a client may take back before they are even looked at (CVE-2023-44487), and faults of its own for each of which
/// a request ends. With one more, the connection ends.
const RESET_BEFORE_ACCEPTED: usize = 20;
const OWN_FAULTS: usize = 1024;

/// A client is asked whether it is still there this often; it may be behind something that keeps its connection open.
const PING_EVERY: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How connections of HTTP/2 are served.
pub(crate) fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(ANSWER_BYTES)
        .max_pending_accept_reset_streams(RESET_BEFORE_ACCEPTED)
        .max_local_error_reset_streams(OWN_FAULTS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
