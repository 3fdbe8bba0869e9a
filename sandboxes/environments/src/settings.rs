//! What the operator sets: one small document.

use sandbox_egress::{Egress, MOST_HOSTS, Origin};
use sandbox_run::Limits;
use serde::Deserialize;
use thiserror::Error;

/// The settings. Every key has a default, and an unknown key is an error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Seconds after its last run for which an environment is kept.
    pub cool_down_seconds: u64,
    /// Environments that a subject has at once.
    pub environments_per_subject: u32,
    /// Environments that there are at once in all.
    pub environments: u32,
    /// Runs of a subject that are under way at once, in all its environments.
    pub runs_per_subject: u32,
    /// What one run may take, and leave behind.
    pub run: RunSettings,
    /// What one run may send, and where to.
    pub egress: EgressSettings,
}

/// What one run may take, and leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunSettings {
    /// Seconds on the clock.
    pub seconds: u32,
    /// Bytes that it writes to standard output and standard error together.
    pub output_bytes: u32,
    /// Bytes of all files of the environment together.
    pub file_bytes: u32,
    /// Files of the environment.
    pub files: u32,
    /// Bytes of each language's state.
    pub state_bytes: u32,
}

/// What one run may send, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EgressSettings {
    /// The origins. None: egress is off.
    pub hosts: Vec<Origin>,
    /// Requests, where each redirect that is followed is one.
    pub requests: u32,
    /// Bytes of the body of a request.
    pub request_bytes: u32,
    /// Bytes of the body of an answer.
    pub answer_bytes: u32,
}

/// Why the document cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// It is not TOML, or has a key that there is not, or a value of another type. What and where.
    #[error("the settings cannot be read: {0}")]
    Unreadable(String),
    /// A number is too small or too large.
    #[error("{name} is {least} to {most}")]
    Range {
        /// The key.
        name: &'static str,
        /// The smallest number.
        least: u64,
        /// The largest number.
        most: u64,
    },
    /// There are too many hosts.
    #[error("egress.hosts has more than {MOST_HOSTS} hosts")]
    TooManyHosts,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cool_down_seconds: 300,
            environments_per_subject: 20,
            environments: 1_000,
            runs_per_subject: 4,
            run: RunSettings::default(),
            egress: EgressSettings::default(),
        }
    }
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self { hosts: Vec::new(), requests: 20, request_bytes: 1 << 20, answer_bytes: 1 << 20 }
    }
}

impl Default for RunSettings {
    fn default() -> Self {
        Self { seconds: 30, output_bytes: 256 << 10, file_bytes: 8 << 20, files: 1_000, state_bytes: 2 << 20 }
    }
}

