//! What was measured: as the program that measures writes it, and as it is kept from run to run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::sandboxes::Sandboxes;

/// All parts that were measured so far, each with when and of what.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Results {
    pub calls: Option<Measured<Calls>>,
    pub counts: Option<Measured<Counts>>,
    pub features: Option<Measured<Vec<Point>>>,
    pub start: Option<Measured<Vec<Start>>>,
    pub growth: Option<Measured<Vec<Curve>>>,
    pub streams: Option<Measured<Vec<Streams>>>,
    pub hosts: Option<Measured<Vec<Host>>>,
    pub sandboxes: Option<Measured<Sandboxes>>,
}

/// A part, with its origin.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured<T> {
    pub origin: Origin,
    pub result: T,
}

/// Of what it was measured, when, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub commit: String,
    pub base: Option<String>,
    pub date: String,
    pub machine: String,
    pub versions: String,
}

/// What one run of the program that measures has written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Run {
    pub calls: Option<Calls>,
    pub counts: Option<Counts>,
    pub features: Option<Vec<Point>>,
    pub start: Option<Vec<Start>>,
    pub growth: Option<Vec<Curve>>,
    pub streams: Option<Vec<Streams>>,
    pub hosts: Option<Vec<Host>>,
    pub sandboxes: Option<Sandboxes>,
}

/// The main table.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Calls {
    pub turns: u32,
    pub connections: u32,
    pub turn_ms: u64,
    pub cases: Vec<Case>,
    pub ratios: Vec<Ratio>,
}

/// A line of the main table.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Case {
    pub id: String,
    pub name: String,
    pub document_bytes: Option<u64>,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub alone_p50_ms: f64,
    pub processor_us: f64,
    pub memory_bytes: f64,
}

/// Another host, with the bare forwarder and Gatehouse there; without them where the host was not there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    pub name: String,
    pub cases: Vec<Case>,
    /// Of Gatehouse's requests a second to the forwarder's.
    pub ratio: f64,
    pub half_width: f64,
}

/// The requests a second of one case to those of another.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ratio {
    pub of: String,
    pub to: String,
    pub median: f64,
    pub half_width: f64,
}

/// What is counted.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    pub requests: u32,
    pub store: Vec<StoreOperations>,
    pub system_calls: Vec<SystemCalls>,
}

/// Operations of the store for a request of a kind.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoreOperations {
    pub kind: String,
    pub reads: f64,
    pub writes: f64,
}

/// System calls for a `tools/call`.
#[derive(Debug, Serialize, Deserialize)]
pub struct SystemCalls {
    pub id: String,
    pub of_connections: f64,
    pub others: f64,
    pub calls: Vec<SystemCall>,
}

/// One of them.
#[derive(Debug, Serialize, Deserialize)]
pub struct SystemCall {
    pub name: String,
    pub of_connections: bool,
    pub each: f64,
}

/// A case beside the first one of its kind.
#[derive(Debug, Serialize, Deserialize)]
pub struct Point {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub x: u64,
    pub per_second: f64,
    pub ratio: f64,
    pub half_width: f64,
}

/// How requests a second change with something.
#[derive(Debug, Serialize, Deserialize)]
pub struct Curve {
    pub id: String,
    pub x: String,
    pub points: Vec<Point>,
}

/// The start of a checkout's host.
#[derive(Debug, Serialize, Deserialize)]
pub struct Start {
    pub id: String,
    pub cold_ms: f64,
    pub cold_processor_ms: f64,
    pub warm_ms: f64,
    pub warm_processor_ms: f64,
    pub compiled_bytes: u64,
}

/// The event streams of a checkout's host.
#[derive(Debug, Serialize, Deserialize)]
pub struct Streams {
    pub id: String,
    pub idle: u32,
    pub idle_bytes_each: f64,
    /// The same with pages that several streams map counted for each.
    pub idle_mapped_bytes_each: f64,
    pub delay: Delay,
    pub direct_delay: Delay,
    pub active: u32,
    pub events_per_second: u32,
    /// Processors that are busy with so many events a second on all streams together; nothing where the machine could not make them.
    pub processor_share_in_all: Option<f64>,
    /// The same with so many on each of them.
    pub processor_share_each: Option<f64>,
}

