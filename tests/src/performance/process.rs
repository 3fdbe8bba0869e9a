//! What processes use, as Linux tells it in `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// A tick of the times in `/proc/PID/stat`: `USER_HZ`, which is 100 on every architecture that Rust's std runs on.
const TICK: Duration = Duration::from_millis(10);

/// The process and all that it has begun, and that these have.
pub(super) fn tree(process: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = stat(id).and_then(|stat| field(&stat, PARENT)) {
            children.entry(u32::try_from(parent).unwrap_or(0)).or_default().push(id);
        }
    }
    let mut tree = vec![process];
    let mut next = 0;
    while let Some(id) = tree.get(next) {
        tree.extend(children.remove(id).unwrap_or_default());
        next += 1;
    }
    tree
}

/// The time that the processes have had of processors, as the user and in the kernel.
pub(super) fn processor_time(processes: &[u32]) -> Duration {
    let ticks = |id: &u32| {
        let stat = stat(*id)?;
        Some(field(&stat, USER_TIME)? + field(&stat, SYSTEM_TIME)?)
    };
    let sum: u64 = processes.iter().filter_map(ticks).sum();
    TICK * u32::try_from(sum).unwrap_or(u32::MAX)
}

/// Memory of processes, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// What there is of it, which is what a container's limit counts (`Pss`): a page that is mapped several times, in one process or in
    /// several, is there once. The unchanged pages of a component's initial memory are mapped by each of its instances.
    pub(super) present: u64,
    /// The same with such a page counted each time (`Rss`).
    pub(super) mapped: u64,
}

/// The memory of the processes.
pub(super) fn memory(processes: &[u32]) -> Memory {
    let all: Vec<String> =
        processes.iter().filter_map(|id| fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()).collect();
    let sum = |name: &str| all.iter().filter_map(|rollup| kibibytes(rollup, name)).sum::<u64>() * 1024;
    Memory { present: sum("Pss:"), mapped: sum("Rss:") }
}

/// A number of `/proc/PID/smaps_rollup`.
fn kibibytes(rollup: &str, name: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Fields of `/proc/PID/stat` behind the name, from 0 (proc_pid_stat(5) counts from 3 there).
const PARENT: usize = 1;
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

fn stat(process: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{process}/stat")).ok()
}

/// The name of a program, which comes before these fields, can hold anything.
fn field(stat: &str, index: usize) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_moves_no_field() {
        let stat = "12 (a) b (c) S 7 12 12 0 -1 4194560 1 0 0 0 31 11 0 0 20 0 1 0 1 2 3";
        assert_eq!(
            (field(stat, PARENT), field(stat, USER_TIME), field(stat, SYSTEM_TIME)),
            (Some(7), Some(31), Some(11))
        );
    }

    #[test]
    fn this_process_has_memory_and_is_in_its_own_tree() {
        let tree = tree(std::process::id());
        assert_eq!(tree.first(), Some(&std::process::id()));
        let memory = memory(&tree);
        assert!(memory.present > 100_000 && memory.mapped >= memory.present, "{memory:?}");
    }
}
