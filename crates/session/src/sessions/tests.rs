use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{SecretString, Subject};
use gatehouse_storage::memory::MemoryStore;

use super::*;
use crate::{bind_handle, open_handle};

const START: UnixTime = UnixTime::from_seconds(1_795_000_000);
const LIFETIME: u64 = 300;

/// Repeatable, and different for every call.
struct Counting(u64);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        for (byte, value) in bytes.iter_mut().zip(self.0.to_be_bytes().iter().cycle()) {
            *byte = *value;
        }
    }
}

struct World {
    store: MemoryStore,
    keys: KeyRing,
    entropy: Counting,
    root: SessionRoot,
}

impl World {
    fn new() -> Self {
        let mut entropy = Counting(0);
        let root = SessionRoot { secret: HandleSecret::generate(&mut entropy), expires_at: START.plus(86_400) };
        let keys = KeyRing::parse(&format!("a:{}", URL_SAFE_NO_PAD.encode([7; 32]))).unwrap();
        Self { store: MemoryStore::at(START), keys, entropy, root }
    }

    fn at(&self, now: UnixTime) -> Sessions<'_, MemoryStore> {
        self.store.set_now(now);
        Sessions { store: &self.store, keys: &self.keys, now }
    }

    fn open(&mut self) -> Tokens {
        let upstream = UpstreamTokens {
            access_token: Some(SecretString::new("upstream-access".to_owned())),
            refresh_token: Some(SecretString::new("upstream-refresh".to_owned())),
            expires_at: None,
        };
        let (root, mut entropy) = (self.root.clone(), Counting(1_000));
        self.at(START).open(&root, alice(), upstream, LIFETIME, true, &mut entropy).unwrap()
    }

    fn refresh(&mut self, tokens: &Tokens, now: UnixTime) -> Result<Tokens, Rejection> {
        let token = refresh_token(tokens);
        self.refresh_with(&RefreshRequest { refresh_token: &token, ..request(&client("a")) }, now)
    }

    fn refresh_with(&mut self, request: &RefreshRequest<'_>, now: UnixTime) -> Result<Tokens, Rejection> {
        let mut entropy = Counting(self.entropy.0 + 10_000);
        let result = self.at(now).refresh(request, &mut entropy);
        self.entropy = entropy;
        result
    }

    fn validate(&self, tokens: &Tokens, now: UnixTime) -> Result<Principal, Rejection> {
        self.at(now).validate(tokens.access_token.expose(), &resource("https://g.example/mcp"))
    }
}

fn client(id: &str) -> ClientId {
    ClientId::parse(id).unwrap()
}

fn resource(uri: &str) -> ResourceUri {
    ResourceUri::parse(uri).unwrap()
}

fn alice() -> Principal {
    Principal {
        subject: Subject::new("demo", "alice").unwrap(),
        client_id: client("a"),
        resource: resource("https://g.example/mcp"),
        scopes: Scopes::parse("read write").unwrap(),
    }
}

fn refresh_token(tokens: &Tokens) -> String {
    tokens.refresh_token.as_ref().unwrap().expose().to_owned()
}

fn request(client_id: &ClientId) -> RefreshRequest<'_> {
    RefreshRequest { refresh_token: "", client_id, resource: None, scopes: None, access_token_lifetime: LIFETIME }
}

#[test]
fn an_access_token_is_valid_for_its_resource_until_the_second_in_which_it_expires() {
    let mut world = World::new();
    let tokens = world.open();
    assert_eq!(tokens.expires_in, LIFETIME);
    assert_eq!(world.validate(&tokens, START), Ok(alice()));
    assert_eq!(world.validate(&tokens, START.plus(299)), Ok(alice()));
    assert_eq!(world.validate(&tokens, START.plus(300)), Err(Rejection::Expired));
    let elsewhere = world.at(START).validate(tokens.access_token.expose(), &resource("https://g.example/other"));
    assert_eq!(elsewhere, Err(Rejection::Unrecognised));
}

