use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::test_provider::{
    ISSUER, Key, NONCE, NOW, VERIFIER, claims, encode, key_set, key_set_of, metadata, metadata_with, provider, secrets,
    signed, signed_by, token,
};

const EVERY_KEY: [Key; 5] = [Key::Rsa, Key::OtherRsa, Key::P256, Key::P384, Key::Ed25519];

fn verify(token: &SecretString) -> Result<Identity, IdTokenRejection> {
    verify_with(token, &key_set(&EVERY_KEY))
}

fn verify_with(token: &SecretString, keys: &KeySet) -> Result<Identity, IdTokenRejection> {
    Identity::verify(token, &provider(), &metadata(), keys, &secrets(), NOW)
}

/// Judges a token with one claim changed, signed by the provider.
fn with(claim: &str, value: Value) -> Result<Identity, IdTokenRejection> {
    with_all(&[(claim, value)])
}

fn with_all(changes: &[(&str, Value)]) -> Result<Identity, IdTokenRejection> {
    let mut claims = claims();
    for (claim, value) in changes {
        claims[*claim] = value.clone();
    }
    verify(&token(Key::P256, &claims))
}

fn at(offset: i64) -> Value {
    json!(NOW.seconds().checked_add_signed(offset).unwrap())
}

fn time(offset: i64) -> UnixTime {
    UnixTime::from_seconds(NOW.seconds().checked_add_signed(offset).unwrap())
}

#[test]
fn a_token_of_the_provider_for_this_login_names_the_user() {
    for key in EVERY_KEY {
        let identity = verify(&token(key, &claims())).unwrap();
        assert_eq!(identity.subject().as_str(), "demo:248289761001", "{key:?}");
    }
    let header = json!({ "alg": "PS256", "kid": "rsa" });
    assert!(verify(&signed(&header, &claims(), Key::Rsa, Algorithm::PS256)).is_ok());
}

/// OpenID Connect Core, section 3.1.3.3 with the key of appendix A.7.
#[test]
fn the_example_of_the_specification_is_verified() {
    let id_token = SecretString::new(
        concat!(
            "eyJhbGciOiJSUzI1NiIsImtpZCI6IjFlOWdkazcifQ.ewogImlzcyI6ICJodHRwOi8vc2VydmVyLmV4YW1wbGUuY29tIiwKICJzdWIiOiAi",
            "MjQ4Mjg5NzYxMDAxIiwKICJhdWQiOiAiczZCaGRSa3F0MyIsCiAibm9uY2UiOiAibi0wUzZfV3pBMk1qIiwKICJleHAiOiAxMzExMjgxOTcw",
            "LAogImlhdCI6IDEzMTEyODA5NzAKfQ.ggW8hZ1EuVLuxNuuIJKX_V8a_OMXzR0EHR9R6jgdqrOOF4daGU96Sr_P6qJp6IcmD3HP99Obi1PRs-",
            "cwh3LO-p146waJ8IhehcwL7F09JdijmBqkvPeB2T9CJNqeGpe-gccMg4vfKjkM8FcGvnzZUN4_KSP0aAp1tOJ1zZwgjxqGByKHiOtX7TpdQyHE",
            "5lcMiKPXfEIQILVq0pc_E2DzL7emopWoaoZTF_m0_N0YzFC6g6EJbOEoRoSK5hoDalrcvRYLSrQAZZKflyuVCyixEoV9GfNQC3_osjzw2PAith",
            "fubEEBLuVVk4XUVrWOLrLl0nx7RkKU8NXNHq-rvKMzqg"
        )
        .to_owned(),
    );
    let keys = key_set_of(&[json!({ "kty": "RSA", "kid": "1e9gdk7", "e": "AQAB", "n": concat!(
        "w7Zdfmece8iaB0kiTY8pCtiBtzbptJmP28nSWwtdjRu0f2GFpajvWE4VhfJAjEsOcwYzay7XGN0b-X84BfC8hmCTOj2b2eHT7NsZegFPKRUQzJ9w",
        "W8ipn_aDJWMGDuB1XyqT1E7DYqjUCEOD1b4FLpy_xPn6oV_TYOfQ9fZdbE5HGxJUzekuGcOKqOQ8M7wfYHhHHLxGpQVgL0apWuP2gDDOdTtpuld4",
        "D2LK1MZK99s9gaSjRHE8JDb1Z4IGhEcEyzkxswVdPndUWzfvWBBWXWxtSUvQGBRkuy1BHOa4sP6FKjWEeeF7gm7UMs2Nm2QUgNZw6xvEDGaLk4KA",
        "SdIxRQ") })]);
    let metadata = metadata_with(|document| document["issuer"] = "http://server.example.com".into());
    let mut provider = provider();
    provider.client_id = "s6BhdRkqt3".to_owned();
    let secrets = serde_json::from_value(json!({ "nonce": "n-0S6_WzA2Mj", "code_verifier": VERIFIER })).unwrap();
    let verify = |now| Identity::verify(&id_token, &provider, &metadata, &keys, &secrets, UnixTime::from_seconds(now));
    assert_eq!(verify(1_311_280_970).unwrap().subject().as_str(), "demo:248289761001");
    assert!(matches!(verify(NOW.seconds()), Err(IdTokenRejection::Expired { .. })));
}

