//! What left our hands sealed and comes back from anybody: tokens, codes, states, tickets, cookies, bound handles; and what
//! the store's backend gives us: keys and records.
//!
//! What must hold: only the very text that was sealed opens, and only for its purpose and context; one value has one
//! spelling; nothing is stored or used up by an attempt.

#![no_main]

use std::sync::LazyLock;

use gatehouse_fuzz::{Counting, START, configuration, keys, store};
use gatehouse_oauth::browser::Browser;
use gatehouse_oauth::code::{Redemption, redeem_code};
use gatehouse_oauth::login::{PendingLogin, ReturnedLogin};
use gatehouse_protocol::{ClientId, CodeVerifier, ResourceUri, Scopes, SecretString, Subject, UnixTime};
use gatehouse_sealing::{HandleSecret, KeyRing};
use gatehouse_session::{Principal, bind_handle, open_handle};
use gatehouse_storage::{Key, Store as _};
use libfuzzer_sys::fuzz_target;

const PURPOSE: &str = "fuzzed";
const CONTEXT: [&str; 2] = ["https://gateway.example/mcp", "demo:alice"];
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

struct Sealed {
    value: String,
    state: String,
    handle: String,
    record: Vec<u8>,
    secret: HandleSecret,
    owner: Principal,
}

static SEALED: LazyLock<Sealed> = LazyLock::new(|| {
    let mut entropy = Counting::default();
    let secret = HandleSecret::generate(&mut entropy);
    let owner = Principal {
        subject: Subject::parse("demo:alice").unwrap(),
        client_id: ClientId::parse("public").unwrap(),
        resource: ResourceUri::parse("https://gateway.example/mcp").unwrap(),
        scopes: Scopes::parse("mcp").unwrap(),
    };
    Sealed {
        value: keys().seal(PURPOSE, &CONTEXT, b"content", &mut entropy).unwrap(),
        state: PendingLogin::generate(keys(), START, &mut entropy).unwrap().state().to_owned(),
        handle: bind_handle(&owner, "upstream-session", keys(), &mut entropy).unwrap(),
        record: secret.seal_record("record", b"content", &mut entropy).unwrap(),
        secret,
        owner,
    }
});

fuzz_target!(|data: &[u8]| {
    assert_eq!(SEALED.secret.open_record("record", data).is_ok(), data == SEALED.record);
    assert!(SEALED.secret.open_record("another", data).is_err());
    let Ok(text) = core::str::from_utf8(data) else { return };
    opens_only_as_sealed(text);
    is_nobodys_code_or_state(text);
    reads_back_as_itself(text);
});

fn opens_only_as_sealed(text: &str) {
    assert_eq!(keys().open(PURPOSE, &CONTEXT, text).is_ok(), text == SEALED.value);
    assert!(keys().open("another", &CONTEXT, text).is_err());
    assert!(keys().open(PURPOSE, &CONTEXT[..1], text).is_err());
    assert_eq!(open_handle(&SEALED.owner, text, keys()).is_ok(), text == SEALED.handle);
    let other = Principal { subject: Subject::parse("demo:mallory").unwrap(), ..SEALED.owner.clone() };
    assert!(open_handle(&other, text, keys()).is_err());
}

fn is_nobodys_code_or_state(text: &str) {
    let store = store();
    let empty = store.snapshot();
    let redemption = Redemption {
        code: &SecretString::new(text.to_owned()),
        client_id: &SEALED.owner.client_id,
        redirect_uri: None,
        code_verifier: &CodeVerifier::parse(VERIFIER).unwrap(),
        resource: None,
    };
    assert!(redeem_code(&redemption, keys(), &store, START).is_err());
    let browser = Browser::parse(text);
    if let Some(browser) = &browser {
        assert_eq!(browser.cookie_value(), text, "a cookie has one spelling");
    }
    for state in [text, &SEALED.state] {
        assert!(ReturnedLogin::take(state, browser.as_ref(), keys(), configuration(), &store, START).is_err());
    }
    assert_eq!(store.snapshot(), empty);
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
