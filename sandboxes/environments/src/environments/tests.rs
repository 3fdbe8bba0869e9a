use std::collections::BTreeSet;

use gatehouse_storage::memory::{FailingStore, MemoryStore};

use super::*;
use crate::example::{Counting, NOW, key_ring, subject};

fn settings() -> Settings {
    Settings { environments_per_subject: 3, environments: 5, ..Settings::default() }
}

struct World {
    store: MemoryStore,
    keys: KeyRing,
    settings: Settings,
}

impl World {
    fn new() -> Self {
        Self { store: MemoryStore::at(NOW), keys: key_ring("a"), settings: settings() }
    }

    fn at(&self, now: UnixTime) -> Environments<'_, MemoryStore> {
        self.store.set_now(now);
        Environments { store: &self.store, keys: &self.keys, settings: &self.settings, administration: None, now }
    }

    fn launch(&self, now: UnixTime, owner: &str, entropy: &mut Counting) -> Option<EnvironmentId> {
        match self.at(now).launch(&subject(owner), entropy).unwrap() {
            Launch::Launched(id, _) => Some(id),
            Launch::SubjectFull | Launch::Full => None,
        }
    }

    fn is_there(&self, now: UnixTime, owner: &str, id: &EnvironmentId) -> bool {
        self.at(now).find(&subject(owner), id).unwrap().is_some()
    }
}

#[test]
fn an_environment_is_known_to_its_owner_by_its_id_and_to_nobody_else() {
    let (world, mut entropy) = (World::new(), Counting(0));
    let id = world.launch(NOW, "demo:alice", &mut entropy).unwrap();
    assert!(world.is_there(NOW, "demo:alice", &id));
    for other in ["demo:bob", "demo2:alice", "key:alice", "demo:alic"] {
        assert!(!world.is_there(NOW, other, &id), "{other}");
    }
    let never = EnvironmentId::generate(&mut Counting(100));
    assert!(!world.is_there(NOW, "demo:alice", &never));
}

