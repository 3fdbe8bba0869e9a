//! The body of a request, on its way from the client to a guest.
//!
//! A guest costs memory and a turn, and each piece of a body wakes it. So the host reads a body to its end before it starts
//! a guest, but for the largest, and hands it on in pieces of some size. What is slow, or comes in frames of next to
//! nothing, is refused; and all bodies together have one budget, because a guest holds what it has read more than once.

use std::collections::{HashMap, VecDeque};
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
use crate::turns::Caller;

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
    /// It is larger than all bodies together may be, or all of its credential's.
    TooLarge,
    /// There is no room for it now, or for its guest.
    NoRoom,
    /// Its credential has its share of the room already.
    CredentialShare,
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
            Self::CredentialShare => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// For the log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Slow => "its body comes too slowly",
            Self::TinyFrames => "its body comes in too many small frames",
            Self::TooLarge => "its body is larger than all that its client may send at once",
            Self::NoRoom => "there is no room for its body or its guest",
            Self::CredentialShare => "the bodies of its credential have no more room",
            Self::Broken => "its body broke off",
        }
    }
}

/// The bytes that all bodies together may have, and those without a credential, and those of one credential.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    bytes: Arc<Semaphore>,
    anonymous: Arc<Semaphore>,
    most_anonymous: usize,
    per_credential: usize,
    shares: Arc<Mutex<HashMap<u64, usize>>>,
}

impl BodyBudget {
    pub(crate) fn new(limits: &Limits) -> Self {
        let most = limits.body_bytes;
        let most_anonymous = most / 2;
        Self {
            bytes: Arc::new(Semaphore::new(most)),
            anonymous: Arc::new(Semaphore::new(most_anonymous)),
            most_anonymous,
            per_credential: (most.saturating_mul(limits.body_share.min(100)) / 100).max(1),
            shares: Arc::default(),
        }
    }

    fn of(&self, caller: Caller) -> Owner {
        match caller {
            Caller::Credential(credential) => {
                Owner::Credential { credential, most: self.per_credential, shares: Arc::clone(&self.shares) }
            }
            Caller::Anonymous | Caller::Probe(_) => {
                Owner::Anonymous { bytes: Arc::clone(&self.anonymous), most: self.most_anonymous }
            }
        }
    }
}

/// Whose share of the budget a body takes.
#[derive(Debug)]
enum Owner {
    Credential { credential: u64, most: usize, shares: Arc<Mutex<HashMap<u64, usize>>> },
    Anonymous { bytes: Arc<Semaphore>, most: usize },
}

/// Bytes of a credential's share.
#[derive(Debug)]
struct Share {
    shares: Arc<Mutex<HashMap<u64, usize>>>,
    credential: u64,
    bytes: usize,
}

impl Share {
    fn take(shares: &Arc<Mutex<HashMap<u64, usize>>>, credential: u64, bytes: usize, most: usize) -> Option<Self> {
        let mut held = shares.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = held.get(&credential).copied().unwrap_or(0).saturating_add(bytes);
        if sum > most {
            return None;
        }
        held.insert(credential, sum);
        Some(Self { shares: Arc::clone(shares), credential, bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sum) = held.get_mut(&self.credential) {
            *sum = sum.saturating_sub(self.bytes);
            if *sum == 0 {
                held.remove(&self.credential);
            }
        }
    }
}

/// What one body holds of the budget, until its guest has ended.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Semaphore>,
    owner: Owner,
    room: Mutex<Room>,
}

#[derive(Debug, Default)]
struct Room {
    bytes: usize,
    permits: Option<OwnedSemaphorePermit>,
    anonymous: Option<OwnedSemaphorePermit>,
    share: Option<Share>,
}

fn merge(into: &mut Option<OwnedSemaphorePermit>, more: OwnedSemaphorePermit) {
    match into {
        Some(permit) => permit.merge(more),
        none => *none = Some(more),
    }
}

impl Held {
    /// The most that its owner may have at once.
    fn most(&self) -> usize {
        match &self.owner {
            Owner::Credential { most, .. } | Owner::Anonymous { most, .. } => *most,
        }
    }

    fn has_credential(&self) -> bool {
        matches!(self.owner, Owner::Credential { .. })
    }

