//! Which rows of a table run.

use std::io::Write as _;

/// Holds `all`, a commit's hash, or names of rows with commas between them. Everything runs where it is not set.
const SETTING: &str = "GATEHOUSE_WORLD";
/// How many runs it takes, on average commits, until every row has run.
const PARTS: usize = 3;
/// Digits of a commit's hash, SHA-1 or SHA-256.
const HASH_DIGITS: [usize; 2] = [40, 64];

/// The choice of one run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Every row.
    All,
    /// Every third row, beginning with this one.
    Third(usize),
    /// The rows whose names begin so, without regard to case.
    Named(Vec<String>),
}

impl Choice {
    /// What this run was told.
    pub(crate) fn of_this_run() -> Self {
        Self::of(&std::env::var(SETTING).unwrap_or_default())
    }

    fn of(setting: &str) -> Self {
        let digits: Option<Vec<u32>> = setting.chars().map(|character| character.to_digit(16)).collect();
        match digits {
            // 16 is one more than a multiple of three, so a number's remainder is that of the sum of its digits.
            Some(digits) if HASH_DIGITS.contains(&digits.len()) => {
                Self::Third(digits.iter().map(|digit| *digit as usize).sum::<usize>() % PARTS)
            }
            _ if setting.is_empty() || setting == "all" => Self::All,
            _ => Self::Named(setting.split(',').map(|name| name.trim().to_lowercase()).collect()),
        }
    }

    /// Whether the row at `position` with this name runs.
    pub(crate) fn takes(&self, position: usize, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Third(third) => position % PARTS == *third,
            Self::Named(names) => names.iter().any(|known| name.to_lowercase().starts_with(known)),
        }
    }

    /// Says which of `names` run.
    pub(crate) fn announce(&self, kind: &str, names: &[&str]) {
        let chosen: Vec<_> =
            names.iter().enumerate().filter(|(at, name)| self.takes(*at, name)).map(|(_, name)| *name).collect();
        say(&format!("{} of {} {kind} run ({SETTING}): {}", chosen.len(), names.len(), chosen.join("; ")));
    }
}

/// Says something to who reads the log of a test that succeeds: what a test prints is shown only where it fails.
pub(crate) fn say(text: &str) {
    let _shown = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "Keycloak"];

    fn taken(setting: &str) -> Vec<&'static str> {
        let choice = Choice::of(setting);
        NAMES.iter().enumerate().filter(|(at, name)| choice.takes(*at, name)).map(|(_, name)| *name).collect()
    }

    #[test]
    fn a_commits_hash_takes_a_third_and_three_hashes_take_everything() {
        let hash = |last: &str| format!("{}{last}", "0".repeat(39));
        assert_eq!(taken(&hash("0")), ["a", "d", "Keycloak"]);
        assert_eq!(taken(&hash("1")), ["b", "e"]);
        assert_eq!(taken(&hash("2")), ["c", "f"]);
        assert_eq!(Choice::of(&hash("f")), Choice::Third(0));
        let hash = "9fd1ea9c3b0a4d5e6f708192a3b4c5d6e7f80912";
        let remainder = hash.chars().fold(0, |rest, digit| (rest * 16 + digit.to_digit(16).unwrap() as usize) % 3);
        assert_eq!(Choice::of(hash), Choice::Third(remainder));
    }

    #[test]
    fn everything_runs_unless_rows_are_named() {
        assert_eq!(taken(""), NAMES);
        assert_eq!(taken("all"), NAMES);
        assert_eq!(taken("b, keyc"), ["b", "Keycloak"]);
        // A word of hexadecimal digits is a name, where it is no hash.
        assert_eq!(taken("d"), ["d"]);
    }
}
