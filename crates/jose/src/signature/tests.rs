use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::Entropy;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm as Oracle, DecodingKey, EncodingKey};
use jwt_compact::{AlgorithmSignature as _, Header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::example::{Counting, Key, claims, key_set_of};
use crate::private_key::PrivateKey;
use crate::signer::Signer;
use crate::{SigningAlgorithm, SigningRejection, TimeClaims};

/// Each algorithm with a key for it, and with the name under which another implementation knows it.
const EVERY: [(SigningAlgorithm, Key, Oracle); 10] = [
    (SigningAlgorithm::Rs256, Key::Rsa, Oracle::RS256),
    (SigningAlgorithm::Rs384, Key::Rsa, Oracle::RS384),
    (SigningAlgorithm::Rs512, Key::Rsa, Oracle::RS512),
    (SigningAlgorithm::Ps256, Key::Rsa, Oracle::PS256),
    (SigningAlgorithm::Ps384, Key::Rsa, Oracle::PS384),
    (SigningAlgorithm::Ps512, Key::Rsa, Oracle::PS512),
    (SigningAlgorithm::Es256, Key::P256, Oracle::ES256),
    (SigningAlgorithm::Es384, Key::P384, Oracle::ES384),
    (SigningAlgorithm::EdDsa, Key::Ed25519, Oracle::EdDSA),
    // It knows the older of the two names alone; the signature is the same.
    (SigningAlgorithm::Ed25519, Key::Ed25519, Oracle::EdDSA),
];

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Whether the key of this JWK has signed `message`, by our implementation.
fn we_verify(jwk: &Value, algorithm: SigningAlgorithm, message: &[u8], signature: &[u8]) -> bool {
    let keys = key_set_of(std::slice::from_ref(jwk));
    keys.select(algorithm, None, |_| true).is_ok_and(|key| key.has_signed(message, signature, algorithm))
}

fn they_sign(key: &EncodingKey, algorithm: Oracle, message: &[u8]) -> Vec<u8> {
    bytes(&jsonwebtoken::crypto::sign(message, key, algorithm).unwrap())
}

fn they_verify(jwk: &Value, algorithm: Oracle, message: &[u8], signature: &[u8]) -> bool {
    let key = DecodingKey::from_jwk(&serde_json::from_value::<Jwk>(jwk.clone()).unwrap()).unwrap();
    jsonwebtoken::crypto::verify(&URL_SAFE_NO_PAD.encode(signature), message, &key, algorithm).unwrap()
}

/// A token as [`PrivateKey`] makes it: what is signed, and the signature.
fn we_sign(key: Key, algorithm: SigningAlgorithm, entropy: u8) -> (String, Vec<u8>) {
    let key = PrivateKey::from_pem(&key.pem()).unwrap();
    let claims = TimeClaims::default().with(claims());
    let token = key.token(algorithm, &Header::empty(), &claims, &mut Counting(entropy)).unwrap();
    let (message, signature) = token.expose().rsplit_once('.').unwrap();
    (message.to_owned(), bytes(signature))
}

#[test]
fn another_implementation_verifies_what_we_sign() {
    for (algorithm, key, oracle) in EVERY {
        let (message, signature) = we_sign(key, algorithm, 0);
        assert!(they_verify(&key.jwk(), oracle, message.as_bytes(), &signature), "{algorithm}");
        assert!(!they_verify(&key.jwk(), oracle, format!("{message}A").as_bytes(), &signature), "{algorithm}");
        let (header, _) = message.split_once('.').unwrap();
        assert_eq!(bytes(header), format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes());
    }
}

#[test]
fn we_verify_what_another_implementation_signs() {
    for (algorithm, key, oracle) in EVERY {
        let signature = they_sign(&key.private(), oracle, b"message");
        assert!(we_verify(&key.jwk(), algorithm, b"message", &signature), "{algorithm}");
        assert!(!we_verify(&key.jwk(), algorithm, b"messagf", &signature), "{algorithm}");
        assert!(!we_verify(&key.jwk(), algorithm, b"", &signature), "{algorithm}");
    }
    let other = they_sign(&Key::OtherRsa.private(), Oracle::RS256, b"message");
    assert!(!we_verify(&Key::Rsa.jwk(), SigningAlgorithm::Rs256, b"message", &other));
}

/// Both names of Ed25519 mean the same signature; among all others, each is good under its own name alone.
#[test]
fn a_signature_of_one_algorithm_is_none_of_another() {
    use SigningAlgorithm::{Ed25519, EdDsa};
    for (algorithm, key, oracle) in EVERY {
        let signature = they_sign(&key.private(), oracle, b"message");
        for (other, _, _) in EVERY {
            let same = other == algorithm || matches!((algorithm, other), (EdDsa, Ed25519) | (Ed25519, EdDsa));
            for verifying in Key::EVERY {
                let good = we_verify(&verifying.jwk(), other, b"message", &signature);
                assert_eq!(good, same && verifying == key, "{algorithm} as {other} with {verifying:?}");
            }
        }
    }
}

#[test]
fn no_bit_of_a_signature_can_be_changed_and_no_byte_added_or_left_out() {
    for (algorithm, key, _) in EVERY {
        let (message, signature) = we_sign(key, algorithm, 7);
        let verify = |signature: &[u8]| we_verify(&key.jwk(), algorithm, message.as_bytes(), signature);
        assert!(verify(&signature), "{algorithm}");
        for position in [0, 1, signature.len() / 2, signature.len() - 1] {
            for bit in 0..8 {
                let mut changed = signature.clone();
                changed[position] ^= 1 << bit;
                assert!(!verify(&changed), "{algorithm} {position} {bit}");
            }
        }
        for changed in [
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            signature[1..].to_vec(),
            signature[..signature.len() - 1].to_vec(),
            vec![0; signature.len()],
            vec![0xff; signature.len()],
            Vec::new(),
        ] {
            assert!(!verify(&changed), "{algorithm} {}", changed.len());
        }
    }
}

/// An ECDSA signature in DER is as valid a number as any, and not what RFC 7518, section 3.4, asks for.
#[test]
fn an_elliptic_signature_in_der_is_refused() {
    let (message, signature) = we_sign(Key::P256, SigningAlgorithm::Es256, 0);
    let der = p256::ecdsa::Signature::from_slice(&signature).unwrap().to_der();
    assert!(!we_verify(&Key::P256.jwk(), SigningAlgorithm::Es256, message.as_bytes(), der.as_bytes()));
}

/// The signature is of one number less than the modulus: a second representation of it would be a second signature.
#[test]
fn an_rsa_signature_that_is_not_reduced_is_refused() {
    let (message, signature) = we_sign(Key::Rsa, SigningAlgorithm::Rs256, 0);
    let modulus = bytes(Key::Rsa.jwk()["n"].as_str().unwrap());
    let mut carry = 0;
    let mut sum: Vec<u8> = signature
        .iter()
        .zip(&modulus)
        .rev()
        .map(|(a, b)| {
            let digit = u16::from(*a) + u16::from(*b) + carry;
            carry = digit >> 8;
            digit.to_le_bytes()[0]
        })
        .collect();
    sum.reverse();
    let longer = [&[carry.to_le_bytes()[0]], sum.as_slice()].concat();
    for changed in [sum, longer] {
        assert!(!we_verify(&Key::Rsa.jwk(), SigningAlgorithm::Rs256, message.as_bytes(), &changed));
    }
}

/// Of PSS, the salt is random, and blinding leaves no trace; whoever gives the same randomness gets the same signature, so
/// all of it comes from our own source.
#[test]
fn all_randomness_of_a_signature_comes_from_the_caller() {
    for (algorithm, key, _) in EVERY {
        let salted = algorithm.as_str().starts_with("PS");
        assert_eq!(we_sign(key, algorithm, 0), we_sign(key, algorithm, 0), "{algorithm}");
        assert_eq!(we_sign(key, algorithm, 0) == we_sign(key, algorithm, 1), !salted, "{algorithm}");
    }
}

struct Asked(usize);

impl Entropy for Asked {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += bytes.len();
        Counting(0).fill(bytes);
    }
}