impl Settings {
    /// Reads the document, which is TOML. An empty one says that every key has its default.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn parse(document: &str) -> Result<Self, SettingsError> {
        let settings: Self =
            toml::from_str(document).map_err(|error| SettingsError::Unreadable(error.to_string().trim().to_owned()))?;
        for (name, least, most, value) in settings.ranges() {
            if !(least..=most).contains(&value) {
                return Err(SettingsError::Range { name, least, most });
            }
        }
        if settings.egress.hosts.len() > MOST_HOSTS {
            return Err(SettingsError::TooManyHosts);
        }
        Ok(settings)
    }

    /// What a run may send, and where to, as an interpreter is told it.
    pub fn egress(&self) -> Egress {
        let EgressSettings { hosts, requests, request_bytes, answer_bytes } = self.egress.clone();
        Egress { hosts, requests, request_bytes, answer_bytes }
    }

    /// The limits of a run, as an interpreter is told them.
    pub const fn limits(&self) -> Limits {
        let RunSettings { seconds, output_bytes, file_bytes, files, state_bytes } = self.run;
        Limits { seconds, output_bytes, file_bytes, files, state_bytes }
    }

    /// Each key with its smallest and largest number, and the number that it has.
    fn ranges(&self) -> [(&'static str, u64, u64, u64); 12] {
        let (run, most, egress) = (&self.run, Limits::MOST, &self.egress);
        [
            // Shorter, and an agent that thinks loses its environment; longer, and what nobody uses fills the store.
            ("cool_down_seconds", 60, 86_400, self.cool_down_seconds),
            ("environments_per_subject", 1, 10_000, self.environments_per_subject.into()),
            ("environments", 1, 1_000_000, self.environments.into()),
            // Each takes an instance here and one of an interpreter, of which a host has some dozens for all.
            ("runs_per_subject", 1, 64, self.runs_per_subject.into()),
            // A run has its environment to itself for a minute at least, in which everything is read and written, too.
            ("run.seconds", 1, most.seconds.into(), run.seconds.into()),
            ("run.output_bytes", 1_024, most.output_bytes.into(), run.output_bytes.into()),
            // An instance holds the files up to six times (as they were, on their way, and as they are), and has 128 MiB.
            ("run.file_bytes", 1_024, most.file_bytes.into(), run.file_bytes.into()),
            ("run.files", 1, most.files.into(), run.files.into()),
            ("run.state_bytes", 1_024, most.state_bytes.into(), run.state_bytes.into()),
            ("egress.requests", 1, Egress::MOST_REQUESTS.into(), egress.requests.into()),
            ("egress.request_bytes", 1_024, Egress::MOST_REQUEST_BYTES.into(), egress.request_bytes.into()),
            ("egress.answer_bytes", 1_024, Egress::MOST_ANSWER_BYTES.into(), egress.answer_bytes.into()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_document_has_every_default() {
        let settings = Settings::parse("").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(
            (settings.cool_down_seconds, settings.environments_per_subject, settings.environments),
            (300, 20, 1000)
        );
        let limits =
            Limits { seconds: 30, output_bytes: 262_144, file_bytes: 8_388_608, files: 1_000, state_bytes: 2_097_152 };
        assert_eq!(settings.limits(), limits);
    }

    #[test]
    fn each_key_is_read_and_has_a_smallest_and_a_largest_number() {
        for (name, least, most, _) in Settings::default().ranges() {
            let with = |value: u64| Settings::parse(&format!("{name} = {value}"));
            for value in [least, most] {
                let read = with(value).unwrap();
                assert!(read.ranges().iter().any(|range| range.0 == name && range.3 == value), "{name} = {value}");
            }
            for value in [least - 1, most + 1] {
                assert_eq!(with(value), Err(SettingsError::Range { name, least, most }), "{name} = {value}");
            }
        }
    }

    #[test]
    fn what_is_no_setting_is_an_error_that_names_it() {
        for (document, said) in [
            ("cool_down = 300", "cool_down"),
            ("[run]\nsecond = 1", "second"),
            ("egress_hosts = [\"example.com\"]", "egress_hosts"),
            ("cool_down_seconds = \"300\"", "cool_down_seconds"),
            ("cool_down_seconds = -1", "cool_down_seconds"),
            ("run = 1", "run"),
            ("egress.host = []", "host"),
            ("egress.hosts = \"api.example.com\"", "hosts"),
            ("egress.hosts = [\"*.example.com\"]", "\"*.example.com\" is no origin: a host is named exactly"),
            ("egress.hosts = [\"http://shell.spin.internal\"]", "are not reached by egress"),
            ("egress.hosts = [\"https://api.example.com/v1\"]", "has no path"),
            ("cool_down_seconds =", "cool_down_seconds"),
        ] {
            let error = Settings::parse(document).unwrap_err().to_string();
            assert!(error.contains(said), "{document}: {error}");
        }
    }

    #[test]
    fn hosts_of_egress_are_origins_and_there_are_none_unless_they_are_named() {
        assert!(Settings::parse("").unwrap().egress().is_off());
        let settings =
            Settings::parse("egress.hosts = [\"API.example.com\", \"http://127.0.0.1:80\"]\negress.requests = 3");
        let egress = settings.unwrap().egress();
        let hosts: Vec<String> = egress.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["https://api.example.com", "http://127.0.0.1"]);
        assert_eq!((egress.requests, egress.request_bytes, egress.answer_bytes), (3, 1 << 20, 1 << 20));
        let with = |count: usize| Settings::parse(&format!("egress.hosts = {:?}", vec!["a.example"; count]));
        assert_eq!(with(MOST_HOSTS).unwrap().egress().hosts.len(), MOST_HOSTS);
        assert_eq!(with(MOST_HOSTS + 1), Err(SettingsError::TooManyHosts));
    }

    /// The table of docs/sandboxes.md is written by hand.
    #[test]
    fn the_document_for_operators_has_every_key_with_its_default_and_its_range() {
        let document = include_str!("../../../docs/sandboxes.md");
        for (name, least, most, default) in Settings::default().ranges() {
            let row = format!("| `{name}` | {default} | {least} to {most} |");
            assert!(document.contains(&row), "docs/sandboxes.md lacks the row: {row}");
        }
    }
}
