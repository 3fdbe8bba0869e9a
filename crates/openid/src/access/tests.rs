use gatehouse_configuration::AccessRules;
use serde_json::{Value, json};

use super::*;
use crate::test_provider::{
    Key, NOW, OBJECT, OTHER_TENANT, TENANT, claims, entra, entra_claims, entra_metadata, key_set, metadata, provider,
    secrets, token,
};

const GROUP: &str = "3c1f9b1e-7a52-4c0b-8f0e-5d7a1b2c3d4e";

fn rules(tenants: &[&str], domains: &[&str], groups: &[&str], roles: &[&str]) -> AccessRules {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    AccessRules {
        tenants: owned(tenants),
        domains: owned(domains),
        groups: owned(groups),
        roles: owned(roles),
        users: Vec::new(),
    }
}

/// The claims of a user with these in the id_token who comes in; `None` where groups must be asked for first.
fn judged(provider: IdentityProvider, rules: AccessRules, changes: Value) -> Result<Option<Claims>, AccessRejection> {
    judged_by(provider, rules, &NamedClaims::default(), changes)
}

fn judged_by(
    mut provider: IdentityProvider,
    rules: AccessRules,
    named: &NamedClaims<'_>,
    changes: Value,
) -> Result<Option<Claims>, AccessRejection> {
    provider.access = rules;
    match admit(&identity(&provider, changes), &provider, named)? {
        Admission::Granted(claims) => Ok(Some(claims)),
        Admission::GroupsNeeded => Ok(None),
    }
}

fn identity(provider: &IdentityProvider, changes: Value) -> Identity {
    let (mut claims, metadata) = match provider.profile {
        ProviderProfile::OpenId => (claims(), metadata()),
        ProviderProfile::Entra(_) => (entra_claims(TENANT), entra_metadata(provider)),
    };
    for (claim, value) in changes.as_object().unwrap() {
        claims[claim] = value.clone();
    }
    Identity::verify(&token(Key::P256, &claims), provider, &metadata, &key_set(), &secrets(), NOW).unwrap()
}

#[test]
fn every_list_that_is_not_empty_must_hold_something_of_the_users() {
    let granted = Ok(true);
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
        (rules(&[], &[], &[GROUP], &[]), json!({ "hasgroups": true }), Ok(false)),
        (rules(&[TENANT], &[], &[], &["a"]), json!({ "roles": ["a"], "hasgroups": true }), granted.clone()),
        (rules(&[TENANT], &[], &[], &["a"]), json!({ "roles": ["b"] }), Err(AccessRejection::Role)),
        (rules(&[OTHER_TENANT], &[], &[GROUP], &[]), json!({ "hasgroups": true }), tenant()),
    ] {
        let granted = judged(entra("organizations"), rules.clone(), claims.clone()).map(|claims| claims.is_some());
        assert_eq!(granted, expected, "{rules:?} {claims}");
    }
}

#[test]
fn where_users_are_named_nobody_else_comes_in() {
    let outcome = |provider, users: &[&str], claims| {
        let users = users.iter().map(|user| (*user).to_owned()).collect();
        judged(provider, AccessRules { users, ..AccessRules::default() }, claims).map(|_| ())
    };
    let entra_user = format!("{TENANT}.{OBJECT}").to_ascii_lowercase();
    for (provider, claims, user) in
        [(provider(), json!({ "sub": "8f2c1e" }), "8f2c1e"), (entra("organizations"), json!({}), entra_user.as_str())]
    {
        assert_eq!(outcome(provider.clone(), &["another", user], claims.clone()), Ok(()));
        for other in ["another", "8F2C1E", "8f2c1", "8f2c1e ", OBJECT] {
            assert_eq!(outcome(provider.clone(), &[other], claims.clone()), Err(AccessRejection::User), "{other}");
        }
    }
}

#[test]
fn groups_of_another_provider_are_names_and_cannot_be_asked_for() {
    let rules = || rules(&[], &[], &["Staff"], &[]);
    assert!(judged(provider(), rules(), json!({ "groups": ["Staff"] })).is_ok_and(|claims| claims.is_some()));
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
    let identity = identity(&provider, json!({ "hasgroups": true }));
    let member_of = |groups: &[&str]| {
        admit_member(&identity, &memberships(groups), &provider, &NamedClaims::default()).map(|claims| claims.groups)
    };
    assert_eq!(member_of(&[GROUP]), Ok(vec![GROUP.to_owned()]));
    assert_eq!(member_of(&["x", &OTHER_TENANT.to_ascii_uppercase()]), Ok(vec![OTHER_TENANT.to_owned()]));
    assert_eq!(member_of(&[]), Err(AccessRejection::Group));
    assert_eq!(member_of(&[TENANT]), Err(AccessRejection::Group));
}

