//! What was measured of the sandboxes, as it is written and kept.

use serde::{Deserialize, Serialize};

/// Calls, programs, starts and sizes.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sandboxes {
    pub calls: Vec<Call>,
    /// The version of the machine's own Python.
    pub native: String,
    pub programs: Vec<Program>,
    pub starts: Vec<Start>,
    pub artefacts: Vec<Artefact>,
}

/// A call through the gateway with an API key.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Call {
    pub id: String,
    pub name: String,
    /// Of the files in the environment.
    pub files_mebibytes: u32,
    pub times: u32,
    pub p50_ms: f64,
    pub p90_ms: f64,
}

/// A program that computes: medians of both sides.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Program {
    pub name: String,
    pub sandbox_ms: f64,
    pub native_ms: f64,
    pub factor: f64,
}

/// Starts on a host.
#[derive(Debug, Serialize, Deserialize)]
pub struct Start {
    pub host: String,
    pub first: Times,
    /// With what the first start has kept.
    pub again: Times,
}

/// Since the start of the process.
#[derive(Debug, Serialize, Deserialize)]
pub struct Times {
    pub answer_ms: f64,
    pub shell_ms: f64,
    pub python_ms: f64,
}

/// An artefact, and the code that the embedded host makes of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Artefact {
    pub name: String,
    pub bytes: u64,
    pub compiled_bytes: Option<u64>,
}

impl Sandboxes {
    /// The median of `print(sum(range(10)))` in an environment without files.
    pub fn python_p50_ms(&self) -> Option<f64> {
        self.calls.iter().find(|call| call.id == "python" && call.files_mebibytes == 0).map(|call| call.p50_ms)
    }

    /// The median of a call of a server that does nothing.
    pub fn static_p50_ms(&self) -> Option<f64> {
        self.calls.iter().find(|call| call.id == "static").map(|call| call.p50_ms)
    }

    /// The highest factor of the programs.
    pub fn worst_factor(&self) -> Option<f64> {
        self.programs.iter().map(|program| program.factor).max_by(f64::total_cmp)
    }
}
