use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use gatehouse_protocol::UnixTime;

use super::*;
use crate::example::{Key, claims, encode, key_set, key_set_of, signed, signed_by, token};

const EVERY: [SigningAlgorithm; 10] = SigningAlgorithm::ALL;

#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
struct Claims {
    iss: String,
    sub: String,
}

fn verify(token: &str) -> Result<Claims, TokenRejection> {
    SignedToken::parse(token)?.verify(&key_set(&Key::EVERY), &EVERY).map(|claims| claims.custom)
}

fn refused(name: &str) -> Result<Claims, TokenRejection> {
    Err(not_accepted(name, &EVERY))
}

#[test]
fn a_token_of_every_kind_of_key_is_verified() {
    let expected = Claims { iss: "https://op.example".to_owned(), sub: "248289761001".to_owned() };
    for key in Key::EVERY {
        let text = token(key, &claims());
        assert_eq!(verify(&text).as_ref(), Ok(&expected), "{key:?}");
        assert_eq!(SignedToken::parse(&text).unwrap().unverified::<Claims>().as_ref(), Ok(&expected));
    }
    assert!(verify(&signed(&json!({ "alg": "PS256", "kid": "rsa" }), &claims(), Key::Rsa, Algorithm::PS256)).is_ok());
}

#[test]
fn a_token_without_a_signature_is_refused_whatever_it_calls_that() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let message = format!("{}.{}", encode(&json!({ "alg": alg, "kid": "p256" })), encode(&claims()));
        let signed = token(Key::P256, &claims());
        let (_, signature) = signed.rsplit_once('.').unwrap();
        for signature in ["", signature] {
            assert_eq!(verify(&format!("{message}.{signature}")), refused(alg));
        }
    }
    let header = encode(&json!({ "alg": "ES256", "kid": "p256" }));
    assert_eq!(verify(&format!("{header}.{}.", encode(&claims()))), Err(TokenRejection::BadSignature));
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
                assert_eq!(verify(&token), refused(name));
            }
            // The same bytes under a name that is allowed are no signature.
            let token = signed_by(&json!({ "alg": "RS256", "kid": "rsa" }), &claims(), &key, algorithm);
            assert_eq!(verify(&token), Err(TokenRejection::BadSignature));
        }
    }
}

#[test]
fn a_shared_secret_in_the_key_set_verifies_nothing() {
    let secret = b"0123456789abcdef0123456789abcdef";
    let oct = json!({ "kty": "oct", "kid": "p256", "k": URL_SAFE_NO_PAD.encode(secret), "alg": "HS256" });
    let keys = key_set_of(&[oct, Key::P256.jwk()]);
    for alg in ["HS256", "ES256"] {
        let header = json!({ "alg": alg, "kid": "p256" });
        let token = signed_by(&header, &claims(), &EncodingKey::from_secret(secret), Algorithm::HS256);
        assert!(SignedToken::parse(&token).and_then(|token| token.verify::<Claims>(&keys, &EVERY)).is_err());
    }
}

#[test]
fn an_algorithm_that_is_not_accepted_is_refused_even_when_the_signature_is_right() {
    let text = token(Key::P256, &claims());
    let token = SignedToken::parse(&text).unwrap();
    for accepted in [&[][..], &[SigningAlgorithm::Rs256]] {
        let verified = token.verify::<Claims>(&key_set(&Key::EVERY), accepted).map(|claims| claims.custom);
        assert_eq!(verified, Err(not_accepted("ES256", accepted)));
    }
    let text = not_accepted("ES256", &[SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa]).to_string();
    assert_eq!(text, "is signed with ES256; what is accepted is RS256, EdDSA");
    let text = refused("ES512").unwrap_err().to_string();
    assert!(text.starts_with("is signed with ES512; ") && text.contains("ES384, EdDSA, Ed25519"), "{text}");
}

#[test]
fn a_token_of_every_algorithm_that_can_be_verified_is_verified() {
    for (algorithm, name) in [
        (Algorithm::RS384, "RS384"),
        (Algorithm::RS512, "RS512"),
        (Algorithm::PS384, "PS384"),
        (Algorithm::PS512, "PS512"),
    ] {
        let token = signed(&json!({ "alg": name, "kid": "rsa" }), &claims(), Key::Rsa, algorithm);
        assert!(verify(&token).is_ok(), "{name}");
    }
}

