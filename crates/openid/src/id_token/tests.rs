use gatehouse_jose::{KeyRejection, SigningAlgorithm};
use gatehouse_protocol::{InvalidSubject, LogText};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::test_provider::{
    ISSUER, Key, NONCE, NOW, OBJECT, OTHER_TENANT, TENANT, VERIFIER, claims, entra, entra_claims, entra_metadata,
    key_set, key_set_of, metadata, metadata_with, provider, secrets, token,
};

fn verify(token: &SecretString) -> Result<Identity, IdTokenRejection> {
    verify_with(token, &key_set())
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
    for key in [Key::Rsa, Key::P256] {
        let identity = verify(&token(key, &claims())).unwrap();
        assert_eq!(identity.subject().as_str(), "demo:248289761001", "{key:?}");
    }
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
    assert!(matches!(verify(NOW.seconds()), Err(IdTokenRejection::Time(TimeRejection::Expired { .. }))));
}

#[test]
fn every_claim_of_the_specification_must_be_there() {
    for claim in ["iss", "sub", "aud", "nonce", "exp", "iat"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        for rejection in [verify(&token(Key::P256, &claims)), with(claim, Value::Null)] {
            assert_eq!(rejection.unwrap_err().to_string(), format!("the id_token lacks {claim}"));
        }
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
        assert_eq!(with(claim, value.clone()), Err(TokenRejection::Malformed.into()), "{claim} {value}");
    }
}

#[test]
fn another_issuer_is_refused_however_alike() {
    for iss in
        ["https://op.example/", "https://OP.example", "http://op.example", "https://op.example.attacker.example", ""]
    {
        assert_eq!(with("iss", iss.into()), Err(IssuerRejection::Differs(LogText::new(iss)).into()));
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
        assert_eq!(with("exp", at(past)), Err(TimeRejection::Expired { at: time(past), now: NOW }.into()));
    }
    assert!(matches!(with("exp", json!(0)), Err(IdTokenRejection::Time(TimeRejection::Expired { .. }))));
}

#[test]
fn a_token_may_begin_within_the_leeway_and_not_later() {
    for fine in [-300, 0, 60] {
        assert!(with("nbf", at(fine)).is_ok());
    }
    for to_come in [61, 3600] {
        assert_eq!(with("nbf", at(to_come)), Err(TimeRejection::NotYetValid { from: time(to_come), now: NOW }.into()));
    }
}

#[test]
fn a_token_was_issued_for_this_login_neither_later_nor_long_ago() {
    for fine in [60, 0, -300, -3600, -3660] {
        assert!(with("iat", at(fine)).is_ok(), "{fine}");
    }
    for to_come in [61, 3600] {
        assert_eq!(
            with("iat", at(to_come)),
            Err(TimeRejection::IssuedInTheFuture { at: time(to_come), now: NOW }.into())
        );
    }
    for old in [-3661, -86400] {
        assert_eq!(with("iat", at(old)), Err(TimeRejection::IssuedLongAgo { at: time(old), now: NOW }.into()));
    }
}

#[test]
fn fractions_of_seconds_are_cut() {
    assert!(with("iat", json!(NOW.seconds() as f64 + 60.9)).is_ok());
    assert!(matches!(
        with("exp", json!(NOW.seconds() as f64 - 59.1)),
        Err(IdTokenRejection::Time(TimeRejection::Expired { .. }))
    ));
}

