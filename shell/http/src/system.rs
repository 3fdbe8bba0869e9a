//! Time and randomness of the host, and the request's id.

use std::{env, fmt};

use gatehouse_audit_log::RequestId;
use gatehouse_protocol::{Entropy, UnixTime};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::random::random::get_random_bytes;

/// A span of time.
pub type Milliseconds = u64;

pub(crate) const NANOSECONDS_OF_MILLISECOND: u64 = 1_000_000;

/// The host's wall clock.
pub fn now() -> UnixTime {
    UnixTime::from_seconds(wall_clock::now().seconds)
}

/// The host's wall clock, since the Unix epoch.
pub fn now_in_milliseconds() -> Milliseconds {
    let now = wall_clock::now();
    now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds) / NANOSECONDS_OF_MILLISECOND)
}

/// A clock that nobody sets: since some moment that never changes while an instance lives.
pub fn elapsed() -> Milliseconds {
    monotonic_clock::now() / NANOSECONDS_OF_MILLISECOND
}

/// Writes a line of the log.
pub fn log(line: &impl fmt::Display) {
    shell_telemetry::log(&line.to_string());
}

/// Waits, and lets the host do something else meanwhile.
pub fn wait(milliseconds: Milliseconds) {
    monotonic_clock::subscribe_duration(milliseconds.saturating_mul(NANOSECONDS_OF_MILLISECOND)).block();
}

/// The host's cryptographically secure randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&get_random_bytes(bytes.len() as u64));
    }
}

/// The variable in which the embedded host says the id of the request that an instance answers. It gives each request an
/// instance of its own; hosts that do not, do not set it. No client can.
const REQUEST_ID_VARIABLE: &str = "GATEHOUSE_REQUEST_ID";

/// The id of the request that is being answered: the host's own, so that its lines in the log and ours are joined, or else
/// a new one at each call.
pub fn request_id() -> RequestId {
    let of_host = env::var(REQUEST_ID_VARIABLE).ok().and_then(|id| RequestId::parse(&id));
    of_host.unwrap_or_else(|| RequestId::generate(&mut SystemEntropy))
}
