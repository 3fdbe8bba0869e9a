//! The store of a soak: on what it is, how it breaks, and what is left in it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gatehouse_storage::Key;

use crate::storm::store::count;
use crate::{AttackWorld, HostKind, StoreFaults, StoreServer};

/// Seconds for which a session and a consent live: as short as rows that belong to them may be there.
pub(super) const SESSION: u64 = 60 * 60;
/// How long may be waited for something that must happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// Kinds of entries that live longer than a session (`docs/storage.md`).
const LONG_LIVED: [&str; 5] = ["directory", "directory-count", "known-client", "provider-metadata", "provider-keys"];
/// Seconds that an entry may stay behind its expiry.
const MARGIN: u64 = 600;
/// Seconds that the records of a session stay behind its end (`docs/storage.md`).
const GRACE: u64 = 10;
/// Seconds behind which nothing may be there.
const END: u64 = 400 * 24 * 60 * 60;
/// Nobody listens there.
const NOWHERE: u16 = 1;

/// In which store the instances keep everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoakStore {
    /// One Redis, behind a proxy.
    Redis,
    /// One file of SQLite.
    Sqlite,
}

impl SoakStore {
    /// The store of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Redis, Self::Sqlite].into_iter().find(|store| store.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Sqlite => "sqlite",
        }
    }

    /// The host that has it, and beside which the processes are started.
    pub(super) const fn host(self) -> HostKind {
        match self {
            Self::Redis => HostKind::EmbeddedRedisBehindProxy,
            Self::Sqlite => HostKind::Embedded,
        }
    }

    /// What can break of it.
    pub(super) const fn faults(self) -> [StoreFault; 2] {
        match self {
            Self::Redis => [StoreFault::Silent, StoreFault::Gone],
            Self::Sqlite => [StoreFault::Locked, StoreFault::Failing],
        }
    }
}

/// What breaks of a store.
#[derive(Clone, Copy, Debug)]
pub(super) enum StoreFault {
    /// Redis holds its connections, and says nothing.
    Silent,
    /// The connections to Redis are cut, and so is each new one.
    Gone,
    /// Another process has the lock of the database.
    Locked,
    /// Every write of the database fails.
    Failing,
}

impl StoreFault {
    /// Is there for so long.
    pub(super) async fn lasts(self, world: &AttackWorld, time: Duration) {
        let database = || StoreFaults::at(&world.gatehouse.state_directory());
        let proxy = || redis_of(world).proxy().expect("a proxy before Redis");
        match self {
            Self::Silent => {
                redis_of(world).pause();
                tokio::time::sleep(time).await;
                redis_of(world).resume();
            }
            Self::Gone => {
                proxy().lead_to(NOWHERE);
                tokio::time::sleep(time).await;
                proxy().lead_to(redis_of(world).port());
            }
            Self::Locked => {
                let database = database();
                database.lock();
                tokio::time::sleep(time).await;
                database.unlock();
            }
            Self::Failing => {
                let database = database();
                database.fail_after(0);
                tokio::time::sleep(time).await;
                database.mend();
            }
        }
    }
}

fn redis_of(world: &AttackWorld) -> &StoreServer {
    world.gatehouse.store_server().expect("a Redis")
}

/// How many entries have not expired.
pub(super) async fn rows(world: &AttackWorld) -> usize {
    match world.gatehouse.store_server() {
        Some(redis) => {
            let exists = |name: &&String| Key::parse(name).is_none_or(|key| key.expires_at().seconds() > world.now());
            redis.times_to_live().await.keys().filter(exists).count()
        }
        None => usize::try_from(count(&world.gatehouse.state_directory(), world.now())).expect("a number"),
    }
}

/// What stays in the store for long.
pub(super) struct Left {
    /// Ten minutes after the longest session, by kind.
    pub(super) after_session: BTreeMap<String, usize>,
    /// After all that has an end.
    pub(super) after_all: usize,
}

impl Left {
    /// What stays when nobody comes any more. In Redis, the times to live say it. Of SQLite, an instance whose clock is moved removes what
    /// has expired, and what is left is counted.
    pub(super) async fn of(world: &AttackWorld) -> Self {
        if let Some(redis) = world.gatehouse.store_server() {
            return Self::of_times_to_live(&redis.times_to_live().await);
        }
        let after_session = swept_after(world, SESSION + GRACE + MARGIN).await;
        Self { after_session, after_all: swept_after(world, END).await.values().sum() }
    }

    fn of_times_to_live(entries: &BTreeMap<String, Option<u64>>) -> Self {
        let longer_than = |seconds: u64| {
            entries.iter().filter(move |(_, left)| left.is_none_or(|left| left > seconds)).map(|(name, _)| name)
        };
        Self { after_session: by_kind(longer_than(SESSION + GRACE + MARGIN)), after_all: longer_than(END).count() }
    }

    /// What should not have stayed.
    pub(super) fn faults(&self) -> Vec<String> {
        let other = self.after_session.iter().filter(|(kind, _)| !LONG_LIVED.contains(&kind.as_str()));
        let mut faults: Vec<_> = other
            .map(|(kind, count)| format!("{count} entries of the kind {kind} outlive the longest session"))
            .collect();
        if self.after_all > 0 {
            faults.push(format!("{} entries have no end", self.after_all));
        }
        faults
    }
}

/// How many names of each kind there are.
fn by_kind<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for name in names {
        let kind = Key::parse(name).map_or_else(|| "without an expiry".to_owned(), |key| key.kind().to_owned());
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

/// What is left of the store, by kind, when so many seconds have passed and an instance has swept.
async fn swept_after(world: &AttackWorld, seconds: u64) -> BTreeMap<String, usize> {
    world.gatehouse.clock.advance(seconds);
    let sweeper = world.beside_adjusted(&[], |options| options.sweep_every = Duration::from_millis(10)).await;
    let end = Instant::now() + PATIENCE;
    loop {
        let entries = world.store().await;
        let is_over =
            |name: &String| Key::parse(name).is_some_and(|key| key.expires_at().seconds() + MARGIN < world.now());
        if !entries.iter().any(|(name, _)| is_over(name)) || Instant::now() > end {
            sweeper.gatehouse.stop().await;
            return by_kind(entries.iter().map(|(name, _)| name));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_has_its_name() {
        for store in [SoakStore::Redis, SoakStore::Sqlite] {
            assert_eq!(SoakStore::named(store.name()), Some(store));
        }
        assert_eq!(SoakStore::named("files"), None);
    }

    #[test]
    fn what_redis_keeps_for_longer_than_a_session_is_a_fault_but_for_kinds_that_live_longer() {
        let entry = |name: &str, left: Option<u64>| (name.to_owned(), left);
        let usual = [
            entry("access.1895000000.a", Some(660)),
            entry("session.1895000000.b", Some(SESSION + GRACE + MARGIN)),
            entry("directory.1895000000.c", Some(END)),
        ];
        let left = Left::of_times_to_live(&usual.clone().into());
        assert_eq!((left.after_session, left.after_all), ([("directory".to_owned(), 1)].into(), 0));

        let more = [entry("session.1895000000.d", Some(SESSION + GRACE + MARGIN + 1)), entry("forgotten", None)];
        let left = Left::of_times_to_live(&usual.into_iter().chain(more).collect());
        assert_eq!(
            left.faults(),
            [
                "1 entries of the kind session outlive the longest session",
                "1 entries of the kind without an expiry outlive the longest session",
                "1 entries have no end"
            ]
        );
    }
}
