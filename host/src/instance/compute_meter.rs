//! How long a guest has computed, as opposed to waited, or been kept waiting by others.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::engine::TICK;

/// Counts the time that a guest computes: that of the processor, so that a busy machine, which lets a guest wait in the
/// middle of its work, does not use up what the guest may compute.
///
/// A look at the thread's clock is a system call, which costs ten times what a clock on the wall does. So a guest that is woken for a
/// short moment, as most are a few times, is measured by the wall's, and counted for a tick of the engine at most. One that
/// computes for longer is asked for its time at each tick ([`ComputeMeter::spent`]), and measured by the thread's clock from the first
/// on that is a whole tick after the time was last counted: an earlier one only happened to fall into a short moment.
#[derive(Debug)]
pub(crate) struct ComputeMeter {
    /// Both in nanoseconds. Of the thread's, only differences within one thread count.
    wall_clock: fn() -> u64,
    thread_clock: fn() -> u64,
    spent: AtomicU64,
    /// What one of the clocks said when the time was last counted.
    counted_at: AtomicU64,
    by_thread_clock: AtomicBool,
}

impl ComputeMeter {
    pub(crate) fn new() -> Self {
        Self::with_clocks(wall_clock, thread_clock)
    }

    fn with_clocks(wall_clock: fn() -> u64, thread_clock: fn() -> u64) -> Self {
        let (spent, counted_at, by_thread_clock) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Self { wall_clock, thread_clock, spent, counted_at, by_thread_clock }
    }

    /// The time spent so far. Called by the guest's own task, while it computes: only then the clock is that of the
    /// thread on which the guest was resumed.
    pub(crate) fn spent(&self) -> Duration {
        let by_thread_clock = self.by_thread_clock.load(Ordering::Relaxed);
        let now = (self.wall_clock)();
        let is_short = now.saturating_sub(self.counted_at.load(Ordering::Relaxed)) < nanoseconds(TICK);
        let spent = self.count();
        if !by_thread_clock && is_short {
            self.counted_at.store(now, Ordering::Relaxed);
        } else {
            self.counted_at.store((self.thread_clock)(), Ordering::Relaxed);
            self.by_thread_clock.store(true, Ordering::Relaxed);
        }
        Duration::from_nanos(spent)
    }

    /// The guest is resumed.
    fn resume(&self) {
        self.counted_at.store((self.wall_clock)(), Ordering::Relaxed);
        self.by_thread_clock.store(false, Ordering::Relaxed);
    }

    /// Counts what has passed since the last time; all of it.
    fn count(&self) -> u64 {
        let since = self.counted_at.load(Ordering::Relaxed);
        let passed = if self.by_thread_clock.load(Ordering::Relaxed) {
            (self.thread_clock)().saturating_sub(since)
        } else {
            (self.wall_clock)().saturating_sub(since).min(nanoseconds(TICK))
        };
        self.spent.fetch_add(passed, Ordering::Relaxed).saturating_add(passed)
    }
}

/// The time since this was first asked, in nanoseconds.
fn wall_clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    nanoseconds(START.get_or_init(Instant::now).elapsed())
}

/// The time that the processor has spent on this thread, in nanoseconds.
fn thread_clock() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or_default().saturating_mul(1_000_000_000).saturating_add(nanoseconds.unwrap_or_default())
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Runs a guest's future and meters the time in it.
pub(crate) struct Metered<F> {
    guest: Pin<Box<F>>,
    meter: Arc<ComputeMeter>,
}

impl<F> Metered<F> {
    pub(crate) fn new(guest: F, meter: Arc<ComputeMeter>) -> Self {
        Self { guest: Box::pin(guest), meter }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.resume();
        let polled = self.guest.as_mut().poll(cx);
        self.meter.count();
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::task::Waker;
    use std::thread;

    use super::*;

    thread_local! {
        static WALL: Cell<u64> = const { Cell::new(0) };
        static THREAD: Cell<u64> = const { Cell::new(0) };
    }

    /// Time passes, of which the thread gets so much.
    fn advance(wall: u64, thread: u64) {
        WALL.set(WALL.get() + wall);
        THREAD.set(THREAD.get() + thread);
    }

    fn meter() -> Arc<ComputeMeter> {
        Arc::new(ComputeMeter::with_clocks(|| WALL.get(), || THREAD.get()))
    }

    fn poll(guest: &mut Metered<impl Future<Output = ()>>) {
        assert!(Pin::new(guest).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    #[test]
    fn only_what_passes_while_the_guest_runs_counts_on_whichever_thread() {
        let meter = meter();
        let guest = poll_fn(|_| {
            advance(7, 7);
            Poll::<()>::Pending
        });
        let mut guest = Metered::new(guest, Arc::clone(&meter));
        for _ in 0..2 {
            advance(1000, 1000);
            poll(&mut guest);
            advance(1000, 1000);
        }
        // The clocks of another thread have another beginning.
        thread::spawn(move || poll(&mut guest)).join().unwrap();
        assert_eq!(meter.spent.load(Ordering::Relaxed), 21);
    }

    #[test]
    fn who_computes_for_long_is_counted_by_the_time_of_the_processor() {
        let (meter, tick) = (meter(), nanoseconds(TICK));
        let seen = Arc::clone(&meter);
        let guest = poll_fn(move |_| {
            // Others had the processor before the first tick: no more than a tick counts.
            advance(50 * tick, tick);
            assert_eq!(seen.spent(), TICK);
            advance(50 * tick, 3 * tick);
            assert_eq!(seen.spent(), 4 * TICK);
            advance(50 * tick, tick);
            Poll::<()>::Pending
        });
        let mut guest = Metered::new(guest, Arc::clone(&meter));
        poll(&mut guest);
        assert_eq!(meter.spent.load(Ordering::Relaxed), 5 * tick);
        // A tick that falls into a short moment asks the thread's clock nothing.
        let (short, seen) = (tick / 4, Arc::clone(&meter));
        poll(&mut Metered::new(
            poll_fn(move |_| {
                advance(short, 0);
                assert_eq!(nanoseconds(seen.spent()), 5 * tick + short);
                advance(short, 0);
                Poll::<()>::Pending
            }),
            Arc::clone(&meter),
        ));
        assert_eq!(meter.spent.swap(5 * tick, Ordering::Relaxed), 5 * tick + 2 * short);
        // It is resumed by the wall's clock again.
        poll(&mut Metered::new(
            poll_fn(|_| {
                advance(5, 0);
                Poll::<()>::Pending
            }),
            Arc::clone(&meter),
        ));
        assert_eq!(meter.spent.load(Ordering::Relaxed), 5 * tick + 5);
    }

    /// A thread that waits, as one does whose processor others have, spends nothing.
    #[test]
    fn the_threads_clock_stands_still_while_the_thread_waits_and_goes_on_while_it_computes() {
        let (send, receive) = std::sync::mpsc::channel();
        let computing = thread::spawn(move || {
            let start = thread_clock();
            while thread_clock() - start < 20_000_000 {}
            send.send(()).unwrap();
        });
        let start = thread_clock();
        receive.recv().unwrap();
        let waited = thread_clock() - start;
        computing.join().unwrap();
        assert!(waited < 20_000_000, "{waited} ns of waiting for a thread that computed for 20 ms");
    }
}
