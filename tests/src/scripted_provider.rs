//! An OpenID provider that does what a test tells it, and remembers what it was asked.
//!
//! Untouched, it is a strict one: codes and refresh tokens are good once, PKCE is checked, and a refresh token that
//! comes twice ends its lineage. Nobody types anything: whoever the browser says it is ([`PERSON_HEADER`]) is signed in.

mod endpoint;
mod endpoints;
mod entra;
mod script;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use gatehouse_host::WallClock as _;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::clock::TestClock;
use crate::http_server::{Received, serve};
pub use endpoint::Endpoint;
pub use entra::{GUID_OF_TENANT, Tenant};
pub use script::{Authorization, Failure, Script};

/// The header in which a [`crate::Person`] tells the provider who it is, in place of a cookie and a password.
pub const PERSON_HEADER: &str = "x-person";

/// The provider; it ends with the test's runtime.
#[derive(Clone)]
pub struct ScriptedProvider(Arc<Provider>);

struct Provider {
    name: String,
    tenant: Option<Tenant>,
    origin: OnceLock<String>,
    clock: OnceLock<Arc<TestClock>>,
    script: Mutex<Script>,
    gates: Mutex<BTreeMap<Endpoint, Gate>>,
    ledger: Mutex<Ledger>,
}

/// What was asked, and what was issued.
#[derive(Default)]
struct Ledger {
    requests: Vec<(Endpoint, Received)>,
    codes: HashMap<String, Code>,
    refresh_tokens: HashMap<String, Lineage>,
    ended: Vec<u64>,
    lineages: u64,
    issued: Vec<String>,
    access_tokens: Vec<String>,
}

struct Code {
    person: String,
    nonce: Option<String>,
    challenge: Option<String>,
    redirect_uri: Option<String>,
    scope: String,
}

#[derive(Clone)]
struct Lineage {
    number: u64,
    person: String,
    scope: String,
    is_spent: bool,
}

/// Answers of one endpoint, held back.
#[derive(Clone)]
pub struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    /// Waits until `count` more requests are held.
    pub async fn arrived(&self, count: u32) {
        self.arrived.acquire_many(count).await.expect("never closed").forget();
    }

    /// Lets the held answers go, and all that come.
    pub fn open(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        let _permit = self.open.acquire().await.expect("never closed");
    }
}

impl ScriptedProvider {
    /// A provider by the book, named `name` in the configuration.
    pub async fn start(name: &str) -> Self {
        Self::of_kind(name, None).await
    }

    /// A provider that behaves as Microsoft Entra ID v2 does, for `tenant`.
    pub async fn start_entra(name: &str, tenant: Tenant) -> Self {
        Self::of_kind(name, Some(tenant)).await
    }

    async fn of_kind(name: &str, tenant: Option<Tenant>) -> Self {
        let provider = Self(Arc::new(Provider {
            name: name.to_owned(),
            tenant,
            origin: OnceLock::new(),
            clock: OnceLock::new(),
            script: Mutex::default(),
            gates: Mutex::default(),
            ledger: Mutex::default(),
        }));
        let serving = provider.clone();
        let origin = serve(move |received| {
            let provider = serving.clone();
            async move { provider.answer(received).await }
        });
        provider.0.origin.set(origin.await).expect("started once");
        provider
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        self.0.origin.get().expect("it was started")
    }

    /// What its id_tokens name, and its metadata unless the tenant is a template there.
    pub fn issuer(&self) -> String {
        match &self.0.tenant {
            None => self.origin().to_owned(),
            Some(_) => format!("{}/{GUID_OF_TENANT}/v2.0", self.origin()),
        }
    }

    /// Its key-value lines for the configuration, without the table's header.
    pub fn configuration(&self) -> String {
        let address = match &self.0.tenant {
            None => format!(
                "issuer = \"{}\"\nscopes = [\"openid\", \"profile\", \"email\", \"offline_access\"]",
                self.issuer()
            ),
            Some(tenant) => format!(
                "profile = \"entra\"\ntenant = \"{}\"\nauthority = \"{origin}\"\ngraph = \"{origin}\"",
                tenant.name(),
                origin = self.origin()
            ),
        };
        format!(
            "name = \"{name}\"\ndisplay_name = \"Provider {name}\"\nclient_id = \"gateway\"\n\
             client_secret = {{ secret = \"identity_provider_secret\" }}\n{address}",
            name = self.0.name
        )
    }

    /// Changes what it does from now on.
    pub fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.0.script.lock().expect("no panic"));
    }

    /// Tells the time by `clock` from now on.
    pub fn follow(&self, clock: &Arc<TestClock>) {
        let _followed_before = self.0.clock.set(Arc::clone(clock));
    }

    /// Holds back what `endpoint` answers from now on.
    pub fn hold(&self, endpoint: Endpoint) -> Gate {
        let gate = Gate { arrived: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) };
        self.0.gates.lock().expect("no panic").insert(endpoint, gate.clone());
        gate
    }

    /// What `endpoint` was asked so far.
    pub fn requests(&self, endpoint: Endpoint) -> Vec<Received> {
        let ledger = self.0.ledger.lock().expect("no panic");
        ledger.requests.iter().filter(|(asked, _)| *asked == endpoint).map(|(_, request)| request.clone()).collect()
    }

    /// How often `endpoint` was asked so far.
    pub fn count(&self, endpoint: Endpoint) -> usize {
        self.requests(endpoint).len()
    }

    /// The token requests that refreshed, so far.
    pub fn refreshes(&self) -> Vec<Received> {
        let requests = self.requests(Endpoint::Token).into_iter();
        requests.filter(|request| request.field("grant_type").as_deref() == Some("refresh_token")).collect()
    }

    /// The access token that was issued last.
    pub fn last_access_token(&self) -> String {
        self.0.ledger.lock().expect("no panic").access_tokens.last().expect("a token was issued").clone()
    }

    /// Every code and token that was issued, and every nonce, state and verifier that came in.
    pub fn secrets(&self) -> Vec<String> {
        let ledger = self.0.ledger.lock().expect("no panic");
        let mut secrets = ledger.issued.clone();
        for (_, request) in &ledger.requests {
            secrets.extend(["nonce", "state"].iter().filter_map(|name| request.parameter(name)));
            secrets.extend(
                ["code_verifier", "client_secret", "client_assertion"].iter().filter_map(|name| request.field(name)),
            );
            secrets
                .extend(request.header("authorization").split_once(' ').map(|(_, credentials)| credentials.to_owned()));
        }
        secrets
    }

    /// The claims of an id_token for `person`, as they should be.
    pub fn claims(&self, person: &str, nonce: Option<&str>) -> Value {
        let mut claims = serde_json::json!({
            "iss": self.issuer(),
            "sub": person,
            "aud": "gateway",
            "exp": self.now() + 300,
            "iat": self.now(),
            "name": format!("{}{} Example", person[..1].to_ascii_uppercase(), &person[1..]),
            "preferred_username": person,
            "email": format!("{person}@example.test"),
            "email_verified": true,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        if self.0.tenant.is_some() {
            entra::add_claims(&mut claims, person);
        }
        claims
    }

    /// Seconds since the Unix epoch.
    fn now(&self) -> u64 {
        self.0.clock.get().map_or_else(|| TestClock::default().now(), |clock| clock.now()).as_secs()
    }
}
