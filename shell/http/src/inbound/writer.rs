//! An answer that is written piece by piece.

use http::{HeaderMap, StatusCode};
use thiserror::Error;
use wasip2::clocks::monotonic_clock::{self, Instant};
use wasip2::http::types::{ErrorCode, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::OutputStream;

use crate::headers::fields;
use crate::streams;
use crate::system::{Milliseconds, NANOSECONDS_OF_MILLISECOND};

/// An answer whose head has been sent. Dropping it breaks the answer off, so that the client does not take half of one
/// for a whole one.
pub struct Writer {
    // Dropped in this order: WASI traps where a body goes before its stream.
    stream: OutputStream,
    body: OutgoingBody,
    deadline: Option<Instant>,
}

/// The client has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the client has gone")]
pub struct ReaderGone;

impl From<streams::ReaderGone> for ReaderGone {
    fn from(_: streams::ReaderGone) -> Self {
        Self
    }
}

impl Writer {
    /// Sends status and headers; `None` where the host takes no response any more.
    pub fn open(out: ResponseOutparam, status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let response = OutgoingResponse::new(fields(headers));
        if response.set_status_code(status.as_u16()).is_err() {
            ResponseOutparam::set(out, Err(ErrorCode::InternalError(None)));
            return None;
        }
        let body = response.body().ok()?;
        ResponseOutparam::set(out, Ok(response));
        shell_telemetry::answered(status);
        let stream = body.write().ok()?;
        Some(Self { stream, body, deadline: None })
    }

    /// From now on a client that takes nothing counts as gone when this much time has passed, whatever it has taken
    /// before: for an answer that must not last longer. Whoever takes nothing for 30 seconds has gone in any case.
    #[must_use]
    pub fn at_most(mut self, time: Milliseconds) -> Self {
        let time = time.saturating_mul(NANOSECONDS_OF_MILLISECOND);
        self.deadline = Some(monotonic_clock::now().saturating_add(time));
        self
    }

    /// Sends these bytes; returns when the host has taken them.
    ///
    /// # Errors
    /// Where the client has gone, or takes nothing for 30 seconds.
    pub fn write(&self, bytes: &[u8]) -> Result<(), ReaderGone> {
        Ok(streams::write_by(&self.stream, bytes, self.deadline)?)
    }

    /// Sends as many of these bytes as the host takes now, and waits for nobody; how many.
    ///
    /// # Errors
    /// Where the client has gone.
    pub fn write_some(&self, bytes: &[u8]) -> Result<usize, ReaderGone> {
        Ok(streams::write_without_waiting(&self.stream, bytes)?)
    }

    /// Sends these bytes as the last ones, and ends the answer. A client that takes nothing for 30 seconds sees it broken off.
    pub fn finish_with(self, bytes: &[u8]) {
        if streams::hand_over_by(&self.stream, bytes, self.deadline).is_ok() {
            self.finish();
        }
    }

    /// Whether the client is still there, as far as the host knows. Nothing else tells of one that leaves during
    /// silence: whoever waits asks once a second.
    pub fn has_reader(&self) -> bool {
        self.stream.check_write().is_ok()
    }

    /// Ends the answer.
    pub fn finish(self) {
        let Self { stream, body, .. } = self;
        drop(stream);
        let _gone = OutgoingBody::finish(body, None);
    }
}
