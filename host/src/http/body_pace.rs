//! How fast a body has to come: what is slow, or comes in frames of next to nothing, is refused.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep};

use crate::limits::Limits;

/// A body up to this size has a time for all of it; what goes beyond has more, by its rate.
pub(super) const SMALL_BODY: usize = 64 * 1024;

/// A body may come in this many frames, and one more for each [`BYTES_OF_A_FRAME`] of it.
const FREE_FRAMES: u64 = 1000;
const BYTES_OF_A_FRAME: u64 = 16;

/// How fast a body comes, and in how many frames.
pub(crate) struct Pace {
    grace: Duration,
    bytes_per_second: u64,
    bytes: u64,
    frames: u64,
    /// Spent waiting for the client, before the current wait.
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    pub(crate) fn new(limits: &Limits) -> Self {
        let bytes_per_second = u64::try_from(limits.body_rate).unwrap_or(u64::MAX).max(1);
        Self { grace: limits.body_read, bytes_per_second, bytes: 0, frames: 0, waited: Duration::ZERO, waiting: None }
    }

    /// How long may be waited for this much of a body, in all.
    fn allowed(&self) -> Duration {
        let beyond = self.bytes.saturating_sub(u64::try_from(SMALL_BODY).unwrap_or(u64::MAX));
        self.grace.saturating_add(Duration::from_secs(beyond / self.bytes_per_second))
    }

    /// Ready when the client has taken too long.
    pub(crate) fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.allowed().saturating_sub(self.waited);
        let (_, elapsed) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        elapsed.as_mut().poll(cx)
    }

    /// Something has come.
    pub(crate) fn resume(&mut self) {
        if let Some((since, _)) = self.waiting.take() {
            self.waited = self.waited.saturating_add(since.elapsed());
        }
    }

    /// Counts a frame. Whether there are not too many.
    pub(crate) fn count(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.frames = self.frames.saturating_add(1);
        self.frames <= self.bytes / BYTES_OF_A_FRAME + FREE_FRAMES
    }
}