#[test]
fn asking_for_somebody_elses_id_and_for_one_that_never_was_asks_the_store_the_same_and_changes_nothing() {
    let (world, mut entropy) = (World::new(), Counting(0));
    let id = world.launch(NOW, "demo:alice", &mut entropy).unwrap();
    let never = EnvironmentId::generate(&mut Counting(100));
    let before = world.store.snapshot();
    for asked in [&id, &never] {
        // Four reads answer it: two possible ends under each of two server keys.
        for (reads, enough) in [(3, false), (4, true)] {
            let store = FailingStore::after(reads, &world.store);
            let keys = key_ring("ba");
            let environments =
                Environments { store: &store, keys: &keys, settings: &world.settings, administration: None, now: NOW };
            assert_eq!(environments.find(&subject("demo:bob"), asked).is_ok_and(|found| found.is_none()), enough);
        }
    }
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn an_environment_ends_with_its_cool_down_to_the_second() {
    let (world, mut entropy) = (World::new(), Counting(0));
    for begin in [NOW, NOW.plus(299), NOW.plus(150)] {
        let id = world.launch(begin, "demo:alice", &mut entropy).unwrap();
        assert!(world.is_there(begin.plus(299), "demo:alice", &id));
        assert!(!world.is_there(begin.plus(300), "demo:alice", &id));
        assert!(!world.is_there(begin.plus(1_000), "demo:alice", &id));
    }
}

#[test]
fn a_rotation_of_the_server_keys_loses_no_environment_until_the_old_key_is_removed() {
    let (mut world, mut entropy) = (World::new(), Counting(0));
    let id = world.launch(NOW, "demo:alice", &mut entropy).unwrap();
    world.keys = key_ring("ba");
    assert!(world.is_there(NOW, "demo:alice", &id));
    world.keys = key_ring("b");
    assert!(!world.is_there(NOW, "demo:alice", &id));
}

#[test]
fn a_subject_has_as_many_environments_as_allowed_and_others_none_the_less() {
    let (world, mut entropy) = (World::new(), Counting(0));
    for _ in 0..3 {
        assert!(world.launch(NOW, "demo:alice", &mut entropy).is_some());
    }
    let launch = |owner: &str, now| world.at(now).launch(&subject(owner), &mut Counting(99)).unwrap();
    assert!(matches!(launch("demo:alice", NOW), Launch::SubjectFull));
    for _ in 0..2 {
        assert!(world.launch(NOW, "demo:bob", &mut entropy).is_some());
    }
    assert!(matches!(launch("demo:bob", NOW), Launch::Full));
    assert!(matches!(launch("demo:carol", NOW), Launch::Full));
    assert!(matches!(launch("demo:alice", NOW), Launch::SubjectFull), "what was refused did not count");
    // They count to the end of the period after the one in which they were used.
    assert!(matches!(launch("demo:alice", NOW.plus(599)), Launch::SubjectFull));
    assert!(matches!(launch("demo:alice", NOW.plus(600)), Launch::Launched(..)));
}

#[test]
fn a_launch_that_dies_at_any_step_leaves_no_environment_and_no_more_than_a_place_that_ends() {
    for steps in 0.. {
        let (world, mut entropy) = (World::new(), Counting(0));
        let store = FailingStore::after(steps, &world.store);
        let environments = Environments {
            store: &store,
            keys: &world.keys,
            settings: &world.settings,
            administration: None,
            now: NOW,
        };
        if environments.launch(&subject("demo:alice"), &mut entropy).is_ok() {
            assert_eq!(steps, 9);
            break;
        }
        assert!(world.at(NOW).list(&subject("demo:alice")).unwrap().is_empty(), "{steps}");
        let later = NOW.plus(600);
        for _ in 0..3 {
            assert!(world.launch(later, "demo:alice", &mut entropy).is_some(), "{steps}");
        }
    }
}

#[test]
fn a_root_that_was_altered_moved_or_is_of_another_format_is_damaged() {
    let (world, mut entropy) = (World::new(), Counting(0));
    let alice = subject("demo:alice");
    let (one, other) = (world.launch(NOW, "demo:alice", &mut entropy), world.launch(NOW, "demo:alice", &mut entropy));
    let (one, other) = (one.unwrap(), other.unwrap());
    let key = |id| world.at(NOW).find(&alice, id).unwrap().unwrap().key;
    let (here, there) = (key(&one), key(&other));
    let sealed = world.store.get(&there).unwrap().unwrap();
    for altered in [sealed, b"".to_vec(), vec![0; 100]] {
        world.store.put(&here, &altered).unwrap();
        assert!(matches!(world.at(NOW).find(&alice, &one), Err(EnvironmentError::Damaged(_))));
    }
    let secret = Secret::all(&world.keys, &alice, &one).next().unwrap();
    // What a root of format 1 looked like.
    let sealed = secret.handle.seal_record(&here.to_string(), &[1, 0, 0, 0, 0, 0], &mut entropy).unwrap();
    world.store.put(&here, &sealed).unwrap();
    assert!(matches!(world.at(NOW).find(&alice, &one), Err(EnvironmentError::Damaged(_))));
    assert!(world.is_there(NOW, "demo:alice", &other));
}

#[test]
fn the_name_in_the_log_joins_lines_and_is_neither_the_id_nor_a_name_in_the_store() {
    let (world, mut entropy) = (World::new(), Counting(0));
    let id = world.launch(NOW, "demo:alice", &mut entropy).unwrap();
    let name = |id| world.at(NOW).find(&subject("demo:alice"), id).unwrap().unwrap().log_name();
    assert_eq!((name(&id), name(&id).len()), (name(&id), 12));
    assert!(!id.as_str().contains(&name(&id)) && !world.store.snapshot().contains(&name(&id)));
}

#[test]
fn a_subject_is_told_its_own_environments_as_long_as_they_are_there() {
    let (mut world, mut entropy) = (World::new(), Counting(0));
    let ids = |world: &World, now, owner| {
        let listed = world.at(now).list(&subject(owner)).unwrap();
        listed.iter().map(|(id, _)| id.as_str().to_owned()).collect::<Vec<_>>()
    };
    let one = world.launch(NOW, "demo:alice", &mut entropy).unwrap();
    let other = world.launch(NOW.plus(100), "demo:alice", &mut entropy).unwrap();
    world.launch(NOW, "demo:bob", &mut entropy).unwrap();
    let mut both = vec![one.as_str().to_owned(), other.as_str().to_owned()];
    both.sort();
    assert_eq!(ids(&world, NOW.plus(100), "demo:alice"), both);
    assert_eq!(ids(&world, NOW.plus(350), "demo:alice"), [other.as_str()]);
    assert!(ids(&world, NOW.plus(400), "demo:alice").is_empty());
    assert_eq!(ids(&world, NOW, "demo:bob").len(), 1);
    assert!(ids(&world, NOW, "demo:carol").is_empty());
    world.keys = key_ring("ba");
    assert_eq!(ids(&world, NOW.plus(100), "demo:alice"), both, "a rotation of keys loses none");
}

#[test]
fn whoever_is_refused_without_end_sees_the_own_environments() {
    let (world, mut entropy) = (World::new(), Counting(0));
    for _ in 0..3 {
        world.launch(NOW, "demo:alice", &mut entropy).unwrap();
    }
    for _ in 0..300 {
        assert!(world.launch(NOW, "demo:alice", &mut entropy).is_none());
    }
    assert_eq!(world.at(NOW).list(&subject("demo:alice")).unwrap().len(), 3);
    // The same where there is no room in all.
    for _ in 0..2 {
        world.launch(NOW, "demo:bob", &mut entropy).unwrap();
    }
    for _ in 0..300 {
        assert!(world.launch(NOW, "demo:bob", &mut entropy).is_none());
    }
    assert_eq!(world.at(NOW).list(&subject("demo:bob")).unwrap().len(), 2);
}

#[test]
fn a_subject_has_as_many_runs_under_way_as_allowed_and_others_none_the_less() {
    let mut world = World::new();
    world.settings.runs_per_subject = 2;
    let (alice, bob) = (subject("demo:alice"), subject("demo:bob"));
    let take = |owner: &Subject, now| world.at(now).take_run(owner).unwrap();
    let first = take(&alice, NOW).unwrap();
    assert!(take(&alice, NOW).is_some());
    assert!(take(&alice, NOW).is_none() && take(&alice, NOW.plus(60)).is_none());
    assert!(take(&bob, NOW).is_some());
    // Given back in another period than it was taken in.
    world.at(NOW.plus(60)).give_back_run(&alice, first).unwrap();
    assert!(take(&alice, NOW.plus(60)).is_some());
    assert!(take(&alice, NOW.plus(60)).is_none());
    // The instances of all of them were killed.
    assert!(take(&alice, NOW.plus(180)).is_some());
}

#[test]
fn counters_do_not_tell_who_is_a_user_and_count_on_when_the_server_keys_are_rotated() {
    let (mut world, mut entropy) = (World::new(), Counting(0));
    let counters = |world: &World| {
        let keys = world.store.list(None).unwrap().keys;
        keys.iter().filter(|key| key.kind() == "sandbox-places").map(Key::to_string).collect::<BTreeSet<_>>()
    };
    let one = world.launch(NOW, "demo:alice", &mut entropy).unwrap();
    let of_one_key = counters(&world);
    // Another key, the same subject: of the counters, those of all environments alone have the same names.
    let other = World { keys: key_ring("b"), ..World::new() };
    other.launch(NOW, "demo:alice", &mut Counting(0)).unwrap();
    let shared: Vec<String> = counters(&other).intersection(&of_one_key).cloned().collect();
    assert_eq!((of_one_key.len(), shared.len()), (4, 2));
    assert!(shared.iter().all(|name| name.contains("all")), "{shared:?}");
    // Of three places, one was taken under the former key.
    world.keys = key_ring("ba");
    let two = world.launch(NOW, "demo:alice", &mut entropy).unwrap();
    let three = world.launch(NOW, "demo:alice", &mut entropy).unwrap();
    assert!(world.launch(NOW, "demo:alice", &mut entropy).is_none());
    let listed = world.at(NOW).list(&subject("demo:alice")).unwrap();
    let ids: BTreeSet<&str> = listed.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, BTreeSet::from([one.as_str(), two.as_str(), three.as_str()]));
}
