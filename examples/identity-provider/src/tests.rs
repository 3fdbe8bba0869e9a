use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_storage::Store as _;
use gatehouse_storage::memory::MemoryStore;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION};
use http::{Request, Response, StatusCode};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use crate::provider;
use crate::settings::{Settings, SettingsError};

mod authorization;
mod token;

const SECRET: &str = "s3cret & ünsafe=%";
const REDIRECT_URI: &str = "http://127.0.0.1:3000/callback";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Bytes that never repeat, and are the same in every run.
#[derive(Default)]
struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        bytes.fill(self.0);
    }
}

/// The provider with its store, and a clock that tests set.
struct Bench {
    settings: Settings,
    store: MemoryStore,
    now: Cell<UnixTime>,
    entropy: RefCell<Counting>,
}

impl Bench {
    fn new() -> Self {
        let now = UnixTime::from_seconds(1_795_000_000);
        Self {
            settings: settings_with("issuer", None).unwrap(),
            store: MemoryStore::at(now),
            now: Cell::new(now),
            entropy: RefCell::default(),
        }
    }

    fn later(&self, seconds: u64) {
        self.now.set(self.now.get().plus(seconds));
        self.store.set_now(self.now.get());
    }

    fn send(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let mut entropy = self.entropy.borrow_mut();
        provider::answer(&request, &self.settings, self.now.get(), &mut *entropy, &self.store).unwrap()
    }

    /// Whether nothing is kept, neither values nor counters.
    fn keeps_nothing(&self) -> bool {
        self.store.list(None).unwrap().keys.is_empty()
    }

    fn get(&self, target: &str) -> Response<Vec<u8>> {
        self.send(Request::get(target).header(HOST, "127.0.0.1:3001").body(Vec::new()).unwrap())
    }

    fn post(&self, path: &str, form: &[(&str, &str)], authorization: Option<&str>) -> Response<Vec<u8>> {
        let mut request = Request::post(path)
            .header(HOST, "127.0.0.1:3001")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.send(request.body(encoded(form).into_bytes()).unwrap())
    }

    /// Signs `login` in and returns the code.
    fn code_for(&self, login: &str, changes: &[(&str, &str)]) -> String {
        let mut form = changed(&request(), changes);
        form.push(("login", login));
        let response = self.post("/login", &form, None);
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        answer_of(&response)["code"].clone()
    }

    fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> Response<Vec<u8>> {
        self.post("/token", &changed(&redemption(code), changes), None)
    }
}

fn settings_with(name: &str, value: Option<&str>) -> Result<Settings, SettingsError> {
    Settings::read(|setting| {
        Ok(match setting {
            setting if setting == name && value.is_some() => value.map(str::to_owned),
            "client_secret" if name != "client_secret" => Some(SECRET.to_owned()),
            _ => None,
        })
    })
}