/// How late events come.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delay {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// This checkout, among those that were measured.
pub const NOW: &str = "now";
/// This checkout, unpacked from its archive.
pub const ARCHIVE: &str = "archive";
/// The earlier commit.
pub const BASE: &str = "base";

impl Calls {
    pub fn case(&self, id: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.id == id)
    }

    /// The median of the ratios of one case to another.
    pub fn ratio(&self, of: &str, to: &str) -> Option<f64> {
        self.ratios.iter().find(|ratio| ratio.of == of && ratio.to == to).map(|ratio| ratio.median)
    }
}

impl Counts {
    pub fn system_calls(&self, id: &str) -> Option<&SystemCalls> {
        self.system_calls.iter().find(|calls| calls.id == id)
    }
}

impl Run {
    /// Reads what the program that measures has written.
    pub fn read(file: &Path) -> Result<Self> {
        read(file)
    }
}

impl Results {
    /// Reads what earlier runs have left; nothing where there were none, or other ones.
    pub fn kept(file: &Path) -> Self {
        read(file).unwrap_or_default()
    }

    /// Takes the place of what was measured earlier, part by part.
    pub fn take(&mut self, run: Run, origin: &Origin) {
        fn replace<T>(kept: &mut Option<Measured<T>>, new: Option<T>, origin: &Origin) {
            if let Some(result) = new {
                *kept = Some(Measured { origin: origin.clone(), result });
            }
        }
        replace(&mut self.calls, run.calls, origin);
        replace(&mut self.counts, run.counts, origin);
        replace(&mut self.features, run.features, origin);
        replace(&mut self.start, run.start, origin);
        replace(&mut self.growth, run.growth, origin);
        replace(&mut self.streams, run.streams, origin);
        replace(&mut self.hosts, run.hosts, origin);
        replace(&mut self.sandboxes, run.sandboxes, origin);
    }

    /// The origin of the first part that was measured, in the order of the page: that of most parts.
    pub fn origin(&self) -> Option<&Origin> {
        let origins = [
            self.calls.as_ref().map(|part| &part.origin),
            self.counts.as_ref().map(|part| &part.origin),
            self.features.as_ref().map(|part| &part.origin),
            self.start.as_ref().map(|part| &part.origin),
            self.growth.as_ref().map(|part| &part.origin),
            self.streams.as_ref().map(|part| &part.origin),
            self.hosts.as_ref().map(|part| &part.origin),
            self.sandboxes.as_ref().map(|part| &part.origin),
        ];
        origins.into_iter().flatten().next()
    }

    /// Keeps them.
    pub fn keep(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

fn read<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not as it is written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_was_not_measured_again_stays_with_its_origin() {
        let origin = |commit: &str| Origin { commit: commit.to_owned(), ..Origin::default() };
        let mut results = Results::default();
        let run = Run { calls: Some(Calls::default()), counts: Some(Counts::default()), ..Run::default() };
        results.take(run, &origin("one"));
        results.take(Run { counts: Some(Counts::default()), ..Run::default() }, &origin("two"));
        assert_eq!(results.calls.map(|part| part.origin.commit).as_deref(), Some("one"));
        assert_eq!(results.counts.map(|part| part.origin.commit).as_deref(), Some("two"));
        assert!(results.growth.is_none());
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.json");
        let mut results = Results::kept(&file);
        results.take(Run { calls: Some(Calls { turns: 7, ..Calls::default() }), ..Run::default() }, &Origin::default());
        results.keep(&file).unwrap();
        assert_eq!(Results::kept(&file).calls.map(|part| part.result.turns), Some(7));
        fs::write(&file, "{").unwrap();
        assert!(Results::kept(&file).calls.is_none());
    }
}