#[test]
fn every_claim_of_the_specification_must_be_there() {
    for claim in ["iss", "sub", "aud", "nonce", "exp", "iat"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        assert_eq!(verify(&token(Key::P256, &claims)), Err(IdTokenRejection::Missing(claim)));
        assert_eq!(with(claim, Value::Null), Err(IdTokenRejection::Missing(claim)));
    }
}

#[test]
fn claims_of_another_type_are_refused() {
    for (claim, value) in [
        ("iss", json!([ISSUER])),
        ("sub", json!(248_289_761_001_u64)),
        ("aud", json!({ "gatehouse": true })),
        ("aud", json!(["gatehouse", 1])),
        ("azp", json!(["gatehouse"])),
        ("nonce", json!([NONCE])),
        ("exp", json!("1795219500")),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("nbf", json!("now")),
        ("iat", json!(true)),
    ] {
        assert_eq!(with(claim, value.clone()), Err(IdTokenRejection::Malformed), "{claim} {value}");
    }
}

#[test]
fn a_claim_that_stands_twice_is_refused() {
    let doubled = claims().to_string().replacen('{', r#"{"sub":"admin","#, 1);
    let message = format!("{}.{}", encode(&json!({ "alg": "ES256" })), URL_SAFE_NO_PAD.encode(doubled));
    let key = EncodingKey::from_ec_der(include_bytes!("../../test-keys/p256.pkcs8.der"));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::ES256).unwrap();
    let token = SecretString::new(format!("{message}.{signature}"));
    assert_eq!(verify_with(&token, &key_set(&[Key::P256])), Err(IdTokenRejection::Malformed));
}

#[test]
fn another_issuer_is_refused_however_alike() {
    for iss in
        ["https://op.example/", "https://OP.example", "http://op.example", "https://op.example.attacker.example", ""]
    {
        assert_eq!(with("iss", iss.into()), Err(IdTokenRejection::IssuerDiffers(LogText::new(iss))));
    }
}

#[test]
fn the_audience_must_hold_our_client_id() {
    for audience in
        [json!("another"), json!(""), json!([]), json!(["another"]), json!("gatehouse2"), json!("GATEHOUSE")]
    {
        assert_eq!(with("aud", audience.clone()), Err(IdTokenRejection::AudienceDiffers), "{audience}");
    }
    assert!(with("aud", json!(["gatehouse"])).is_ok());
}

#[test]
fn a_token_for_several_must_say_that_it_was_issued_to_us() {
    for several in [json!(["gatehouse", "another"]), json!(["another", "gatehouse"])] {
        assert_eq!(with("aud", several.clone()), Err(IdTokenRejection::AuthorizedPartyMissing));
        assert!(with_all(&[("aud", several.clone()), ("azp", "gatehouse".into())]).is_ok());
        let another = with_all(&[("aud", several), ("azp", "another".into())]);
        assert_eq!(another, Err(IdTokenRejection::AuthorizedPartyDiffers));
    }
    let ours_alone = with_all(&[("aud", json!(["another"])), ("azp", "gatehouse".into())]);
    assert_eq!(ours_alone, Err(IdTokenRejection::AudienceDiffers), "azp does not stand for aud");
}

