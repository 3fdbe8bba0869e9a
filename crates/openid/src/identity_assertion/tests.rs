use gatehouse_jose::KeyRejection;
use gatehouse_protocol::SecretString;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::test_provider::{
    ISSUER, Key, NOW, OBJECT, TENANT, entra, entra_metadata, key_set, key_set_of, metadata, token, token_of_type,
};

const OURS: &str = "https://gateway.example";
const CLIENT: &str = "f53f191f9311af35";

fn provider() -> IdentityProvider {
    IdentityProvider { accepts_identity_assertions: true, ..crate::test_provider::provider() }
}

/// The example of the draft, section "Identity Assertion JWT Authorization Grant", for our resource.
fn claims() -> Value {
    json!({
        "jti": "9e43f81b64a33f20116179",
        "iss": ISSUER,
        "sub": "U019488227",
        "aud": OURS,
        "client_id": CLIENT,
        "resource": "https://gateway.example/mcp",
        "scope": "mcp",
        "exp": NOW.seconds() + 300,
        "iat": NOW.seconds(),
    })
}

fn typed(claims: &Value) -> SecretString {
    token_of_type("oauth-id-jag+jwt", Key::P256, claims)
}

fn verify_text(text: &str) -> Result<AssertedIdentity, IdentityAssertionRejection> {
    IdentityAssertion::parse(text)?.verify(&provider(), &metadata(), &key_set(), OURS, CLIENT, NOW)
}

fn with(claim: &str, value: Value) -> Result<AssertedIdentity, IdentityAssertionRejection> {
    let mut claims = claims();
    claims[claim] = value;
    verify_text(typed(&claims).expose())
}

fn rejection(claim: &str, value: Value) -> IdentityAssertionRejection {
    with(claim, value).unwrap_err()
}

#[test]
fn an_assertion_names_the_user_as_a_login_would_and_says_what_for() {
    let asserted = verify_text(typed(&claims()).expose()).unwrap();
    assert_eq!(asserted.identity.subject().as_str(), "demo:U019488227");
    assert_eq!((asserted.id.as_str(), asserted.ends_at), ("9e43f81b64a33f20116179", NOW.plus(360)));
    assert_eq!(asserted.resource.as_deref(), Some("https://gateway.example/mcp"));
    assert_eq!(asserted.scope.as_deref(), Some("mcp"));
    assert_eq!(with("scope", Value::Null).unwrap().scope, None);
}

#[test]
fn an_entra_user_is_named_as_after_a_login() {
    let provider = IdentityProvider { accepts_identity_assertions: true, ..entra("organizations") };
    let mut claims = claims();
    claims["iss"] = format!("https://login.microsoftonline.com/{TENANT}/v2.0").into();
    claims["tid"] = TENANT.into();
    claims["oid"] = OBJECT.into();
    let assertion = IdentityAssertion::parse(typed(&claims).expose()).unwrap();
    let providers = [self::provider(), provider];
    let found = assertion.provider(&providers).unwrap();
    assert_eq!(found.name, "entra");
    let asserted = assertion.verify(found, &entra_metadata(found), &key_set(), OURS, CLIENT, NOW).unwrap();
    assert_eq!(asserted.identity.subject().as_str(), format!("entra:{TENANT}.{OBJECT}"));
}

#[test]
fn every_claim_but_scope_and_resource_must_be_there() {
    for claim in ["iss", "sub", "aud", "client_id", "jti", "exp", "iat"] {
        assert_eq!(rejection(claim, Value::Null).to_string(), format!("the identity assertion lacks {claim}"));
    }
    for claim in ["client_id", "jti", "resource"] {
        assert_eq!(rejection(claim, json!("")), IdentityAssertionRejection::Missing(claim));
    }
}

#[test]
fn a_limit_that_is_not_supported_is_not_left_out() {
    for (claim, value) in [
        ("cnf", json!({ "jkt": "x" })),
        ("cnf", json!("x")),
        ("authorization_details", json!([{ "type": "payment" }])),
        ("authorization_details", json!([])),
    ] {
        assert_eq!(rejection(claim, value), IdentityAssertionRejection::Unsupported(claim));
    }
    assert_eq!(with("resource", Value::Null).unwrap().resource, None);
}

