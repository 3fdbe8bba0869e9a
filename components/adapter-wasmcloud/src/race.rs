//! Increments that lose a race.
//!
//! wasmCloud's NATS store reads a counter and then writes it under the revision that it has read. Who comes second is refused, and
//! has changed nothing. That is no error of the store: somebody else has counted, and it is tried again.

use wasip2::clocks::monotonic_clock;
use wasip2::random::insecure;

use crate::bindings::wasi::keyvalue0_2_0_draft::store::Error;

/// What such a refusal says, whatever stands around it.
const LOST: &str = "wrong last revision";

/// One of all that race gets through each time, so that many lose to as many others. Then the store is too busy to count.
const TRIES: u32 = 200;

/// The longest pause before the next try, in nanoseconds. Who pauses for as long as the others meets them again.
const LONGEST_PAUSE: u64 = 4_000_000;

/// What `increment` answers, as soon as it loses no race.
pub(crate) fn won(increment: impl Fn() -> Result<u64, Error>) -> Result<u64, Error> {
    for _ in 1..TRIES {
        match increment() {
            Err(Error::Other(reason)) if reason.contains(LOST) => pause(),
            answer => return answer,
        }
    }
    increment()
}

/// Waits for a moment.
pub(crate) fn pause() {
    let nanoseconds = insecure::get_insecure_random_u64() % LONGEST_PAUSE;
    monotonic_clock::subscribe_duration(nanoseconds).block();
}