#[test]
fn an_authorized_party_must_be_ours_even_with_one_audience() {
    assert!(with("azp", "gatehouse".into()).is_ok());
    for party in ["another", "", "Gatehouse"] {
        assert_eq!(with("azp", party.into()), Err(IdTokenRejection::AuthorizedPartyDiffers));
    }
}

#[test]
fn a_token_of_another_login_is_refused() {
    for nonce in ["", "n-0S6_WzA2Mk", "n-0S6_WzA2M", "n-0S6_WzA2Mjj", "N-0S6_WZA2MJ", VERIFIER] {
        assert_eq!(with("nonce", nonce.into()), Err(IdTokenRejection::NonceDiffers), "{nonce}");
    }
}

#[test]
fn a_token_works_until_the_leeway_is_over_and_not_a_second_longer() {
    assert!(with("exp", at(0)).is_ok());
    assert!(with("exp", at(-59)).is_ok());
    for past in [-60, -61, -3600] {
        assert_eq!(with("exp", at(past)), Err(IdTokenRejection::Expired { at: time(past), now: NOW }));
    }
    assert!(matches!(with("exp", json!(0)), Err(IdTokenRejection::Expired { .. })));
}

#[test]
fn a_token_may_begin_within_the_leeway_and_not_later() {
    for fine in [-300, 0, 60] {
        assert!(with("nbf", at(fine)).is_ok());
    }
    for to_come in [61, 3600] {
        assert_eq!(with("nbf", at(to_come)), Err(IdTokenRejection::NotYetValid { from: time(to_come), now: NOW }));
    }
}

#[test]
fn a_token_was_issued_for_this_login_neither_later_nor_long_ago() {
    for fine in [60, 0, -300, -3600, -3660] {
        assert!(with("iat", at(fine)).is_ok(), "{fine}");
    }
    for to_come in [61, 3600] {
        assert_eq!(with("iat", at(to_come)), Err(IdTokenRejection::IssuedInTheFuture { at: time(to_come), now: NOW }));
    }
    for old in [-3661, -86400] {
        assert_eq!(with("iat", at(old)), Err(IdTokenRejection::IssuedLongAgo { at: time(old), now: NOW }));
    }
}

#[test]
fn fractions_of_seconds_are_cut() {
    assert!(with("iat", json!(NOW.seconds() as f64 + 60.9)).is_ok());
    assert!(matches!(with("exp", json!(NOW.seconds() as f64 - 59.1)), Err(IdTokenRejection::Expired { .. })));
}

#[test]
fn a_sub_that_cannot_name_a_user_is_refused() {
    for sub in ["", "a b", "a\r\nx: y", "é", &"1".repeat(256)] {
        assert_eq!(with("sub", sub.into()), Err(IdTokenRejection::Subject(InvalidSubject)), "{sub:?}");
    }
}

#[test]
fn a_token_without_a_signature_is_refused_whatever_it_calls_that() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let message = format!("{}.{}", encode(&json!({ "alg": alg, "kid": "p256" })), encode(&claims()));
        let signature = token(Key::P256, &claims());
        let (_, signature) = signature.expose().rsplit_once('.').unwrap();
        for signature in ["", signature] {
            let rejection = verify(&SecretString::new(format!("{message}.{signature}")));
            assert_eq!(rejection, Err(IdTokenRejection::Algorithm(LogText::new(alg))));
        }
    }
    let header = encode(&json!({ "alg": "ES256", "kid": "p256" }));
    let unsigned = SecretString::new(format!("{header}.{}.", encode(&claims())));
    assert_eq!(verify(&unsigned), Err(IdTokenRejection::BadSignature));
}

