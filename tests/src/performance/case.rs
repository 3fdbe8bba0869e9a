//! One of the cases that are compared, turn by turn.

use std::time::Duration;

use serde_json::{Value, json};

use super::load::{Target, Turn};
use super::process;
use super::statistics::{median, quantile};

/// How many ask at once, each on a connection of its own.
pub(super) const CONNECTIONS: usize = 8;
/// How long a turn is: with all connections, and with one.
pub(super) const TURN: Duration = Duration::from_millis(300);
const TURN_ALONE: Duration = Duration::from_millis(150);

/// A case, and what came of it, turn by turn.
pub(super) struct Case {
    pub(super) id: &'static str,
    name: &'static str,
    pub(super) target: Target,
    processes: Vec<u32>,
    /// The size of the configuration, in bytes.
    document: Option<usize>,
    pub(super) per_second: Vec<f64>,
    latencies: Vec<Duration>,
    latencies_alone: Vec<Duration>,
    processor_time: Duration,
}

impl Case {
    pub(super) fn new(
        id: &'static str,
        name: &'static str,
        target: Target,
        processes: Vec<u32>,
        document: Option<usize>,
    ) -> Self {
        Self {
            id,
            name,
            target,
            processes,
            document,
            per_second: Vec::new(),
            latencies: Vec::new(),
            latencies_alone: Vec::new(),
            processor_time: Duration::ZERO,
        }
    }

    pub(super) async fn turn(&mut self) {
        let before = process::processor_time(&self.processes);
        let turn: Turn = self.target.turn(CONNECTIONS, TURN).await;
        self.processor_time += process::processor_time(&self.processes).saturating_sub(before);
        self.per_second.push(turn.per_second());
        self.latencies.extend(turn.latencies);
        self.latencies_alone.extend(self.target.turn(1, TURN_ALONE).await.latencies);
    }

    pub(super) fn result(&mut self) -> Value {
        let milliseconds =
            |latencies: &[Duration]| latencies.iter().map(|one| one.as_secs_f64() * 1e3).collect::<Vec<f64>>();
        let (many, alone) = (milliseconds(&self.latencies), milliseconds(&self.latencies_alone));
        json!({
            "id": self.id,
            "name": self.name,
            "document_bytes": self.document,
            "per_second": median(&self.per_second),
            "p50_ms": quantile(&many, 0.5),
            "p99_ms": quantile(&many, 0.99),
            "alone_p50_ms": quantile(&alone, 0.5),
            "processor_us": self.processor_time.as_secs_f64() * 1e6 / many.len() as f64,
            "memory_bytes": process::memory(&self.processes).present,
        })
    }
}