/// The factor by which a message is blinded is as long as the modulus; without randomness, RSA would not be blinded.
#[test]
fn every_rsa_signature_is_blinded_and_no_other_asks_for_randomness() {
    for (algorithm, key, _) in EVERY {
        let mut asked = Asked(0);
        let claims = TimeClaims::default().with(claims());
        let private = PrivateKey::from_pem(&key.pem()).unwrap();
        private.token(algorithm, &Header::empty(), &claims, &mut asked).unwrap();
        if key == Key::Rsa {
            assert!(asked.0 >= 256, "{algorithm} {}", asked.0);
        } else {
            assert_eq!(asked.0, 0, "{algorithm}");
        }
    }
}

/// The RSA of `jwt-compact` panics where it cannot sign. Under 2048 bits, we have no key; this one is too short for the salt of
/// PS512.
#[test]
fn a_key_that_cannot_sign_is_an_error_and_no_panic() {
    let short = SHORT.private();
    let claims = TimeClaims::default().with(claims());
    let mut entropy = Counting(0);
    let token = Signer::new(&short, &mut entropy).token(&ps512(), &Header::empty(), &claims);
    assert_eq!(token, Err(SigningRejection::Damaged));
    assert!(Signer::new(&short, &mut entropy).token(&ps256(), &Header::empty(), &claims).is_ok());
}