/// RFC 8725, section 2.1: the public key, which everyone has, taken for an HMAC secret.
#[test]
fn a_token_signed_with_the_public_key_as_a_secret_is_refused() {
    let jwk = Key::Rsa.jwk();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let secrets = [jwk.to_string().into_bytes(), jwk["n"].as_str().unwrap().as_bytes().to_vec(), modulus];
    for (algorithm, name) in [(Algorithm::HS256, "HS256"), (Algorithm::HS384, "HS384"), (Algorithm::HS512, "HS512")] {
        for secret in &secrets {
            let key = EncodingKey::from_secret(secret);
            for kid in [json!("rsa"), Value::Null] {
                let token = signed_by(&json!({ "alg": name, "kid": kid }), &claims(), &key, algorithm);
                assert_eq!(verify(&token), Err(IdTokenRejection::Algorithm(LogText::new(name))));
            }
            // The same bytes under a name that is allowed are no signature.
            let token = signed_by(&json!({ "alg": "RS256", "kid": "rsa" }), &claims(), &key, algorithm);
            assert_eq!(verify(&token), Err(IdTokenRejection::BadSignature));
        }
    }
}

#[test]
fn a_shared_secret_in_the_key_set_verifies_nothing() {
    let secret = b"0123456789abcdef0123456789abcdef";
    let oct = json!({ "kty": "oct", "kid": "p256", "k": URL_SAFE_NO_PAD.encode(secret), "alg": "HS256" });
    let keys = key_set_of(&[oct, Key::P256.jwk()]);
    let header = json!({ "alg": "HS256", "kid": "p256" });
    let token = signed_by(&header, &claims(), &EncodingKey::from_secret(secret), Algorithm::HS256);
    assert_eq!(verify_with(&token, &keys), Err(IdTokenRejection::Algorithm(LogText::new("HS256"))));
}

#[test]
fn an_algorithm_that_the_metadata_does_not_list_is_refused() {
    let metadata = metadata_with(|document| document["id_token_signing_alg_values_supported"] = json!(["RS256"]));
    let keys = key_set(&EVERY_KEY);
    let verify = |key| Identity::verify(&token(key, &claims()), &provider(), &metadata, &keys, &secrets(), NOW);
    assert!(verify(Key::Rsa).is_ok());
    assert_eq!(verify(Key::P256), Err(IdTokenRejection::Algorithm(LogText::new("ES256"))));
}

#[test]
fn algorithms_outside_the_list_are_refused_even_when_the_signature_is_right() {
    for (algorithm, name) in [
        (Algorithm::RS384, "RS384"),
        (Algorithm::RS512, "RS512"),
        (Algorithm::PS384, "PS384"),
        (Algorithm::PS512, "PS512"),
    ] {
        let token = signed(&json!({ "alg": name, "kid": "rsa" }), &claims(), Key::Rsa, algorithm);
        assert_eq!(verify(&token), Err(IdTokenRejection::Algorithm(LogText::new(name))));
    }
}

#[test]
fn the_header_must_name_the_key_and_the_algorithm_that_signed() {
    let signed_with = |alg: &str, kid: &str| {
        verify(&signed(&json!({ "alg": alg, "kid": kid }), &claims(), Key::Rsa, Algorithm::RS256))
    };
    assert!(signed_with("RS256", "rsa").is_ok());
    assert_eq!(signed_with("RS256", "other-rsa"), Err(IdTokenRejection::BadSignature));
    assert_eq!(signed_with("PS256", "rsa"), Err(IdTokenRejection::BadSignature));
    let differs = KeyRejection::AlgorithmDiffers { algorithm: SigningAlgorithm::Es256 };
    assert_eq!(signed_with("ES256", "rsa"), Err(differs.into()));
    assert_eq!(signed_with("ES256", "p256"), Err(IdTokenRejection::BadSignature));
}

