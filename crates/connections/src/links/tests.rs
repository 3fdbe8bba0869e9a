use gatehouse_configuration::ConnectionEndpoints;
use gatehouse_storage::memory::MemoryStore;

use super::*;
use crate::requests::tests::connection;
use crate::{DueTokens, LinkState, TokenClaim};

const START: UnixTime = UnixTime::from_seconds(1_795_219_200);
const DAY: u64 = 24 * 60 * 60;

/// Gives other bytes each time.
struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}

struct World {
    store: MemoryStore,
    keys: KeyRing,
    now: UnixTime,
    entropy: Counting,
}

fn entry(letter: char) -> String {
    format!("{letter}:{letter}{}", "A".repeat(42))
}

fn alice() -> Subject {
    Subject::parse("main:alice").unwrap()
}

impl World {
    fn new() -> Self {
        let keys = KeyRing::parse(&entry('A')).unwrap();
        Self { store: MemoryStore::at(START), keys, now: START, entropy: Counting(0) }
    }

    fn after(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now.plus(seconds);
        self.store.set_now(self.now);
        self
    }

    fn links(&self) -> Links<'_, MemoryStore> {
        Links { store: &self.store, keys: &self.keys, now: self.now }
    }

    fn link(&mut self, owner: Owner<'_>, tokens: LinkedTokens) {
        let Self { store, keys, now, entropy } = self;
        Links { store, keys, now: *now }.put(owner, &connection(), tokens, None, entropy).unwrap();
    }

    fn find(&self, owner: Owner<'_>) -> Option<Link> {
        self.links().find(owner, &connection()).unwrap()
    }

    fn token(&self, owner: Owner<'_>) -> Option<String> {
        match self.find(owner)?.state(&self.store, self.now).unwrap() {
            LinkState::Fresh(token) => Some(token.expose().to_owned()),
            LinkState::Due(_) | LinkState::Over => None,
        }
    }

    fn claim(&mut self, link: &Link, generation: u64) -> TokenClaim {
        let due = DueTokens { generation, usable: None };
        link.claim(&due, &self.store, self.now, &mut self.entropy).unwrap()
    }

    fn lease(&mut self, link: &Link, generation: u64) -> Box<crate::TokenLease> {
        match self.claim(link, generation) {
            TokenClaim::Lease(lease) => lease,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_link_is_its_owners_at_its_connection_and_nobody_elses() {
    let mut world = World::new();
    let (alice, bob) = (alice(), Subject::parse("main:bob").unwrap());
    world.link(Owner::User(&alice), tokens("a", None, None));
    assert_eq!(world.token(Owner::User(&alice)).as_deref(), Some("a"));
    assert_eq!(world.token(Owner::User(&bob)), None);
    assert_eq!(world.token(Owner::Everybody), None);
    assert_eq!(world.token(Owner::User(&Subject::parse("other:alice").unwrap())), None);
    world.link(Owner::Everybody, tokens("shared", None, None));
    assert_eq!(world.token(Owner::Everybody).as_deref(), Some("shared"));
    assert_eq!(world.token(Owner::User(&alice)).as_deref(), Some("a"));
}

/// An operator who gives a name to another server must not send it the tokens of the former one.
#[test]
fn tokens_of_one_server_do_not_reach_another_that_has_its_name() {
    let mut world = World::new();
    let alice = alice();
    world.link(Owner::User(&alice), tokens("a", None, None));
    let mut elsewhere = connection();
    if let ConnectionEndpoints::Given { token, .. } = &mut elsewhere.endpoints {
        *token = "https://evil.example/t".to_owned();
    }
    let renamed = Connection { name: "another".to_owned(), ..connection() };
    let other_client = Connection { client_id: "other".to_owned(), ..connection() };
    for changed in [elsewhere, renamed, other_client] {
        assert!(world.links().find(Owner::User(&alice), &changed).unwrap().is_none(), "{changed:?}");
    }
}

#[test]
fn what_is_kept_tells_nothing_and_does_not_open_elsewhere() {
    let mut world = World::new();
    let alice = alice();
    world.link(Owner::User(&alice), tokens("very-secret", Some("more-secret"), Some(60)));
    for value in world.store.values() {
        let text = String::from_utf8_lossy(&value).into_owned();
        assert!(!text.contains("secret") && !text.contains("alice"), "{text}");
    }
    let names = world.store.list(None).unwrap().keys.iter().map(ToString::to_string).collect::<String>();
    assert!(!names.contains("alice") && !names.contains("api"), "{names}");
    world.keys = KeyRing::parse(&entry('B')).unwrap();
    assert!(world.find(Owner::User(&alice)).is_none());
    // A new key in front: the old link is still found, and the next one is under the new key.
    world.keys = KeyRing::parse(&format!("{},{}", entry('B'), entry('A'))).unwrap();
    assert!(world.find(Owner::User(&alice)).is_some());
    world.link(Owner::User(&alice), tokens("again", None, None));
    world.keys = KeyRing::parse(&entry('B')).unwrap();
    assert_eq!(world.token(Owner::User(&alice)).as_deref(), Some("again"));
}

#[test]
fn a_link_lasts_for_half_a_year_at_least_and_a_year_at_most() {
    let mut world = World::new();
    let alice = alice();
    world.link(Owner::User(&alice), tokens("a", None, None));
    assert!(world.after(LINK_DAYS * DAY - 1).find(Owner::User(&alice)).is_some());
    assert!(world.after(LINK_DAYS * DAY + 1).find(Owner::User(&alice)).is_none());
}

#[test]
fn a_new_link_takes_the_place_of_the_former_one_and_a_removed_one_is_gone() {
    let mut world = World::new();
    let alice = alice();
    let owner = Owner::User(&alice);
    world.link(owner, tokens("first", Some("r1"), Some(3600)));
    let first = world.find(owner).unwrap();
    world.after(LINK_DAYS * DAY / 2).link(owner, tokens("second", Some("r2"), Some(3600)));
    assert_eq!(world.token(owner).as_deref(), Some("second"));
    assert!(matches!(first.state(&world.store, world.now).unwrap(), LinkState::Over));
    let removed = world.links().remove(owner, &connection()).unwrap().unwrap();
    assert_eq!((removed.access_token.expose(), removed.refresh_token.unwrap().expose()), ("second", "r2"));
    assert!(world.find(owner).is_none() && world.links().remove(owner, &connection()).unwrap().is_none());
    let kinds: Vec<_> = world.store.list(None).unwrap().keys.iter().map(|key| key.kind().to_owned()).collect();
    assert!(kinds.iter().all(|kind| kind == "connection-attempt"), "{kinds:?}");
}

#[test]
fn of_all_who_find_the_token_due_one_renews_it() {
    let mut world = World::new();
    let alice = alice();
    let owner = Owner::User(&alice);
    world.link(owner, tokens("old", Some("r1"), Some(3600)));
    world.after(3540);
    let link = world.find(owner).unwrap();
    let LinkState::Due(due) = link.state(&world.store, world.now).unwrap() else { panic!("not due") };
    assert_eq!(due.usable.as_ref().map(|token| token.expose()), Some("old"), "until it ends, it can be used");
    let generation = due.generation;
    let lease = world.lease(&link, generation);
    assert!(matches!(world.claim(&link, generation), TokenClaim::Wait));
    assert_eq!(lease.refresh_token().expose(), "r1");
    let token = lease.complete(tokens("new", None, Some(3600)), &world.store, world.now, &mut world.entropy);
    assert_eq!(token.unwrap().unwrap().expose(), "new");
    assert_eq!(world.token(owner).as_deref(), Some("new"));
    assert!(matches!(world.claim(&link, generation), TokenClaim::Wait), "the former generation is over");
    // The refresh token goes on where the server gave no new one.
    world.after(3600);
    let LinkState::Due(due) = link.state(&world.store, world.now).unwrap() else { panic!("not due") };
    assert!(due.usable.is_none(), "it has ended");
    let lease = world.lease(&link, generation + 1);
    assert_eq!(lease.refresh_token().expose(), "r1");
    assert!(lease.end_link(&world.store).unwrap());
    assert!(world.find(owner).is_none());
}

#[test]
fn a_link_that_was_removed_or_made_anew_while_it_was_renewed_keeps_nothing_of_it() {
    for again in [false, true] {
        let mut world = World::new();
        let alice = alice();
        let owner = Owner::User(&alice);
        world.link(owner, tokens("old", Some("r1"), Some(60)));
        world.after(60);
        let link = world.find(owner).unwrap();
        let lease = world.lease(&link, 0);
        if again {
            world.link(owner, tokens("another", None, None));
        } else {
            world.links().remove(owner, &connection()).unwrap();
        }
        let late = lease.complete(tokens("late", Some("r2"), None), &world.store, world.now, &mut world.entropy);
        assert!(late.unwrap().is_none());
        assert_eq!(world.token(owner).as_deref(), again.then_some("another"));
    }
}

#[test]
fn a_token_that_has_ended_without_a_refresh_token_is_over() {
    let mut world = World::new();
    let alice = alice();
    world.link(Owner::User(&alice), tokens("a", None, Some(10)));
    assert_eq!(world.after(9).token(Owner::User(&alice)).as_deref(), Some("a"));
    let link = world.after(1).find(Owner::User(&alice)).unwrap();
    assert!(matches!(link.state(&world.store, world.now).unwrap(), LinkState::Over));
}

#[test]
fn a_store_that_is_down_gives_no_token() {
    let mut world = World::new();
    let alice = alice();
    world.link(Owner::User(&alice), tokens("a", None, None));
    let link = world.find(Owner::User(&alice)).unwrap();
    world.store.go_down();
    assert!(world.links().find(Owner::User(&alice), &connection()).is_err());
    assert!(link.state(&world.store, world.now).is_err());
    assert!(world.links().remove(Owner::User(&alice), &connection()).is_err());
}
