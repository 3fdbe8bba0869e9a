use std::collections::BTreeSet;

use gatehouse_protocol::UnixTime;
use gatehouse_storage::memory::{FailingStore, MemoryStore};
use proptest::prelude::*;

use super::*;
use crate::example::{Counting, NOW, key_ring, subject};
use crate::{Launch, Settings};

struct World {
    store: MemoryStore,
    keys: KeyRing,
    settings: Settings,
    administration: Option<SecretString>,
}

impl World {
    fn new() -> Self {
        let administration = Some(SecretString::new("secret-of-the-administrators".to_owned()));
        let settings = Settings { environments_per_subject: 200, ..Settings::default() };
        Self { store: MemoryStore::at(NOW), keys: key_ring("a"), settings, administration }
    }

    fn at(&self, now: UnixTime) -> Environments<'_, MemoryStore> {
        self.store.set_now(now);
        let (store, keys, settings) = (&self.store, &self.keys, &self.settings);
        Environments { store, keys, settings, administration: self.administration.as_ref(), now }
    }

    fn launch(&self, now: UnixTime, owner: &str, entropy: &mut Counting) -> EnvironmentId {
        match self.at(now).launch(&subject(owner), entropy).unwrap() {
            Launch::Launched(id, _) => id,
            refused => panic!("{refused:?}"),
        }
    }

    /// A run that changes nothing, at this time.
    fn run(&self, now: UnixTime, owner: &str, id: &EnvironmentId) {
        let (environments, owner, mut entropy) = (self.at(now), subject(owner), Counting(90));
        let found = environments.find(&owner, id).unwrap().unwrap();
        let lease = environments.begin_run(&found).unwrap().unwrap();
        let loaded = environments.load_for_run((&owner, id), found, &lease, &|| now, &mut entropy).unwrap();
        let contents = loaded.contents.clone();
        environments.keep((&owner, id), &loaded, &contents, &lease, &|| now, &mut entropy).unwrap();
    }

    fn first(&self, now: UnixTime) -> Listing {
        self.at(now).list_all(None).unwrap().unwrap()
    }

    fn ids(&self, now: UnixTime) -> Vec<String> {
        self.first(now).environments.iter().map(|listed| listed.id.as_str().to_owned()).collect()
    }
}

#[test]
fn administrators_see_the_environments_of_all_subjects_once_each_as_long_as_they_are_there() {
    let (world, mut entropy) = (World::new(), Counting(0));
    let one = world.launch(NOW, "demo:alice", &mut entropy);
    let other = world.launch(NOW.plus(100), "demo:bob", &mut entropy);
    let both = [other.as_str(), one.as_str()];
    assert_eq!(world.ids(NOW.plus(100)), both, "the newest first");
    let listing = world.first(NOW.plus(100));
    let subjects: Vec<_> = listing.environments.iter().map(|listed| listed.subject.as_str()).collect();
    assert_eq!(subjects, ["demo:bob", "demo:alice"]);
    assert_eq!((world.at(NOW).count(), listing.next), (Ok(2), None));
    let found = &listing.environments[1].environment;
    assert_eq!((found.launched_at(), found.used_at(), found.generation()), (NOW, NOW, 0));
    assert_eq!(world.ids(NOW.plus(299)), both);
    // In the next period, after it was used in this one.
    world.run(NOW.plus(250), "demo:alice", &one);
    assert_eq!(world.ids(NOW.plus(310)), both);
    // It is counted on there.
    world.run(NOW.plus(320), "demo:alice", &one);
    let anew = [one.as_str(), other.as_str()];
    assert_eq!(world.ids(NOW.plus(320)), anew, "once, though it was written down twice");
    assert_eq!(world.ids(NOW.plus(610)), [one.as_str()], "bob's has cooled down");
    let found = world.first(NOW.plus(610)).environments.remove(0).environment;
    assert_eq!((found.launched_at(), found.used_at(), found.generation()), (NOW, NOW.plus(320), 2));
    assert!(world.ids(NOW.plus(620)).is_empty());
}

#[test]
fn a_run_that_is_under_way_is_told_and_one_that_was_killed_not_for_ever() {
    let (mut world, mut entropy) = (World::new(), Counting(0));
    world.settings.cool_down_seconds = 600;
    let (owner, id) = (subject("demo:alice"), world.launch(NOW, "demo:alice", &mut entropy));
    let is_running = |now| world.first(now).environments[0].environment.is_running(now);
    assert!(!is_running(NOW));
    let environments = world.at(NOW);
    let found = environments.find(&owner, &id).unwrap().unwrap();
    let lease = environments.begin_run(&found).unwrap().unwrap();
    let loaded = environments.load_for_run((&owner, &id), found, &lease, &|| NOW, &mut entropy).unwrap();
    assert!(is_running(NOW) && is_running(NOW.plus(119)));
    assert!(!is_running(NOW.plus(120)), "its instance was killed");
    let contents = loaded.contents.clone();
    environments.keep((&owner, &id), &loaded, &contents, &lease, &|| NOW, &mut entropy).unwrap();
    assert!(!is_running(NOW));
}

