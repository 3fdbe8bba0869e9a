//! A clock that a test can move.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatehouse_host::WallClock;

/// The machine's clock, and as many seconds more as the test has asked for.
#[derive(Debug, Default)]
pub struct TestClock(AtomicU64);

impl TestClock {
    /// Moves the clock forward.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl WallClock for TestClock {
    fn now(&self) -> Duration {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
        machine + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}
