//! What left our hands sealed and comes back from anybody: tokens, codes, states, tickets of pages, cookies, bound handles;
//! and what the store's backend gives us: keys and records. The input is read as each of them; its first byte also names
//! one of the values that we did give out, or one of our records, and the rest says how it was altered.
//!
//! What must hold: every value opens as what it is, to whom it was given and while it lasts, and nothing else opens as
//! anything; one value has one spelling; nothing is stored or used up by an attempt.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_api_keys::{ApiKey, IssuedKeys, KeyRejection};
use gatehouse_authorization_server::authorization::BoundRequest;
use gatehouse_authorization_server::browser::Browser;
use gatehouse_authorization_server::client::Client;
use gatehouse_authorization_server::code::{CodeRejection, Redemption, issue_code, redeem_code};
use gatehouse_authorization_server::consent::ConsentRequest;
use gatehouse_authorization_server::login::{LoginPurpose, LoginRejection, PendingLogin, ReturnedLogin};
use gatehouse_authorization_server::provider_selection::ProviderSelection;
use gatehouse_authorization_server::registration::{InitialAccess, register};
use gatehouse_authorization_server::remembered_consent::RememberedConsents;
use gatehouse_authorization_server::session_pools::PoolRequest;
use gatehouse_authorization_server::sessions_page::{SignedInUser, check_sign_in, sign_in_ticket};
use gatehouse_fuzz::{
    CHALLENGE, Counting, RESOURCE, START, client_id, configuration, keys, metadata, providers, store,
};
use gatehouse_openid::{AccountChoice, Login};
use gatehouse_protocol::{
    Actors, Claims, ClientId, ClientName, CodeVerifier, ResourceUri, Scopes, SecretString, Subject, UnixTime,
};
use gatehouse_sealed_storage::sealing::{HandleKeys, HandleSecret, KeyRing};
use gatehouse_sessions::{
    AccessTokenTerms, Device, Opening, Principal, ProviderTokens, RefreshRequest, Revocation, SessionBrowser,
    SessionRoot, Sessions, ValidationRequest,
};
use gatehouse_storage::memory::MemoryStore;
use gatehouse_storage::{Key, Store};
use libfuzzer_sys::fuzz_target;

const PURPOSE: &str = "fuzzed";
const CONTEXT: [&str; 2] = [RESOURCE, "demo:alice"];
/// Not the one of [`CHALLENGE`]: codes are recognised here, and never redeemed.
const WRONG_VERIFIER: &str = "wBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const DAYS: u64 = 24 * 60 * 60;

