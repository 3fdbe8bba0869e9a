//! The body of a request, on its way from the client to a guest.
//!
//! A guest costs memory and a turn, and each piece of a body wakes it. So the host reads a body to its end before it starts
//! a guest, but for the largest, and hands it on in pieces of some size. What is slow, or comes in frames of next to
//! nothing, is refused; and all bodies together have one budget, because a guest holds what it has read more than once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Sleep, sleep, timeout};
use wasmtime_wasi_http::Error;

use crate::connections::{Connection, Connections, Place};
use crate::limits::Limits;

/// A body up to this size is read to its end before its guest starts; of one that does not say its size, this much. Who
/// wants guests to wait has to send as much for each: the guest of an endpoint that asks for no token would wait for
/// anybody's body. One that says that it is larger starts its guest at once: guests refuse that without reading it.
const READ_BEFORE: usize = 4 << 20;

/// A body up to this size has a time for all of it; what goes beyond has more, by its rate.
const SMALL_BODY: usize = 64 * 1024;

/// A guest is woken for pieces of at least this size, and what is gathered is kept in pieces of at most the other, and a
/// frame: so that memory is given back while the guest reads.
const PIECE: usize = 16 * 1024;
const LARGEST_PIECE: usize = 64 * 1024;

/// A body may come in this many frames, and one more for each [`BYTES_OF_A_FRAME`] of it.
const FREE_FRAMES: u64 = 1000;
const BYTES_OF_A_FRAME: u64 = 16;

/// Why the host refuses a request because of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It comes too slowly.
    Slow,
    /// It comes in frames of next to nothing.
    TinyFrames,
    /// It is larger than all bodies together may be.
    TooLarge,
    /// There is no room for it now, or for its guest.
    NoRoom,
    /// The client broke it off.
    Broken,
}

impl Refusal {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TinyFrames | Self::Broken => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// For the log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Slow => "its body comes too slowly",
            Self::TinyFrames => "its body comes in too many small frames",
            Self::TooLarge => "its body is larger than all bodies together may be",
            Self::NoRoom => "there is no room for its body or its guest",
            Self::Broken => "its body broke off",
        }
    }
}

/// The bytes that all bodies together may have.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    bytes: Arc<Semaphore>,
    most: usize,
}

impl BodyBudget {
    pub(crate) fn new(most: usize) -> Self {
        Self { bytes: Arc::new(Semaphore::new(most)), most }
    }
}

