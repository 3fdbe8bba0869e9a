//! What was asked and answered, by kind, within the fault windows and outside.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

use super::windows::Windows;

/// What came of the requests of a soak.
#[derive(Default)]
pub(super) struct Figures(Mutex<BTreeMap<&'static str, Kind>>);

/// Requests of one kind.
#[derive(Default)]
struct Kind {
    /// How long those took that were answered well, in microseconds.
    took: Vec<u32>,
    /// How often which error came within a fault window, and outside.
    within: BTreeMap<String, usize>,
    outside: BTreeMap<String, usize>,
}

/// What an answer was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What was asked for.
    Good,
    /// A status, an error that the client was redirected with, or a connection's end.
    Error(String),
}

impl Figures {
    /// Notes a request that began then and has just ended.
    pub(super) fn note(&self, kind: &'static str, began: Instant, outcome: &Outcome, windows: &Windows) {
        let mut kinds = self.0.lock().expect("no panic");
        let kind = kinds.entry(kind).or_default();
        match outcome {
            Outcome::Good => kind.took.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX)),
            Outcome::Error(error) => {
                let errors = if windows.touches(began) { &mut kind.within } else { &mut kind.outside };
                *errors.entry(error.clone()).or_default() += 1;
            }
        }
    }

    /// The errors that came outside of every fault window.
    pub(super) fn errors_outside(&self) -> Vec<String> {
        let kinds = self.0.lock().expect("no panic");
        let errors =
            kinds.iter().flat_map(|(name, kind)| kind.outside.iter().map(move |(error, count)| (name, error, count)));
        errors.map(|(name, error, count)| format!("{name}: {count} × {error} outside of the fault windows")).collect()
    }
}

/// The value below which so many thousandths of the sorted numbers are, in milliseconds.
fn quantile(sorted: &[u32], thousandths: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let value = sorted.get(last * thousandths / 1000).copied().unwrap_or_default();
    f64::from(value) / 1000.0
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.0.lock().expect("no panic");
        writeln!(
            f,
            "{:<12} {:>9} {:>9} {:>9}  errors within the fault windows",
            "requests", "good", "p50 ms", "p99 ms"
        )?;
        for (name, kind) in kinds.iter() {
            let mut took = kind.took.clone();
            took.sort_unstable();
            let errors: Vec<_> = kind.within.iter().map(|(error, count)| format!("{count} × {error}")).collect();
            let (good, half, nearly_all) = (took.len(), quantile(&took, 500), quantile(&took, 990));
            writeln!(f, "{name:<12} {good:>9} {half:>9.1} {nearly_all:>9.1}  {}", errors.join(", "))?;
        }
        let mut errors = BTreeMap::<&str, usize>::new();
        for (error, count) in kinds.values().flat_map(|kind| &kind.within) {
            *errors.entry(error).or_default() += count;
        }
        let errors: Vec<_> = errors.iter().map(|(error, count)| format!("{count} × {error}")).collect();
        let good: usize = kinds.values().map(|kind| kind.took.len()).sum();
        writeln!(f, "{:<12} {good:>9} {:>9} {:>9}  {}", "all", "", "", errors.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_outside_of_a_window_is_told_and_what_comes_within_is_not() {
        let (figures, windows) = (Figures::default(), Windows::default());
        let error = Outcome::Error("503".to_owned());
        figures.note("call", Instant::now(), &Outcome::Good, &windows);
        figures.note("call", Instant::now(), &error, &windows);
        windows.open();
        figures.note("call", Instant::now(), &error, &windows);
        assert_eq!(figures.errors_outside(), ["call: 1 × 503 outside of the fault windows"]);
        assert!(figures.to_string().contains("1 × 503"), "{figures}");
    }

    #[test]
    fn half_of_the_numbers_are_below_the_median_and_one_in_a_hundred_above_the_last() {
        let numbers: Vec<u32> = (0..=1000).map(|number| number * 1000).collect();
        assert_eq!((quantile(&numbers, 500), quantile(&numbers, 990), quantile(&[], 500)), (500.0, 990.0, 0.0));
    }
}
