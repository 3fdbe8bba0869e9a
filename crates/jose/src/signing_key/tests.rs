use gatehouse_protocol::{SecretString, UnixTime};
use serde_json::{Value, json};

use super::*;
use crate::SignedToken;
use crate::example::{Counting, Key, claims, key_set};

const THUMBPRINT: &str = "kLx0VSyIaB7yvtUYQRZBPiXYB3cQbfi5GCk6YV0aZHs";
const TIMES: TimeClaims = TimeClaims {
    exp: Some(UnixTime::from_seconds(1_795_219_500)),
    nbf: None,
    iat: Some(UnixTime::from_seconds(1_795_219_200)),
};

fn pem(text: &str) -> SecretString {
    SecretString::new(text.to_owned())
}

#[test]
fn what_a_key_signs_is_verified_with_its_public_half_and_no_other() {
    for (key, algorithm) in [
        (Key::Rsa, SigningAlgorithm::Ps256),
        (Key::P256, SigningAlgorithm::Es256),
        (Key::P384, SigningAlgorithm::Es384),
        (Key::Ed25519, SigningAlgorithm::EdDsa),
    ] {
        let signing = SigningKey::from_pem(&key.pem()).unwrap();
        assert_eq!(signing.algorithm(), algorithm);
        let header = SigningHeader { typ: Some("JWT"), kid: Some(key.kid()), x5t_s256: Some(THUMBPRINT) };
        let token = signing.sign(&header, &TIMES, &claims(), &mut Counting(0)).unwrap();
        let token = SignedToken::parse(token.expose()).unwrap();
        assert_eq!((token.algorithm(), token.kid(), token.typ()), (algorithm, Some(key.kid()), Some("JWT")));
        let verified = token.verify::<Value>(&key_set(&Key::EVERY), &[algorithm]).unwrap();
        assert_eq!((verified.custom, verified.times), (claims(), TIMES));
        assert!(token.verify::<Value>(&key_set(&[Key::OtherRsa]), &[algorithm]).is_err());
    }
}

#[test]
fn the_header_has_what_was_asked_for_and_nothing_else() {
    let signing = SigningKey::from_pem(&Key::P256.pem()).unwrap();
    let header = |header| {
        let token = signing.sign(&header, &TIMES, &json!({}), &mut Counting(0)).unwrap();
        let (header, _) = token.expose().split_once('.').unwrap();
        serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
    };
    assert_eq!(header(SigningHeader::default()), json!({ "alg": "ES256" }));
    let whole = SigningHeader { typ: Some("JWT"), kid: Some("k"), x5t_s256: Some(THUMBPRINT) };
    assert_eq!(header(whole), json!({ "alg": "ES256", "typ": "JWT", "kid": "k", "x5t#S256": THUMBPRINT }));
}

#[test]
fn a_thumbprint_that_is_none_signs_nothing() {
    let signing = SigningKey::from_pem(&Key::P256.pem()).unwrap();
    for thumbprint in ["", "thumb", "=", &THUMBPRINT[1..], "lDpwLQbzRZmu4fjajvn3KWAx1pk"] {
        let header = SigningHeader { x5t_s256: Some(thumbprint), ..SigningHeader::default() };
        let rejection = signing.sign(&header, &TIMES, &claims(), &mut Counting(0)).unwrap_err();
        assert_eq!(rejection, SigningRejection::Thumbprint, "{thumbprint}");
    }
}

#[test]
fn claims_that_are_no_object_are_not_signed() {
    let signing = SigningKey::from_pem(&Key::P256.pem()).unwrap();
    for claims in [json!([]), json!("text"), json!(1)] {
        let rejection = signing.sign(&SigningHeader::default(), &TIMES, &claims, &mut Counting(0)).unwrap_err();
        assert_eq!(rejection, SigningRejection::Claims, "{claims}");
    }
}