#[test]
fn a_refresh_token_is_no_access_token_and_the_reverse() {
    let mut world = World::new();
    let tokens = world.open();
    let as_access = world.at(START).validate(&refresh_token(&tokens), &resource("https://g.example/mcp"));
    assert_eq!(as_access, Err(Rejection::Unrecognised));
    let before = world.store.snapshot();
    let access = tokens.access_token.expose().to_owned();
    let as_refresh = world.refresh_with(&RefreshRequest { refresh_token: &access, ..request(&client("a")) }, START);
    assert_eq!(as_refresh.unwrap_err(), Rejection::Unrecognised);
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn a_refresh_rotates_and_the_access_token_before_stays_valid_until_it_expires() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START.plus(100)).unwrap();
    assert_ne!(refresh_token(&first), refresh_token(&second));
    assert_eq!(world.validate(&first, START.plus(299)), Ok(alice()));
    assert_eq!(world.validate(&second, START.plus(399)), Ok(alice()));
    assert_eq!(world.validate(&second, START.plus(400)), Err(Rejection::Expired));
}

#[test]
fn the_same_refresh_token_within_the_grace_period_gets_the_same_lineage() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START.plus(10)).unwrap();
    let again = world.refresh(&first, START.plus(10 + GRACE_SECONDS)).unwrap();
    assert!(world.validate(&again, START.plus(50)).is_ok());
    let third = world.refresh(&again, START.plus(50)).unwrap();
    let same = world.refresh(&second, START.plus(60)).unwrap();
    assert!(world.validate(&third, START.plus(60)).is_ok() && world.validate(&same, START.plus(60)).is_ok());
}

#[test]
fn a_refresh_token_reused_after_the_grace_period_ends_the_session_and_all_its_tokens() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START.plus(10)).unwrap();
    let late = START.plus(10 + GRACE_SECONDS + 1);
    assert_eq!(world.refresh(&first, late).unwrap_err(), Rejection::Reused);
    assert_eq!(world.validate(&first, late), Err(Rejection::Revoked));
    assert_eq!(world.validate(&second, late), Err(Rejection::Revoked));
    assert_eq!(world.refresh(&second, late).unwrap_err(), Rejection::Revoked);
}

#[test]
fn a_token_two_generations_old_ends_the_session_even_within_the_grace_period() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START).unwrap();
    let third = world.refresh(&second, START).unwrap();
    assert_eq!(world.refresh(&first, START).unwrap_err(), Rejection::Reused);
    assert_eq!(world.validate(&third, START), Err(Rejection::Revoked));
}

#[test]
fn refreshing_never_extends_the_session() {
    let mut world = World::new();
    let first = world.open();
    let near_the_end = START.plus(86_400 - 100);
    let second = world.refresh(&first, near_the_end).unwrap();
    assert_eq!(second.expires_in, 100);
    assert_eq!(world.refresh(&second, START.plus(86_400)).unwrap_err(), Rejection::Expired);
    assert!(world.validate(&second, START.plus(86_400)).is_err());
}

#[test]
fn a_refresh_by_another_client_or_beyond_the_grant_changes_nothing() {
    let mut world = World::new();
    let tokens = world.open();
    let token = refresh_token(&tokens);
    let (mine, other, elsewhere) = (client("a"), client("b"), resource("https://g.example/other"));
    let wider = Scopes::parse("read admin").unwrap();
    let before = world.store.snapshot();
    for (request, expected) in [
        (RefreshRequest { client_id: &other, ..request(&mine) }, Rejection::WrongClient),
        (RefreshRequest { resource: Some(&elsewhere), ..request(&mine) }, Rejection::OtherResource),
        (RefreshRequest { scopes: Some(&wider), ..request(&mine) }, Rejection::BeyondGrant),
    ] {
        let refused = world.refresh_with(&RefreshRequest { refresh_token: &token, ..request }, START).unwrap_err();
        assert_eq!(refused, expected);
        assert_eq!(world.store.snapshot(), before);
    }
}