/// RFC 9864, section 2.2. Providers write the one into their metadata or key set, and the other into the token.
#[test]
fn either_name_of_ed25519_is_good_where_the_other_is_listed_or_bound() {
    for used in ["EdDSA", "Ed25519"] {
        let text = signed(&json!({ "alg": used, "kid": "ed25519" }), &claims(), Key::Ed25519, Algorithm::EdDSA);
        for (listed, bound) in [(SigningAlgorithm::EdDsa, "Ed25519"), (SigningAlgorithm::Ed25519, "EdDSA")] {
            let mut jwk = Key::Ed25519.jwk();
            jwk["alg"] = bound.into();
            let verified = SignedToken::parse(&text).unwrap().verify::<Claims>(&key_set_of(&[jwk]), &[listed]);
            assert!(verified.is_ok(), "{used} {listed} {bound}");
        }
        let other =
            SignedToken::parse(&text).unwrap().verify::<Claims>(&key_set(&[Key::Ed25519]), &[SigningAlgorithm::Es256]);
        assert_eq!(other.map(|claims| claims.custom), Err(not_accepted(used, &[SigningAlgorithm::Es256])));
    }
}

#[test]
fn the_header_must_name_the_key_and_the_algorithm_that_signed() {
    let signed_with = |alg: &str, kid: &str| {
        verify(&signed(&json!({ "alg": alg, "kid": kid }), &claims(), Key::Rsa, Algorithm::RS256))
    };
    assert!(signed_with("RS256", "rsa").is_ok());
    assert_eq!(signed_with("RS256", "other-rsa"), Err(TokenRejection::BadSignature));
    assert_eq!(signed_with("PS256", "rsa"), Err(TokenRejection::BadSignature));
    let differs = KeyRejection::AlgorithmDiffers { algorithm: SigningAlgorithm::Es256 };
    assert_eq!(signed_with("ES256", "rsa"), Err(differs.into()));
    assert_eq!(signed_with("ES256", "p256"), Err(TokenRejection::BadSignature));
}

#[test]
fn only_an_unknown_key_asks_for_fresh_keys() {
    let text = token(Key::P256, &claims());
    let rejection = SignedToken::parse(&text).unwrap().verify::<Claims>(&key_set(&[Key::Rsa]), &EVERY).unwrap_err();
    assert_eq!(rejection, KeyRejection::Unknown { kid: Some(LogText::new("p256")) }.into());
    assert!(rejection.fresh_keys_may_help());
    for rejection in [
        verify(&signed(&json!({ "alg": "RS256", "kid": "other-rsa" }), &claims(), Key::Rsa, Algorithm::RS256))
            .unwrap_err(),
        verify(&signed(&json!({ "alg": "RS256" }), &claims(), Key::Rsa, Algorithm::RS256)).unwrap_err(),
        KeyRejection::IssuerDiffers.into(),
    ] {
        assert!(!rejection.fresh_keys_may_help(), "{rejection}");
    }
}

#[test]
fn a_key_of_another_issuer_verifies_nothing() {
    let mut jwk = Key::P256.jwk();
    jwk["issuer"] = "https://op.example".into();
    let keys = key_set_of(&[jwk]);
    let text = token(Key::P256, &claims());
    let token = SignedToken::parse(&text).unwrap();
    assert!(token.verify_of_issuer::<Claims>(&keys, &EVERY, |issuer| issuer == "https://op.example").is_ok());
    let another = token.verify_of_issuer::<Claims>(&keys, &EVERY, |issuer| issuer == "https://other.example");
    assert_eq!(another, Err(KeyRejection::IssuerDiffers.into()));
}

#[test]
fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let header = json!({
        "alg": "RS256", "kid": "rsa", "jwk": Key::OtherRsa.jwk(), "jku": "https://attacker.example/jwks", "x5c": ["MIIB"],
    });
    assert_eq!(verify(&signed(&header, &claims(), Key::OtherRsa, Algorithm::RS256)), Err(TokenRejection::BadSignature));
}

/// RFC 7515, section 4.1.11. `jwt-compact` does not look at `crit`.
#[test]
fn a_critical_header_is_refused_whatever_it_holds() {
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!("b64"), json!({}), json!(1), Value::Null] {
        let header = json!({ "alg": "ES256", "kid": "p256", "crit": crit, "b64": false });
        let token = signed(&header, &claims(), Key::P256, Algorithm::ES256);
        assert_eq!(verify(&token), Err(TokenRejection::CriticalHeader), "{header}");
        assert!(UntrustedToken::new(&token).is_ok(), "the crate below takes it");
    }
}

