//! A clock that a test can move.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatehouse_host::WallClock;

/// The machine's clock, and as many seconds more or less as the test has asked for.
#[derive(Debug, Default)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// A clock that is so many seconds ahead of the machine's; behind it, if they are negative.
    pub fn ahead(seconds: i64) -> Self {
        Self(AtomicI64::new(seconds))
    }

    /// Moves the clock forward.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds.cast_signed(), Ordering::SeqCst);
    }

    /// Moves the clock backward.
    pub fn set_back(&self, seconds: u64) {
        self.0.fetch_sub(seconds.cast_signed(), Ordering::SeqCst);
    }
}

impl WallClock for TestClock {
    fn now(&self) -> Duration {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
        let moved = self.0.load(Ordering::SeqCst);
        let by = Duration::from_secs(moved.unsigned_abs());
        if moved < 0 { machine - by } else { machine + by }
    }
}