#[test]
fn a_narrowed_access_token_allows_less_and_the_next_refresh_may_have_all_again() {
    let mut world = World::new();
    let first = world.open();
    let (mine, token, narrow) = (client("a"), refresh_token(&first), Scopes::parse("read").unwrap());
    let request = RefreshRequest { refresh_token: &token, scopes: Some(&narrow), ..request(&mine) };
    let narrowed = world.refresh_with(&request, START).unwrap();
    assert_eq!(world.validate(&narrowed, START).unwrap().scopes, narrow);
    let whole = world.refresh(&narrowed, START).unwrap();
    assert_eq!(world.validate(&whole, START).unwrap().scopes, alice().scopes);
}

#[test]
fn the_scopes_that_are_passed_over_at_authorize_are_passed_over_at_a_refresh() {
    let mut world = World::new();
    let first = world.open();
    let (mine, token) = (client("a"), refresh_token(&first));
    let scopes = Scopes::parse("openid profile email offline_access read").unwrap();
    let request = RefreshRequest { refresh_token: &token, scopes: Some(&scopes), ..request(&mine) };
    let tokens = world.refresh_with(&request, START).unwrap();
    assert_eq!(world.validate(&tokens, START).unwrap().scopes.to_string(), "read");
}

#[test]
fn ending_a_session_deletes_every_record_that_opens_with_its_tokens() {
    let mut world = World::new();
    let first = world.open();
    let second = world.refresh(&first, START).unwrap();
    world.at(START).end(&world.root).unwrap();
    for tokens in [&first, &second] {
        assert_eq!(world.validate(tokens, START), Err(Rejection::Revoked));
        assert_eq!(world.refresh(tokens, START).unwrap_err(), Rejection::Revoked);
    }
    assert!(world.store.values().iter().all(Vec::is_empty), "only the note that it ended is left");
    world.at(START).end(&world.root).unwrap();
}

#[test]
fn the_store_holds_nothing_in_clear() {
    let mut world = World::new();
    let tokens = world.open();
    world.refresh(&tokens, START).unwrap();
    let dump = world.store.values().concat();
    for secret in ["upstream-access", "upstream-refresh", "alice", "g.example", "read"] {
        assert!(!dump.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

#[test]
fn a_store_that_is_down_denies_everything() {
    let mut world = World::new();
    let tokens = world.open();
    world.store.go_down();
    assert!(matches!(world.validate(&tokens, START), Err(Rejection::Unavailable(_))));
    assert!(matches!(world.refresh(&tokens, START), Err(Rejection::Unavailable(_))));
    assert!(matches!(world.at(START).end(&world.root), Err(Rejection::Unavailable(_))));
}

#[test]
fn a_session_may_go_without_refresh_tokens() {
    let world = World::new();
    let (root, mut entropy) = (world.root.clone(), Counting(5));
    let tokens =
        world.at(START).open(&root, alice(), UpstreamTokens::default(), LIFETIME, false, &mut entropy).unwrap();
    assert!(tokens.refresh_token.is_none());
    assert!(world.validate(&tokens, START).is_ok());
}

#[test]
fn a_bound_handle_opens_for_its_subject_at_its_resource_only() {
    let mut world = World::new();
    let bound = bind_handle(&alice(), "session-1", &world.keys, &mut world.entropy).unwrap();
    assert!(!bound.contains("session-1"));
    assert_eq!(open_handle(&alice(), &bound, &world.keys).unwrap().expose(), "session-1");
    let reregistered = Principal { client_id: client("b"), ..alice() };
    assert!(open_handle(&reregistered, &bound, &world.keys).is_ok());
    let bob = Principal { subject: Subject::new("demo", "bob").unwrap(), ..alice() };
    let elsewhere = Principal { resource: resource("https://g.example/other"), ..alice() };
    assert!(open_handle(&bob, &bound, &world.keys).is_err());
    assert!(open_handle(&elsewhere, &bound, &world.keys).is_err());
    assert!(open_handle(&alice(), "session-1", &world.keys).is_err());
}
