//! How often an issuer is asked about tokens that it does not know.

use std::cell::Cell;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{SecretName, TokenVerification};
use gatehouse_openid::Presented;
use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::Store;
use gatehouse_storage::memory::MemoryStore;
use http::{Request, Response};
use shell_configuration::SettingsError;
use shell_http::SystemEntropy;
use shell_http::outbound::NoAnswer;

use crate::{Asker, ExternalTokenFailure, Failure, Host, IssuerClient};

/// The first second of a minute.
const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

/// An issuer that knows the token `good`.
struct Issuer {
    store: MemoryStore,
    asked: Cell<u64>,
}

impl Host for &Issuer {
    fn fetch(&self, request: &Request<Vec<u8>>, _: usize) -> Result<Response<Vec<u8>>, NoAnswer> {
        self.asked.set(self.asked.get() + 1);
        let knows = String::from_utf8_lossy(request.body()).contains("token=good&");
        let good = r#"{"active":true,"sub":"alice","aud":"api://one","client_id":"an-app"}"#;
        Ok(Response::new(if knows { good } else { r#"{"active":false}"# }.as_bytes().to_vec()))
    }

    fn secret(&self, _: &SecretName) -> Result<SecretString, SettingsError> {
        Ok(SecretString::new("secret".to_owned()))
    }

    fn store(&self) -> &impl Store {
        &self.store
    }

    fn entropy(&self) -> impl Entropy {
        SystemEntropy
    }
}

struct World {
    issuer: Issuer,
    configuration: Configuration,
    keys: KeyRing,
}

/// What comes of a token.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Good,
    Unknown,
    NotAsked,
}

impl World {
    fn new() -> Self {
        let document = r#"
            public_url = "https://gateway.example"
            [[token_issuers]]
            name = "asked"
            introspection = { url = "https://op.example/introspect", client_id = "g", client_secret = { secret = "s" } }
            [[routes]]
            path = "/mcp"
            url = "https://server.example"
            tokens = [{ issuer = "asked", audiences = ["api://one"] }]
        "#;
        let configuration = gatehouse_configuration::Configuration::parse(document).unwrap().authorization_server;
        assert!(matches!(configuration.token_issuers[0].verification, TokenVerification::Introspected { .. }));
        let keys = KeyRing::parse(&format!("a:{}", "A".repeat(43))).unwrap();
        Self { issuer: Issuer { store: MemoryStore::at(NOW), asked: Cell::new(0) }, configuration, keys }
    }

    fn show(&self, token: &str, asker: Asker<'_>) -> Outcome {
        let (accepted, issuer) = (&self.configuration.token_routes[0].tokens[0], &self.configuration.token_issuers[0]);
        let client = IssuerClient::on(&self.issuer, &self.configuration, &self.keys, NOW);
        match client.verify(token, &Presented::Opaque { accepted, issuer }, asker) {
            Ok(_) => Outcome::Good,
            Err(ExternalTokenFailure::Rejected(_)) => Outcome::Unknown,
            Err(ExternalTokenFailure::Conversation(Failure::LeftInPeace(_))) => Outcome::NotAsked,
            Err(other) => panic!("{other}"),
        }
    }

    /// Shows tokens that nobody knows until the issuer is not asked any more; how often it was.
    fn make_up(&self, address: Option<&str>) -> u64 {
        let before = self.issuer.asked.get();
        while self.show("made-up", Asker { address, was_active: false }) == Outcome::Unknown {}
        self.issuer.asked.get() - before
    }
}

fn at(address: &str) -> Asker<'_> {
    Asker { address: Some(address), was_active: false }
}

#[test]
fn an_address_makes_up_sixty_tokens_in_a_minute_and_stops_nobody_else() {
    let world = World::new();
    assert_eq!(world.make_up(Some("192.0.2.1")), 60);
    assert_eq!(world.show("good", at("192.0.2.1")), Outcome::NotAsked);
    assert_eq!(world.show("good", Asker { was_active: true, ..at("192.0.2.1") }), Outcome::Good);
    assert_eq!(world.show("good", at("192.0.2.2")), Outcome::Good);
    assert_eq!(world.show("good", Asker::default()), Outcome::Good);
    // A token that was active before counts for nothing, whatever is said of it now.
    let asked = world.issuer.asked.get();
    for _ in 0..100 {
        assert_eq!(world.show("made-up", Asker { was_active: true, ..at("192.0.2.2") }), Outcome::Unknown);
    }
    assert_eq!((world.issuer.asked.get() - asked, world.show("made-up", at("192.0.2.2"))), (100, Outcome::Unknown));
}

#[test]
fn from_many_addresses_there_are_twelve_hundred_and_as_many_again_for_addresses_that_have_shown_none() {
    let world = World::new();
    for number in 0..20 {
        assert_eq!(world.make_up(Some(&format!("192.0.2.{number}"))), 60, "{number}");
    }
    // Somebody whose address has shown no wrong one is believed once, and those whose address nobody knows are not.
    assert_eq!(world.show("good", Asker::default()), Outcome::NotAsked);
    assert_eq!(world.show("good", at("198.51.100.1")), Outcome::Good);
    for number in 0..1_200 {
        assert_eq!(world.make_up(Some(&format!("2001:db8:0:{number:x}::"))), 1, "{number}");
    }
    assert_eq!(world.show("good", at("198.51.100.1")), Outcome::NotAsked);
    assert_eq!(world.make_up(Some("203.0.113.1")), 0);
    assert_eq!(world.show("good", Asker { was_active: true, ..at("198.51.100.1") }), Outcome::Good);
    assert_eq!(world.issuer.asked.get(), 2_402);
}

#[test]
fn where_no_address_is_known_there_are_twelve_hundred_for_all() {
    let world = World::new();
    assert_eq!(world.make_up(None), 1_200);
    assert_eq!(world.show("good", Asker::default()), Outcome::NotAsked);
    assert_eq!(world.issuer.store.counters().len(), 1);
}
