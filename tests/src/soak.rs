//! A soak: crowds of users at two instances over one store for a long time, while one thing after the other breaks. Nothing may be
//! left of it: no memory, no stream, no row; and nobody may notice but while something is broken.

mod faults;
mod figures;
mod memory;
mod store;
mod upstream;
mod users;
mod windows;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use crate::{AttackSettings, AttackWorld};
use memory::Memory;
pub use store::SoakStore;
use store::{Left, PATIENCE, SESSION, rows};
use upstream::Upstream;
use users::Crowd;

/// Who comes, one after the other and again from the first.
const USERS: usize = 2_000;
/// How many of them are there at once.
const AT_ONCE: usize = 16;

/// What was seen.
pub struct Report {
    crowd: Arc<Crowd>,
    minutes: u64,
    store: SoakStore,
    took: Duration,
    lives: usize,
    streams: usize,
    /// Streams that were still open at the servers long after everybody had left.
    streams_left: usize,
    memory: [Memory; 2],
    /// Entries that have not expired: at the beginning, and when everybody had left.
    rows: [usize; 2],
    rows_left: Left,
}

/// Lets the crowds come for so many minutes.
pub async fn run(minutes: u64, store: SoakStore) -> Report {
    assert!(store.host().is_installed(), "without a redis-server, `cargo xtask soak --store sqlite` can run");
    crate::allow_descriptors(2_000);
    let upstream = Upstream::start().await;
    let world = AttackWorld::start_with(settings(&upstream, store)).await;
    // What has compiled the artefact has memory of that; both processes find the code.
    let first = world.process_beside().await;
    let second = world.process_beside().await;
    let crowd = Arc::new(Crowd {
        public_url: world.gatehouse.url.clone(),
        instances: [&first, &second].map(|process| process.gatehouse.url.clone()).into(),
        provider: world.provider().clone(),
        figures: figures::Figures::default(),
        windows: windows::Windows::default(),
        broken_promises: std::sync::Mutex::default(),
        turn: AtomicUsize::new(0),
        // The embedded host closes a connection that has been idle for a minute.
        http: reqwest::Client::builder().pool_idle_timeout(Duration::from_secs(20)).build().expect("a client"),
    });
    let rows_before = rows(&world).await;

    let began = Instant::now();
    let until = began + Duration::from_secs(60 * minutes);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let process = |world: &AttackWorld| world.gatehouse.process_id().expect("a process of its own");
    let watched = [process(&first), process(&second)].map(|id| tokio::spawn(Memory::watched(id, stopped.clone())));
    let users = tokio::spawn({
        let crowd = Arc::clone(&crowd);
        async move { users::come(&crowd, USERS, AT_ONCE, until).await }
    });
    let second = faults::come_and_go(&crowd, &upstream, store, &world, second, until).await;
    let lives = users.await.expect("no panic");
    let took = began.elapsed();

    let streams_left = left(&upstream).await;
    stop.send_replace(true);
    let [first_watched, second_watched] = watched;
    let memory = [first_watched.await.expect("no panic"), second_watched.await.expect("no panic")];
    let rows = [rows_before, rows(&world).await];
    for process in [first, second] {
        process.gatehouse.stop().await;
    }
    let rows_left = Left::of(&world).await;
    world.gatehouse.stop().await;
    let streams = upstream.streams();
    Report { crowd, minutes, store, took, lives, streams, streams_left, memory, rows, rows_left }
}

fn settings(upstream: &Upstream, store: SoakStore) -> AttackSettings {
    let member = |prefix: &str| format!("{{ prefix = \"{prefix}\", url = \"{}/{prefix}\" }}", upstream.origin);
    AttackSettings {
        host: Some(store.host()),
        upstream_origin: Some(upstream.origin.clone()),
        access_token_seconds: 60,
        // What belongs to a stream of 2024-11-05 lives a minute longer than that.
        mcp_lines: format!("limits = {{ stream_total = {} }}", SESSION / 2),
        lifetimes: format!("session = {SESSION}\nconsent = {SESSION}"),
        top: "sign_ins = { per_minute = 100000 }".to_owned(),
        tables: format!(
            "[[routes]]\npath = \"/all\"\nname = \"All\"\nscopes = [\"mcp\"]\nmembers = [{}, {}]\n",
            member("a"),
            member("b")
        ),
        ..AttackSettings::default()
    }
}

/// Waits until the servers have no stream open any more: how many there still are after all patience.
async fn left(upstream: &Upstream) -> usize {
    let end = Instant::now() + PATIENCE;
    while upstream.open_streams() > 0 && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    upstream.open_streams()
}

impl Report {
    /// What did not hold; nothing where all is well.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.crowd.figures.errors_outside();
        faults.extend(self.crowd.broken_promises.lock().expect("no panic").iter().take(20).cloned());
        faults.extend(self.memory[0].fault());
        if self.lives < USERS {
            faults.push(format!("only {} of {USERS} users came to their end", self.lives));
        }
        if self.streams_left > 0 {
            faults.push(format!("{} streams are still open at the servers", self.streams_left));
        }
        faults.extend(self.rows_left.faults());
        faults
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let store = self.store.name();
        writeln!(f, "A soak of {} minutes over {store} took {} s.", self.minutes, self.took.as_secs())?;
        writeln!(f, "{:<12} {} times one of {USERS}, {AT_ONCE} at once", "users", self.lives)?;
        writeln!(f, "{:<12} {}", "faults", self.crowd.windows.count())?;
        write!(f, "{}", self.crowd.figures)?;
        for (name, memory) in ["first", "second"].iter().zip(&self.memory) {
            let name = format!("Pss, {name}");
            writeln!(
                f,
                "{name:<12} {} MiB at the start, {} at most, {} at the end",
                memory.start(),
                memory.peak(),
                memory.end()
            )?;
        }
        writeln!(f, "{:<12} {} opened, {} left", "streams", self.streams, self.streams_left)?;
        let [before, after] = self.rows;
        let later: Vec<_> =
            self.rows_left.after_session.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        writeln!(
            f,
            "{:<12} {before} before, {after} after; ten minutes after the longest session {}; in the end {}",
            "rows",
            later.join(", "),
            self.rows_left.after_all
        )
    }
}
