use core::cell::Cell;

use gatehouse_protocol::{SecretString, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::memory::{FailingStore, MemoryStore};
use gatehouse_storage::{KeyPage, StoreUnavailable};

use super::*;
use crate::example::{Counting, NOW, contents, key_ring, subject};
use crate::listing::Listing;
use crate::{Contents, Launch, Settings};

struct World {
    store: MemoryStore,
    keys: KeyRing,
    settings: Settings,
    administration: SecretString,
    owner: Subject,
}

/// A store in which something happens right before a certain operation.
struct Interrupted<'a> {
    store: &'a MemoryStore,
    operations: Cell<usize>,
    before: usize,
    happens: &'a dyn Fn(),
}

impl<'a> Interrupted<'a> {
    fn at(&self) -> &'a MemoryStore {
        if self.operations.replace(self.operations.get() + 1) == self.before {
            (self.happens)();
        }
        self.store
    }
}

impl Store for Interrupted<'_> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.at().get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.at().put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.at().delete(key)
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        self.at().increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.at().list(cursor)
    }
}

impl World {
    fn new() -> Self {
        let settings = Settings { environments_per_subject: 3, environments: 5, ..Settings::default() };
        let administration = SecretString::new("secret-of-the-administrators".to_owned());
        let (store, keys) = (MemoryStore::at(NOW), key_ring("a"));
        Self { store, keys, settings, administration, owner: subject("demo:alice") }
    }

    fn at<'a, S>(&'a self, store: &'a S, now: UnixTime) -> Environments<'a, S> {
        self.store.set_now(now);
        let (keys, settings) = (&self.keys, &self.settings);
        Environments { store, keys, settings, administration: Some(&self.administration), now }
    }

    fn launch(&self, now: UnixTime, entropy: &mut Counting) -> Option<EnvironmentId> {
        match self.at(&self.store, now).launch(&self.owner, entropy).unwrap() {
            Launch::Launched(id, _) => Some(id),
            Launch::SubjectFull | Launch::Full => None,
        }
    }

    /// A run that leaves these contents, as far as it gets.
    fn run(
        &self,
        store: &impl Store,
        now: UnixTime,
        id: &EnvironmentId,
        contents: &Contents,
    ) -> Result<(), EnvironmentError> {
        let (environments, mut entropy) = (self.at(store, now), Counting(90));
        let owner = (&self.owner, id);
        let Some(found) = environments.find(&self.owner, id)? else { return Err(EnvironmentError::Gone) };
        let Some(lease) = environments.begin_run(&found)? else { panic!("nobody else runs") };
        let loaded = match environments.load_for_run(owner, found.clone(), &lease, &|| now, &mut entropy) {
            Ok(loaded) => loaded,
            Err(error) => {
                environments.give_up_run(owner, &found, lease, &mut entropy)?;
                return Err(error);
            }
        };
        environments.keep(owner, &loaded, contents, &lease, &|| now, &mut entropy).map(drop)
    }

    fn listing(&self, now: UnixTime) -> Listing {
        self.at(&self.store, now).list_all(None).unwrap().unwrap()
    }

    /// Ends the newest environment.
    fn end(&self, now: UnixTime) -> bool {
        let listing = self.listing(now);
        self.at(&self.store, now).end(&listing.environments[0]).unwrap()
    }

    fn is_known(&self, now: UnixTime, id: &EnvironmentId) -> bool {
        self.at(&self.store, now).find(&self.owner, id).unwrap().is_some()
    }

    /// The entries that hold something of an environment.
    fn left(&self, now: UnixTime) -> Vec<String> {
        let keys = self.store.list(None).unwrap().keys;
        let holds = |key: &&Key| ["sandbox", "sandbox-chunk"].contains(&key.kind()) && !key.has_expired(now);
        keys.iter().filter(holds).map(Key::to_string).collect()
    }
}

/// Files and states of several chunks.
fn large(letter: &str) -> Contents {
    contents(&[("a", &letter.repeat(100_000)), ("b", "small")])
}

#[test]
fn what_was_ended_is_unknown_and_everything_of_it_is_gone() {
    let (world, mut entropy) = (World::new(), Counting(0));
    let stays = world.launch(NOW, &mut entropy).unwrap();
    let before = world.left(NOW);
    let id = world.launch(NOW, &mut entropy).unwrap();
    world.run(&world.store, NOW, &id, &large("x")).unwrap();
    assert!(world.left(NOW).len() > before.len() + 2);
    assert!(world.end(NOW));
    assert_eq!(world.left(NOW), before);
    assert!(!world.is_known(NOW, &id) && world.is_known(NOW, &stays));
    let ids = |listing: Listing| listing.environments.into_iter().map(|listed| listed.id).collect::<Vec<_>>();
    assert_eq!(ids(world.listing(NOW)), [stays]);
    assert_eq!(world.run(&world.store, NOW, &id, &large("y")), Err(EnvironmentError::Gone));
    assert_eq!(world.left(NOW), before);
}

