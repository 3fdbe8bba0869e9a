//! Time, as the gateway is given it.

use gatehouse_protocol::UnixTime;

/// A span of time; or a moment, counted from another one that never changes while an instance lives.
pub type Milliseconds = u64;

/// The clocks of the host.
pub trait Clock {
    /// The wall clock.
    fn now(&self) -> UnixTime;

    /// A clock that nobody sets.
    fn elapsed(&self) -> Milliseconds;

    /// Waits, and lets the host do something else meanwhile.
    fn wait(&self, time: Milliseconds);
}