fn memberships(groups: &[&str]) -> Memberships {
    let mut memberships = Memberships::default();
    memberships.add(&http::Response::new(json!({ "value": groups }).to_string().into_bytes())).unwrap();
    memberships
}

#[test]
fn policies_judge_by_what_the_id_token_says() {
    let open = || rules(&[], &[], &[], &[]);
    let held = json!({ "groups": ["Staff", GROUP.to_ascii_uppercase()], "roles": ["Mcp.User"], "tid": TENANT });
    let claims = judged(entra("organizations"), open(), held.clone()).unwrap().unwrap();
    assert_eq!(claims.tenant.as_deref(), Some(TENANT));
    assert_eq!(
        (claims.groups, claims.roles),
        (vec!["Staff".to_owned(), GROUP.to_owned()], vec!["Mcp.User".to_owned()])
    );
    let claims = judged(provider(), open(), held).unwrap().unwrap();
    assert_eq!(claims.tenant, None);
    assert_eq!(
        (claims.groups, claims.roles),
        (vec!["Staff".to_owned(), GROUP.to_owned()], vec!["Mcp.User".to_owned()])
    );
    assert_eq!(judged(provider(), open(), json!({})), Ok(Some(Claims::default())));
}

#[test]
fn the_groups_that_policies_name_are_asked_for_and_only_those_become_claims() {
    let provider = entra(TENANT);
    let open = || rules(&[], &[], &[], &[]);
    let overage = || json!({ "hasgroups": true });
    let named = NamedClaims { groups: [GROUP, OTHER_TENANT].into(), ..NamedClaims::default() };
    assert_eq!(judged_by(provider.clone(), open(), &named, overage()), Ok(None));
    let identity = identity(&provider, overage());
    let asked =
        admit_member(&identity, &memberships(&[&GROUP.to_ascii_uppercase(), OBJECT]), &provider, &named).unwrap();
    assert_eq!(asked.groups, [GROUP], "what was not asked for is not believed");
    assert!(admit_member(&identity, &memberships(&[]), &provider, &named).unwrap().groups.is_empty());

    let names_only = NamedClaims { groups: ["Staff"].into(), ..NamedClaims::default() };
    let nothing_to_ask = judged_by(provider.clone(), open(), &names_only, overage()).unwrap().unwrap();
    assert!(nothing_to_ask.groups.is_empty());
    let listed = judged_by(provider, open(), &named, json!({ "groups": [OBJECT] })).unwrap().unwrap();
    assert_eq!(listed.groups, [OBJECT], "nobody is asked about groups that are in the token");
}

#[test]
fn who_could_slip_through_a_denying_rule_does_not_come_in() {
    let by_group =
        NamedClaims { groups: ["Guests"].into(), denied_groups: ["Guests"].into(), ..NamedClaims::default() };
    let by_role = NamedClaims { denies_by_role: true, ..NamedClaims::default() };
    let neither = NamedClaims { groups: ["Guests"].into(), ..NamedClaims::default() };
    let unreadable = [json!({ "groups": [1] }), json!({ "groups": { "Guests": true } }), json!({ "roles": ["a", 1] })];
    let (groups, roles) = (AccessRejection::Unreadable("groups"), AccessRejection::Unreadable("roles"));
    for (named, expected) in [
        (&by_group, [Err(groups.clone()), Err(groups), Ok(())]),
        (&by_role, [Ok(()), Ok(()), Err(roles)]),
        (&neither, [Ok(()), Ok(()), Ok(())]),
    ] {
        for (claims, expected) in unreadable.iter().zip(expected) {
            let judged = judged_by(provider(), rules(&[], &[], &[], &[]), named, claims.clone());
            assert_eq!(judged.map(|_| ()), expected, "{named:?} {claims}");
        }
    }
    let overage = json!({ "_claim_names": { "groups": "a" } });
    for (provider, reason) in [(provider(), GroupsUnknown::NoLookup), (entra(TENANT), GroupsUnknown::NoObjectIds)] {
        let judged = judged_by(provider, rules(&[], &[], &[], &[]), &by_group, overage.clone());
        assert_eq!(judged, Err(reason.into()));
    }
}

#[test]
fn nobody_comes_in_with_some_of_their_groups_left_out() {
    let with = |groups: usize, roles: usize| {
        let names = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        let claims = json!({ "groups": names(groups), "roles": names(roles) });
        judged(provider(), rules(&[], &[], &["0"], &["0"]), claims)
    };
    let claims = with(1_000, 200).unwrap().unwrap();
    assert_eq!((claims.groups.len(), claims.roles.len()), (1_000, 200));
    assert_eq!(with(1_001, 200), Err(TooManyClaims::Groups.into()));
    assert_eq!(with(1_000, 201), Err(TooManyClaims::Roles.into()));
}