/// A gateway in the middle of everything that one user can do.
struct World {
    store: MemoryStore,
    browser: Browser,
    owner: Principal,
    /// Everything that was given out, each with what it opens as.
    given: Vec<(&'static str, String)>,
    /// The keys of all records.
    records: Vec<Key>,
    secret: HandleSecret,
    record: Vec<u8>,
}

thread_local! {
    static WORLD: World = World::new();
}

fuzz_target!(|data: &[u8]| {
    WORLD.with(|world| {
        assert_eq!(world.secret.open_record("record", data).is_ok(), data == world.record);
        assert!(world.secret.open_record("another", data).is_err());
        world.opens_as_what_it_is(&world.altered(data));
        world.believes_no_altered_record(data);
        let Ok(text) = core::str::from_utf8(data) else { return };
        world.opens_as_what_it_is(text);
        reads_back_as_itself(text);
        is_no_api_key(text);
    });
});

/// Nothing was issued, so whatever has the form of a key is none. It is found out without a question to the store.
fn is_no_api_key(text: &str) {
    let store = store();
    store.go_down();
    if let Some(ApiKey::Issued(key)) = ApiKey::parse(text) {
        let issued = IssuedKeys { store: &store, keys: keys(), route: "/mcp", now: START, overlap: 300 };
        assert_eq!(issued.validate(&key, None), Err(KeyRejection::Unrecognised));
    }
    if let Some(asked) = PoolRequest::of(text) {
        assert!(!asked.pool.is_empty() && !asked.pool.contains('/'));
    }
}

impl World {
    fn new() -> Self {
        let (store, mut entropy) = (store(), Counting::default());
        let browser = Browser::generate(&mut entropy);
        let (provider, _) = providers();
        let query = format!(
            "response_type=code&client_id=public&redirect_uri=https%3A%2F%2Fclient.example%2Fcb&resource={RESOURCE}&\
             code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let bound = BoundRequest::parse(&query, configuration(), keys(), &store, START).expect("a client");
        let request = bound.validate(configuration()).expect("a good request");
        let subject = Subject::parse("demo:alice").expect("a subject");
        let owner = Principal {
            subject: subject.clone(),
            client_id: client_id("public"),
            resource: request.resource.clone(),
            scopes: request.scopes.clone(),
            claims: Claims { groups: vec!["engineering".to_owned()], ..Claims::default() },
            actors: Actors::default(),
        };

        let lifetime = configuration().lifetimes.consent;
        let consents = RememberedConsents { store: &store, keys: keys(), lifetime, now: START };
        consents.remember(&subject, &browser, &request, provider, &mut entropy).expect("a consent");
        let access = InitialAccess::check(None, None, configuration()).expect("registration is open");
        let metadata_of_client = br#"{"redirect_uris":["https://a.example/cb"]}"#;
        let registered = register(metadata_of_client, &access, configuration(), &store, START, &mut entropy);
        let pending = PendingLogin::generate(keys(), START, &mut entropy).expect("a login");
        let state = pending.state().to_owned();
        let callback_url = configuration().callback_url();
        let known = metadata(&provider.issuer);
        let login = Login::begin(provider, &known, &callback_url, &state, AccountChoice::ByProvider, &mut entropy);
        let kept = pending.keep(&LoginPurpose::SessionsPage, provider, &login, &browser, &store, &mut entropy);
        kept.expect("the store answers");
        let provider_tokens = ProviderTokens {
            access_token: Some(SecretString::new("provider's".to_owned())),
            refresh_token: Some(SecretString::new("refresh".to_owned())),
            expires_at: Some(START.plus(3600)),
        };
        let device = Device::of("Firefox/133.0 (Windows NT 10.0)");
        let session_browser = SessionBrowser { digest: browser.digest(), device };
        let code = issue_code(
            &request,
            &subject,
            owner.claims.clone(),
            &session_browser,
            &provider_tokens,
            30 * DAYS,
            keys(),
            &store,
            START,
            &mut entropy,
        );
        let root = SessionRoot { secret: HandleSecret::generate(&mut entropy), expires_at: START.plus(30 * DAYS) };
        let opening = Opening {
            principal: owner.clone(),
            client_name: ClientName::parse("Public").expect("a name"),
            browser: Some(session_browser),
            provider_tokens,
            access_tokens: AccessTokenTerms { lifetime: 300, self_contained: true },
            refreshable: true,
            listed: true,
        };
        let sessions = Sessions { store: &store, keys: keys(), now: START };
        let tokens = sessions.open(&root, opening, &mut entropy).expect("a session");
        let account = SignedInUser::signed_in(subject, Some("A name"), provider, START);
        let cookie = account.cookie_value(&browser, keys(), &mut entropy).expect("a cookie");
        let selection = ProviderSelection { request: request.clone(), may_be_remembered: true, may_go_unasked: true };
        let consent_request = ConsentRequest { request, provider, approved: None };
        let (browser_of, now) = (&browser, START);
        let given = vec![
            ("access token", tokens.access_token.expose().to_owned()),
            ("account", cookie.expose().to_owned()),
            ("account ticket", account.ticket(browser_of, keys(), now, &mut entropy).expect("a ticket")),
            ("choice", selection.ticket(browser_of, keys(), now, &mut entropy).expect("a ticket")),
            ("client", registered.expect("a client").client_id().to_owned()),
            ("code", code.expect("a code").expose().to_owned()),
            ("handle", handle_keys(&owner).seal("upstream-session", &mut entropy).expect("a handle")),
            ("consent_request", consent_request.ticket(browser_of, keys(), now, &mut entropy).expect("a ticket")),
            ("refresh token", tokens.refresh_token.expect("a token").expose().to_owned()),
            ("sign-in ticket", sign_in_ticket(browser_of, keys(), now, &mut entropy).expect("a ticket")),
            ("state", state),
            ("value", keys().seal(PURPOSE, &CONTEXT, b"content", &mut entropy).expect("a value")),
        ];
        let secret = HandleSecret::generate(&mut entropy);
        let record = secret.seal_record("record", b"content", &mut entropy).expect("a record");
        let keys_of_store = store.list(None).expect("the store answers").keys;
        let records = keys_of_store.into_iter().filter(|key| matches!(store.get(key), Ok(Some(_)))).collect();
        let world = Self { store, browser, owner, given, records, secret, record };
        for (kind, value) in &world.given {
            assert_eq!(world.opened(value, &world.browser, &world.owner, START), [*kind]);
        }
        world
    }

    /// What `text` opens as, for this browser and owner. Nothing is used up by it.
    fn opened(&self, text: &str, browser: &Browser, owner: &Principal, now: UnixTime) -> Vec<&'static str> {
        self.store.set_now(now);
        let sessions = Sessions { store: &self.store, keys: keys(), now };
        let account = SignedInUser::open(text, browser, keys(), now);
        let ticket =
            SignedInUser::signed_in(owner.subject.clone(), None, providers().0, now).check(text, browser, keys(), now);
        let selection = ProviderSelection::redeem(text, browser, keys(), configuration(), &self.store, now);
        let client = ClientId::parse(text).ok();
        let client = client.and_then(|id| Client::find(&id, configuration(), keys(), &self.store, now).ok());
        let consent_request = ConsentRequest::redeem(text, browser, keys(), configuration(), &self.store, now);
        let refresh = RefreshRequest {
            refresh_token: text,
            client_id: &owner.client_id,
            resource: Some(&owner.resource),
            scopes: None,
        };
        let validate = |without_record| {
            let presented = ValidationRequest { access_token: text, resource: &owner.resource, without_record };
            sessions.validate(&presented, |_| Ok(None)).map(|found| found.principal)
        };
        let validated = validate(false);
        assert_eq!(validated, validate(true), "a token says of itself what its record says");
        let opened = [
            ("access token", validated.is_ok_and(|found| found == *owner)),
            ("account", account.is_some_and(|account| account.subject == owner.subject)),
            ("account ticket", ticket.is_ok()),
            ("choice", selection.is_ok()),
            ("client", client.is_some_and(|client| !client.is_configured)),
            ("code", recognised_code(redeem(text, &self.store, now))),
            ("handle", handle_keys(owner).open(text).is_ok()),
            ("consent_request", consent_request.is_ok()),
            ("refresh token", sessions.provider_grant_at_refresh(&refresh).is_ok()),
            ("sign-in ticket", check_sign_in(text, browser, keys(), now).is_ok()),
            ("state", recognised_state(take(text, &self.store, now))),
            ("value", keys().open(PURPOSE, &CONTEXT, text).is_ok()),
        ];
        let resources = [owner.resource.clone()];
        let facts = sessions.introspect(text, &resources).expect("the store answers");
        assert_eq!(facts.is_some(), opened[0].1 || (opened[8].1), "introspection and use differ");
        opened.into_iter().filter(|(_, is)| *is).map(|(kind, _)| kind).collect()
    }