/// What one body holds of the budget, until its guest has answered or ended.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Semaphore>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Held {
    fn add(&self, more: OwnedSemaphorePermit) {
        match &mut *self.permit.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
    }

    fn try_grow(&self, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.budget).try_acquire_many_owned(bytes);
        more.map(|more| self.add(more)).is_ok()
    }

    async fn grow(&self, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.budget).acquire_many_owned(bytes).await;
        more.map(|more| self.add(more)).is_ok()
    }

    /// Gives all of it back.
    pub(crate) fn release(&self) {
        drop(self.permit.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Tells whoever answers the request that its body is refused while its guest reads it.
#[derive(Clone)]
pub(crate) struct Refused(watch::Sender<Option<Refusal>>);

impl Refused {
    pub(crate) fn set(&self, refusal: Refusal) {
        self.0.send_replace(Some(refusal));
    }

    pub(crate) fn get(&self) -> Option<Refusal> {
        *self.0.borrow()
    }

    /// Waits until it is.
    pub(crate) async fn wait(&self) -> Refusal {
        let mut refusal = self.0.subscribe();
        loop {
            if let Some(refusal) = *refusal.borrow_and_update() {
                return refusal;
            }
            if refusal.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// A request's body. Fails when it is refused.
pub(crate) struct RequestBody<B> {
    body: B,
    connection: Arc<Connection>,
    pub(crate) held: Arc<Held>,
    pub(crate) refused: Refused,
    pace: Pace,
    /// Read, and not handed on yet: whole pieces, and one that grows.
    pieces: VecDeque<Bytes>,
    piece: BytesMut,
    trailers: Option<HeaderMap>,
    ended: bool,
}

impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.leave_body_unread();
        }
    }
}

impl<B> RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    pub(crate) fn new(body: B, limits: &Limits, budget: &BodyBudget, connection: &Arc<Connection>) -> Self {
        let ended = body.is_end_stream();
        Self {
            body,
            connection: Arc::clone(connection),
            held: Arc::new(Held { budget: Arc::clone(&budget.bytes), permit: Mutex::default() }),
            refused: Refused(watch::Sender::new(None)),
            pace: Pace::new(limits),
            pieces: VecDeque::new(),
            piece: BytesMut::new(),
            trailers: None,
            ended,
        }
    }

    /// Reads the body before its guest starts: up to [`READ_BEFORE`] of it, and nothing of one that is declared larger.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) async fn gather(
        &mut self,
        limits: &Limits,
        budget: &BodyBudget,
        connections: &Connections,
    ) -> Result<(), Refusal> {
        let declared = self.body.size_hint().lower();
        if declared > u64::try_from(budget.most).unwrap_or(u64::MAX) {
            return Err(Refusal::TooLarge);
        }
        if self.ended || declared > u64::try_from(READ_BEFORE).unwrap_or(u64::MAX) {
            return Ok(());
        }
        let dismissed = Arc::new(Notify::new());
        let place = connections.bodies.enter(&dismissed);
        let mut read = 0_usize;
        while !self.ended && read < READ_BEFORE {
            let frame = tokio::select! {
                biased;
                // Others need the room more than a body that has not come for so long.
                () = dismissed.notified() => return Err(Refusal::NoRoom),
                frame = poll_fn(|cx| self.poll_data(cx)) => frame?,
            };
            let Some(data) = frame else { break };
            self.make_room(data.len(), limits, connections, &place).await?;
            read = read.saturating_add(data.len());
            if self.piece.is_empty() && data.len() >= PIECE {
                self.pieces.push_back(data);
                continue;
            }
            self.piece.extend_from_slice(&data);
            if self.piece.len() >= LARGEST_PIECE {
                self.pieces.push_back(std::mem::take(&mut self.piece).freeze());
            }
        }
        Ok(())
    }

    /// Room for `bytes` more. Where there is none, the body that has been coming for longest makes room.
    async fn make_room(
        &self,
        bytes: usize,
        limits: &Limits,
        connections: &Connections,
        own: &Place,
    ) -> Result<(), Refusal> {
        if self.held.try_grow(bytes) {
            return Ok(());
        }
        connections.bodies.dismiss_longest(Some(own));
        let room = timeout(limits.turn_wait, self.held.grow(bytes)).await;
        if room == Ok(true) { Ok(()) } else { Err(Refusal::NoRoom) }
    }

    /// The next data from the client; nothing at the end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Refusal>> {
        loop {
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                return self.pace.poll_too_slow(cx).map(|()| Err(Refusal::Slow));
            };
            self.pace.resume();
            match frame {
                None => self.ended = true,
                Some(Err(_)) => return Poll::Ready(Err(Refusal::Broken)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.ended = self.body.is_end_stream();
                        if !self.pace.count(data.len()) {
                            return Poll::Ready(Err(Refusal::TinyFrames));
                        }
                        return Poll::Ready(Ok(Some(data)));
                    }
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        self.ended = true;
                    }
                },
            }
        }
    }

    /// Data for the guest: a piece of some size, or the last one.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Refusal>> {
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Ok(Some(piece)));
        }
        while !self.ended && self.piece.len() < PIECE {
            match self.poll_data(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(refusal)) => return Poll::Ready(Err(refusal)),
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Ok(Some(data))) => {
                    if !self.held.try_grow(data.len()) {
                        return Poll::Ready(Err(Refusal::NoRoom));
                    }
                    if self.piece.is_empty() && data.len() >= PIECE {
                        return Poll::Ready(Ok(Some(data)));
                    }
                    self.piece.extend_from_slice(&data);
                }
            }
        }
        let piece = std::mem::take(&mut self.piece);
        Poll::Ready(Ok(if piece.is_empty() { None } else { Some(piece.freeze()) }))
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if let Some(refusal) = this.refused.get() {
            return Poll::Ready(Some(Err(error(refusal))));
        }
        match this.poll_piece(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Some(piece))) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            Poll::Ready(Ok(None)) => Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))),
            Poll::Ready(Err(refusal)) => {
                this.refused.set(refusal);
                Poll::Ready(Some(Err(error(refusal))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.pieces.is_empty() && self.piece.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.pieces.iter().map(Bytes::len).sum::<usize>().saturating_add(self.piece.len());
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

/// What the guest is told. The client is told by whoever answers.
fn error(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Slow => Error::ConnectionReadTimeout,
        Refusal::TinyFrames | Refusal::TooLarge | Refusal::NoRoom => Error::ConnectionLimitReached,
        Refusal::Broken => Error::ConnectionTerminated,
    }
}

/// How fast a body comes, and in how many frames.
struct Pace {
    grace: Duration,
    bytes_per_second: u64,
    bytes: u64,
    frames: u64,
    /// Spent waiting for the client, before the current wait.
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    fn new(limits: &Limits) -> Self {
        let bytes_per_second = u64::try_from(limits.body_rate).unwrap_or(u64::MAX).max(1);
        Self { grace: limits.body_read, bytes_per_second, bytes: 0, frames: 0, waited: Duration::ZERO, waiting: None }
    }

    /// How long may be waited for this much of a body, in all.
    fn allowed(&self) -> Duration {
        let beyond = self.bytes.saturating_sub(u64::try_from(SMALL_BODY).unwrap_or(u64::MAX));
        self.grace.saturating_add(Duration::from_secs(beyond / self.bytes_per_second))
    }

    /// Ready when the client has taken too long.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.allowed().saturating_sub(self.waited);
        let (_, elapsed) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        elapsed.as_mut().poll(cx)
    }

    /// Something has come.
    fn resume(&mut self) {
        if let Some((since, _)) = self.waiting.take() {
            self.waited = self.waited.saturating_add(since.elapsed());
        }
    }

    /// Counts a frame. Whether there are not too many.
    fn count(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.frames = self.frames.saturating_add(1);
        self.frames <= self.bytes / BYTES_OF_A_FRAME + FREE_FRAMES
    }
}

#[cfg(test)]
mod tests;
