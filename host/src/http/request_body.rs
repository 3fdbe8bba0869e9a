//! The body of a request, on its way from the client to a guest.
//!
//! A guest costs memory and a permit, and each piece of a body wakes it. So the host reads a body to its end before it starts
//! a guest, but for the largest, and hands it on in pieces of some size. What is slow, or comes in frames of next to
//! nothing, is refused; and all bodies together have one budget, because a guest holds what it has read more than once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::timeout;
use wasmtime_wasi_http::Error;

use super::body_budget::{BodyAllocation, BodyBudget};
use super::body_pace::Pace;
use super::body_refusal::{Refusal, RefusalSignal};
use super::concurrency::Caller;
use super::connection_state::Connection;
use super::connections::Connections;
use super::waiting_clients::WaitingEntry;
use crate::limits::Limits;

/// A body up to this size is read to its end before its guest starts; of one that does not say its size, this much. Who
/// wants guests to wait has to send as much for each: the guest of an endpoint that asks for no token would wait for
/// anybody's body. One that says that it is larger starts its guest at once: guests refuse that without reading it.
const READ_BEFORE: usize = 4 << 20;

/// A guest is woken for pieces of at least this size, and what is gathered is kept in pieces of at most the other, and a
/// frame: so that memory is given back while the guest reads.
const PIECE: usize = 16 * 1024;
const LARGEST_PIECE: usize = 64 * 1024;

/// A request's body. Fails when it is refused.
pub(crate) struct RequestBody<B> {
    body: B,
    connection: Arc<Connection>,
    pub(crate) held: Arc<BodyAllocation>,
    pub(crate) refused: RefusalSignal,
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
            held: Arc::new(budget.allocation(caller)),
            refused: RefusalSignal::new(),
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
        let entry = connections.bodies.add_with(self.held.has_credential(), &dismissed);
        let mut read = 0_usize;
        while !self.ended && read < READ_BEFORE {
            let frame = tokio::select! {
                biased;
                // Others need the room more than a body that has not come for so long.
                () = dismissed.notified() => return Err(Refusal::NoRoom),
                frame = poll_fn(|cx| self.poll_data(cx)) => frame?,
            };
            let Some(data) = frame else { break };
            self.make_room(data.len(), limits, connections, &entry).await?;
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

    /// Allocated for `bytes` more. Where there is none, a body without a credential makes room, or else, for one that has a
    /// credential, another with one; of these the one that has been coming for longest.
    async fn make_room(
        &self,
        bytes: usize,
        limits: &Limits,
        connections: &Connections,
        own: &WaitingEntry,
    ) -> Result<(), Refusal> {
        match self.held.try_grow(bytes) {
            Err(Refusal::NoRoom) => {}
            done => return done,
        }
        connections.bodies.dismiss_longest(Some(own));
        timeout(limits.queue_wait, self.held.grow(bytes)).await.unwrap_or(Err(Refusal::NoRoom))
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
            return Poll::Ready(Some(Err(refusal.to_guest())));
        }
        match this.poll_piece(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Some(piece))) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            Poll::Ready(Ok(None)) => Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))),
            Poll::Ready(Err(refusal)) => {
                this.refused.set(refusal);
                Poll::Ready(Some(Err(refusal.to_guest())))
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

#[cfg(test)]
mod tests;
