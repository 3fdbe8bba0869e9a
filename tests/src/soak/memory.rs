//! The memory of the instances.

use std::time::Duration;

use tokio::sync::watch::Receiver;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// In MiB: what comes and goes with what happens to be under way.
const SLACK: u64 = 16;

/// The proportional set size (Pss) of a process, once a second, in MiB.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<u64>);

impl Memory {
    /// Looks until it is stopped, or the process is gone.
    pub(super) async fn watched(process: u32, stopped: Receiver<bool>) -> Self {
        let mut memory = Self::default();
        while !*stopped.borrow() {
            let Some(pss) = pss(process) else { break };
            memory.0.push(pss);
            tokio::time::sleep(EVERY).await;
        }
        memory
    }

    pub(super) fn start(&self) -> u64 {
        self.0.first().copied().unwrap_or_default()
    }

    pub(super) fn peak(&self) -> u64 {
        self.0.iter().copied().max().unwrap_or_default()
    }

    pub(super) fn end(&self) -> u64 {
        self.0.last().copied().unwrap_or_default()
    }

    /// What does not hold: the last quarter has more than the second one, by a tenth and a little.
    pub(super) fn fault(&self) -> Option<String> {
        let quarter = self.0.len() / 4;
        let mean = |numbers: Option<&[u64]>| {
            let numbers = numbers.unwrap_or_default();
            numbers.iter().sum::<u64>().checked_div(numbers.len() as u64).unwrap_or_default()
        };
        let second = mean(self.0.get(quarter..2 * quarter));
        let last = mean(self.0.get(3 * quarter..));
        (last > second + second / 10 + SLACK).then(|| format!("memory grew from {second} to {last} MiB"))
    }
}

fn pss(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_and_grows_is_a_fault_and_a_beginning_is_not() {
        assert!(Memory((0..400).map(|second| 100 + second).collect()).fault().is_some());
        let beginning = (0..50).map(|second| second * 2).chain(std::iter::repeat_n(105, 350));
        assert_eq!(Memory(beginning.collect()).fault(), None);
        assert_eq!(Memory::default().fault(), None);
    }

    #[test]
    fn a_process_has_memory_while_it_runs() {
        assert!(pss(std::process::id()).is_some_and(|pss| pss > 0));
        assert_eq!(pss(u32::MAX), None);
    }
}
