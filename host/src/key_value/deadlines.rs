//! How long an operation may take, from when it is asked for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// While nothing gets through, nobody waits for longer: whoever waits holds a guest, and who only asks whether we are
/// ready needs an answer soon.
const WHILE_STALLED: Duration = Duration::from_secs(1);

/// Gives each operation its deadline. When one passes (another process holds the database, or Redis does not answer), those that
/// follow get less, until one succeeds.
#[derive(Debug)]
pub(super) struct Deadlines {
    wait: Duration,
    stalled: AtomicBool,
}

impl Deadlines {
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait, stalled: AtomicBool::new(false) }
    }

    /// The deadline of what is asked for now.
    pub(super) fn deadline(&self) -> Instant {
        let stalled = self.stalled.load(Ordering::Relaxed);
        let wait = if stalled { self.wait.min(WHILE_STALLED) } else { self.wait };
        let now = Instant::now();
        now.checked_add(wait).unwrap_or(now)
    }

    /// Something got through.
    pub(super) fn succeeded(&self) {
        self.stalled.store(false, Ordering::Relaxed);
    }

    /// A deadline passed.
    pub(super) fn ran_out(&self) {
        self.stalled.store(true, Ordering::Relaxed);
    }
}

/// What is left until `deadline`.
pub(super) fn left_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_nothing_gets_through_the_deadlines_are_nearer() {
        let deadlines = Deadlines::new(Duration::from_secs(5));
        let is_near = || left_until(deadlines.deadline()) <= WHILE_STALLED;
        assert!(!is_near());
        deadlines.ran_out();
        assert!(is_near());
        deadlines.succeeded();
        assert!(!is_near());
    }
}
