//! Guests that compute for long share half of their thread.
//!
//! A guest is made to give way at each tick of the engine, and the next one on its thread goes on. So where many compute at once, as code of
//! users may, everybody else on that thread would wait for a tick of each of them, each time. Whoever has computed for some time
//! therefore pauses for so long that all of them together take half of the thread, and the other half is for requests that are
//! short.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::engine::TICK;

/// When a guest counts as one, where a client asked for it: by then, nearly all requests are answered.
pub(super) const LONG_FOR_CLIENTS: Duration = Duration::from_secs(1);
/// The same where another component asked for it, which may be for code of users.
pub(super) const LONG_FOR_COMPONENTS: Duration = Duration::from_millis(100);

thread_local! {
    /// How many of them pause on this thread: nearly all of them, at any time.
    static PAUSING: Arc<AtomicU32> = Arc::default();
}

/// A guest that pauses, until this is dropped.
struct Pausing(Arc<AtomicU32>);

impl Pausing {
    /// One more on this thread, and for how long.
    fn begin() -> (Self, Duration) {
        let pausing = PAUSING.with(Arc::clone);
        let others = pausing.fetch_add(1, Ordering::Relaxed);
        (Self(pausing), length(others.saturating_add(1)))
    }
}

impl Drop for Pausing {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The pause of a guest that has computed for long and for another tick. Called on its thread.
pub(super) fn pause() -> impl Future<Output = ()> + Send {
    let (pausing, length) = Pausing::begin();
    async move {
        sleep(length).await;
        drop(pausing);
    }
}

/// One of `computing` guests works for one tick of every 2 · `computing`.
fn length(computing: u32) -> Duration {
    TICK.saturating_mul(computing.saturating_mul(2).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_thread_together_work_for_half_of_the_time() {
        for computing in [1, 2, 10, 100] {
            assert_eq!(TICK + length(computing), TICK * computing * 2, "{computing}");
        }
    }

    #[test]
    fn who_pauses_while_others_do_pauses_for_longer() {
        let (_one, length) = Pausing::begin();
        assert_eq!(length, TICK);
        let (two, length) = Pausing::begin();
        assert_eq!(length, TICK * 3);
        // On another thread, nobody pauses; and who is ended in a pause counts no longer, wherever that happens.
        std::thread::spawn(|| assert_eq!(Pausing::begin().1, TICK)).join().unwrap();
        std::thread::spawn(|| drop(two)).join().unwrap();
        assert_eq!(Pausing::begin().1, TICK * 3);
    }
}