    fn opens_as_what_it_is(&self, text: &str) {
        let before = self.store.snapshot();
        let expected: Vec<_> = self.given.iter().filter(|(_, value)| value == text).map(|(kind, _)| *kind).collect();
        assert_eq!(self.opened(text, &self.browser, &self.owner, START), expected);
        // To nobody else, nowhere else, and not for ever.
        let other = Browser::generate(&mut Counting::from(99));
        let shown = ["account", "account ticket", "choice", "consent_request", "sign-in ticket"];
        let in_another_browser = self.opened(text, &other, &self.owner, START);
        assert!(in_another_browser.iter().all(|kind| !shown.contains(kind)), "{in_another_browser:?}");
        let mallory = Subject::parse("demo:mallory").expect("a subject");
        let somebody_else = Principal { subject: mallory.clone(), ..self.owner.clone() };
        assert!(handle_keys(&somebody_else).open(text).is_err());
        assert!(
            SignedInUser::signed_in(mallory.clone(), None, providers().0, START)
                .check(text, &self.browser, keys(), START)
                .is_err()
        );
        let elsewhere = ResourceUri::parse("https://gateway.example/mail").expect("a resource");
        let sessions = Sessions { store: &self.store, keys: keys(), now: START };
        for without_record in [false, true] {
            let presented = ValidationRequest { access_token: text, resource: &elsewhere, without_record };
            assert!(sessions.validate(&presented, |_| Ok(None)).is_err());
        }
        assert!(keys().open("another", &CONTEXT, text).is_err() && keys().open(PURPOSE, &CONTEXT[..1], text).is_err());
        let at_last = self.opened(text, &self.browser, &self.owner, START.plus(30 * DAYS));
        assert!(at_last.iter().all(|kind| ["handle", "state", "code", "value"].contains(kind)), "{at_last:?}");
        self.store.set_now(START);
        // Another's sessions and consents are none, and another's token is not taken back.
        assert!(!sessions.end_one(&mallory, text).expect("the store answers"));
        let revoked = sessions.revoke(text, &client_id("basic"), &[self.owner.resource.clone(), elsewhere]);
        assert_ne!(revoked, Ok(Revocation::Ended));
        let consents = RememberedConsents { store: &self.store, keys: keys(), lifetime: DAYS, now: START };
        consents.forget(&mallory, text).expect("the store answers");
        if let Some(browser) = Browser::parse(text) {
            assert_eq!(browser.cookie_value(), text, "a cookie has one spelling");
        }
        assert_eq!(self.store.snapshot(), before);
    }

