//! What the process of the host uses, as Linux tells it in `/proc/self` (proc_pid_stat(5), proc_pid_status(5)).

use std::fs;

use gatehouse_telemetry::Process;
use rustix::process::{Resource, getrlimit};

/// Ticks in a second of the times in `stat`: `USER_HZ`, which is 100 on every architecture that Rust's std runs on.
const TICKS: f64 = 100.0;
/// Fields of `stat` behind the name, from 0.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

/// What it uses now. What cannot be read is 0.
pub(super) fn figures() -> Process {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ticks = |index| field(&stat, index).unwrap_or_default();
    // The folder that is read is open as well.
    let open_files = fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1));
    Process {
        cpu_seconds: (ticks(USER_TIME) + ticks(SYSTEM_TIME)) / TICKS,
        resident_bytes: kibibytes(&status, "VmRSS:").unwrap_or_default() * 1024.0,
        open_files: u32::try_from(open_files).unwrap_or(u32::MAX).into(),
        most_files: getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |files| files as f64),
    }
}

/// The name of the program, which comes before these fields, can hold anything.
fn field(stat: &str, index: usize) -> Option<f64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(index)?.parse().ok()
}

fn kibibytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_files_and_used_some_time() {
        let busy = (0..20_000_000_u64).fold(0, |sum, number| sum ^ std::hint::black_box(number));
        std::hint::black_box(busy);
        let Process { cpu_seconds, resident_bytes, open_files, most_files } = figures();
        assert!(cpu_seconds > 0.0 && resident_bytes > 1e6, "{cpu_seconds} {resident_bytes}");
        assert!(open_files >= 3.0 && most_files >= open_files, "{open_files} {most_files}");
        assert_eq!(field("12 (a) b (c) S 7 12 12 0 -1 4194560 1 0 0 0 31 11 0", USER_TIME), Some(31.0));
    }
}
