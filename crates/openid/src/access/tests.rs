use gatehouse_configuration::AccessRules;
use http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::AnswerRejection;
use crate::test_provider::{
    Key, NOW, OTHER_TENANT, TENANT, claims, entra, entra_claims, entra_metadata, key_set, metadata, provider, secrets,
    token,
};

const GROUP: &str = "3c1f9b1e-7a52-4c0b-8f0e-5d7a1b2c3d4e";

fn rules(tenants: &[&str], domains: &[&str], groups: &[&str], roles: &[&str]) -> AccessRules {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    AccessRules { tenants: owned(tenants), domains: owned(domains), groups: owned(groups), roles: owned(roles) }
}

fn judged(mut provider: IdentityProvider, rules: AccessRules, changes: Value) -> Result<Admission, AccessRejection> {
    let (mut claims, metadata) = match provider.profile {
        ProviderProfile::OpenId => (claims(), metadata()),
        ProviderProfile::Entra(_) => (entra_claims(TENANT), entra_metadata(&provider)),
    };
    for (claim, value) in changes.as_object().unwrap() {
        claims[claim] = value.clone();
    }
    provider.access = rules;
    let identity =
        Identity::verify(&token(Key::P256, &claims), &provider, &metadata, &key_set(), &secrets(), NOW).unwrap();
    admit(&identity, &provider)
}

#[test]
fn every_list_that_is_not_empty_must_hold_something_of_the_users() {
    let granted = Ok(Admission::Granted);
    let tenant = || Err(AccessRejection::Tenant(LogText::new(TENANT)));
    for (rules, claims, expected) in [
        (rules(&[], &[], &[], &[]), json!({}), granted.clone()),
        (rules(&[TENANT], &[], &[], &[]), json!({}), granted.clone()),
        (rules(&[OTHER_TENANT, TENANT], &[], &[], &[]), json!({}), granted.clone()),
        (rules(&[OTHER_TENANT], &[], &[], &[]), json!({}), tenant()),
        (
            rules(&[], &["example.com"], &[], &[]),
            json!({ "email": "a@Example.com", "xms_edov": true }),
            granted.clone(),
        ),
        (
            rules(&[], &["example.com"], &[], &[]),
            json!({ "email": "a@sub.example.com", "xms_edov": true }),
            Err(AccessRejection::Domain),
        ),
        (rules(&[], &["example.com"], &[], &[]), json!({}), Err(AccessRejection::Domain)),
        (
            rules(&[], &["example.com"], &[], &[]),
            json!({ "email": "a@example.com" }),
            Err(AccessRejection::DomainUnverified),
        ),
        (rules(&[], &[], &[], &["Mcp.User"]), json!({ "roles": ["x", "Mcp.User"] }), granted.clone()),
        (rules(&[], &[], &[], &["Mcp.User"]), json!({ "roles": ["mcp.user"] }), Err(AccessRejection::Role)),
        (rules(&[], &[], &[], &["Mcp.User"]), json!({}), Err(AccessRejection::Role)),
        (rules(&[], &[], &[GROUP], &[]), json!({ "groups": [GROUP.to_ascii_uppercase()] }), granted.clone()),
        (rules(&[], &[], &[GROUP], &[]), json!({ "groups": [TENANT] }), Err(AccessRejection::Group)),
        (rules(&[], &[], &[GROUP], &[]), json!({}), Err(AccessRejection::Group)),
        (rules(&[], &[], &[GROUP], &[]), json!({ "hasgroups": true }), Ok(Admission::GroupsNeeded)),
        (rules(&[TENANT], &[], &[], &["a"]), json!({ "roles": ["a"], "hasgroups": true }), granted.clone()),
        (rules(&[TENANT], &[], &[], &["a"]), json!({ "roles": ["b"] }), Err(AccessRejection::Role)),
        (rules(&[OTHER_TENANT], &[], &[GROUP], &[]), json!({ "hasgroups": true }), tenant()),
    ] {
        assert_eq!(judged(entra("organizations"), rules.clone(), claims.clone()), expected, "{rules:?} {claims}");
    }
}

#[test]
fn groups_of_another_provider_are_names_and_cannot_be_asked_for() {
    let rules = || rules(&[], &[], &["Staff"], &[]);
    assert_eq!(judged(provider(), rules(), json!({ "groups": ["Staff"] })), Ok(Admission::Granted));
    assert_eq!(judged(provider(), rules(), json!({ "groups": ["staff"] })), Err(AccessRejection::Group));
    let overage = judged(provider(), rules(), json!({ "_claim_names": { "groups": "a" } }));
    assert_eq!(overage, Err(GroupsUnknown::NoLookup.into()));
}

#[test]
fn an_account_without_a_tenant_is_of_no_tenant() {
    let judged = judged(provider(), rules(&[TENANT], &[], &[], &[]), json!({ "tid": TENANT }));
    assert_eq!(judged, Err(AccessRejection::Tenant(LogText::new(""))), "only Entra's tid counts");
}

#[test]
fn a_member_of_one_of_the_groups_comes_in_and_nobody_else() {
    let mut provider = entra(TENANT);
    provider.access = rules(&[], &[], &[GROUP, OTHER_TENANT], &[]);
    let member_of = |groups: &[&str]| {
        let mut memberships = Memberships::default();
        memberships.add(&http::Response::new(json!({ "value": groups }).to_string().into_bytes())).unwrap();
        admit_member(&memberships, &provider)
    };
    assert_eq!(member_of(&[GROUP]), Ok(()));
    assert_eq!(member_of(&["x", &OTHER_TENANT.to_ascii_uppercase()]), Ok(()));
    assert_eq!(member_of(&[]), Err(AccessRejection::Group));
    assert_eq!(member_of(&[TENANT]), Err(AccessRejection::Group));
}

#[test]
fn every_denial_has_words_for_the_user_that_tell_no_rule() {
    for rejection in [
        AccessRejection::Tenant(LogText::new(TENANT)),
        AccessRejection::Domain,
        AccessRejection::DomainUnverified,
        AccessRejection::Role,
        AccessRejection::Group,
        GroupsUnknown::NotPermitted(StatusCode::FORBIDDEN).into(),
        GroupsUnknown::from(AnswerRejection::Status(StatusCode::BAD_GATEWAY)).into(),
    ] {
        let words = rejection.words();
        assert!(words.len() > 60 && words.ends_with('.'), "{words}");
        assert!(["access.", "Graph", TENANT, "GroupMember"].iter().all(|inner| !words.contains(inner)), "{words}");
    }
}