#[test]
fn an_rsa_key_signs_with_what_the_other_side_accepts() {
    use SigningAlgorithm::{Es256, Ps256, Rs256};
    let rsa = || SigningKey::from_pem(&Key::Rsa.pem()).unwrap();
    assert_eq!(rsa().accepted_as(&[Rs256, Ps256]).unwrap().algorithm(), Ps256);
    assert_eq!(rsa().accepted_as(&[Es256]).unwrap_err(), SigningRejection::NotAccepted);
    let pkcs1 = rsa().accepted_as(&[Es256, Rs256]).unwrap();
    assert_eq!(pkcs1.algorithm(), Rs256);
    let token = pkcs1.sign(&SigningHeader::default(), &TIMES, &claims(), &mut Counting(0)).unwrap();
    let token = SignedToken::parse(token.expose()).unwrap();
    assert_eq!(token.verify::<Value>(&key_set(&[Key::Rsa]), &[Rs256]).map(|verified| verified.custom), Ok(claims()));
    let elliptic = || SigningKey::from_pem(&Key::P256.pem()).unwrap();
    assert_eq!(elliptic().accepted_as(&[Rs256, Es256]).unwrap().algorithm(), Es256);
    assert_eq!(elliptic().accepted_as(&[Rs256]).unwrap_err(), SigningRejection::NotAccepted);
}

#[test]
fn what_is_no_key_is_refused_with_its_reason() {
    let p256 = Key::P256.pem();
    let damaged = p256.expose().replacen("0RZ/qCyNk", "0RZ/qCyNl", 1);
    for (text, reason) in [
        ("", SigningRejection::NotPkcs8),
        ("hunter2", SigningRejection::NotPkcs8),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", SigningRejection::NotPkcs8),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", SigningRejection::NotPkcs8),
        (&p256.expose().replace("PRIVATE KEY", "EC PRIVATE KEY"), SigningRejection::NotPkcs8),
        (&p256.expose().replace("PRIVATE KEY", "PUBLIC KEY"), SigningRejection::NotPkcs8),
        (&damaged, SigningRejection::Damaged),
        (X25519, SigningRejection::UnknownKind),
        (RSA_1024, SigningRejection::TooShort),
    ] {
        assert_eq!(SigningKey::from_pem(&pem(text)).unwrap_err(), reason, "{text}");
    }
    assert!(
        SigningKey::from_pem(&pem(&format!("\n {}\n\n", p256.expose()))).is_ok(),
        "white space of a file is no harm"
    );
}

#[test]
fn a_key_never_prints() {
    for (key, printed) in [(Key::Ed25519, "SigningKey(EdDSA, [redacted])"), (Key::Rsa, "SigningKey(PS256, [redacted])")]
    {
        assert_eq!(format!("{:?}", SigningKey::from_pem(&key.pem()).unwrap()), printed);
    }
}

const X25519: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEIAAUdM10dSSHE647Sxb0jKZs5FXrrCcGdT6lmh5vnP11
-----END PRIVATE KEY-----";

const RSA_1024: &str = "-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAJx0UjFuHYM81CIL
FTHmArVqB1QxJ/zwkRxrub3bG+6cJR+Fzhm6BO3aATMOLp43ZIqg+klb5i3+8h3r
ovp0MZly8NCohbW+LT7jGp9LPajvMnEcCCQgUpFiKlhtc36O/E1vRMP4Z3OviR3T
pwD7/VJgrukQQKbG18qZ/0ZJUZyZAgMBAAECgYBd9n5msXuIFkBRMdbI4Rs/WS6N
ofgiMVj1eL1VCQL9i0nAZNwjF1VehE+0GhBldV8s4wFujYLwnO1MiviW8rHWRou2
0g1fLI3tSZrSEllNbmOfkMRy1LBrJb0tHWZTRQ3DIdVcUnYPbkJL0kUtIM7i1FgH
YZ3YUoQdgw4KkK0bAQJBAMm5B40XT6VREngHmBBqyGbR52w6a8nx7ghStlcttbPm
4/UW0y1KFQDv80H4AXM+/ogCDXUehtJSkiD+0l/Fd+8CQQDGjSLTZBahhCyudKtb
16pebpmUgy+j/ScpSzsZD1quVDbM2x3oIiUAfHubJaLgmaxH2aI0Ey3LICxav213
9mv3AkB/M4wNbjus9Vh+E9vRzmQcYhRabOR3bXU6Dl4ozwwbK2dnr0Lu9h4UfzqX
yLmxYHHEdfbieaNukN7Qq58hATZFAkBGHTrqGVMgkFNS++IzWZJRLI9RcY4WQ+Rb
YbSp4dEs9JIxf0MtYTld1Ze0rvK4i6vZ55GvAALQ0zi2hxj6Huv7AkEAkLRjYcjf
i78YmlSMvcM+iwvw1+lYebC4AsGgZ/RD33zlZrE9UoYesgKF+1lrgMmnV0EUVVte
7X36j/lsqChjkg==
-----END PRIVATE KEY-----";
