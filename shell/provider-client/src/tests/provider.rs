//! A provider, scripted, and a user at it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{
    AccessRules, EntraProfile, IdentityProvider, ProviderAuthentication, ProviderProfile, SecretName,
};
use gatehouse_jose::{SigningHeader, SigningKey, TimeClaims};
use gatehouse_openid::{Callback, LoginSecrets};
use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::Store;
use gatehouse_storage::memory::MemoryStore;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};
use shell_configuration::SettingsError;
use shell_http::outbound::NoAnswer;
use url::form_urlencoded;

use crate::{Failure, Host, ProviderClient, SignedIn};

/// 2026-11-21.
pub(super) const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);
pub(super) const GROUP: &str = "3c1f9b1e-7a52-4c0b-8f0e-5d7a1b2c3d4e";
pub(super) const ROTATED: &str = "ed25519";
pub(super) const TENANT: &str = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10";
const NONCE: &str = "n-0S6_WzA2Mj";

pub(super) fn elliptic_key() -> &'static str {
    include_str!("../../../../crates/jose/test-keys/p256.pem")
}

/// The surroundings of a conversation; what a test changes is a cell.
pub(super) struct Scripted {
    pub(super) store: MemoryStore,
    pub(super) requests: RefCell<Vec<Request<Vec<u8>>>>,
    pub(super) secret: Cell<Option<&'static str>>,
    pub(super) cache_control: Cell<Option<&'static str>>,
    /// A path that answers with this status and nothing.
    pub(super) fail: Cell<Option<(&'static str, StatusCode)>>,
    pub(super) unreachable: Cell<Option<&'static str>>,
    pub(super) token_error: Cell<Option<(&'static str, StatusCode)>>,
    pub(super) without_id_token: Cell<bool>,
    /// The `kid` of the key that signs.
    pub(super) signs_with: Cell<&'static str>,
    /// The `kid` of the key that is published.
    pub(super) publishes: Cell<&'static str>,
    pub(super) member_of: RefCell<Vec<String>>,
    /// More claims of the id_token.
    pub(super) claims: RefCell<Value>,
    is_entra: bool,
    clock: Cell<UnixTime>,
}

impl Scripted {
    pub(super) fn signed(&self, typ: &str, claims: &Value) -> SecretString {
        let pem = match self.signs_with.get() {
            "p256" => elliptic_key(),
            "p384" => include_str!("../../../../crates/jose/test-keys/p384.pem"),
            _ => include_str!("../../../../crates/jose/test-keys/ed25519.pem"),
        };
        let key = SigningKey::from_pem(&SecretString::new(pem.to_owned())).unwrap();
        let header = SigningHeader { typ: Some(typ), kid: Some(self.signs_with.get()), x5t_s256: None };
        key.sign(&header, &TimeClaims::default(), claims, &mut Constant).unwrap()
    }

    fn issuer(&self, tenant: &str) -> String {
        if self.is_entra {
            format!("https://login.microsoftonline.com/{tenant}/v2.0")
        } else {
            "https://op.example".to_owned()
        }
    }

    fn answer(&self, request: &Request<Vec<u8>>) -> (StatusCode, Value) {
        let path = request.uri().path_and_query().unwrap().as_str();
        if let Some((failing, status)) = self.fail.get()
            && failing == path
        {
            return (status, Value::Null);
        }
        let ok = |body| (StatusCode::OK, body);
        match (request.method().as_str(), path) {
            ("GET", "/.well-known/openid-configuration" | "/organizations/v2.0/.well-known/openid-configuration") => {
                ok(json!({
                    "issuer": self.issuer("{tenantid}"),
                    "authorization_endpoint": "https://op.example/authorize",
                    "token_endpoint": "https://op.example/token",
                    "jwks_uri": "https://op.example/jwks",
                    "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                }))
            }
            ("GET", "/jwks") => {
                let every: Value =
                    serde_json::from_str(include_str!("../../../../crates/jose/test-keys/jwks.json")).unwrap();
                let keys = every["keys"].as_array().unwrap().iter().filter(|key| key["kid"] == self.publishes.get());
                ok(json!({ "keys": keys.collect::<Vec<_>>() }))
            }
            ("POST", "/token") => match self.token_error.get() {
                Some((error, status)) => (status, json!({ "error": error, "error_description": "alice" })),
                None => ok(self.tokens()),
            },
            ("POST", path) if path == format!("/{TENANT}/oauth2/v2.0/token") => {
                ok(json!({ "access_token": "of-application" }))
            }
            ("POST", "/v1.0/users/00000000-0000-0000-66f3-3332eca7ea81/checkMemberGroups") => {
                ok(json!({ "value": *self.member_of.borrow() }))
            }
            ("POST", "/v1.0/me/checkMemberGroups") => ok(json!({ "value": *self.member_of.borrow() })),
            ("GET", "/assertion?resource=api") => ok(json!({ "access_token": "managed.identity.assertion" })),
            _ => (StatusCode::NOT_FOUND, Value::Null),
        }
    }

    fn tokens(&self) -> Value {
        let mut claims = json!({
            "iss": self.issuer(TENANT), "sub": "alice", "aud": "gatehouse", "nonce": NONCE,
            "iat": self.clock.get().seconds(), "exp": self.clock.get().seconds() + 300,
        });
        if self.is_entra {
            claims["tid"] = TENANT.into();
            claims["oid"] = "00000000-0000-0000-66f3-3332eca7ea81".into();
            claims["_claim_names"] = json!({ "groups": "src1" });
        }
        claims.as_object_mut().unwrap().extend(self.claims.borrow().as_object().unwrap().clone());
        let mut tokens = json!({ "token_type": "Bearer", "access_token": "provider-access", "expires_in": 3600 });
        if !self.without_id_token.get() {
            tokens["id_token"] = self.signed("JWT", &claims).expose().into();
        }
        tokens
    }
}

impl Host for &Scripted {
    fn fetch(&self, request: &Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, NoAnswer> {
        self.requests.borrow_mut().push(request.clone());
        if self.unreachable.get() == request.uri().host() {
            return Err(NoAnswer::TimedOut);
        }
        let (status, body) = self.answer(request);
        let mut response = Response::new(body.to_string().into_bytes());
        *response.status_mut() = status;
        if let Some(value) = self.cache_control.get() {
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(value));
        }
        if response.body().len() > limit { Err(NoAnswer::TooLarge) } else { Ok(response) }
    }

    fn secret(&self, name: &SecretName) -> Result<SecretString, SettingsError> {
        let secret = self.secret.get().ok_or_else(|| SettingsError::Missing(name.as_str().to_owned()))?;
        Ok(SecretString::new(secret.to_owned()))
    }

    fn store(&self) -> &impl Store {
        &self.store
    }

    fn entropy(&self) -> impl Entropy {
        Constant
    }
}

struct Constant;

impl Entropy for Constant {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

pub(super) struct World {
    pub(super) host: Scripted,
    pub(super) provider: IdentityProvider,
    /// Its routes count, and not its provider.
    pub(super) configuration: Configuration,
    pub(super) now: UnixTime,
    pub(super) keys: KeyRing,
    /// The requests that were looked at.
    seen: RefCell<Vec<Request<Vec<u8>>>>,
}

impl World {
    pub(super) fn of_openid() -> Self {
        let host = Scripted {
            store: MemoryStore::at(NOW),
            clock: Cell::new(NOW),
            requests: RefCell::default(),
            secret: Cell::default(),
            cache_control: Cell::default(),
            fail: Cell::default(),
            unreachable: Cell::default(),
            token_error: Cell::default(),
            without_id_token: Cell::default(),
            signs_with: Cell::new("p256"),
            publishes: Cell::new("p256"),
            member_of: RefCell::default(),
            claims: RefCell::new(json!({})),
            is_entra: false,
        };
        let provider = IdentityProvider { authentication: ProviderAuthentication::None, ..configured() };
        let configuration = with_policy("");
        let keys = KeyRing::parse(&format!("a:{}", "A".repeat(43))).unwrap();
        Self { host, provider, configuration, now: NOW, keys, seen: RefCell::default() }
    }

    /// Entra for several tenants, with a rule on groups, and a user with too many of them.
    pub(super) fn of_entra_with_groups() -> Self {
        let mut world = Self::of_openid();
        world.host.is_entra = true;
        world.provider.issuer = "https://login.microsoftonline.com/organizations/v2.0".to_owned();
        world.provider.profile = ProviderProfile::Entra(EntraProfile {
            authority: "https://login.microsoftonline.com".to_owned(),
            tenant: "organizations".to_owned(),
            graph: "https://graph.microsoft.com".to_owned(),
        });
        world.provider.access = AccessRules { groups: vec![GROUP.to_owned()], ..AccessRules::default() };
        world
    }

    pub(super) fn client(&self) -> ProviderClient<'_, &Scripted> {
        ProviderClient::on(&self.host, &self.provider, &self.configuration, &self.keys, self.now)
    }

    pub(super) fn set_now(&mut self, now: UnixTime) {
        self.now = now;
        self.host.clock.set(now);
        self.host.store.set_now(now);
    }

    /// A login whose browser is back.
    pub(super) fn sign_in(&self) -> Result<SignedIn, Failure> {
        let client = self.client();
        let metadata = client.metadata()?;
        let code = Callback::parse("code=the-code&state=s").unwrap().code(&metadata).unwrap();
        let secrets: LoginSecrets =
            serde_json::from_value(json!({ "nonce": NONCE, "code_verifier": "v".repeat(43) })).unwrap();
        client.sign_in(&metadata, "https://gateway.example/callback", &code, &secrets)
    }

    /// What was asked since the last call.
    pub(super) fn asked(&self) -> Vec<String> {
        let line = |request: &Request<Vec<u8>>| {
            format!("{} {}", request.method(), request.uri().path_and_query().unwrap().as_str())
        };
        let asked = self.host.requests.borrow().iter().map(line).collect();
        self.seen.borrow_mut().extend(self.host.requests.borrow_mut().drain(..));
        asked
    }

    /// The form of the last token request.
    pub(super) fn token_form(&self) -> BTreeMap<String, String> {
        self.asked();
        let sent = self.seen.borrow();
        let last = sent.iter().rev().find(|request| request.uri().path() == "/token").unwrap();
        form_urlencoded::parse(last.body()).into_owned().collect()
    }

    pub(super) fn secret_name(&self) -> SecretName {
        let ProviderAuthentication::Secret(name) = configured().authentication else { panic!("it has one") };
        name
    }
}

fn configured() -> IdentityProvider {
    with_policy("").identity_providers.remove(0)
}

/// A configuration whose route has these rules.
pub(super) fn with_policy(rules: &str) -> Configuration {
    let document = r#"
        public_url = "https://gateway.example"
        [identity_provider]
        name = "main"
        issuer = "https://op.example"
        client_id = "gatehouse"
        client_secret = { secret = "identity_provider_secret" }
        [[routes]]
        path = "/mcp"
        url = "http://10.0.0.7:8080/mcp"
    "#;
    Configuration::parse(&format!("{document}{rules}")).unwrap()
}