    /// One of the values that were given out, with some of its bytes changed.
    fn altered(&self, data: &[u8]) -> String {
        let Some((which, changes)) = data.split_first() else { return String::new() };
        let (_, value) = &self.given[usize::from(*which) % self.given.len()];
        // An id has a part in front that is not sealed.
        let (front, sealed) = value.split_once('-').filter(|(front, _)| front.len() < 12).unwrap_or(("", value));
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed).unwrap_or_default();
        for change in changes.chunks_exact(3) {
            let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= change[2];
            }
        }
        let sealed = URL_SAFE_NO_PAD.encode(bytes);
        if front.is_empty() { sealed } else { format!("{front}-{sealed}") }
    }

    /// Whoever can write to the store can take things away, and add nothing.
    fn believes_no_altered_record(&self, data: &[u8]) {
        let Some((which, content)) = data.split_first() else { return };
        let key = &self.records[usize::from(*which) % self.records.len()];
        let Ok(Some(own)) = self.store.get(key) else { return };
        let mut changed = own.clone();
        for change in content.chunks_exact(3) {
            let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % changed.len().max(1);
            if let Some(byte) = changed.get_mut(place) {
                *byte ^= change[2];
            }
        }
        for content in [content, &changed] {
            if content == own {
                continue;
            }
            self.store.put(key, content).expect("the store answers");
            for (kind, value) in self.given.iter().filter(|(kind, _)| NEED_A_RECORD.contains(kind)) {
                let record = record_of(kind);
                let opened = self.opened_though_broken(value);
                assert!(opened.is_empty() || (opened == [*kind] && !record.contains(&key.kind())), "{kind} {key}");
            }
            let sessions = Sessions { store: &self.store, keys: keys(), now: START };
            let listed = sessions.list(&self.owner.subject).map(|listed| listed.newest.len()).unwrap_or_default();
            assert!(listed == 1 || (listed == 0 && ["summary", "directory"].contains(&key.kind())), "{key}");
        }
        self.store.put(key, &own).expect("the store answers");
    }

    fn opened_though_broken(&self, value: &str) -> Vec<&'static str> {
        let sessions = Sessions { store: &self.store, keys: keys(), now: START };
        let refresh =
            RefreshRequest { refresh_token: value, client_id: &self.owner.client_id, resource: None, scopes: None };
        let id = ClientId::parse(value).expect("visible characters");
        let client = Client::find(&id, configuration(), keys(), &self.store, START);
        let presented =
            ValidationRequest { access_token: value, resource: &self.owner.resource, without_record: false };
        let opened = [
            ("access token", sessions.validate(&presented, |_| Ok(None)).is_ok()),
            ("client", client.is_ok()),
            ("code", matches!(redeem(value, &self.store, START), Err(CodeRejection::VerifierMismatch))),
            ("refresh token", sessions.provider_grant_at_refresh(&refresh).is_ok()),
            ("state", matches!(take(value, &self.store, START), Err(LoginRejection::OtherBrowser))),
        ];
        opened.into_iter().filter(|(_, is)| *is).map(|(kind, _)| kind).collect()
    }
}

