//! What the tests of this crate share.

use core::cell::{Cell, RefCell};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{
    Actors, Claims, ClientId, ClientName, Entropy, ResourceUri, Scopes, SecretString, Subject, UnixTime,
};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing};
use gatehouse_storage::memory::MemoryStore;
use gatehouse_storage::{Key, KeyPage, Store, StoreUnavailable};

use crate::{
    AccessTokenTerms, Device, Opening, Principal, ProviderTokens, RefreshRequest, Rejection, SessionBrowser,
    SessionRoot, Sessions, Tokens, ValidationRequest,
};

pub(crate) const START: UnixTime = UnixTime::from_seconds(1_795_000_000);
/// Seconds.
pub(crate) const LIFETIME: u64 = 300;
pub(crate) const TERMS: AccessTokenTerms = AccessTokenTerms { lifetime: LIFETIME, self_contained: false };
/// Seconds.
pub(crate) const SESSION: u64 = 86_400;

/// Repeatable, and different for every call.
pub(crate) struct Counting(pub(crate) u64);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        for (byte, value) in bytes.iter_mut().zip(self.0.to_be_bytes().iter().cycle()) {
            *byte = *value;
        }
    }
}

/// A store, keys, and the root of one session.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) keys: KeyRing,
    pub(crate) entropy: Counting,
    pub(crate) root: SessionRoot,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = root(1);
        Self { store: MemoryStore::at(START), keys: keys(), entropy: Counting(1_000), root }
    }

    pub(crate) fn at(&self, now: UnixTime) -> Sessions<'_, MemoryStore> {
        self.store.set_now(now);
        Sessions { store: &self.store, keys: &self.keys, now }
    }

    pub(crate) fn open(&self) -> Tokens {
        self.open_with(&self.root, opening())
    }

    pub(crate) fn open_with(&self, root: &SessionRoot, opening: Opening) -> Tokens {
        self.at(START).open(root, opening, &mut Counting(u64::from(root.secret.expose()[0]) * 1_000_000)).unwrap()
    }

    pub(crate) fn refresh(&mut self, tokens: &Tokens, now: UnixTime) -> Result<Tokens, Rejection> {
        let token = refresh_token(tokens);
        self.refresh_with(&RefreshRequest { refresh_token: &token, ..request(&client("a")) }, now)
    }

    pub(crate) fn refresh_with(&mut self, request: &RefreshRequest<'_>, now: UnixTime) -> Result<Tokens, Rejection> {
        let mut entropy = Counting(self.entropy.0 + 10_000);
        let result = self.at(now).refresh(request, |_| TERMS, &mut entropy);
        self.entropy = entropy;
        result
    }

    pub(crate) fn validate(&self, tokens: &Tokens, now: UnixTime) -> Result<Principal, Rejection> {
        self.at(now).validate(&presented(tokens, &mcp()), |_| Ok(None)).map(|validated| validated.principal)
    }
}

pub(crate) fn keys() -> KeyRing {
    KeyRing::parse(&format!("a:{}", URL_SAFE_NO_PAD.encode([7; 32]))).unwrap()
}

pub(crate) fn root(byte: u8) -> SessionRoot {
    SessionRoot { secret: HandleSecret::from_slice(&[byte; 32]).unwrap(), expires_at: START.plus(SESSION) }
}

pub(crate) fn client(id: &str) -> ClientId {
    ClientId::parse(id).unwrap()
}

pub(crate) fn resource(uri: &str) -> ResourceUri {
    ResourceUri::parse(uri).unwrap()
}

pub(crate) fn mcp() -> ResourceUri {
    resource("https://g.example/mcp")
}

pub(crate) fn subject(sub: &str) -> Subject {
    Subject::new("demo", sub).unwrap()
}

pub(crate) fn alice() -> Principal {
    Principal {
        subject: subject("alice"),
        client_id: client("a"),
        resource: mcp(),
        scopes: Scopes::parse("read write").unwrap(),
        claims: claims("engineering"),
        actors: Actors::default(),
    }
}

/// Of a user in this group.
pub(crate) fn claims(group: &str) -> Claims {
    let (groups, roles) = (vec![group.to_owned()], vec!["reader".to_owned()]);
    Claims { tenant: Some("a-tenant".to_owned()), groups, roles, names: None }
}

/// Alice opens a session; the provider's tokens live an hour.
/// The browser of Alice.
pub(crate) fn browser() -> SessionBrowser {
    SessionBrowser { digest: "the-browser".to_owned(), device: Device::of("Firefox/133.0 (Windows NT 10.0)") }
}

pub(crate) fn opening() -> Opening {
    Opening {
        principal: alice(),
        client_name: ClientName::parse("An Editor").unwrap(),
        browser: Some(browser()),
        provider_tokens: ProviderTokens {
            access_token: Some(SecretString::new("provider-access".to_owned())),
            refresh_token: Some(SecretString::new("provider-refresh".to_owned())),
            expires_at: Some(START.plus(3_600)),
        },
        access_tokens: TERMS,
        refreshable: true,
        listed: true,
    }
}

pub(crate) fn refresh_token(tokens: &Tokens) -> String {
    tokens.refresh_token.as_ref().unwrap().expose().to_owned()
}

/// The access token, where its record is asked.
pub(crate) fn presented<'a>(tokens: &'a Tokens, resource: &'a ResourceUri) -> ValidationRequest<'a> {
    ValidationRequest { access_token: tokens.access_token.expose(), resource, without_record: false }
}

pub(crate) fn request(client_id: &ClientId) -> RefreshRequest<'_> {
    RefreshRequest { refresh_token: "", client_id, resource: None, scopes: None }
}

/// A store before whose n-th operation something else happens.
pub(crate) struct Interrupted<'a> {
    store: &'a MemoryStore,
    left: Cell<usize>,
    act: RefCell<Option<Box<dyn FnOnce() + 'a>>>,
}

impl<'a> Interrupted<'a> {
    pub(crate) fn before(operation: usize, store: &'a MemoryStore, act: impl FnOnce() + 'a) -> Self {
        Self { store, left: Cell::new(operation), act: RefCell::new(Some(Box::new(act))) }
    }

    /// Whether there were so many operations.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.act.borrow().is_none()
    }

    fn tick(&self) {
        let left = self.left.get();
        self.left.set(left.wrapping_sub(1));
        if left == 0 {
            let act = self.act.take();
            act.unwrap()();
        }
    }
}

impl Store for Interrupted<'_> {
    fn get_many(&self, keys: &[&Key]) -> Result<Vec<Option<Vec<u8>>>, StoreUnavailable> {
        self.tick();
        self.store.get_many(keys)
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.tick();
        self.store.get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.tick();
        self.store.put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.tick();
        self.store.delete(key)
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        self.tick();
        self.store.increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.store.list(cursor)
    }
}
