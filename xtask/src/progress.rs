//! What is said while something takes long: progress on stderr, results on stdout.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How long a child process may be silent, as far as we can tell, before a line says that it is still at work.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// A result, on stdout. A reader that has gone away is no reason to fail.
pub fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// A step that begins now.
pub fn stage(line: &str) {
    note(&format!("==> {line}"));
}

/// More about the step in hand.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The error that ends this run, with its causes, in one line where they fit.
pub fn failure(error: &anyhow::Error) {
    note(&format!("error: {error:#}"));
}

/// The elapsed time as a person would say it.
pub fn elapsed(since: Instant) -> String {
    let seconds = since.elapsed().as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// Whether lines of our own would disturb a child's progress bar: cargo and npm draw one on a terminal and are silent
/// elsewhere.
pub fn children_draw_their_own() -> bool {
    io::stderr().is_terminal()
}
