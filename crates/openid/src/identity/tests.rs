use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::test_provider::{entra, provider};

fn claims(json: Value) -> UserClaims {
    serde_json::from_value(json).unwrap()
}

fn domain(profile: &ProviderProfile, json: Value) -> Option<EmailDomain> {
    Some(claims(json).domain(profile))
}

#[test]
fn an_address_counts_where_the_provider_vouches_for_it() {
    let (openid, microsoft) = (provider().profile, entra("common").profile);
    let verified = || EmailDomain::Verified("example.com".to_owned());
    let address = "Alice@Example.COM";
    for (profile, claims, expected) in [
        (&openid, json!({ "email": address, "email_verified": true }), verified()),
        (&openid, json!({ "email": address, "email_verified": "true" }), verified()),
        (&openid, json!({ "email": address, "email_verified": false }), EmailDomain::Unverified),
        (&openid, json!({ "email": address, "email_verified": "false" }), EmailDomain::Unverified),
        (&openid, json!({ "email": address }), EmailDomain::Unverified),
        (&openid, json!({ "email": address, "xms_edov": true }), EmailDomain::Unverified),
        (&microsoft, json!({ "email": address }), EmailDomain::Unverified),
        (&microsoft, json!({ "email": address, "xms_edov": false }), EmailDomain::Unverified),
        (&microsoft, json!({ "email": address, "xms_edov": true }), verified()),
        (&microsoft, json!({ "email": address, "xms_edov": "1" }), verified()),
        (&microsoft, json!({ "email": address, "xms_edov": 1 }), verified()),
        (&openid, json!({ "email_verified": true }), EmailDomain::Absent),
        (&openid, json!({ "email": ["alice@example.com"], "email_verified": true }), EmailDomain::Absent),
        (&openid, json!({ "email": "alice", "email_verified": true }), EmailDomain::Absent),
        (&openid, json!({ "preferred_username": address, "email_verified": true }), EmailDomain::Absent),
    ] {
        assert!(domain(profile, claims.clone()) == Some(expected), "{claims}");
    }
    let two = json!({ "email": "\"a@example.com\"@evil.example", "email_verified": true });
    assert!(domain(&openid, two) == Some(EmailDomain::Verified("evil.example".to_owned())));
}

#[test]
fn groups_and_roles_of_another_type_are_nobodys() {
    for (json, groups) in [
        (json!({}), &[][..]),
        (json!({ "groups": ["a", "b"] }), &["a", "b"]),
        (json!({ "groups": "a" }), &["a"]),
        (json!({ "groups": ["a", 1, null, ["b"]] }), &["a"]),
        (json!({ "groups": { "a": true } }), &[]),
        (json!({ "groups": true }), &[]),
        (json!({ "groups": ["a"], "hasgroups": false }), &["a"]),
        (json!({ "groups": ["a"], "_claim_names": { "address": "src1" } }), &["a"]),
    ] {
        let listed = groups.iter().map(|group| (*group).to_owned()).collect();
        assert!(claims(json.clone()).groups() == Groups::Listed(listed), "{json}");
    }
}

/// "Groups overage claim" (Microsoft identity platform, ID token claims reference).
#[test]
fn too_many_groups_are_announced_in_two_ways() {
    for json in [
        json!({ "hasgroups": true }),
        json!({ "hasgroups": "true" }),
        json!({
            "_claim_names": { "groups": "src1" },
            "_claim_sources": { "src1": { "endpoint": "https://graph.windows.net/t/users/u/getMemberObjects" } },
        }),
        json!({ "groups": ["a"], "_claim_names": { "groups": "src1" } }),
    ] {
        assert!(claims(json.clone()).groups() == Groups::TooMany, "{json}");
    }
}

#[test]
fn what_rules_look_at_never_prints() {
    let claims = claims(json!({
        "sub": "alice", "email": "alice@secret.example", "email_verified": true, "groups": ["hidden"], "roles": ["boss"],
    }));
    let identity = Identity::of(&provider(), None, &claims).unwrap();
    assert_eq!(format!("{identity:?}"), r#"Identity { subject: Subject("demo:alice"), .. }"#);
}

proptest! {
    #[test]
    fn any_claims_about_a_user_are_read_without_a_panic(email in ".{0,40}", group in ".{0,40}") {
        let claims = claims(json!({ "sub": "1", "email": email, "email_verified": true, "groups": [group] }));
        let identity = Identity::of(&provider(), None, &claims).unwrap();
        if let EmailDomain::Verified(domain) = identity.domain {
            prop_assert!(!domain.contains('@'));
        }
    }
}
