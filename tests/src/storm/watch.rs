//! Who must not notice the storm, and what is looked at meanwhile.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch::Receiver;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::load::message;
use crate::{AttackWorld, http};

/// Between two rounds of probes.
const ROUND: Duration = Duration::from_millis(500);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the probes were answered.
#[derive(Debug, Default)]
pub(super) struct Probes {
    answers: Vec<Probe>,
}

#[derive(Debug)]
struct Probe {
    path: &'static str,
    /// `None`: there was no answer.
    status: Option<u16>,
    took: Duration,
}

impl Probes {
    /// What did not hold: an answer that was not 200, or came later than `within`.
    pub(super) fn faults(&self, within: Option<Duration>) -> Vec<String> {
        let wrong = |probe: &&Probe| probe.status != Some(200) || within.is_some_and(|within| probe.took > within);
        let text = |probe: &Probe| format!("{} {:?} after {:?}", probe.path, probe.status, probe.took);
        self.answers.iter().filter(wrong).map(text).collect()
    }
}

impl fmt::Display for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = self.answers.iter().filter(|probe| probe.status == Some(200)).count();
        let longest = self.answers.iter().map(|probe| probe.took).max().unwrap_or_default();
        write!(f, "{good} of {} answered 200, the slowest after {longest:?}", self.answers.len())
    }
}

/// Asks both probes twice a second, each on a connection of its own, until it is stopped.
pub(super) async fn probe(origin: String, stopped: Receiver<bool>) -> Probes {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut probes = Probes::default();
    while !*stopped.borrow() {
        rounds.tick().await;
        for path in ["/healthz", "/readyz"] {
            let asked = Instant::now();
            let answer = timeout(PATIENCE, http().get(format!("{origin}{path}")).send()).await;
            let status = answer.ok().and_then(Result::ok).map(|answer| answer.status().as_u16());
            probes.answers.push(Probe { path, status, took: asked.elapsed() });
        }
    }
    probes
}

/// What a user's calls came to.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) made: usize,
    pub(super) succeeded: usize,
    longest: Duration,
    failures: Vec<String>,
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} calls succeeded, the slowest after {:?}", self.succeeded, self.made, self.longest)?;
        self.failures.iter().take(5).try_for_each(|failure| write!(f, "; {failure}"))
    }
}

/// Makes so many calls, spread over `time`, each on a connection of its own.
pub(super) async fn call(world: &AttackWorld, token: &str, calls: usize, time: Duration) -> Calls {
    let mut pace = interval(time / u32::try_from(calls).expect("a small number"));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = Calls::default();
    for _ in 0..calls {
        pace.tick().await;
        let asked = Instant::now();
        let body = message("tools/call", &json!({ "name": "quick", "arguments": {} }));
        let answer = timeout(PATIENCE, world.mcp_request("/mcp").bearer_auth(token).body(body).send()).await;
        seen.made += 1;
        match answer {
            Ok(Ok(answer)) if answer.status() == 200 => seen.succeeded += 1,
            Ok(Ok(answer)) => seen.failures.push(answer.status().to_string()),
            Ok(Err(error)) => seen.failures.push(error.to_string()),
            Err(_) => seen.failures.push("no answer".to_owned()),
        }
        seen.longest = seen.longest.max(asked.elapsed());
    }
    seen
}

/// The most memory that the process had in its life, in bytes.
pub(super) fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak of its memory");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1024
}