    fn add(
        &self,
        bytes: u32,
        permits: OwnedSemaphorePermit,
        anonymous: Option<OwnedSemaphorePermit>,
        share: Option<Share>,
    ) {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        room.bytes = room.bytes.saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX));
        merge(&mut room.permits, permits);
        if let Some(more) = anonymous {
            merge(&mut room.anonymous, more);
        }
        match (&mut room.share, share) {
            (Some(share), Some(mut more)) => share.bytes = share.bytes.saturating_add(std::mem::take(&mut more.bytes)),
            (none, Some(share)) => *none = Some(share),
            (_, None) => {}
        }
    }

    /// The owner's credential's part of `bytes` more; nothing where there is no credential.
    fn share(&self, bytes: usize) -> Result<Option<Share>, Refusal> {
        match &self.owner {
            Owner::Anonymous { .. } => Ok(None),
            Owner::Credential { credential, most, shares } => {
                Share::take(shares, *credential, bytes, *most).map(Some).ok_or(Refusal::CredentialShare)
            }
        }
    }

    fn try_grow(&self, bytes: usize) -> Result<(), Refusal> {
        let share = self.share(bytes)?;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let anonymous = match &self.owner {
            Owner::Anonymous { bytes: all, .. } => {
                Some(Arc::clone(all).try_acquire_many_owned(bytes).map_err(|_| Refusal::NoRoom)?)
            }
            Owner::Credential { .. } => None,
        };
        let permits = Arc::clone(&self.budget).try_acquire_many_owned(bytes).map_err(|_| Refusal::NoRoom)?;
        self.add(bytes, permits, anonymous, share);
        Ok(())
    }

    async fn grow(&self, bytes: usize) -> Result<(), Refusal> {
        let share = self.share(bytes)?;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let anonymous = match &self.owner {
            Owner::Anonymous { bytes: all, .. } => {
                Some(Arc::clone(all).acquire_many_owned(bytes).await.map_err(|_| Refusal::NoRoom)?)
            }
            Owner::Credential { .. } => None,
        };
        let permits = Arc::clone(&self.budget).acquire_many_owned(bytes).await.map_err(|_| Refusal::NoRoom)?;
        self.add(bytes, permits, anonymous, share);
        Ok(())
    }

    /// Gives all of it back.
    pub(crate) fn release(&self) {
        let room = std::mem::take(&mut *self.room.lock().unwrap_or_else(PoisonError::into_inner));
        drop(room);
    }

    /// Gives all of it back where it is little: a guest keeps what it has read of a body until it ends, and may go on for
    /// hours after its answer has begun.
    pub(crate) fn release_small(&self) {
        if self.room.lock().unwrap_or_else(PoisonError::into_inner).bytes <= SMALL_BODY {
            self.release();
        }
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
    pub(crate) fn new(
        body: B,
        limits: &Limits,
        budget: &BodyBudget,
        connection: &Arc<Connection>,
        caller: Caller,
    ) -> Self {
        let ended = body.is_end_stream();
        Self {
            body,
            connection: Arc::clone(connection),
            held: Arc::new(Held {
                budget: Arc::clone(&budget.bytes),
                owner: budget.of(caller),
                room: Mutex::default(),
            }),
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
    pub(crate) async fn gather(&mut self, limits: &Limits, connections: &Connections) -> Result<(), Refusal> {
        let declared = self.body.size_hint().lower();
        if declared > u64::try_from(self.held.most()).unwrap_or(u64::MAX) {
            return Err(Refusal::TooLarge);
        }
        if self.ended || declared > u64::try_from(READ_BEFORE).unwrap_or(u64::MAX) {
            return Ok(());
        }
        let dismissed = Arc::new(Notify::new());
        let place = connections.bodies.enter_as(self.held.has_credential(), &dismissed);
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

    /// Room for `bytes` more. Where there is none, a body without a credential makes room, or else, for one that has a
    /// credential, another with one; of these the one that has been coming for longest.
    async fn make_room(
        &self,
        bytes: usize,
        limits: &Limits,
        connections: &Connections,
        own: &Place,
    ) -> Result<(), Refusal> {
        match self.held.try_grow(bytes) {
            Err(Refusal::NoRoom) => {}
            done => return done,
        }
        connections.bodies.dismiss_longest(Some(own));
        timeout(limits.turn_wait, self.held.grow(bytes)).await.unwrap_or(Err(Refusal::NoRoom))
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
                    if let Err(refusal) = self.held.try_grow(data.len()) {
                        return Poll::Ready(Err(refusal));
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
        Refusal::TinyFrames | Refusal::TooLarge | Refusal::NoRoom | Refusal::CredentialShare => {
            Error::ConnectionLimitReached
        }
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
