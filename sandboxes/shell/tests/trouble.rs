//! Programs that want too much: each one ends within its limits, and the next one is served.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::time::Duration;

use sandbox_run::Limits;
use support::{Environment, Host, Interpreter};

/// Lines of `### ` with what it is, and a program after each.
const PROGRAMS: &str = include_str!("trouble.txt");
/// What each may take.
const LIMITS: Limits =
    Limits { seconds: 2, output_bytes: 10_000, file_bytes: 8_000_000, files: 500, state_bytes: 1_000_000 };
/// A run that the shell itself ends is over by then, on a machine that is busy. Fuel ends those that it cannot.
const PATIENCE: Duration = Duration::from_secs(20);

/// What bashkit does not count, and the host's stack ends: the answer is cut, and the server says so.
const CUT: [&str; 4] = ["recursion by eval of itself", "recursion by script", "deep conditions", "jq that recurses"];

fn programs() -> impl Iterator<Item = (&'static str, &'static str)> {
    PROGRAMS.split("### ").filter_map(|part| part.split_once('\n'))
}

#[test]
fn programs_that_want_too_much_end_within_their_limits_and_the_next_one_is_served() {
    let Some(host) = Host::start() else {
        eprintln!("there is no wasmtime, or no target/sandbox-shell.wasm: nothing was tested on it");
        return;
    };
    let interpreter = Interpreter::Served(host);
    let mut neighbour = Environment::new(&interpreter);
    neighbour.run("planted=7f3a9c");
    let mut faults = Vec::new();
    for (name, code) in programs() {
        let mut environment = Environment::new(&interpreter);
        environment.limits = LIMITS;
        let answer = environment.run(code);
        let printed = answer.stdout.len() + answer.stderr.len();
        let bytes: usize = environment.files.values().map(Vec::len).sum();
        let is_answered = answer.outcome.is_some() || CUT.contains(&name);
        let is_within = is_answered
            && answer.took < PATIENCE
            && printed <= LIMITS.output_bytes as usize
            && bytes <= LIMITS.file_bytes as usize
            && environment.files.len() <= LIMITS.files as usize
            && environment.state.len() <= LIMITS.state_bytes as usize;
        let ended = answer.outcome.as_ref().map(|outcome| (outcome.exit_code, outcome.limit));
        println!("{name}: {ended:?} after {:?}, {printed} bytes", answer.took);
        if !is_within {
            faults
                .push(format!("{name}: {ended:?} after {:?}, {printed} bytes printed, {bytes} in files", answer.took));
        }
        if neighbour.run("echo $planted").stdout() != "7f3a9c\n" {
            faults.push(format!("{name}: the next run was not served"));
        }
    }
    assert!(programs().count() > 150 && faults.is_empty(), "{}", faults.join("\n"));
}
