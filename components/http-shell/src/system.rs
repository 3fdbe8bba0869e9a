//! Time and randomness of the host.

use gatehouse_protocol::{Entropy, UnixTime};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::random::random::get_random_bytes;

/// The host's wall clock.
pub fn now() -> UnixTime {
    UnixTime::from_seconds(wall_clock::now().seconds)
}

/// Waits, and lets the host do something else meanwhile.
pub fn wait(milliseconds: u64) {
    monotonic_clock::subscribe_duration(milliseconds.saturating_mul(1_000_000)).block();
}

/// The host's cryptographically secure randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&get_random_bytes(bytes.len() as u64));
    }
}