#[test]
fn a_header_that_cannot_be_read_is_refused() {
    for header in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "alg": 1 }),
        json!({ "alg": "ES256", "kid": ["p256"] }),
        json!({ "alg": "ES256", "typ": 1 }),
        // What we do not use must be well-formed all the same, for `jwt-compact` reads it.
        json!({ "alg": "ES256", "x5t": "AAAA" }),
        json!({ "alg": "ES256", "jku": {} }),
        // The claims would be another token, or no JSON.
        json!({ "alg": "ES256", "cty": "JWT" }),
        json!({ "alg": "ES256", "cty": "cbor" }),
    ] {
        let token = signed(&header, &claims(), Key::P256, Algorithm::ES256);
        assert_eq!(verify(&token), Err(TokenRejection::Malformed), "{header}");
    }
}

#[test]
fn a_header_with_a_member_twice_is_refused() {
    for doubled in [
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"p256","kid":"p256"}"#,
        r#"{"alg":"ES256","crit":1,"crit":1}"#,
    ] {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(doubled), encode(&claims()));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &Key::P256.private(), Algorithm::ES256).unwrap();
        assert_eq!(verify(&format!("{message}.{signature}")), Err(TokenRejection::Malformed), "{doubled}");
    }
}

/// What certificates Entra, ADFS and others name in their headers.
#[test]
fn a_header_that_names_a_certificate_is_read() {
    let sha_256 = "kLx0VSyIaB7yvtUYQRZBPiXYB3cQbfi5GCk6YV0aZHs";
    for (member, value) in [
        ("x5t", "lDpwLQbzRZmu4fjajvn3KWAx1pk"),
        ("x5t", "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg"),
        ("x5t#S256", sha_256),
        ("x5u", "https://op.example/certificate"),
        ("cty", "json"),
    ] {
        let header = json!({ "alg": "ES256", "kid": "p256", member: value });
        assert!(verify(&signed(&header, &claims(), Key::P256, Algorithm::ES256)).is_ok(), "{header}");
    }
}

/// The validator of `jwt-compact` reads the claims first: it would call this token malformed.
#[test]
fn the_signature_is_checked_before_the_claims_are_read() {
    let header = encode(&json!({ "alg": "ES256", "kid": "p256" }));
    let real = token(Key::P256, &claims());
    let (_, signature) = real.rsplit_once('.').unwrap();
    for claims in ["no JSON", r#"{"exp":"never"}"#, r#"{"sub":1,"sub":2}"#, "[[[[", ""] {
        let token = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(verify(&token), Err(TokenRejection::BadSignature), "{claims}");
    }
    let not_utf8 = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode([0xff, 0xfe]));
    assert_eq!(verify(&not_utf8), Err(TokenRejection::BadSignature));
}

#[test]
fn claims_of_another_type_absent_or_twice_are_refused_under_a_good_signature() {
    for claims in [json!({}), json!({ "iss": 1, "sub": "a" }), json!([]), json!("text"), json!({ "iss": "a" })] {
        assert_eq!(verify(&token(Key::P256, &claims)), Err(TokenRejection::Malformed), "{claims}");
    }
    let doubled = claims().to_string().replacen('{', r#"{"sub":"admin","#, 1);
    let message = format!("{}.{}", encode(&json!({ "alg": "ES256" })), URL_SAFE_NO_PAD.encode(doubled));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &Key::P256.private(), Algorithm::ES256).unwrap();
    assert_eq!(verify(&format!("{message}.{signature}")), Err(TokenRejection::Malformed));
}

fn times(claims: &str) -> Result<TimeClaims, TokenRejection> {
    let message = format!("{}.{}", encode(&json!({ "alg": "ES256", "kid": "p256" })), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &Key::P256.private(), Algorithm::ES256).unwrap();
    let token = SignedToken::parse(&format!("{message}.{signature}"))?;
    token.verify::<serde_json::Map<String, Value>>(&key_set(&[Key::P256]), &EVERY).map(|claims| claims.times)
}

