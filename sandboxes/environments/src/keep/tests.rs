use std::collections::BTreeSet;

use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::memory::{FailingStore, MemoryStore};
use proptest::prelude::*;

use super::*;
use crate::example::{Counting, NOW, contents, key_ring, path, subject};
use crate::{Launch, Settings};

struct World {
    store: MemoryStore,
    keys: KeyRing,
    settings: Settings,
    owner: Subject,
    entropy: Counting,
}

impl World {
    fn new() -> Self {
        let (store, keys) = (MemoryStore::at(NOW), key_ring("a"));
        Self { store, keys, settings: Settings::default(), owner: subject("demo:alice"), entropy: Counting(0) }
    }

    fn at<'a, S>(&'a self, store: &'a S, now: UnixTime) -> Environments<'a, S> {
        self.store.set_now(now);
        Environments { store, keys: &self.keys, settings: &self.settings, administration: None, now }
    }

    fn launched(&mut self) -> EnvironmentId {
        let mut entropy = Counting(self.entropy.0);
        let launch = self.at(&self.store, NOW).launch(&self.owner, &mut entropy).unwrap();
        self.entropy = entropy;
        let Launch::Launched(id, _) = launch else { panic!("there is room") };
        id
    }

    fn loaded(&self, now: UnixTime, id: &EnvironmentId) -> Result<Loaded, EnvironmentError> {
        let environments = self.at(&self.store, now);
        environments.load(environments.find(&self.owner, id)?.unwrap())
    }

    fn lease(&self, now: UnixTime, id: &EnvironmentId) -> RunLease {
        let environments = self.at(&self.store, now);
        environments.begin_run(&environments.find(&self.owner, id).unwrap().unwrap()).unwrap().unwrap()
    }

    /// The beginning of a run.
    fn begun(&self, now: UnixTime, id: &EnvironmentId) -> (RunLease, Loaded) {
        let lease = self.lease(now, id);
        let environments = self.at(&self.store, now);
        let found = environments.find(&self.owner, id).unwrap().unwrap();
        let owner = (&self.owner, id);
        let loaded = environments.load_for_run(owner, found, &lease, &|| now, &mut Counting(150)).unwrap();
        (lease, loaded)
    }

    fn keep(
        &self,
        now: UnixTime,
        id: &EnvironmentId,
        (lease, loaded): &(RunLease, Loaded),
        contents: &Contents,
        clock: impl Fn() -> UnixTime,
    ) -> Result<Kept, EnvironmentError> {
        let environments = self.at(&self.store, now);
        environments.keep((&self.owner, id), loaded, contents, lease, &clock, &mut Counting(100))
    }

    /// A whole run that leaves these contents.
    fn run(&self, now: UnixTime, id: &EnvironmentId, contents: &Contents) {
        let begun = self.begun(now, id);
        self.keep(now, id, &begun, contents, || now).unwrap().swept.unwrap();
    }

    fn entries(&self, kind: &str) -> BTreeSet<String> {
        let keys = self.store.list(None).unwrap().keys;
        keys.iter().filter(|key| key.kind() == kind).map(Key::to_string).collect()
    }
}