#[test]
fn what_was_ended_is_not_ended_again_and_its_places_are_free_once() {
    let (world, mut entropy) = (World::new(), Counting(0));
    for _ in 0..3 {
        world.launch(NOW, &mut entropy).unwrap();
    }
    assert!(world.launch(NOW, &mut entropy).is_none());
    let listed = world.listing(NOW).environments.remove(0);
    let end = || world.at(&world.store, NOW).end(&listed).unwrap();
    assert!(end() && !end());
    assert_eq!(world.at(&world.store, NOW).count(), Ok(2));
    assert!(world.launch(NOW, &mut entropy).is_some());
    assert!(world.launch(NOW, &mut entropy).is_none());
    assert!(world.at(&world.store, NOW).listed(&listed.handle).unwrap().is_none());
    // Two administrators at once: the second one begins when the first has written the mark.
    let listed = world.listing(NOW).environments.remove(0);
    for before in 0..3 {
        let first = || drop(world.at(&world.store, NOW).end(&listed));
        let store = Interrupted { store: &world.store, operations: Cell::new(0), before, happens: &first };
        world.at(&store, NOW).end(&listed).unwrap();
    }
    assert_eq!(world.at(&world.store, NOW).count(), Ok(2));
}

/// At every operation of a run, in the period in which the environment was written and in the next one, where everything moves.
#[test]
fn a_run_that_is_under_way_never_brings_back_what_was_ended() {
    for begins in [NOW, NOW.plus(299)] {
        let now = NOW.plus(300).min(begins.plus(1));
        let (mut ended_before, mut ended_after) = (0, 0);
        for before in 0.. {
            let (world, mut entropy) = (World::new(), Counting(0));
            let id = world.launch(begins, &mut entropy).unwrap();
            world.run(&world.store, begins, &id, &large("x")).unwrap();
            let happened = Cell::new(false);
            let end = || happened.set(world.end(now));
            let store = Interrupted { store: &world.store, operations: Cell::new(0), before, happens: &end };
            let kept = world.run(&store, now, &id, &large("y"));
            if !happened.get() {
                assert!(kept.is_ok());
                break;
            }
            match kept {
                Ok(()) => ended_after += 1,
                Err(ref error) => {
                    assert_eq!(*error, EnvironmentError::Gone, "{before}");
                    ended_before += 1;
                }
            }
            assert_eq!(world.left(now), Vec::<String>::new(), "{before}: {kept:?}");
            for later in [0, 1, 60, 119, 240, 299, 300, 400, 418, 419, 420, 500, 700] {
                assert!(!world.is_known(now.plus(later), &id), "{before} {later}");
            }
        }
        assert!(ended_before > 10 && ended_after > 0, "{ended_before} {ended_after}");
    }
}

/// The other way round: the rest of a run happens between two operations of whoever ends the environment.
#[test]
fn whoever_ends_an_environment_while_a_run_ends_leaves_nothing() {
    for before in 0..12 {
        let (world, mut entropy) = (World::new(), Counting(0));
        let id = world.launch(NOW, &mut entropy).unwrap();
        world.run(&world.store, NOW, &id, &large("x")).unwrap();
        let listed = world.listing(NOW).environments.remove(0);
        let run = || drop(world.run(&world.store, NOW, &id, &large("y")));
        let store = Interrupted { store: &world.store, operations: Cell::new(0), before, happens: &run };
        assert!(world.at(&store, NOW).end(&listed).unwrap());
        assert_eq!(world.left(NOW), Vec::<String>::new(), "{before}");
        assert!(!world.is_known(NOW, &id), "{before}");
    }
}

#[test]
fn an_end_that_breaks_off_leaves_the_environment_whole_or_unknown() {
    for operations in 0.. {
        let (world, mut entropy) = (World::new(), Counting(0));
        let id = world.launch(NOW, &mut entropy).unwrap();
        world.run(&world.store, NOW, &id, &large("x")).unwrap();
        let listed = world.listing(NOW).environments.remove(0);
        let store = FailingStore::after(operations, &world.store);
        let ended = world.at(&store, NOW).end(&listed);
        if ended.is_ok() {
            break;
        }
        if world.is_known(NOW, &id) {
            let environments = world.at(&world.store, NOW);
            let found = environments.find(&world.owner, &id).unwrap().unwrap();
            assert_eq!(environments.load(found).unwrap().contents, large("x"), "{operations}");
        } else {
            assert_eq!(world.run(&world.store, NOW, &id, &large("y")), Err(EnvironmentError::Gone));
        }
    }
}