#[test]
fn a_time_is_a_number_of_seconds_since_the_epoch() {
    for (json, expected) in [
        ("0", Some(0)),
        ("1795219200", Some(1_795_219_200)),
        ("1795219200.9", Some(1_795_219_200)),
        ("1.7952192e9", Some(1_795_219_200)),
        ("8210266876799", Some(8_210_266_876_799)),
        ("8210266876800", None),
        ("9223372036854775807", None),
        ("9223372036854775808", None),
        ("-1", None),
        ("1e300", None),
        ("-1e300", None),
        (r#""1795219200""#, None),
        ("true", None),
        ("[1]", None),
        ("{}", None),
    ] {
        for name in ["exp", "nbf", "iat"] {
            let read = times(&format!(r#"{{"{name}":{json}}}"#)).map(|times| (times.exp, times.nbf, times.iat));
            let expected = expected.map(|seconds| {
                let time = |it| (it == name).then_some(UnixTime::from_seconds(seconds));
                (time("exp"), time("nbf"), time("iat"))
            });
            assert_eq!(read, expected.ok_or(TokenRejection::Malformed), "{name} {json}");
            assert_eq!(times(&format!(r#"{{"{name}":1,"{name}":1}}"#)), Err(TokenRejection::Malformed), "twice");
        }
    }
    assert_eq!(times("{}"), Ok(TimeClaims::default()));
    assert_eq!(times(r#"{"exp":null,"nbf":null,"iat":null}"#), Ok(TimeClaims::default()), "null is no time");
    for doubled in [r#"{"exp":null,"exp":1}"#, r#"{"exp":1,"exp":null}"#, r#"{"exp":null,"exp":null}"#] {
        assert_eq!(times(doubled), Err(TokenRejection::Malformed), "{doubled}");
    }
}

/// `jwt-compact` takes the leeway from `nbf` without looking whether there is so much time before it.
#[test]
fn the_earliest_of_all_times_is_refused_without_a_panic() {
    for earliest in [chrono::DateTime::<chrono::Utc>::MIN_UTC.timestamp(), i64::MIN] {
        assert_eq!(times(&format!(r#"{{"exp":1795219200,"nbf":{earliest}}}"#)), Err(TokenRejection::Malformed));
    }
}

#[test]
fn a_token_of_another_number_of_parts_is_refused() {
    let text = token(Key::P256, &claims());
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
        assert_eq!(verify(&bad), Err(TokenRejection::Malformed), "{bad}");
    }
}

#[test]
fn no_character_of_a_token_can_be_changed() {
    let keys = key_set(&Key::EVERY);
    for key in [Key::Rsa, Key::P256] {
        let text = token(key, &claims());
        for position in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            let verified = SignedToken::parse(&changed).and_then(|token| token.verify::<Claims>(&keys, &EVERY));
            assert!(verified.is_err(), "position {position}");
        }
    }
}

#[test]
fn a_type_is_compared_as_a_media_type() {
    let typed = |typ: Value| {
        let text = signed(&json!({ "alg": "ES256", "typ": typ }), &claims(), Key::P256, Algorithm::ES256);
        SignedToken::parse(&text).unwrap().is_of_type("oauth-id-jag+jwt")
    };
    for typ in ["oauth-id-jag+jwt", "OAuth-ID-JAG+jwt", "application/oauth-id-jag+jwt", "Application/oauth-id-jag+JWT"]
    {
        assert!(typed(typ.into()), "{typ}");
    }
    for typ in
        ["JWT", "", "text/oauth-id-jag+jwt", "oauth-id-jag", "a/application/oauth-id-jag+jwt", "oauth-id-jag+jwt "]
    {
        assert!(!typed(typ.into()), "{typ}");
    }
    assert!(!typed(Value::Null));
}

/// What `jwt-compact` derives would print all bytes of both.
#[test]
fn neither_a_token_nor_its_claims_are_ever_printed() {
    let text = token(Key::P256, &claims());
    let token = SignedToken::parse(&text).unwrap();
    let printed = format!("{token:?}");
    assert_eq!(printed, r#"SignedToken { algorithm: Es256, kid: Some("p256"), typ: Some("JWT"), .. }"#);
    let verified = token.verify::<Value>(&key_set(&Key::EVERY), &EVERY).unwrap();
    assert_eq!(verified.custom["sub"], "248289761001");
    assert_eq!(format!("{verified:?}"), "VerifiedClaims([redacted])");
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
        prop_assert!(verify(&text).is_err());
    }

    #[test]
    fn any_parts_as_a_token_are_refused_without_a_panic(header in ".{0,60}", claims in ".{0,60}") {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.AAAA", part(&header), part(&claims));
        prop_assert!(verify(&token).is_err());
    }

    #[test]
    fn any_signature_under_good_claims_is_refused_without_a_panic(
        header in any_header(),
        signature in any_signature(),
    ) {
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let token = format!("{}.{}.{signature}", encode(&header), encode(&claims()));
        prop_assert!(verify(&token).is_err());
    }
}