#[test]
fn a_sub_that_cannot_name_a_user_is_refused() {
    for sub in ["", "a b", "a\r\nx: y", "é", &"1".repeat(256)] {
        assert_eq!(with("sub", sub.into()), Err(UserRejection::Subject(InvalidSubject).into()), "{sub:?}");
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let token = token(Key::P256, &claims());
    let (message, _) = token.expose().rsplit_once('.').unwrap();
    assert_eq!(verify(&SecretString::new(format!("{message}."))), Err(TokenRejection::BadSignature.into()));
    let (_, payload) = message.split_once('.').unwrap();
    // {"alg":"none"}
    let unsigned = SecretString::new(format!("eyJhbGciOiJub25lIn0.{payload}."));
    assert_eq!(
        verify(&unsigned),
        Err(TokenRejection::Algorithm { used: LogText::new("none"), accepted: SigningAlgorithm::ALL.to_vec() }.into())
    );
}

#[test]
fn an_algorithm_that_the_metadata_does_not_list_is_refused() {
    let metadata = metadata_with(|document| document["id_token_signing_alg_values_supported"] = json!(["PS256"]));
    let verify = |key| Identity::verify(&token(key, &claims()), &provider(), &metadata, &key_set(), &secrets(), NOW);
    assert!(verify(Key::Rsa).is_ok());
    let rejection = verify(Key::P256).unwrap_err();
    let text = "the id_token is signed with ES256, and the provider's metadata lists only PS256 \
                (id_token_signing_alg_values_supported)";
    assert_eq!(rejection.to_string(), text);
    assert!(matches!(rejection, IdTokenRejection::Unlisted(_)));
}

#[test]
fn only_an_unknown_key_asks_for_fresh_keys() {
    let stale = key_set_of(&[Key::Rsa.jwk()]);
    let rejection = verify_with(&token(Key::P256, &claims()), &stale).unwrap_err();
    let unknown = KeyRejection::Unknown { kid: Some(LogText::new("p256")) };
    assert_eq!(rejection, TokenRejection::from(unknown).into());
    assert!(rejection.fresh_keys_may_help());
    assert!(!with("nonce", "another".into()).unwrap_err().fresh_keys_may_help());
}

#[test]
fn neither_the_token_nor_its_claims_are_in_a_rejection() {
    let rejection = with_all(&[("nonce", "foreign-nonce".into()), ("email", "alice@example.com".into())]).unwrap_err();
    let printed = format!("{rejection} {rejection:?}");
    for secret in [NONCE, "foreign-nonce", "alice", "248289761001"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn a_claim_that_stands_twice_is_refused_also_among_those_about_the_user() {
    for claim in ["iss", "sub", "aud", "nonce", "groups", "tid"] {
        let doubled = format!(r#"{{"{claim}":"x","{claim}":"x"}}"#);
        let read = serde_json::from_str::<Origin>(&doubled)
            .map(|_| ())
            .and(serde_json::from_str::<Claims>(&doubled).map(|_| ()));
        assert!(read.is_err(), "{claim}");
    }
}

/// OpenID Connect Core, section 12.2.
#[test]
fn a_refreshed_id_token_needs_no_nonce_and_must_be_of_the_same_user() {
    let refreshed = |changes: &[(&str, Value)], sub: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove("nonce");
        for (claim, value) in changes {
            claims[*claim] = value.clone();
        }
        let subject = Subject::new("demo", sub).unwrap();
        Identity::verify_refreshed(&token(Key::P256, &claims), &provider(), &metadata(), &key_set(), &subject, NOW)
    };
    assert_eq!(refreshed(&[], "248289761001").unwrap().subject().as_str(), "demo:248289761001");
    assert!(refreshed(&[("nonce", "of the login".into())], "248289761001").is_ok());
    assert_eq!(refreshed(&[], "248289761002"), Err(IdTokenRejection::SubjectDiffers));
    assert_eq!(refreshed(&[("aud", "another".into())], "248289761001"), Err(IdTokenRejection::AudienceDiffers));
    assert!(matches!(
        refreshed(&[("iss", "https://x.example".into())], "248289761001"),
        Err(IdTokenRejection::Issuer(_))
    ));
    assert!(matches!(refreshed(&[("exp", at(-60))], "248289761001"), Err(IdTokenRejection::Time(_))));
    let unsigned = SecretString::new("eyJhbGciOiJub25lIn0.e30.".to_owned());
    let subject = Subject::new("demo", "1").unwrap();
    assert!(Identity::verify_refreshed(&unsigned, &provider(), &metadata(), &key_set(), &subject, NOW).is_err());
}

#[test]
fn an_entra_user_of_any_tenant_is_named_by_tenant_and_object() {
    let provider = entra("organizations");
    let metadata = entra_metadata(&provider);
    let verify = |claims: &Value, keys: &KeySet| {
        Identity::verify(&token(Key::P256, claims), &provider, &metadata, keys, &secrets(), NOW)
    };
    let bound = |issuer: &str| {
        let mut jwk = Key::P256.jwk();
        jwk["issuer"] = issuer.into();
        key_set_of(&[jwk])
    };
    let anyone = bound("https://login.microsoftonline.com/{tenantid}/v2.0");
    let identity = verify(&entra_claims(TENANT), &anyone).unwrap();
    assert_eq!(identity.subject().as_str(), format!("entra:{TENANT}.{OBJECT}"));
    let other = verify(&entra_claims(OTHER_TENANT), &anyone).unwrap();
    assert_eq!(other.subject().as_str(), format!("entra:{OTHER_TENANT}.{OBJECT}"));
    let own_key = bound(&format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
    assert!(verify(&entra_claims(TENANT), &own_key).is_ok());
    let foreign = verify(&entra_claims(OTHER_TENANT), &own_key);
    let rejection = IdTokenRejection::from(TokenRejection::from(KeyRejection::IssuerDiffers));
    assert_eq!(foreign, Err(rejection), "a key of one tenant signs for no other");
}

#[test]
fn an_entra_token_must_name_tenant_and_object_and_its_issuer_must_be_of_the_tenant() {
    let verify = |provider: &IdentityProvider, changes: &[(&str, Value)]| {
        let mut claims = entra_claims(TENANT);
        for (claim, value) in changes {
            claims[*claim] = value.clone();
        }
        Identity::verify(&token(Key::P256, &claims), provider, &entra_metadata(provider), &key_set(), &secrets(), NOW)
    };
    let (several, one) = (entra("common"), entra(TENANT));
    assert!(verify(&several, &[]).is_ok() && verify(&one, &[]).is_ok());
    let issuer = |tenant: &str| json!(format!("https://login.microsoftonline.com/{tenant}/v2.0"));
    for provider in [&several, &one] {
        for (claim, value, reason) in [
            ("tid", Value::Null, "the id_token lacks tid"),
            ("oid", Value::Null, "the id_token lacks oid"),
            ("sub", Value::Null, "the id_token lacks sub"),
            ("oid", "".into(), "the id_token has an oid that is no object id"),
            ("oid", "a.b".into(), "the id_token has an oid that is no object id"),
        ] {
            assert_eq!(verify(provider, &[(claim, value)]).unwrap_err().to_string(), reason);
        }
        for tid in ["", "organizations", "{tenantid}", &TENANT[1..], &format!("{TENANT}/x")] {
            let rejection = verify(provider, &[("tid", tid.into()), ("iss", issuer(tid))]).unwrap_err();
            assert_eq!(rejection, IssuerRejection::Tenant(LogText::new(tid)).into());
        }
        let mixed = verify(provider, &[("tid", OTHER_TENANT.into())]);
        assert!(matches!(mixed, Err(IdTokenRejection::Issuer(_))));
        assert!(verify(provider, &[("iss", issuer("{tenantid}"))]).is_err());
        assert!(verify(provider, &[("iss", json!(format!("https://sts.windows.net/{TENANT}/")))]).is_err());
    }
    assert!(verify(&several, &[("tid", OTHER_TENANT.into()), ("iss", issuer(OTHER_TENANT))]).is_ok());
    assert!(verify(&one, &[("tid", OTHER_TENANT.into()), ("iss", issuer(OTHER_TENANT))]).is_err());
}

proptest! {
    #[test]
    fn any_text_as_a_token_is_refused_without_a_panic(text in ".{0,200}") {
        prop_assert!(verify(&SecretString::new(text)).is_err());
    }
}
