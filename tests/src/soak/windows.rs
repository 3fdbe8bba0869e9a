//! The times in which something is broken.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What a fault has begun may end so much later: a store that was locked answers again, a client that was refused comes again.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// Fault windows, in order; the last one may be open.
#[derive(Default)]
pub(super) struct Windows(Mutex<Vec<(Instant, Option<Instant>)>>);

impl Windows {
    /// Something is broken from now on.
    pub(super) fn open(&self) {
        self.0.lock().expect("no panic").push((Instant::now(), None));
    }

    /// All is well from now on.
    pub(super) fn close(&self) {
        if let Some((_, end)) = self.0.lock().expect("no panic").last_mut() {
            *end = Some(Instant::now() + AFTERWARDS);
        }
    }

    /// Whether something was broken at any time since `began`.
    pub(super) fn touches(&self, began: Instant) -> bool {
        let windows = self.0.lock().expect("no panic");
        windows.last().is_some_and(|(_, end)| end.is_none_or(|end| end > began))
    }

    /// How many there were.
    pub(super) fn count(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_under_way_while_something_was_broken_is_within() {
        let windows = Windows::default();
        let before = Instant::now();
        assert!(!windows.touches(before));
        windows.open();
        assert!(windows.touches(before) && windows.touches(Instant::now()));
        windows.close();
        assert!(windows.touches(Instant::now()), "a moment later");
        assert!(!windows.touches(Instant::now() + AFTERWARDS));
        assert_eq!(windows.count(), 1);
    }
}