const NEED_A_RECORD: [&str; 5] = ["access token", "client", "code", "refresh token", "state"];

/// The kinds of the records without which a value is worth nothing.
fn record_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "access token" => &["access"],
        "client" => &["client"],
        "code" => &["code"],
        "refresh token" => &["session"],
        _ => &["login"],
    }
}

/// The keys of handles, as the gateway gets them.
fn handle_keys(owner: &Principal) -> HandleKeys {
    let derived = HandleKeys::derive(keys(), &owner.subject, &owner.resource);
    HandleKeys::parse(derived.expose().expose()).expect("keys")
}

fn redeem(text: &str, store: &MemoryStore, now: UnixTime) -> Result<(), CodeRejection> {
    let redemption = Redemption {
        code: &SecretString::new(text.to_owned()),
        client_id: &client_id("public"),
        redirect_uri: None,
        code_verifier: &CodeVerifier::parse(WRONG_VERIFIER).expect("a verifier"),
        resource: None,
    };
    redeem_code(&redemption, keys(), store, now).map(|_| panic!("the wrong verifier redeemed a code"))
}

fn recognised_code(outcome: Result<(), CodeRejection>) -> bool {
    matches!(outcome, Err(CodeRejection::VerifierMismatch | CodeRejection::Expired))
}

fn take(text: &str, store: &MemoryStore, now: UnixTime) -> Result<(), LoginRejection> {
    ReturnedLogin::take(text, None, keys(), configuration(), store, now).map(|_| panic!("no browser finished a login"))
}

fn recognised_state(outcome: Result<(), LoginRejection>) -> bool {
    matches!(outcome, Err(LoginRejection::OtherBrowser | LoginRejection::Expired))
}

fn reads_back_as_itself(text: &str) {
    if let Some(key) = Key::parse(text) {
        assert_eq!(key.to_string(), text);
        let store = store();
        store.put(&key, b"value").unwrap();
        let lives = !key.has_expired(START);
        assert_eq!(store.get(&key).unwrap().is_some(), lives);
        assert!(key.has_expired(UnixTime::from_seconds(u64::MAX)));
    }
    if let Ok(subject) = Subject::parse(text) {
        assert_eq!(subject.as_str(), text);
    }
    if let Ok(scopes) = Scopes::parse(text) {
        assert!(scopes.contains_all(&scopes) && scopes.intersection(&scopes) == scopes);
    }
    if let Ok(ring) = KeyRing::parse(text) {
        let ids: Vec<_> = ring.ids().map(str::to_owned).collect();
        let rotated = KeyRing::rotate(text, "fuzz-rotated-key", &mut Counting::default());
        match rotated {
            Ok(rotated) => {
                let rotated = KeyRing::parse(rotated.expose()).expect("a ring with a key more is a ring");
                assert_eq!(rotated.ids().skip(1).collect::<Vec<_>>(), ids);
            }
            Err(_) => assert!(ids.iter().any(|id| id == "fuzz-rotated-key")),
        }
    }
}
