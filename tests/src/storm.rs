//! A storm: whoever can reach Gatehouse takes as much of every scarce thing as they can, all at once, while its probes
//! and another user must not notice. `docs/limits.md` has the budgets that this holds against.

mod documents;
mod load;
mod store;
mod upstream;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch::Sender;

use crate::{AttackSettings, AttackWorld, HostKind, Person};
pub use upstream::start as silent_server;
use watch::{Calls, Probes};

/// How much comes at once.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Connections that send half a head.
    pub half_heads: usize,
    /// Connections that send a body byte by byte.
    pub slow_bodies: usize,
    /// Calls of one user of a tool that never answers.
    pub slow_calls: usize,
    /// Users with silent event streams.
    pub streaming_users: usize,
    /// Event streams of each of them.
    pub streams_per_user: usize,
    /// Requests that name a client document which trickles in.
    pub documents: usize,
    /// Entries in the store, of which a tenth has expired.
    pub rows: usize,
    /// Calls of the user who must not notice.
    pub calls: usize,
    /// How long it takes at least.
    pub at_least: Duration,
    /// How long a probe may take; `None`: that is not looked at.
    pub probe_time: Option<Duration>,
}

impl Scale {
    /// What `cargo xtask storm` runs.
    pub const FULL: Self = Self {
        half_heads: 1_100,
        slow_bodies: 1_100,
        slow_calls: 1_000,
        streaming_users: 32,
        streams_per_user: 32,
        documents: 2_000,
        rows: 1_000_000,
        calls: 200,
        at_least: Duration::from_secs(60),
        probe_time: Some(Duration::from_secs(1)),
    };

    /// What CI runs. Other tests share its machine, so no time is looked at.
    pub const SHORT: Self = Self {
        half_heads: 150,
        slow_bodies: 150,
        slow_calls: 150,
        streaming_users: 8,
        streams_per_user: 32,
        documents: 200,
        rows: 20_000,
        calls: 50,
        at_least: Duration::from_secs(10),
        probe_time: None,
    };

    /// Descriptors that the storm itself needs: both ends of what goes through to its servers, and some more.
    fn descriptors(&self) -> usize {
        let through = self.slow_calls + self.streaming_users * self.streams_per_user;
        self.half_heads + self.slow_bodies + 2 * through + 2 * load::DOCUMENTS_AT_ONCE + 500
    }
}

/// The most memory that Gatehouse may have, in bytes.
const MEMORY: u64 = 1 << 30;
/// The most entries that a storm may leave in the store. None of its requests is a registration or an approved login
/// (`docs/limits.md`, "Rows").
const ROWS: i64 = 5_000;

/// What was seen.
#[derive(Debug)]
pub struct Report {
    scale: Scale,
    probes: Probes,
    calls: Calls,
    /// The most memory that Gatehouse had, in bytes.
    peak_memory: u64,
    /// Entries that have not expired, after the storm less before.
    rows: i64,
    loads: Vec<(&'static str, load::Answers)>,
    took: Duration,
}

/// Lets the storm loose on a Gatehouse of its own.
pub async fn run(scale: Scale) -> Report {
    crate::allow_descriptors(scale.descriptors());
    let upstream = upstream::start().await;
    let documents = documents::trickling().await;
    let world = AttackWorld::start_with(AttackSettings {
        host: Some(HostKind::EmbeddedProcess),
        upstream_origin: Some(upstream),
        access_token_seconds: 3600,
        variables: vec![("client_document_origin".to_owned(), "http://127.0.0.1:*".to_owned())],
        ..AttackSettings::default()
    })
    .await;
    let world = Arc::new(world);
    let state_directory = world.gatehouse.state_directory();
    store::fill(&state_directory, scale.rows, world.now());
    let heavy = token(&world, "heavy").await;
    let victim = token(&world, "victim").await;
    let mut streaming = Vec::new();
    for user in 0..scale.streaming_users {
        streaming.push(token(&world, &format!("streaming-{user}")).await);
    }
    let rows_before = store::count(&state_directory, world.now());

    let started = Instant::now();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let probing = tokio::spawn(watch::probe(world.gatehouse.url.clone(), stopped.clone()));
    let origin = world.gatehouse.url.trim_start_matches("http://").to_owned();
    let loads = [
        ("half heads", load::half_heads(&origin, scale.half_heads, &stopped)),
        ("slow bodies", load::slow_bodies(&origin, scale.slow_bodies, &stopped)),
        ("slow calls", load::slow_calls(&world, &heavy, scale.slow_calls, &stopped)),
        ("streams", load::streams(&world, &streaming, scale.streams_per_user, &stopped)),
        ("documents", load::documents(&world, &documents, scale.documents, &stopped)),
    ];
    let calls = watch::call(&world, &victim, scale.calls, scale.at_least).await;
    let loads = ended(stop, loads).await;
    let probes = probing.await.expect("the probes end");
    let process = world.gatehouse.process_id().expect("it runs in a process of its own");
    let rows = store::count(&state_directory, world.now()) - rows_before;
    let report =
        Report { scale, probes, calls, peak_memory: watch::peak_memory(process), rows, loads, took: started.elapsed() };
    Arc::into_inner(world).expect("nobody else is left").gatehouse.stop().await;
    report
}

/// Ends the loads: what each was told.
async fn ended<const N: usize>(
    stop: Sender<bool>,
    loads: [(&'static str, load::Load); N],
) -> Vec<(&'static str, load::Answers)> {
    stop.send_replace(true);
    let mut answers = Vec::new();
    for (name, load) in loads {
        answers.push((name, load.ended().await));
    }
    answers
}

async fn token(world: &AttackWorld, name: &str) -> String {
    let person = Person::new(name);
    let tokens = world.flow(&person).finish().await;
    tokens["access_token"].as_str().expect("an access token").to_owned()
}

impl Report {
    /// What did not hold; nothing where all is well.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.probes.faults(self.scale.probe_time);
        if self.calls.succeeded * 100 < self.calls.made * 99 {
            faults.push(format!("only {} of another user's {} calls succeeded", self.calls.succeeded, self.calls.made));
        }
        if self.peak_memory >= MEMORY {
            faults.push(format!("Gatehouse had {} MiB of memory", self.peak_memory >> 20));
        }
        if self.rows > ROWS {
            faults.push(format!("the store has {} entries more", self.rows));
        }
        faults
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "The storm took {} s.", self.took.as_secs())?;
        for (name, answers) in &self.loads {
            writeln!(f, "{name:<12} {answers}")?;
        }
        writeln!(f, "{:<12} {}", "probes", self.probes)?;
        writeln!(f, "{:<12} {}", "other user", self.calls)?;
        writeln!(f, "{:<12} {} MiB at most", "memory", self.peak_memory >> 20)?;
        writeln!(f, "{:<12} {:+}", "rows", self.rows)
    }
}