/// A good authorization request.
fn request() -> Vec<(&'static str, &'static str)> {
    vec![
        ("response_type", "code"),
        ("client_id", "gatehouse"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid profile email offline_access"),
        ("state", "a state & more"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

/// A good token request.
fn redemption(code: &str) -> Vec<(&str, &str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("client_id", "gatehouse"),
        ("client_secret", SECRET),
    ]
}

/// `pairs` with the values of some replaced, `""` leaves one out; those that are not there are added.
fn changed<'a>(pairs: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs: Vec<_> = pairs.iter().copied().filter(|(name, _)| !changes.iter().any(|(n, _)| n == name)).collect();
    pairs.extend(changes.iter().copied().filter(|(_, value)| !value.is_empty()));
    pairs
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn text(response: &Response<Vec<u8>>) -> &str {
    core::str::from_utf8(response.body()).unwrap()
}

fn json(response: &Response<Vec<u8>>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

/// The parameters that the browser carries to the client.
fn answer_of(response: &Response<Vec<u8>>) -> HashMap<String, String> {
    let location = response.headers()[LOCATION].to_str().unwrap();
    assert!(location.starts_with(&format!("{REDIRECT_URI}?")), "{location}");
    Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

/// The claims of an ID token that the published keys verify.
fn verified_claims(id_token: &str, jwks: &Value) -> Value {
    let parts: Vec<&str> = id_token.split('.').collect();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    assert_eq!(header["alg"], "ES256");
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let mut point = vec![4];
    point.extend(decode(key["x"].as_str().unwrap()));
    point.extend(decode(key["y"].as_str().unwrap()));
    let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
    let signature = Signature::from_slice(&decode(parts[2])).unwrap();
    key.verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &signature).unwrap();
    serde_json::from_slice(&decode(parts[1])).unwrap()
}

#[test]
fn discovery_names_every_endpoint_at_the_issuer() {
    let bench = Bench::new();
    let metadata = json(&bench.get("/.well-known/openid-configuration"));
    assert_eq!(metadata["issuer"], "http://127.0.0.1:3001");
    for (name, path) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "token"),
        ("jwks_uri", "jwks"),
        ("userinfo_endpoint", "userinfo"),
    ] {
        assert_eq!(metadata[name], format!("http://127.0.0.1:3001/{path}"));
        assert_ne!(bench.get(&format!("/{path}")).status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
}

#[test]
fn an_issuer_that_is_not_loopback_is_refused() {
    for good in ["http://127.0.0.1:3001", "http://localhost:1", "http://[::1]:3001", "https://127.9.9.9"] {
        assert!(settings_with("issuer", Some(good)).is_ok(), "{good}");
    }
    for bad in
        ["https://login.example", "http://192.168.1.2:3001", "http://0.0.0.0:3001", "https://127.0.0.1.nip.io", "x"]
    {
        let error = settings_with("issuer", Some(bad)).unwrap_err();
        assert!(error.to_string().starts_with("the setting issuer "), "{error}");
    }
}

#[test]
fn settings_without_a_secret_or_with_an_unusable_redirect_uri_are_refused() {
    assert_eq!(
        settings_with("client_secret", None).unwrap_err().to_string(),
        "the setting client_secret is not set; give it the client's secret"
    );
    for bad in
        ["/callback", "http://127.0.0.1:3000/callback#x", "HTTP://127.0.0.1:3000/callback", "javascript:alert(1)"]
    {
        assert!(settings_with("redirect_uri", Some(bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_request_for_another_host_is_misdirected() {
    let bench = Bench::new();
    let target = format!("/authorize?{}", encoded(&request()));
    for host in [Some("login.example"), Some("127.0.0.1.nip.io"), Some("192.168.1.2:3001"), Some(""), Some("a b"), None]
    {
        let mut request = Request::get(&target);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        let response = bench.send(request.body(Vec::new()).unwrap());
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{host:?}");
    }
    for host in ["127.0.0.1:3001", "localhost", "[::1]:3001"] {
        let request = Request::get(&target).header(HOST, host);
        assert_eq!(bench.send(request.body(Vec::new()).unwrap()).status(), StatusCode::OK, "{host}");
    }
}

#[test]
fn unknown_paths_and_wrong_methods_are_told_so() {
    let bench = Bench::new();
    assert_eq!(bench.get("/").status(), StatusCode::NOT_FOUND);
    for path in ["/token", "/login"] {
        assert_eq!(bench.get(path).status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    for path in ["/jwks", "/.well-known/openid-configuration"] {
        assert_eq!(bench.post(path, &[], None).status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[test]
fn the_signing_key_is_made_once_and_stays() {
    let bench = Bench::new();
    let first = json(&bench.get("/jwks"));
    assert_eq!(first["keys"].as_array().unwrap().len(), 1);
    assert_eq!(first["keys"][0].get("d"), None, "the private part stays in the store");
    bench.later(365 * 24 * 3600);
    assert_eq!(json(&bench.get("/jwks")), first);
}

#[test]
fn two_first_requests_at_once_leave_keys_that_are_both_published() {
    let bench = Bench::new();
    let mut entropy = Counting::default();
    let raced = |entropy: &mut Counting| {
        // Neither request sees the other's key: what the store held before is what each of them reads.
        let mut before = Vec::new();
        for key in bench.store.list(None).unwrap().keys {
            // The counter of the slots, which cannot be read as a value, is what both requests share.
            if let Ok(Some(value)) = bench.store.get(&key) {
                bench.store.delete(&key).unwrap();
                before.push((key, value));
            }
        }
        let keys = crate::signing::Keys::load(entropy, &bench.store).unwrap().to_jwks();
        for (key, value) in before {
            bench.store.put(&key, &value).unwrap();
        }
        keys["keys"][0].clone()
    };
    let (first, second) = (raced(&mut entropy), raced(&mut entropy));
    assert_ne!(first, second);
    assert_eq!(json(&bench.get("/jwks"))["keys"], serde_json::json!([first, second]));
}

#[test]
fn a_store_that_fails_fails_the_request() {
    let bench = Bench::new();
    let code = bench.code_for("alice", &[]);
    let before = bench.store.snapshot();
    bench.store.go_down();
    for (path, form) in [("/token", redemption(&code)), ("/login", changed(&request(), &[("login", "bob")]))] {
        let request = Request::post(path)
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(encoded(&form).into_bytes())
            .unwrap();
        let answer = provider::answer(&request, &bench.settings, bench.now.get(), &mut Counting(100), &bench.store);
        assert!(answer.is_err());
    }
    assert_eq!(bench.store.snapshot(), before, "the code was not used up");
}