#[test]
fn a_page_has_an_end_and_the_next_begins_there() {
    let (world, mut entropy) = (World::new(), Counting(0));
    let launched: BTreeSet<String> =
        (0..130).map(|_| world.launch(NOW, "demo:alice", &mut entropy).as_str().to_owned()).collect();
    let (mut from, mut seen, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = world.at(NOW).list_all(from).unwrap().unwrap();
        assert!(page.environments.len() < 2 * PAGE);
        seen.extend(page.environments.iter().map(|listed| listed.id.as_str().to_owned()));
        pages += 1;
        let Some(next) = page.next else { break };
        assert_eq!(Position::parse(&next.to_string()), Some(next));
        from = Some(next);
    }
    assert_eq!((seen.len(), pages), (130, 3));
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), launched);
    let later = Position(Ticket { period: NOW.seconds() / 300 + 2, number: 1 });
    assert!(world.at(NOW).list_all(Some(later)).unwrap().is_none());
    let beyond = Position(Ticket { period: NOW.seconds() / 300 + 1, number: u64::MAX });
    assert!(world.at(NOW).list_all(Some(beyond)).unwrap().unwrap().environments.is_empty());
}

#[test]
fn launches_that_are_refused_hide_no_environment_from_administrators_and_change_nothing() {
    let (mut world, mut entropy) = (World::new(), Counting(0));
    world.settings.environments = 2;
    let begin = NOW.plus(250);
    let launched = [(); 2].map(|()| world.launch(begin, "demo:alice", &mut entropy));
    let refused = |now| world.at(now).launch(&subject("demo:bob"), &mut Counting(90)).unwrap();
    // In the period in which they were launched, and in the next one.
    for now in [begin, NOW.plus(310)] {
        assert!(matches!(refused(now), Launch::Full));
        assert_eq!(world.first(now).environments.len(), 2);
        let before = world.store.snapshot();
        for _ in 0..1_500 {
            assert!(matches!(refused(now), Launch::Full));
        }
        let listing = world.first(now);
        let listed: BTreeSet<_> = listing.environments.iter().map(|listed| listed.id.as_str()).collect();
        assert_eq!(listed, launched.iter().map(EnvironmentId::as_str).collect());
        assert_eq!((world.at(now).count(), listing.next), (Ok(2), None));
        assert_eq!(world.store.snapshot(), before);
    }
}

#[test]
fn a_handle_finds_its_environment_and_no_other_and_tells_nothing_of_it() {
    let (world, mut entropy) = (World::new(), Counting(0));
    let (one, _) = (world.launch(NOW, "demo:alice", &mut entropy), world.launch(NOW, "demo:bob", &mut entropy));
    let listing = world.first(NOW);
    let [of_bob, of_alice] = [0, 1].map(|at: usize| listing.environments[at].handle.clone());
    let id = |handle: &Handle| world.at(NOW).listed(handle).unwrap().map(|listed| listed.id.as_str().to_owned());
    assert_eq!(id(&of_alice).as_deref(), Some(one.as_str()));
    let mixed = Handle { name: of_alice.name.clone(), ..of_bob };
    assert_eq!(id(&mixed), None);
    let text = of_alice.to_string();
    assert_eq!(Handle::parse(&text), Some(of_alice));
    assert!(!text.contains("alice") && EnvironmentId::parse(&text).is_none());
    assert!(!one.as_str().split('-').any(|part| text.contains(part)), "{text}");
    for no_handle in [
        "",
        "1.2",
        "1.2.short",
        "1.2.twelve+bytes",
        "01.2.abcdefghijkl",
        "a.2.abcdefghijkl",
        "1.2.3.abcdefghijkl",
        "1..abcdefghijkl",
        "+1.2.abcdefghijkl",
    ] {
        assert_eq!(Handle::parse(no_handle), None, "{no_handle}");
    }
}

#[test]
fn whoever_lacks_one_of_the_secrets_is_told_nothing() {
    let (mut world, mut entropy) = (World::new(), Counting(0));
    let id = world.launch(NOW, "demo:alice", &mut entropy);
    world.administration = Some(SecretString::new("another-secret-of-administrators".to_owned()));
    assert!(world.ids(NOW).is_empty());
    world.administration = None;
    assert!(world.ids(NOW).is_empty());
    world.administration = World::new().administration;
    world.keys = key_ring("b");
    assert!(world.ids(NOW).is_empty());
    world.keys = key_ring("ba");
    assert_eq!(world.ids(NOW), [id.as_str()], "a rotation of keys loses none");
    assert!(!world.store.snapshot().contains("alice"));
}

#[test]
fn without_administrators_a_launch_writes_nothing_for_them_and_with_them_one_entry() {
    for (administration, entries, operations) in [(None, 0, 9), (World::new().administration, 1, 10)] {
        for allowed in 0.. {
            let world = World { administration: administration.clone(), ..World::new() };
            let store = FailingStore::after(allowed, &world.store);
            let (keys, settings, administration) = (&world.keys, &world.settings, world.administration.as_ref());
            let environments = Environments { store: &store, keys, settings, administration, now: NOW };
            if environments.launch(&subject("demo:alice"), &mut Counting(0)).is_ok() {
                let keys = world.store.list(None).unwrap().keys;
                assert_eq!(keys.iter().filter(|key| key.kind() == LISTED).count(), entries);
                assert_eq!(allowed, operations);
                break;
            }
            assert!(world.ids(NOW).is_empty(), "{allowed}: what was written down never came to be");
        }
    }
}

proptest! {
    #[test]
    fn no_text_of_others_is_a_handle_of_another_text(text in "[0-9.a-zA-Z_-]{0,40}") {
        if let Some(handle) = Handle::parse(&text) {
            prop_assert_eq!(handle.to_string(), text);
        }
    }
}
