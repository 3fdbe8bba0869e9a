use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::memory::MemoryStore;
use http::HeaderValue;
use http::header::CACHE_CONTROL;

use super::*;
use crate::example::{START, World};

const URL: KeysUrl<'static> = KeysUrl { url: "https://client.example.com/jwks.json", is_configured: false };
/// A public key of RFC 7517, appendix A.1.
const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

fn answer(status: u16, cache_control: &'static str, body: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(body.as_bytes().to_vec());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
    response
}

fn at<'a>(seconds: u64, store: &'a MemoryStore, keys: &'a KeyRing) -> DocumentCache<'a, MemoryStore> {
    store.set_now(START.plus(seconds));
    DocumentCache { store, keys, now: START.plus(seconds) }
}

#[test]
fn keys_are_kept_for_as_long_as_their_answer_allows_and_at_most_a_day() {
    for (cache_control, seconds) in [("public", 3600), ("max-age=60", 60), ("max-age=31536000", 86_400)] {
        let World { store, keys, mut entropy, .. } = World::new();
        URL.keep(&answer(200, cache_control, JWKS), &at(0, &store, &keys), &mut entropy).unwrap().unwrap();
        assert!(URL.kept(&at(seconds - 1, &store, &keys)).unwrap().is_some(), "{cache_control}");
        assert!(URL.kept(&at(seconds, &store, &keys)).unwrap().is_none(), "{cache_control}");
    }
    let World { store, keys, mut entropy, .. } = World::new();
    let once = URL.keep(&answer(200, "no-store", JWKS), &at(0, &store, &keys), &mut entropy).unwrap();
    assert!(once.is_ok() && URL.kept(&at(0, &store, &keys)).unwrap().is_none(), "used, and not kept");
}

#[test]
fn what_is_no_key_set_is_not_kept() {
    let World { store, keys, mut entropy, .. } = World::new();
    let before = store.snapshot();
    for (answer, expected) in [
        (answer(302, "public", JWKS), ClientKeysRejection::Status(302)),
        (answer(404, "public", JWKS), ClientKeysRejection::Status(404)),
        (answer(200, "public", "{}"), ClientKeysRejection::NoUsableKey),
        (answer(200, "public", "<html>"), ClientKeysRejection::NoUsableKey),
        (answer(200, "public", r#"{"keys":[{"kty":"oct","k":"AyM1"}]}"#), ClientKeysRejection::NoUsableKey),
    ] {
        let refused = URL.keep(&answer, &at(0, &store, &keys), &mut entropy).unwrap();
        assert_eq!(refused.unwrap_err(), expected);
        assert_eq!(store.snapshot(), before);
    }
}

#[test]
fn where_a_document_says_that_keys_are_is_judged_by_the_configuration_of_the_moment() {
    let World { mut configuration, .. } = World::new();
    assert_eq!(URL.of_stranger(&configuration).unwrap().unwrap().as_str(), URL.as_str());
    configuration.identity_providers[0].issuer = "https://client.example.com".to_owned();
    assert_eq!(URL.of_stranger(&configuration), Err(ClientKeysRejection::Url));
    let of_operator = KeysUrl { is_configured: true, ..URL };
    assert_eq!(of_operator.of_stranger(&configuration), Ok(None));
}

#[test]
fn keys_are_fetched_again_once_a_minute() {
    let World { store, keys, .. } = World::new();
    let minute = 60 - START.seconds() % 60;
    assert!(URL.may_fetch_again(&at(minute, &store, &keys)).unwrap());
    assert!(!URL.may_fetch_again(&at(minute + 59, &store, &keys)).unwrap());
    assert!(URL.may_fetch_again(&at(minute + 60, &store, &keys)).unwrap());
}
