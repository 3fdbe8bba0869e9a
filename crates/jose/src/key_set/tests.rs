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
    key.has_signed(message.as_bytes(), signature, algorithm)
}

/// RFC 7515, appendices A.2 and A.3.
#[test]
fn the_signatures_of_rfc_7515_are_verified() {
    const CLAIMS: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let rsa = json!({ "kty": "RSA", "e": "AQAB", "n": concat!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ",
        "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2",
        "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD",
        "TW9gb54h4FRWyuXpoQ") });
    let rsa_signature = concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU",
        "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d",
        "O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig",
        "cN_IoypGlUPQGe77Rw"
    );
    let elliptic = json!({ "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let elliptic_signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    for (jwk, algorithm, header, signature) in [
        (rsa, SigningAlgorithm::Rs256, "eyJhbGciOiJSUzI1NiJ9", rsa_signature),
        (elliptic, SigningAlgorithm::Es256, "eyJhbGciOiJFUzI1NiJ9", elliptic_signature),
    ] {
        let keys = key_set_of(&[jwk]);
        let key = keys.select(algorithm, None, |_| true).unwrap();
        assert!(has_signed(key, &format!("{header}.{CLAIMS}.{signature}"), algorithm));
        let flipped = CLAIMS.replacen('j', "k", 1);
        assert!(!has_signed(key, &format!("{header}.{flipped}.{signature}"), algorithm));
    }
}

/// RFC 8037, appendices A.2 and A.4.
#[test]
fn the_signature_of_rfc_8037_is_verified() {
    let keys =
        key_set_of(&[json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })]);
    let key = keys.select(SigningAlgorithm::EdDsa, None, |_| true).unwrap();
    let signed = |payload: &str| {
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        has_signed(key, &format!("eyJhbGciOiJFZERTQSJ9.{payload}.{signature}"), SigningAlgorithm::EdDsa)
    };
    assert!(signed("RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"));
    assert!(!signed("RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmd"));
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
        // Of these, the crate below would take the first bytes, or panic.
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
    let bytes = bytes(Key::Rsa.jwk()["n"].as_str().unwrap()).unwrap();
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