/// So many bytes without a pattern, others for each seed.
fn bytes(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// Files of all sizes, and states that need chunks. The first four files are the same for each seed.
fn large(seed: u32) -> Contents {
    let sizes = [0, 1, 3_000, 16_384, 40_000, 65_496, 65_497, 200_000];
    let file = |(number, size): (u32, &usize)| {
        let seed = if number < 4 { number } else { seed * 1_000 + number };
        (path(&format!("{number}/file")), bytes(*size, seed))
    };
    let files = (0..).zip(&sizes).map(file).collect();
    Contents { files, shell: bytes(900, seed), python: bytes(150_000, seed) }
}

#[test]
fn what_is_kept_is_found_whole_with_every_file_by_itself() {
    let mut world = World::new();
    let id = world.launched();
    assert_eq!(world.loaded(NOW, &id).unwrap().contents, Contents::default());
    for contents in [contents(&[("a", "1"), ("b/c", "2")]), large(1), large(2), Contents::default()] {
        world.run(NOW, &id, &contents);
        let loaded = world.loaded(NOW, &id).unwrap();
        assert!(loaded.contents == contents);
        let environments = world.at(&world.store, NOW);
        for (path, bytes) in &contents.files {
            assert!(environments.file(&loaded.environment, path).unwrap().as_ref() == Some(bytes), "{path:?}");
        }
        assert_eq!(environments.file(&loaded.environment, &path("none")), Ok(None));
        let lengths: Vec<_> = contents.files.iter().map(|(path, bytes)| (path.clone(), bytes.len() as u32)).collect();
        assert_eq!(environments.files(&loaded.environment), Ok(lengths));
    }
}

#[test]
fn no_entry_is_larger_than_64_kib_and_none_tells_what_is_in_it() {
    let mut world = World::new();
    let id = world.launched();
    let names = (0..1000).map(|number| (path(&format!("{}-{number}", "name".repeat(50))), b"secret-".repeat(100)));
    let many = Contents { files: names.collect(), shell: b"secret-".repeat(10), python: b"secret-".repeat(100_000) };
    world.run(NOW, &id, &many);
    assert!(world.loaded(NOW, &id).unwrap().contents == many);
    for value in world.store.values() {
        assert!(value.len() <= 64 << 10, "{}", value.len());
        assert!(!value.windows(7).any(|window| window == b"secret-" || window == b"namenam"));
    }
}

#[test]
fn what_did_not_change_is_not_written_again_and_what_is_named_no_more_is_removed() {
    let mut world = World::new();
    let id = world.launched();
    world.run(NOW, &id, &large(1));
    let before = world.entries("sandbox-chunk");
    let mut changed = large(1);
    changed.files.insert(path("7/file"), bytes(200_000, 99));
    world.run(NOW, &id, &changed);
    let after = world.entries("sandbox-chunk");
    assert_eq!(before.intersection(&after).count(), before.len() - 4);
    assert_eq!(after.len(), before.len());
    world.run(NOW, &id, &Contents::default());
    assert_eq!((world.entries("sandbox-chunk").len(), world.entries("sandbox").len()), (0, 1));
}

#[test]
fn two_environments_with_the_same_contents_share_no_entry_and_the_store_does_not_tell_that_they_are_the_same() {
    let mut world = World::new();
    let (one, other) = (world.launched(), world.launched());
    world.run(NOW, &one, &large(1));
    let first = world.entries("sandbox-chunk");
    world.run(NOW, &other, &large(1));
    assert_eq!(world.entries("sandbox-chunk").len(), 2 * first.len());
    world.run(NOW, &other, &Contents::default());
    assert!(world.loaded(NOW, &one).unwrap().contents == large(1), "one's sweep is not the other's");
}

#[test]
fn each_run_prolongs_the_environment_and_moves_its_entries_to_the_new_end() {
    let mut world = World::new();
    let id = world.launched();
    world.run(NOW, &id, &large(1));
    let mut now = NOW;
    for _ in 0..6 {
        now = now.plus(250);
        world.run(now, &id, &large(1));
        let end = world.at(&world.store, now).periods().end_of_new(now).seconds().to_string();
        for kind in ["sandbox", "sandbox-chunk"] {
            let entries = world.entries(kind);
            assert!(!entries.is_empty() && entries.iter().all(|name| name.contains(&end)), "{entries:?}");
        }
    }
    assert!(world.at(&world.store, now.plus(299)).find(&world.owner, &id).unwrap().is_some());
    assert!(world.at(&world.store, now.plus(300)).find(&world.owner, &id).unwrap().is_none());
}

#[test]
fn environments_that_are_used_on_count_on() {
    let mut world = World::new();
    world.settings.environments_per_subject = 1;
    let id = world.launched();
    for minutes in 1..20 {
        let now = NOW.plus(minutes * 60);
        world.run(now, &id, &Contents::default());
        let launch = world.at(&world.store, now).launch(&world.owner, &mut Counting(50)).unwrap();
        assert!(matches!(launch, Launch::SubjectFull), "{minutes}");
        let listed = world.at(&world.store, now).list(&world.owner).unwrap();
        assert_eq!(listed.iter().map(|(listed, _)| listed).collect::<Vec<_>>(), [&id], "{minutes}");
    }
    let later = NOW.plus(19 * 60 + 600);
    assert!(matches!(world.at(&world.store, later).launch(&world.owner, &mut Counting(50)), Ok(Launch::Launched(..))));
}

/// For every step at which an instance can die, in the same period and in the next one.
#[test]
fn a_run_that_dies_at_any_step_leaves_the_former_state_whole_or_the_new_one() {
    for (later, before, after) in
        [(0, large(1), large(2)), (60, large(1), large(1)), (60, large(2), contents(&[("a", "b")]))]
    {
        let mut outcomes = Vec::new();
        for steps in 0.. {
            let mut world = World::new();
            let id = world.launched();
            world.run(NOW.plus(250), &id, &before);
            let now = NOW.plus(250 + later);
            let lease = world.lease(now, &id);
            let dying = FailingStore::after(steps, &world.store);
            let (environments, owner) = (world.at(&dying, now), (&world.owner, &id));
            let found = environments.find(&world.owner, &id);
            let kept = found.and_then(|found| {
                let entropy = &mut Counting(150);
                let loaded = environments.load_for_run(owner, found.unwrap(), &lease, &|| now, entropy)?;
                environments.keep(owner, &loaded, &after, &lease, &|| now, &mut Counting(100))
            });
            let found = world.loaded(now, &id).unwrap();
            let is_new = found.environment.generation() == 2;
            assert!(found.contents == if is_new { after.clone() } else { before.clone() }, "{later} {steps}");
            // What is said is what is: an error means that the former state is there.
            assert_eq!(kept.is_ok(), is_new, "{later} {steps}");
            outcomes.push(is_new);
            // And it goes on from there, when the right of the one that died is over.
            let then = now.plus(120);
            world.run(then, &id, &large(3));
            assert!(world.loaded(then, &id).unwrap().contents == large(3));
            if kept.is_ok_and(|kept| kept.swept.is_ok()) {
                break;
            }
        }
        assert!(outcomes.contains(&false) && outcomes.contains(&true) && outcomes.is_sorted(), "{outcomes:?}");
    }
}

#[test]
fn a_chunk_that_is_lost_or_altered_is_told_and_never_taken_for_something_else() {
    for index in 0.. {
        let mut world = World::new();
        let id = world.launched();
        world.run(NOW, &id, &large(1));
        let chunks = world.entries("sandbox-chunk");
        let Some(chunk) = chunks.iter().nth(index).and_then(|name| Key::parse(name)) else { break };
        let sealed = world.store.get(&chunk).unwrap().unwrap();
        let mut altered = sealed.clone();
        altered[30] ^= 1;
        let other = chunks.iter().nth((index + 1) % chunks.len()).and_then(|name| Key::parse(name)).unwrap();
        for value in [altered, world.store.get(&other).unwrap().unwrap(), Vec::new()] {
            world.store.put(&chunk, &value).unwrap();
            assert!(matches!(world.loaded(NOW, &id), Err(EnvironmentError::Damaged(_))));
        }
        world.store.delete(&chunk).unwrap();
        assert!(matches!(world.loaded(NOW, &id), Err(EnvironmentError::Damaged("a chunk is gone"))));
        world.store.put(&chunk, &sealed).unwrap();
        assert!(world.loaded(NOW, &id).unwrap().contents == large(1));
    }
}

#[test]
fn without_its_root_an_environment_never_was() {
    let mut world = World::new();
    let id = world.launched();
    world.run(NOW, &id, &large(1));
    let root = world.entries("sandbox").first().and_then(|name| Key::parse(name)).unwrap();
    world.store.delete(&root).unwrap();
    assert!(world.at(&world.store, NOW).find(&world.owner, &id).unwrap().is_none());
}

#[test]
fn a_run_that_lost_its_environment_to_another_keeps_nothing() {
    let mut world = World::new();
    let id = world.launched();
    let slow = world.begun(NOW, &id);
    let later = NOW.plus(130);
    world.run(later, &id, &large(2));
    let before = world.store.snapshot();
    for now in [later, NOW] {
        // By its clock its time is over; or it is not, but somebody has written meanwhile.
        let kept = world.keep(now, &id, &slow, &large(1), || now);
        assert_eq!(kept.err(), Some(EnvironmentError::TooLate));
        assert_eq!(world.store.snapshot(), before);
    }
}

/// With the border of two periods before, in and after the run.
#[test]
fn a_run_that_lasts_past_the_end_of_the_cool_down_is_kept_and_its_environment_is_there_meanwhile() {
    for begin in [0, 1, 10, 19, 20, 150, 275, 280, 294, 295, 299] {
        let mut world = World::new();
        let id = world.launched();
        let used = NOW.plus(begin);
        world.run(used, &id, &large(1));
        let began = used.plus(280);
        let begun = world.begun(began, &id);
        // What has expired by then has gone.
        for seconds in [0, 19, 20, 25, 40] {
            assert!(world.loaded(began.plus(seconds), &id).unwrap().contents == large(1), "{begin} {seconds}");
        }
        let ended = began.plus(25);
        world.keep(ended, &id, &begun, &large(2), || ended).unwrap().swept.unwrap();
        assert!(world.loaded(ended.plus(299), &id).unwrap().contents == large(2), "{begin}");
        assert!(world.at(&world.store, ended.plus(300)).find(&world.owner, &id).unwrap().is_none());
        // An instance that is killed in its run has used it, too.
        let last = ended.plus(290);
        world.begun(last, &id);
        assert!(world.loaded(last.plus(299), &id).unwrap().contents == large(2), "{begin}");
        assert_eq!(
            world.entries("sandbox").iter().filter(|key| !Key::parse(key).unwrap().has_expired(last)).count(),
            1
        );
    }
}

#[test]
fn a_run_that_loses_its_environment_while_it_writes_leaves_what_the_other_has_written() {
    let mut world = World::new();
    let id = world.launched();
    let slow = world.begun(NOW, &id);
    let later = NOW.plus(130);
    // The store takes its time: when everything but the root is written, the right to run is over.
    let kept = world.keep(NOW, &id, &slow, &large(1), || later);
    assert_eq!(kept.err(), Some(EnvironmentError::TooLate));
    assert!(world.loaded(NOW, &id).unwrap().contents == Contents::default());
    // Or another instance, whose clock is ahead, has written meanwhile.
    let overtaken = || {
        world.run(later, &id, &large(2));
        NOW
    };
    let kept = world.keep(NOW, &id, &slow, &large(1), overtaken);
    assert_eq!(kept.err(), Some(EnvironmentError::TooLate));
    let found = world.loaded(later, &id).unwrap();
    assert!(found.contents == large(2) && found.environment.generation() == 1);
}

#[test]
fn a_run_that_is_given_up_lets_the_next_begin_and_overwrites_nothing_newer() {
    let mut world = World::new();
    let id = world.launched();
    let (lease, loaded) = world.begun(NOW, &id);
    let give_up = |now, lease, environment: &Environment| {
        world.at(&world.store, now).give_up_run((&world.owner, &id), environment, lease, &mut Counting(120)).unwrap();
    };
    give_up(NOW, lease, &loaded.environment);
    let (slow, before) = world.begun(NOW, &id);
    assert_eq!(before.environment.generation(), 1);
    let later = NOW.plus(130);
    world.run(later, &id, &large(2));
    let (entries, snapshot) = (world.entries("sandbox"), world.store.snapshot());
    // By its clock, it still has the right to run.
    give_up(NOW, slow, &before.environment);
    assert_eq!((world.entries("sandbox"), world.store.snapshot()), (entries, snapshot));
    assert!(world.loaded(later, &id).unwrap().contents == large(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_sequence_of_runs_leaves_what_the_last_one_left(
        runs in prop::collection::vec(
            (prop::collection::btree_map("[a-d]{1,2}", (0..90_000_usize, 0..3_u32), 0..8), 0..100_000_usize, 0..290_u64),
            1..6,
        ),
    ) {
        let mut world = World::new();
        let (id, mut now) = (world.launched(), NOW);
        for (files, state, pause) in runs {
            now = now.plus(pause);
            let files = files.into_iter().map(|(name, (length, seed))| (path(&name), bytes(length, seed))).collect();
            let contents = Contents { files, shell: bytes(state / 50, 1), python: bytes(state, 2) };
            world.run(now, &id, &contents);
            let loaded = world.loaded(now, &id).unwrap();
            prop_assert!(loaded.contents == contents);
            let named = loaded.named();
            prop_assert_eq!(world.entries("sandbox-chunk").len(), named.len());
            prop_assert_eq!(world.entries("sandbox").len(), 1);
        }
    }
}
