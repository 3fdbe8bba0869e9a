//! How long a guest has computed, as opposed to waited, or been kept waiting by others.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts the time that a guest computes: that of the processor, so that a busy machine, which lets a guest wait in the
/// middle of its work, does not use up what the guest may compute.
///
/// A look at the thread's clock is a system call of 0.2 to 0.3 µs, ten times that of a clock on the wall. There are two
/// for each time that a guest is woken, and one for each tick of [`super::engine::TICK`] that it computes.
#[derive(Debug)]
pub(crate) struct ComputeMeter {
    /// In nanoseconds. Only differences within one thread count.
    clock: fn() -> u64,
    spent: AtomicU64,
    resumed: AtomicU64,
}

impl ComputeMeter {
    pub(crate) fn new() -> Self {
        Self::with_clock(thread_clock)
    }

    fn with_clock(clock: fn() -> u64) -> Self {
        Self { clock, spent: AtomicU64::new(0), resumed: AtomicU64::new(0) }
    }

    /// The time spent so far. Called by the guest's own task, while it computes: only then the clock is that of the
    /// thread on which the guest was resumed.
    pub(crate) fn spent(&self) -> Duration {
        let current = (self.clock)().saturating_sub(self.resumed.load(Ordering::Relaxed));
        Duration::from_nanos(self.spent.load(Ordering::Relaxed).saturating_add(current))
    }
}

/// The time that the processor has spent on this thread, in nanoseconds.
fn thread_clock() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or_default().saturating_mul(1_000_000_000).saturating_add(nanoseconds.unwrap_or_default())
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
        let resumed = (self.meter.clock)();
        self.meter.resumed.store(resumed, Ordering::Relaxed);
        let polled = self.guest.as_mut().poll(cx);
        self.meter.spent.fetch_add((self.meter.clock)().saturating_sub(resumed), Ordering::Relaxed);
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
        static CLOCK: Cell<u64> = const { Cell::new(0) };
    }

    fn advance(nanoseconds: u64) {
        CLOCK.set(CLOCK.get() + nanoseconds);
    }

    #[test]
    fn only_what_passes_while_the_guest_runs_counts_on_whichever_thread() {
        let meter = Arc::new(ComputeMeter::with_clock(|| CLOCK.get()));
        let seen = Arc::clone(&meter);
        let mut polls = 0;
        let mut guest = Metered::new(
            poll_fn(move |_| {
                polls += 1;
                advance(3);
                assert_eq!(seen.spent(), Duration::from_nanos(polls * 7 - 4), "while it runs");
                advance(4);
                Poll::<()>::Pending
            }),
            Arc::clone(&meter),
        );
        for _ in 0..2 {
            advance(1000);
            assert!(Pin::new(&mut guest).poll(&mut Context::from_waker(Waker::noop())).is_pending());
            advance(1000);
        }
        // The clock of another thread has another beginning.
        let polled = thread::spawn(move || Pin::new(&mut guest).poll(&mut Context::from_waker(Waker::noop())));
        assert!(polled.join().unwrap().is_pending());
        assert_eq!(meter.spent.load(Ordering::Relaxed), 21);
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