#[test]
fn only_an_unknown_key_asks_for_fresh_keys() {
    let stale = key_set(&[Key::Rsa]);
    let rejection = verify_with(&token(Key::P256, &claims()), &stale).unwrap_err();
    assert_eq!(rejection, KeyRejection::Unknown { kid: Some(LogText::new("p256")) }.into());
    assert!(rejection.fresh_keys_may_help());
    for rejection in [
        with("nonce", "another".into()).unwrap_err(),
        verify(&signed(&json!({ "alg": "RS256", "kid": "other-rsa" }), &claims(), Key::Rsa, Algorithm::RS256))
            .unwrap_err(),
        verify(&signed(&json!({ "alg": "RS256" }), &claims(), Key::Rsa, Algorithm::RS256)).unwrap_err(),
    ] {
        assert!(!rejection.fresh_keys_may_help(), "{rejection}");
    }
}

#[test]
fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let header = json!({
        "alg": "RS256", "kid": "rsa", "jwk": Key::OtherRsa.jwk(), "jku": "https://attacker.example/jwks", "x5c": ["MIIB"],
    });
    let token = signed(&header, &claims(), Key::OtherRsa, Algorithm::RS256);
    assert!(verify(&token).is_err());
}

#[test]
fn a_critical_header_is_refused() {
    let header = json!({ "alg": "ES256", "kid": "p256", "crit": ["b64"], "b64": false });
    let token = signed(&header, &claims(), Key::P256, Algorithm::ES256);
    assert_eq!(verify(&token), Err(IdTokenRejection::CriticalHeader));
}

#[test]
fn a_header_that_cannot_be_read_is_refused() {
    for header in [json!(null), json!([]), json!({}), json!({ "alg": 1 }), json!({ "alg": "ES256", "kid": ["p256"] })] {
        let token = signed(&header, &claims(), Key::P256, Algorithm::ES256);
        assert_eq!(verify(&token), Err(IdTokenRejection::Malformed), "{header}");
    }
}

#[test]
fn a_token_of_another_number_of_parts_is_refused() {
    let token = token(Key::P256, &claims());
    let text = token.expose();
    let (message, signature) = text.rsplit_once('.').unwrap();
    for bad in [
        message.to_owned(),
        format!("{text}."),
        format!(".{text}"),
        format!("{text}.{signature}"),
        format!("{message}..{signature}"),
        format!("{text}="),
        format!(" {text}"),
        format!("{text}\n"),
        text.replace('.', ""),
    ] {
        assert!(verify(&SecretString::new(bad.clone())).is_err(), "{bad}");
    }
}

#[test]
fn no_character_of_a_token_can_be_changed() {
    let keys = key_set(&EVERY_KEY);
    for key in [Key::Rsa, Key::P256] {
        let token = token(key, &claims());
        for position in 0..token.expose().len() {
            let mut bytes = token.expose().as_bytes().to_vec();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = SecretString::new(String::from_utf8(bytes).unwrap());
            assert!(verify_with(&changed, &keys).is_err(), "position {position}");
        }
    }
}

#[test]
fn neither_the_token_nor_its_claims_are_in_a_rejection() {
    let rejection = with_all(&[("nonce", "foreign-nonce".into()), ("email", "alice@example.com".into())]).unwrap_err();
    let printed = format!("{rejection} {rejection:?}");
    for secret in [NONCE, "foreign-nonce", "alice", "248289761001"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

fn any_header() -> impl Strategy<Value = Value> {
    let alg = prop::sample::select(["RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256", "none", "x"].as_slice());
    let kid = prop::option::of(prop::sample::select(["rsa", "p256", "p384", "ed25519", "x"].as_slice()));
    (alg, kid).prop_map(|(alg, kid)| json!({ "alg": alg, "kid": kid }))
}

/// With the lengths of real ones more often than others.
fn any_signature() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![Just(0_usize), Just(64), Just(96), Just(256), 1..300_usize];
    length.prop_flat_map(|length| prop::collection::vec(any::<u8>(), length))
}

proptest! {
    #[test]
    fn any_text_as_a_token_is_refused_without_a_panic(text in ".{0,200}") {
        prop_assert!(verify(&SecretString::new(text)).is_err());
    }

    #[test]
    fn any_signature_under_good_claims_is_refused_without_a_panic(
        header in any_header(),
        signature in any_signature(),
    ) {
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let token = SecretString::new(format!("{}.{}.{signature}", encode(&header), encode(&claims())));
        prop_assert!(verify(&token).is_err());
    }
}
