//! Requests that a client of HTTP/2 breaks off. One that does so on and on (CVE-2023-44487) lets others work for nothing.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many may be within [`TIME`]: as many as may be under way at once.
const MOST: usize = 100;
const TIME: Duration = Duration::from_secs(1);

/// Those of one connection.
pub(crate) struct BrokenOff(Mutex<Counted>);

struct Counted {
    since: Instant,
    requests: usize,
}

impl BrokenOff {
    /// None so far.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Counted { since: Instant::now(), requests: 0 }))
    }

    /// One more. Whether these are too many.
    pub(crate) fn count(&self) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.since.elapsed() > TIME {
            *counted = Counted { since: Instant::now(), requests: 0 };
        }
        counted.requests += 1;
        counted.requests > MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_break_off_a_hundred_requests_in_a_second() {
        let broken_off = BrokenOff::new();
        assert!((0..MOST).all(|_| !broken_off.count()) && broken_off.count());
        broken_off.0.lock().unwrap().since = Instant::now().checked_sub(2 * TIME).unwrap();
        assert!((0..MOST).all(|_| !broken_off.count()) && broken_off.count());
    }
}
