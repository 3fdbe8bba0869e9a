use gatehouse_jose::{KeySet, SignedToken, TimeRules};
use serde_json::{Value, json};

use super::*;
use crate::example::{Counting, START as NOW};

const P256: &str = include_str!("../../../jose/test-keys/p256.pem");
const P384: &str = include_str!("../../../jose/test-keys/p384.pem");
const ED25519: &str = include_str!("../../../jose/test-keys/ed25519.pem");
const RSA: &str = include_str!("../../../jose/test-keys/rsa.pem");

fn secret(texts: &[&str]) -> SecretString {
    SecretString::new(texts.concat())
}

fn alice() -> Claims {
    let names = Names { name: Some("Alice".to_owned()), ..Names::default() };
    Claims {
        tenant: Some("t".to_owned()),
        groups: vec!["eng".to_owned()],
        roles: vec!["reader".to_owned()],
        names: Some(Box::new(names)),
    }
}

/// What an assertion of this subject says, as whoever has the published keys reads it.
fn said(subject: &str, claims: &Claims, keys: &SecretString) -> (Option<String>, Value) {
    said_by(&Actors::default(), subject, claims, keys)
}

/// The same, where these act.
fn said_by(actors: &Actors, subject: &str, claims: &Claims, keys: &SecretString) -> (Option<String>, Value) {
    let facts = CallerFacts {
        issuer: "https://gateway.example",
        audience: "http://10.0.0.7/mcp",
        subject: &Subject::parse(subject).unwrap(),
        client_id: &ClientId::parse("inspector").unwrap(),
        scopes: &Scopes::parse("mcp files").unwrap(),
        claims,
        actors,
    };
    let signed = sign(&facts, keys, NOW, &mut Counting::default()).unwrap();
    let published = KeySet::from_json(&serde_json::to_vec(&key_set(keys).unwrap()).unwrap()).unwrap();
    let token = SignedToken::parse(signed.expose()).unwrap();
    assert_eq!(token.typ(), Some("gatehouse-caller+jwt"));
    let verified = token.verify::<Value>(&published, &SigningAlgorithm::ALL).unwrap();
    let times = &verified.times;
    assert_eq!((times.iat, times.exp, times.nbf), (Some(NOW), Some(NOW.plus(60)), None));
    let rules = TimeRules { issued_at_required: true, oldest_seconds: None, longest_seconds: Some(60) };
    assert!(times.check(&rules, NOW).is_ok());
    (token.kid().map(str::to_owned), verified.custom)
}

#[test]
fn an_assertion_names_all_who_act_by_an_exchanged_token() {
    let before = Actors::of(Actor::new("app", Some("https://op.example")).unwrap());
    let actors = before.behind(Actor::new("partner:agent", None).unwrap()).unwrap();
    let (_, said) = said_by(&actors, "partner:alice", &Claims::default(), &secret(&[P256]));
    let app = json!({ "sub": "app", "iss": "https://op.example" });
    assert_eq!(said["act"], json!({ "sub": "partner:agent", "act": app }));
    assert_eq!(said["client_id"], "inspector");
}

#[test]
fn a_users_assertion_says_who_acts_for_whom() {
    let (_, said) = said("staff:alice", &alice(), &secret(&[P256]));
    let mut expected = json!({
        "iss": "https://gateway.example",
        "aud": "http://10.0.0.7/mcp",
        "sub": "staff:alice",
        "client_id": "inspector",
        "act": { "sub": "inspector" },
        "scope": "mcp files",
        "tid": "t",
        "groups": ["eng"],
        "roles": ["reader"],
        "name": "Alice",
    });
    assert_eq!(said["jti"].as_str().unwrap().len(), 22);
    expected["jti"] = said["jti"].clone();
    assert_eq!(said, expected);
}

#[test]
fn a_machine_acts_for_nobody() {
    let (_, said) = said("client:nightly", &Claims::default(), &secret(&[ED25519]));
    for absent in ["act", "tid", "name", "preferred_username", "email"] {
        assert_eq!(said.get(absent), None, "{absent}");
    }
    assert_eq!((&said["sub"], &said["groups"]), (&json!("client:nightly"), &json!([])));
}

#[test]
fn the_first_key_signs_and_all_are_published() {
    let published = |keys: &SecretString| {
        let set = serde_json::to_value(key_set(keys).unwrap()).unwrap();
        let keys = set["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (old, both, turned) = (secret(&[P256]), secret(&[P256, ED25519]), secret(&[ED25519, P256]));
    let kid = |keys: &SecretString| said("staff:alice", &alice(), keys).0.unwrap();
    assert_eq!(published(&old), [kid(&old)]);
    assert_eq!(kid(&both), kid(&old), "the new key is published before it signs");
    assert_eq!(published(&both), [kid(&old), kid(&turned)]);
    assert_eq!(published(&turned), [kid(&turned), kid(&old)]);
}

#[test]
fn keys_that_cannot_be_used_sign_nothing_and_none_is_published() {
    let key = |number, reason| CallerKeysRejection::Key { number, reason };
    for (keys, expected) in [
        (secret(&[]), CallerKeysRejection::None),
        (secret(&["no key"]), CallerKeysRejection::None),
        (secret(&[RSA]), key(1, SigningRejection::NotAccepted)),
        (secret(&[P384]), key(1, SigningRejection::NotAccepted)),
        (secret(&["-----BEGIN PRIVATE KEY-----\nAAAA\n"]), key(1, SigningRejection::NotPkcs8)),
    ] {
        assert_eq!(key_set(&keys).unwrap_err(), expected);
        let facts = CallerFacts {
            issuer: "https://gateway.example",
            audience: "a",
            subject: &Subject::parse("a:b").unwrap(),
            client_id: &ClientId::parse("c").unwrap(),
            scopes: &Scopes::default(),
            claims: &Claims::default(),
            actors: &Actors::default(),
        };
        assert_eq!(sign(&facts, &keys, NOW, &mut Counting::default()).unwrap_err(), expected);
    }
    assert_eq!(key_set(&secret(&[P256, RSA])).unwrap_err(), key(2, SigningRejection::NotAccepted));
    assert_eq!(key_set(&secret(&[P256; 9])).unwrap_err(), CallerKeysRejection::TooMany);
    assert!(key_set(&secret(&[P256; 8])).is_ok());
}