#[test]
fn a_key_signs_with_no_algorithm_of_another_kind() {
    let claims = TimeClaims::default().with(claims());
    for (algorithm, key, _) in EVERY {
        for other in Key::EVERY.into_iter().filter(|other| other.natural_algorithm() != key.natural_algorithm()) {
            let private = PrivateKey::from_pem(&other.pem()).unwrap();
            let token = private.token(algorithm, &Header::empty(), &claims, &mut Counting(0));
            assert_eq!(token, Err(SigningRejection::NotAccepted), "{algorithm} {other:?}");
        }
    }
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
        assert!(we_verify(&jwk, algorithm, format!("{header}.{CLAIMS}").as_bytes(), &bytes(signature)));
        let flipped = CLAIMS.replacen('j', "k", 1);
        assert!(!we_verify(&jwk, algorithm, format!("{header}.{flipped}").as_bytes(), &bytes(signature)));
    }
}

/// RFC 8037, appendices A.1, A.2 and A.4.
#[test]
fn the_signature_of_rfc_8037_is_verified_and_made() {
    const SIGNATURE: &str = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const MESSAGE: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    assert!(we_verify(&jwk, SigningAlgorithm::EdDsa, MESSAGE.as_bytes(), &bytes(SIGNATURE)));
    let flipped = MESSAGE.replacen('R', "S", 1);
    assert!(!we_verify(&jwk, SigningAlgorithm::EdDsa, flipped.as_bytes(), &bytes(SIGNATURE)));
    let secret = bytes("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").try_into().unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&secret);
    let signature = ed_dsa().sign(&Signer::new(&key, &mut Counting(0)), MESSAGE.as_bytes());
    assert_eq!(signature.as_bytes(), bytes(SIGNATURE));
}

/// The key of RFC 7520, section 3.4.
const BILBO: Components = Components {
    n: concat!(
        "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb",
        "2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpP",
        "I9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuax",
        "wUkRz5iaiQkqgc5gHdrNP5zw",
    ),
    d: concat!(
        "bWUC9B-EFRIo8kpGfh0ZuyGPvMNKvYWNtB_ikiH9k20eT-O1q_I78eiZkpXxXQ0UTEs2LsNRS-8uJbvQ-A1irkwMSMkK1J3XTGgdrhCku9",
        "gRldY7sNA_AKZGh-Q661_42rINLRCe8W-nZ34ui_qOfkLnK9QWDDqpaIsA-bMwWWSDFu2MUBYwkHTMEzLYGqOe04noqeq1hExBTHBOBdkM",
        "XiuFhUq1BU6l-DqEiWxqg82sXt2h-LMnT3046AOYJoRioz75tSUQfGCshWTBnP5uDjd18kKhyv07lhfSJdrPdM5Plyl21hsFf4L_mHCuoF",
        "au7gdsPfHPxxjVOcOpBrQzwQ",
    ),
    p: concat!(
        "3Slxg_DwTXJcb6095RoXygQCAZ5RnAvZlno1yhHtnUex_fp7AZ_9nRaO7HX_-SFfGQeutao2TDjDAWU4Vupk8rw9JR0AzZ0N2fvuIAmr_W",
        "CsmGpeNqQnev1T7IyEsnh8UMt-n5CafhkikzhEsrmndH6LxOrvRJlsPp6Zv8bUq0k",
    ),
    q: concat!(
        "uKE2dh-cTf6ERF4k4e_jy78GfPYUIaUyoSSJuBzp3Cubk3OCqs6grT8bR_cu0Dm1MZwWmtdqDyI95HrUeq3MP15vMMON8lHTeZu2lmKvwq",
        "W7anV5UzhM1iZ7z4yMkuUwFWoBvyY898EXvRD-hdqRxHlSqAZ192zB3pVFJ0s7pFc",
    ),
};

