//! The time that an answer has.

use gatehouse_configuration::Limits;
use shell_http::{Milliseconds, elapsed};

/// How often a silent answer is asked whether its reader is still there. Without it, a client that leaves during silence
/// would hold the upstream's connection until the next event.
pub(crate) const TICK: Milliseconds = 1000;

/// The time that a stream has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    idle: Milliseconds,
    total: Milliseconds,
    started: Milliseconds,
    heard: Milliseconds,
}

impl Patience {
    /// As long as `limits` say, from now on.
    pub(crate) fn of(limits: &Limits) -> Self {
        let milliseconds = |seconds: u64| seconds.saturating_mul(1000);
        let now = elapsed();
        Self {
            idle: milliseconds(limits.stream_idle),
            total: milliseconds(limits.stream_total),
            started: now,
            heard: now,
        }
    }

    /// Something came.
    pub(crate) fn heard(&mut self) {
        self.heard = elapsed();
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        let now = elapsed();
        now.saturating_sub(self.heard) >= self.idle || now.saturating_sub(self.started) >= self.total
    }

    /// All the time that there is left.
    pub(crate) fn left(&self) -> Milliseconds {
        self.total.saturating_sub(elapsed().saturating_sub(self.started))
    }
}
