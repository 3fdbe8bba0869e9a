use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::example::{Key, claims, key_set, key_set_of, token};

fn changed(key: Key, member: &str, value: Value) -> Value {
    let mut jwk = key.jwk();
    jwk[member] = value;
    jwk
}

fn without(key: Key, member: &str) -> Value {
    let mut jwk = key.jwk();
    jwk.as_object_mut().unwrap().remove(member);
    jwk
}

fn kid(keys: &KeySet, algorithm: SigningAlgorithm, kid: Option<&str>) -> Result<Option<String>, KeyRejection> {
    keys.select(algorithm, kid, |_| true).map(|key| key.kid.clone())
}

/// Whether the key has signed this token, whatever its claims are.
fn has_signed(key: &VerificationKey, token: &str, algorithm: SigningAlgorithm) -> bool {
    let (message, signature) = token.rsplit_once('.').unwrap();
    key.has_signed(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap(), algorithm)
}

#[test]
fn keys_of_unknown_kinds_and_broken_ones_are_ignored_and_the_rest_is_used() {
    let ignored = [
        json!(null),
        json!("key"),
        json!({}),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
        json!({ "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow" }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08" }),
        json!({ "kty": "RSA" }),
        changed(Key::Rsa, "use", "enc".into()),
        changed(Key::Rsa, "key_ops", json!(["encrypt", "wrapKey"])),
        changed(Key::Rsa, "kid", 1.into()),
        changed(Key::Rsa, "n", "not base64url!".into()),
        without(Key::Rsa, "e"),
        without(Key::P256, "y"),
        changed(Key::Ed25519, "crv", Value::Null),
        // Of another length than its curve's.
        changed(Key::Ed25519, "x", "AAAA".into()),
        changed(Key::Ed25519, "x", "".into()),
        changed(Key::Ed25519, "x", "A".repeat(44).into()),
        changed(Key::P256, "x", "AAAA".into()),
        changed(Key::P256, "crv", "P-384".into()),
    ];
    for jwk in &ignored {
        let document = json!({ "keys": [jwk] }).to_string();
        assert_eq!(KeySet::from_json(document.as_bytes()).unwrap_err(), KeySetRejection::NoUsableKey, "{jwk}");
    }
    let mut with_one_good = ignored.to_vec();
    with_one_good.push(Key::P256.jwk());
    assert_eq!(key_set_of(&with_one_good).0.len(), 1);
}

#[test]
fn an_rsa_key_under_2048_bits_is_no_key() {
    let bytes = URL_SAFE_NO_PAD.decode(Key::Rsa.jwk()["n"].as_str().unwrap()).unwrap();
    let with_modulus = |modulus: &[u8]| {
        let jwk = changed(Key::Rsa, "n", URL_SAFE_NO_PAD.encode(modulus).into());
        KeySet::from_json(json!({ "keys": [jwk] }).to_string().as_bytes()).is_ok()
    };
    assert!(with_modulus(&bytes));
    assert!(with_modulus(&[&[0, 0], bytes.as_slice()].concat()), "leading zeros are no bits, but no harm");
    assert!(!with_modulus(&bytes[1..]));
    assert!(!with_modulus(&[&[0x7f], &bytes[1..]].concat()), "2047 bits");
    assert!(!with_modulus(&[&[0; 256], &bytes[..128]].concat()));
    assert!(!with_modulus(&[0; 256]));
    assert!(!with_modulus(&[]));
}

#[test]
fn an_rsa_key_of_impossible_numbers_verifies_nothing_and_makes_no_panic() {
    let modulus = URL_SAFE_NO_PAD.decode(Key::Rsa.jwk()["n"].as_str().unwrap()).unwrap();
    let even = [&modulus[..255], &[modulus[255] & 0xfe]].concat();
    let longer = |bytes: usize| [vec![0x80; bytes - 1], vec![1]].concat();
    let text = token(Key::Rsa, &claims());
    for (member, value) in [
        ("e", vec![]),
        ("e", vec![0]),
        ("e", vec![1]),
        ("e", vec![2]),
        ("e", vec![1, 0, 0]),
        ("e", vec![3]),
        ("e", vec![2, 0, 0, 0, 1]),
        ("e", vec![0xff; 4000]),
        ("n", even),
        ("n", longer(513)),
        ("n", longer(1024)),
        ("n", longer(100_000)),
    ] {
        let keys = key_set_of(&[changed(Key::Rsa, member, URL_SAFE_NO_PAD.encode(&value).into())]);
        let key = keys.select(SigningAlgorithm::Rs256, None, |_| true).unwrap();
        assert!(!has_signed(key, &text, SigningAlgorithm::Rs256), "{member} {}", value.len());
    }
    let with_zeros = changed(Key::Rsa, "e", URL_SAFE_NO_PAD.encode([0, 0, 1, 0, 1]).into());
    let keys = key_set_of(&[with_zeros]);
    assert!(has_signed(keys.select(SigningAlgorithm::Rs256, None, |_| true).unwrap(), &text, SigningAlgorithm::Rs256));
}

#[test]
fn a_key_without_a_use_or_with_the_right_one_is_used() {
    for jwk in [
        without(Key::Rsa, "use"),
        changed(Key::Rsa, "use", Value::Null),
        changed(Key::Rsa, "key_ops", json!(["verify"])),
        changed(Key::Rsa, "x5c", json!(["MIIB"])),
    ] {
        assert_eq!(key_set_of(&[jwk]).0.len(), 1);
    }
}

#[test]
fn a_token_gets_the_key_that_it_names_when_the_type_fits() {
    let keys = key_set(&[Key::Rsa, Key::OtherRsa, Key::P256, Key::P384, Key::Ed25519]);
    for (algorithm, name) in [
        (SigningAlgorithm::Rs256, "rsa"),
        (SigningAlgorithm::Ps256, "other-rsa"),
        (SigningAlgorithm::Es256, "p256"),
        (SigningAlgorithm::Es384, "p384"),
        (SigningAlgorithm::EdDsa, "ed25519"),
    ] {
        assert_eq!(kid(&keys, algorithm, Some(name)), Ok(Some(name.to_owned())));
    }
    for (algorithm, name) in [
        (SigningAlgorithm::Es256, "rsa"),
        (SigningAlgorithm::Rs256, "p256"),
        (SigningAlgorithm::Es384, "p256"),
        (SigningAlgorithm::Es256, "p384"),
        (SigningAlgorithm::Es256, "ed25519"),
    ] {
        assert_eq!(kid(&keys, algorithm, Some(name)), Err(KeyRejection::AlgorithmDiffers { algorithm }));
    }
}

#[test]
fn a_key_bound_to_one_algorithm_serves_no_other() {
    let keys = key_set_of(&[changed(Key::Rsa, "alg", "RS256".into())]);
    let algorithm = SigningAlgorithm::Ps256;
    assert!(keys.select(SigningAlgorithm::Rs256, Some("rsa"), |_| true).is_ok());
    assert_eq!(kid(&keys, algorithm, Some("rsa")), Err(KeyRejection::AlgorithmDiffers { algorithm }));
    assert_eq!(kid(&keys, algorithm, None), Err(KeyRejection::Unknown { kid: None }));
    for bound in ["RSA-OAEP", "HS256", "none", "rs256"] {
        let keys = key_set_of(&[changed(Key::Rsa, "alg", bound.into())]);
        assert!(keys.select(SigningAlgorithm::Rs256, Some("rsa"), |_| true).is_err(), "{bound}");
    }
}

#[test]
fn an_unknown_key_is_an_error_of_its_own() {
    let keys = key_set(&[Key::Rsa]);
    for name in ["other", "RSA", "rsa ", ""] {
        let unknown = Err(KeyRejection::Unknown { kid: Some(LogText::new(name)) });
        assert_eq!(kid(&keys, SigningAlgorithm::Rs256, Some(name)), unknown);
    }
    let unnamed = key_set_of(&[without(Key::Rsa, "kid")]);
    assert!(kid(&unnamed, SigningAlgorithm::Rs256, Some("rsa")).is_err(), "a key without a name is not every name's");
}

#[test]
fn a_token_that_names_no_key_needs_exactly_one_that_fits() {
    let keys = key_set(&[Key::Rsa, Key::P256]);
    assert_eq!(kid(&keys, SigningAlgorithm::Es256, None), Ok(Some("p256".to_owned())));
    assert_eq!(kid(&keys, SigningAlgorithm::EdDsa, None), Err(KeyRejection::Unknown { kid: None }));
    let keys = key_set(&[Key::Rsa, Key::OtherRsa]);
    assert_eq!(kid(&keys, SigningAlgorithm::Rs256, None), Err(KeyRejection::Ambiguous));
}

/// RFC 7517, section 4.5: keys of different types may share a `kid`.
#[test]
fn one_name_may_stand_for_keys_of_two_types_but_not_for_two_of_one() {
    let shared = |key| changed(key, "kid", "1".into());
    let keys = key_set_of(&[shared(Key::Rsa), shared(Key::P256)]);
    assert!(keys.select(SigningAlgorithm::Es256, Some("1"), |_| true).is_ok());
    let keys = key_set_of(&[shared(Key::Rsa), shared(Key::OtherRsa)]);
    assert_eq!(kid(&keys, SigningAlgorithm::Rs256, Some("1")), Err(KeyRejection::Ambiguous));
}

#[test]
fn a_point_that_is_not_on_the_curve_verifies_nothing() {
    let keys = key_set_of(&[changed(Key::P256, "y", Key::P256.jwk()["x"].clone())]);
    let key = keys.select(SigningAlgorithm::Es256, None, |_| true).unwrap();
    assert!(!has_signed(key, &token(Key::P256, &claims()), SigningAlgorithm::Es256));
}

#[test]
fn a_key_that_is_bound_to_an_issuer_serves_no_other() {
    let bound = |key, kid: &str, issuer: &str| {
        let mut jwk = changed(key, "issuer", issuer.into());
        jwk["kid"] = kid.into();
        jwk
    };
    let keys = key_set_of(&[bound(Key::P256, "1", "a"), bound(Key::Rsa, "2", "b"), bound(Key::OtherRsa, "2", "c"), {
        changed(Key::Ed25519, "kid", "3".into())
    }]);
    let select = |algorithm, kid: &str, issuer: &str| {
        keys.select(algorithm, Some(kid), |bound| bound == issuer).map(|key| key.issuer.clone())
    };
    assert_eq!(select(SigningAlgorithm::Es256, "1", "a"), Ok(Some("a".to_owned())));
    assert_eq!(select(SigningAlgorithm::Es256, "1", "b"), Err(KeyRejection::IssuerDiffers));
    assert_eq!(select(SigningAlgorithm::Rs256, "2", "b"), Ok(Some("b".to_owned())), "one name, two issuers");
    assert_eq!(select(SigningAlgorithm::Rs256, "2", "c"), Ok(Some("c".to_owned())));
    assert_eq!(select(SigningAlgorithm::EdDsa, "3", "whoever"), Ok(None), "a key without an issuer is for all");
    assert!(keys.select(SigningAlgorithm::Es256, None, |bound| bound == "b").is_err());
}

#[test]
fn only_a_key_set_is_one() {
    for body in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        let rejection = KeySet::from_json(body.as_bytes()).unwrap_err();
        assert!(matches!(rejection, KeySetRejection::Json { .. }), "{body}");
    }
    assert_eq!(KeySet::from_json(br#"{"keys":[]}"#).unwrap_err(), KeySetRejection::NoUsableKey);
}

fn any_jwk() -> impl Strategy<Value = Value> {
    let kty = prop::sample::select(["RSA", "EC", "OKP", "oct", "x"].as_slice());
    let crv = prop::sample::select(["P-256", "P-384", "Ed25519", "x"].as_slice());
    let text = || prop_oneof!["[A-Za-z0-9_-]{0,90}", "[A-Za-z0-9_-]{43}", "[A-Za-z0-9_-]{342}", ".{0,9}"];
    (kty, crv, text(), text(), text(), text())
        .prop_map(|(kty, crv, x, y, n, e)| json!({ "kty": kty, "crv": crv, "x": x, "y": y, "n": n, "e": e }))
}

proptest! {
    #[test]
    fn no_key_set_makes_a_panic_or_verifies_what_it_did_not_sign(jwk in any_jwk()) {
        if let Ok(keys) = KeySet::from_json(json!({ "keys": [jwk] }).to_string().as_bytes()) {
            for (algorithm, signer) in [
                (SigningAlgorithm::Rs256, Key::Rsa),
                (SigningAlgorithm::Es256, Key::P256),
                (SigningAlgorithm::Es384, Key::P384),
                (SigningAlgorithm::EdDsa, Key::Ed25519),
            ] {
                if let Ok(key) = keys.select(algorithm, None, |_| true) {
                    prop_assert!(!has_signed(key, &token(signer, &claims()), algorithm));
                }
            }
        }
    }

    #[test]
    fn any_text_as_a_key_set_is_refused_without_a_panic(text in ".{0,200}") {
        prop_assert!(KeySet::from_json(text.as_bytes()).is_err());
    }
}