/// RFC 7520, sections 4.1 and 4.2.
#[test]
fn the_signatures_of_rfc_7520_are_verified_and_the_one_without_a_salt_is_made() {
    const PAYLOAD: &str = concat!(
        "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZC",
        "wgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0",
        "IG9mZiB0by4",
    );
    const RS256: &str = concat!(
        "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-B",
        "DkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is",
        "9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ip",
        "H84ogoree7vjbU5y18kDquDg",
    );
    const PS384: &str = concat!(
        "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1",
        "OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d",
        "9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAf",
        "mWjwZ6oD4ifKo8DYM-X72Eaw",
    );
    let jwk = json!({ "kty": "RSA", "n": BILBO.n, "e": "AQAB" });
    let message = |alg: &str| {
        let header = format!(r#"{{"alg":"{alg}","kid":"bilbo.baggins@hobbiton.example"}}"#);
        format!("{}.{PAYLOAD}", URL_SAFE_NO_PAD.encode(header)).into_bytes()
    };
    assert!(we_verify(&jwk, SigningAlgorithm::Rs256, &message("RS256"), &bytes(RS256)));
    assert!(!we_verify(&jwk, SigningAlgorithm::Rs256, &message("PS384"), &bytes(RS256)));
    assert!(we_verify(&jwk, SigningAlgorithm::Ps384, &message("PS384"), &bytes(PS384)));
    assert!(!we_verify(&jwk, SigningAlgorithm::Ps384, &message("RS256"), &bytes(PS384)));
    let key = BILBO.private();
    let signature = rs256().sign(&Signer::new(&key, &mut Counting(0)), &message("RS256"));
    assert_eq!(signature.as_bytes(), bytes(RS256));
}

/// An RSA key with 1024 bits; the public exponent is 65537.
const SHORT: Components = Components {
    n: concat!(
        "nHRSMW4dgzzUIgsVMeYCtWoHVDEn_PCRHGu5vdsb7pwlH4XOGboE7doBMw4unjdkiqD6SVvmLf7yHeui-nQxmXLw0KiFtb4tPuMan0s9qO",
        "8ycRwIJCBSkWIqWG1zfo78TW9Ew_hnc6-JHdOnAPv9UmCu6RBApsbXypn_RklRnJk",
    ),
    d: concat!(
        "XfZ-ZrF7iBZAUTHWyOEbP1kujaH4IjFY9Xi9VQkC_YtJwGTcIxdVXoRPtBoQZXVfLOMBbo2C8JztTIr4lvKx1kaLttINXyyN7Uma0hJZTW",
        "5jn5DEctSwayW9LR1mU0UNwyHVXFJ2D25CS9JFLSDO4tRYB2Gd2FKEHYMOCpCtGwE",
    ),
    p: "ybkHjRdPpVESeAeYEGrIZtHnbDpryfHuCFK2Vy21s-bj9RbTLUoVAO_zQfgBcz7-iAINdR6G0lKSIP7SX8V37w",
    q: "xo0i02QWoYQsrnSrW9eqXm6ZlIMvo_0nKUs7GQ9arlQ2zNsd6CIlAHx7myWi4JmsR9miNBMtyyAsWr9td_Zr9w",
};

struct Components {
    n: &'static str,
    d: &'static str,
    p: &'static str,
    q: &'static str,
}

impl Components {
    fn private(&self) -> ::rsa::PrivateKey {
        let number = |text: &str| {
            let bytes = bytes(text);
            ::rsa::BoxedUint::from_be_slice(&bytes, u32::try_from(bytes.len() * 8).unwrap()).unwrap()
        };
        let primes = vec![number(self.p), number(self.q)];
        ::rsa::PrivateKey::from_components(number(self.n), number("AQAB"), number(self.d), primes).unwrap()
    }
}

proptest! {
    #[test]
    fn any_message_that_another_implementation_signs_is_verified_and_no_other(message: Vec<u8>, other: Vec<u8>) {
        // RSA signs too slowly for this.
        for (algorithm, key, oracle) in EVERY.into_iter().filter(|(_, key, _)| *key != Key::Rsa) {
            let signature = they_sign(&key.private(), oracle, &message);
            prop_assert!(we_verify(&key.jwk(), algorithm, &message, &signature));
            prop_assert_eq!(we_verify(&key.jwk(), algorithm, &other, &signature), message == other);
        }
    }

    #[test]
    fn any_bytes_are_no_signature_and_no_panic(length in 0..600_usize, seed: u8, message: Vec<u8>) {
        let mut signature = vec![seed; length];
        if let Some(first) = signature.first_mut() {
            *first = seed.wrapping_mul(31);
        }
        for (algorithm, key, _) in EVERY {
            prop_assert!(!we_verify(&key.jwk(), algorithm, &message, &signature));
        }
    }
}
