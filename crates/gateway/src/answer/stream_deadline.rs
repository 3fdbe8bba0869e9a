//! The time that an answer has.

use gatehouse_configuration::Limits;

use crate::Milliseconds;

/// When an answer must end: after too long a silence, or in any case. Times are those of [`crate::Clock::elapsed`].
#[derive(Clone, Copy, Debug)]
pub struct StreamDeadline {
    idle: Milliseconds,
    total: Milliseconds,
    started: Milliseconds,
    last_event: Milliseconds,
}

impl StreamDeadline {
    /// As long as `limits` say, from now on.
    pub fn new(limits: &Limits, now: Milliseconds) -> Self {
        let milliseconds = |seconds: u64| seconds.saturating_mul(1000);
        Self {
            idle: milliseconds(limits.stream_idle),
            total: milliseconds(limits.stream_total),
            started: now,
            last_event: now,
        }
    }

    /// Something came.
    pub fn note_event(&mut self, now: Milliseconds) {
        self.last_event = now;
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Milliseconds) -> bool {
        self.until_over(now) == 0
    }

    /// How long it is until it is over, if nothing comes.
    pub fn until_over(&self, now: Milliseconds) -> Milliseconds {
        self.idle.saturating_sub(now.saturating_sub(self.last_event)).min(self.remaining(now))
    }

    /// All the time that there is left, whatever comes.
    pub fn remaining(&self, now: Milliseconds) -> Milliseconds {
        self.total.saturating_sub(now.saturating_sub(self.started))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn limits() -> Limits {
        let limits = example::one_upstream().routes.remove(0).limits;
        Limits { stream_idle: 10, stream_total: 25, ..limits }
    }

    #[test]
    fn it_is_over_after_too_long_a_silence() {
        let mut deadline = StreamDeadline::new(&limits(), 1_000);
        assert!(!deadline.is_over(10_999));
        assert!(deadline.is_over(11_000));
        deadline.note_event(10_000);
        assert!(!deadline.is_over(19_999));
        assert_eq!(deadline.until_over(19_999), 1);
        assert!(deadline.is_over(20_000));
    }

    #[test]
    fn it_is_over_in_the_end_whatever_comes() {
        let mut deadline = StreamDeadline::new(&limits(), 1_000);
        for second in 1..25 {
            deadline.note_event(1_000 + second * 1_000);
            assert!(!deadline.is_over(1_000 + second * 1_000), "{second}");
        }
        assert_eq!(deadline.remaining(25_500), 500);
        deadline.note_event(26_000);
        assert!(deadline.is_over(26_000));
        assert_eq!(deadline.remaining(30_000), 0);
    }
}
