//! What bashkit may take. These limits end a run with an answer; whatever they do not see is ended by the module's own fuel and memory.

use std::time::Duration;

use bashkit::{ExecutionBudgetExceeded, ExecutionLimits, FsLimits, LimitExceeded, MemoryLimits};
use sandbox_run::{Limit, Limits};

/// The most bytes of a path in the shell's file system: those of a [`sandbox_run::TreePath`], and `/work/` before them.
const PATH_BYTES: usize = 1024 + 6;
/// The most folders in one another: more names than this do not fit into [`PATH_BYTES`].
const PATH_DEPTH: usize = PATH_BYTES / 2;
/// Commands of a run. It is the limit that an endless loop reaches first, after some 10 seconds.
const COMMANDS: usize = 1_000_000;
/// Turns of all loops together; those of one are as many.
const TURNS: usize = 1_000_000;
/// bashkit's own count of steps (of awk, jq, sed, regular expressions, the parser), and of bytes that commands read.
const WORK: u64 = 1_000_000_000;
const INPUT_BYTES: u64 = 1_000_000_000;
/// Bytes that pipes, substitutions and commands hold at one time.
const INTERMEDIATE_BYTES: u64 = 32_000_000;
/// Bytes of one command's output, which may go to a file or a variable: what is printed has its own limit.
const CAPTURE_BYTES: usize = 16_000_000;
/// Bytes of a program.
const CODE_BYTES: usize = 1_000_000;
/// Commands in one another, as the parser sees them. Each takes room on the host's stack.
const NESTING: usize = 64;
/// Substitutions and subshells in one another. Each of them takes room on the host's stack, too.
const SUBSTITUTIONS: usize = 12;

/// What a run may take.
pub fn execution(limits: &Limits) -> ExecutionLimits {
    ExecutionLimits::new()
        .timeout(Duration::from_secs(u64::from(limits.seconds)))
        .parser_timeout(Duration::from_secs(u64::from(limits.seconds.min(5))))
        .max_commands(COMMANDS)
        .max_loop_iterations(TURNS)
        .max_total_loop_iterations(TURNS)
        .max_work_units(WORK)
        .max_aggregate_input_bytes(INPUT_BYTES)
        .max_live_intermediate_bytes(INTERMEDIATE_BYTES)
        .max_stdout_bytes(CAPTURE_BYTES)
        .max_stderr_bytes(CAPTURE_BYTES)
        .max_input_bytes(CODE_BYTES)
        .max_ast_depth(NESTING)
        .max_subst_depth(SUBSTITUTIONS)
        .max_subshell_depth(SUBSTITUTIONS)
        .max_background_jobs(16)
        .max_file_descriptors(64)
}

/// What variables, arrays and functions may take. The least that holds: what is kept of them has a limit of its own.
pub fn memory() -> MemoryLimits {
    MemoryLimits::new()
}

/// What a file system may hold that so many bytes and files are loaded into. An environment that already holds more than is allowed (the
/// limit was lowered) is not broken by it: nothing can be added until enough is removed.
pub fn files(limits: &Limits, loaded_bytes: u64, loaded_files: u64) -> FsLimits {
    let bytes = loaded_bytes.max(u64::from(limits.file_bytes));
    let files = loaded_files.max(u64::from(limits.files));
    FsLimits::new()
        .max_total_bytes(bytes)
        .max_file_size(bytes)
        .max_file_count(files)
        .max_dir_count(files.saturating_add(100))
        .max_path_length(PATH_BYTES)
        .max_path_depth(PATH_DEPTH)
}

/// The limit of ours that a limit of bashkit stands for.
pub fn exceeded(limit: &LimitExceeded) -> Limit {
    match limit {
        LimitExceeded::Timeout(_)
        | LimitExceeded::ParserTimeout(_)
        | LimitExceeded::ExecutionBudget(ExecutionBudgetExceeded::Deadline { .. }) => Limit::Time,
        LimitExceeded::Memory(_)
        | LimitExceeded::MaxFileDescriptors(_)
        | LimitExceeded::ExecutionBudget(ExecutionBudgetExceeded::LiveBytes { .. }) => Limit::Memory,
        _ => Limit::Compute,
    }
}

/// Whether an error that bashkit gives as a text stands for one of its limits.
pub fn is_of_depth(text: &str) -> bool {
    text.starts_with("budget validation failed") || (text.contains("maximum ") && text.contains(" depth exceeded"))
}