#[test]
fn every_wrong_claim_is_refused_with_its_reason() {
    use IdentityAssertionRejection as Rejection;
    let now = NOW.seconds();
    for (claim, value, reason) in [
        ("aud", json!("https://gateway.example/"), Rejection::AudienceDiffers),
        ("aud", json!("https://gateway.example/token"), Rejection::AudienceDiffers),
        ("aud", json!([OURS, "https://other.example"]), Rejection::AudienceDiffers),
        ("aud", json!([OURS, OURS]), Rejection::AudienceDiffers),
        ("aud", json!([]), Rejection::AudienceDiffers),
        ("client_id", json!("another"), Rejection::ClientDiffers),
        ("jti", json!("j".repeat(257)), Rejection::IdTooLong),
        ("resource", json!(["https://gateway.example/mcp"]), Rejection::Token(TokenRejection::Malformed)),
        ("scope", json!(["mcp"]), Rejection::Token(TokenRejection::Malformed)),
        ("jti", json!(1), Rejection::Token(TokenRejection::Malformed)),
    ] {
        assert_eq!(rejection(claim, value.clone()), reason, "{claim} {value}");
    }
    for (claim, value) in [
        ("exp", json!(now - 60)),
        ("exp", json!(now + 3661)),
        ("iat", json!(now + 61)),
        ("iat", json!(now - 3661)),
        ("nbf", json!(now + 61)),
    ] {
        assert!(matches!(rejection(claim, value), Rejection::Time(_)), "{claim}");
    }
    for (claim, value) in [("exp", json!(now - 59)), ("exp", json!(now + 3660)), ("jti", json!("j".repeat(256)))] {
        assert!(with(claim, value).is_ok(), "{claim}");
    }
    assert!(matches!(rejection("iss", json!("https://other.example")), Rejection::Issuer(_)));
    assert!(matches!(rejection("sub", json!("")), Rejection::User(_)));
}

#[test]
fn another_kind_of_token_is_no_assertion() {
    for text in [token(Key::P256, &claims()), token_of_type("at+jwt", Key::P256, &claims())] {
        assert_eq!(IdentityAssertion::parse(text.expose()).unwrap_err(), IdentityAssertionRejection::Type);
    }
}

#[test]
fn a_signature_of_somebody_else_or_none_is_refused() {
    let text = typed(&claims());
    let (message, _) = text.expose().rsplit_once('.').unwrap();
    let unsigned = verify_text(&format!("{message}.")).unwrap_err();
    assert_eq!(unsigned, TokenRejection::BadSignature.into());
    let stale = IdentityAssertion::parse(text.expose())
        .unwrap()
        .verify(&provider(), &metadata(), &key_set_of(&[Key::Rsa.jwk()]), OURS, CLIENT, NOW)
        .unwrap_err();
    assert!(matches!(&stale, IdentityAssertionRejection::Token(TokenRejection::Key(KeyRejection::Unknown { .. }))));
    assert!(stale.fresh_keys_may_help() && !unsigned.fresh_keys_may_help());
}

#[test]
fn only_a_provider_whose_assertions_are_accepted_is_believed() {
    let text = typed(&claims());
    let assertion = IdentityAssertion::parse(text.expose()).unwrap();
    let refusing = crate::test_provider::provider();
    let not_accepted = IdentityAssertionRejection::NotAccepted;
    assert!(assertion.provider(&[provider()]).is_ok());
    assert_eq!(assertion.provider(core::slice::from_ref(&refusing)).unwrap_err(), not_accepted);
    assert_eq!(assertion.provider(&[]).unwrap_err(), not_accepted);
    let verified = assertion.verify(&refusing, &metadata(), &key_set(), OURS, CLIENT, NOW);
    assert_eq!(verified.unwrap_err(), not_accepted, "even where nobody asked before");
}

#[test]
fn an_assertion_never_prints() {
    let printed = format!("{:?}", IdentityAssertion::parse(typed(&claims()).expose()).unwrap());
    assert!(!printed.contains("U019488227") && !printed.contains("9e43f81b"), "{printed}");
}

proptest! {
    #[test]
    fn any_text_as_an_assertion_is_refused_without_a_panic(text in ".{0,200}") {
        prop_assert!(verify_text(&text).is_err());
    }
}
