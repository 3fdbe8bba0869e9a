//! The run that this instance is for: what it may take, and what it has taken.

use std::cell::RefCell;

use sandbox_run::{Frame, Limit, Outcome, Stream};

use crate::bindings::gatehouse::sandbox::frames;
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::output::Output;
use crate::tree::{Room, Tree};

/// What a shell says of a program that was ended.
const EXIT_CODE_OF_A_STOP: i32 = 137;
/// How much more than its limit a program may write, in bytes, before it is ended: one that writes for ever would only take time.
const MOST_DROPPED: usize = 1 << 20;
/// How long the host has to send the answer of a run that was ended, in nanoseconds.
const GRACE: u64 = 100_000_000;

/// A run.
pub struct Run {
    /// The files.
    pub tree: Tree,
    state: Vec<u8>,
    deadline: u64,
    output: Output,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

/// Begins.
pub fn begin(tree: Tree, state: Vec<u8>, seconds: u32, output_bytes: usize) {
    let deadline = monotonic_clock::now().saturating_add(u64::from(seconds).saturating_mul(1_000_000_000));
    let output = Output::new(output_bytes);
    RUN.with_borrow_mut(|run| *run = Some(Run { tree, state, deadline, output }));
}

/// The run. Where none has begun, which only a wrong composition does, it is one without files.
pub fn with<T>(action: impl FnOnce(&mut Run) -> T) -> T {
    RUN.with_borrow_mut(|run| {
        let none = || Run {
            tree: Tree::new(Room { bytes: 0, entries: 0 }, 0),
            state: Vec::new(),
            deadline: u64::MAX,
            output: Output::new(0),
        };
        action(run.get_or_insert_with(none))
    })
}

/// Nanoseconds since 1970.
pub fn now() -> u64 {
    let now = wall_clock::now();
    now.seconds.saturating_mul(1_000_000_000).saturating_add(u64::from(now.nanoseconds))
}

/// Milliseconds until the run must be over.
pub fn milliseconds_left() -> u64 {
    let now = monotonic_clock::now();
    with(|run| run.deadline).saturating_sub(now) / 1_000_000
}

/// Sends output that has waited for long enough, and ends the run if its time is over.
pub fn check_time() {
    let now = monotonic_clock::now();
    let (due, is_late) = with(|run| (run.output.take_due(now), now >= run.deadline));
    send(&due);
    if is_late {
        stop(Limit::Time);
    }
}

/// Waits for a moment of the monotonic clock, and ends the run where its time is over before that.
pub fn wait_until(moment: u64) {
    let now = monotonic_clock::now();
    let (deadline, output) = with(|run| (run.deadline, run.output.take_before(moment, now)));
    send(&output);
    monotonic_clock::subscribe_instant(moment.min(deadline)).block();
    check_time();
}

/// Takes output, and sends it on now or later, as far as it is allowed.
pub fn write(stream: Stream, bytes: &[u8]) {
    check_time();
    let now = monotonic_clock::now();
    let (output, too_much) = with(|run| (run.output.print(stream, bytes, now), run.output.dropped() > MOST_DROPPED));
    send(&output);
    if too_much {
        stop(Limit::Output);
    }
}

/// Sends all output that waits.
pub fn flush() {
    let now = monotonic_clock::now();
    send(&with(|run| run.output.take(now)));
}

fn send(output: &[u8]) {
    if !output.is_empty() {
        frames::send(output);
    }
}

/// Whether output was dropped.
pub fn output_was_cut() -> bool {
    with(|run| run.output.dropped() > 0)
}

/// Ends the instance, with an answer that says why and keeps what was before the run.
pub fn stop(limit: Limit) -> ! {
    flush();
    let outcome = Outcome {
        exit_code: EXIT_CODE_OF_A_STOP,
        state: with(|run| std::mem::take(&mut run.state)),
        changed: Vec::new(),
        removed: Vec::new(),
        limit: Some(limit),
        notes: Vec::new(),
    };
    if let Ok(frame) = sandbox_run::frame(&Frame::Ended(outcome)) {
        frames::finish(&frame);
        // Hosts drop what they have not sent yet of an answer when its instance traps. Where this is too short, the answer has no end, which
        // is one of a run that was stopped as well.
        monotonic_clock::subscribe_duration(GRACE).block();
    }
    // The interpreter cannot be unwound: whatever called us would go on.
    std::process::abort()
}
