use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::test_provider::{OBJECT, TENANT, entra, provider};

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
fn a_user_is_called_by_what_tells_their_accounts_apart_and_a_page_can_show() {
    for (json, expected) in [
        (json!({ "name": "Alice", "preferred_username": "ali", "email": "a@b.example" }), Some("a@b.example")),
        (json!({ "name": "Alice", "preferred_username": "ali", "email": ["a@b.example"] }), Some("ali")),
        (json!({ "name": " Alice ", "preferred_username": "", "email": null }), Some("Alice")),
        (json!({ "name": "Al\u{202e}ice", "email": "a\nb@c.example" }), None),
        (json!({ "name": "x".repeat(129) }), None),
        (json!({ "name": "é".repeat(128) }), Some("é".repeat(128).as_str())),
        (json!({ "name": 5 }), None),
        (json!({}), None),
    ] {
        assert_eq!(claims(json.clone()).display_name().as_deref(), expected, "{json}");
    }
}

#[test]
fn servers_can_be_told_names_that_a_header_can_carry_and_only_an_address_that_is_vouched_for() {
    let of = |more: Value| {
        let mut told = json!({ "sub": "1", "name": " Alice ", "preferred_username": "ali", "email": "a@b.example" });
        more.as_object().unwrap().iter().for_each(|(name, value)| told[name] = value.clone());
        let identity = Identity::of(&provider(), None, &claims(told)).unwrap();
        let names = identity.claims([]).unwrap().names.map(|names| *names).unwrap_or_default();
        [names.name, names.preferred_username, names.email].map(Option::unwrap_or_default)
    };
    assert_eq!(of(json!({})), ["Alice", "ali", ""]);
    assert_eq!(of(json!({ "email_verified": true })), ["Alice", "ali", "a@b.example"]);
    assert_eq!(of(json!({ "name": "A\r\nx: y", "preferred_username": "x".repeat(129) })), ["", "", ""]);
    assert_eq!(of(json!({ "name": 5, "preferred_username": ["ali"] })), ["", "", ""]);
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
        let Groups::Listed(listed) = claims(json.clone()).groups(&ClaimNames::default()) else { panic!("{json}") };
        assert_eq!(listed.texts, groups, "{json}");
        let unreadable = [json!(["a", 1, null, ["b"]]), json!({ "a": true }), json!(true)];
        assert_eq!(listed.are_all, !unreadable.contains(&json["groups"]), "{json}");
    }
}

#[test]
fn roles_that_are_elsewhere_are_not_all_there() {
    for (json, are_all) in [
        (json!({}), true),
        (json!({ "roles": null }), true),
        (json!({ "roles": [] }), true),
        (json!({ "roles": "a" }), true),
        (json!({ "roles": ["a", {}] }), false),
        (json!({ "roles": { "a": 1 } }), false),
        (json!({ "roles": ["a"], "_claim_names": { "roles": "src1" } }), false),
    ] {
        assert_eq!(claims(json.clone()).roles(&ClaimNames::default()).are_all, are_all, "{json}");
    }
}

#[test]
fn ids_are_in_lower_case_and_names_as_they_are() {
    let json = json!({
        "sub": "alice", "tid": TENANT, "oid": OBJECT, "roles": ["Reader", "3C1F9B1E-7A52-4C0B-8F0E-5D7A1B2C3D4E"],
    });
    let tenant = TenantId::parse(&TENANT.to_ascii_uppercase());
    let identity = Identity::of(&entra("common"), tenant, &claims(json.clone())).unwrap();
    let groups = ["3C1F9B1E-7A52-4C0B-8F0E-5D7A1B2C3D4E", "Staff"].map(str::to_owned);
    let known = identity.claims(groups).unwrap();
    assert_eq!(known.tenant.as_deref(), Some(TENANT));
    assert_eq!(known.groups, ["3c1f9b1e-7a52-4c0b-8f0e-5d7a1b2c3d4e", "Staff"]);
    assert_eq!(
        known.roles,
        ["Reader", "3C1F9B1E-7A52-4C0B-8F0E-5D7A1B2C3D4E"],
        "a role is a name, whatever it looks like"
    );
    let elsewhere = Identity::of(&provider(), None, &claims(json)).unwrap();
    assert_eq!(elsewhere.claims([]).unwrap().tenant, None, "only Entra's tid counts");
}

fn names(groups: &str, roles: &str) -> ClaimNames {
    ClaimNames { groups: groups.to_owned(), roles: roles.to_owned() }
}

/// Amazon Cognito, Auth0 (which wants a namespace), and Keycloak without a mapper.
#[test]
fn groups_and_roles_are_read_where_the_operator_says() {
    let json = json!({
        "sub": "alice", "groups": ["never"], "roles": ["never"], "cognito:groups": ["staff"],
        "https://example.com/roles": ["boss"], "realm_access": { "roles": ["admin", "user"], "a/b": "slash" },
        "many": null,
    });
    let read = |groups: &str, roles: &str| {
        let provider = IdentityProvider { claim_names: names(groups, roles), ..provider() };
        let identity = Identity::of(&provider, None, &claims(json.clone())).unwrap();
        let Groups::Listed(groups) = identity.groups else { panic!("too many") };
        (groups.texts, identity.roles.texts)
    };
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(read("cognito:groups", "https://example.com/roles"), (texts(&["staff"]), texts(&["boss"])));
    assert_eq!(read("/realm_access/roles", "/realm_access/a~1b"), (texts(&["admin", "user"]), texts(&["slash"])));
    assert_eq!(read("/cognito:groups", "/https:~1~1example.com~1roles"), (texts(&["staff"]), texts(&["boss"])));
    for absent in ["nowhere", "/realm_access/nowhere", "/nowhere/roles", "many", "Cognito:groups"] {
        assert_eq!(read(absent, absent), (texts(&[]), texts(&[])), "{absent}");
    }
    // Both may be one claim, and each may have the other's usual name.
    assert_eq!(read("roles", "groups"), (texts(&["never"]), texts(&["never"])));
}

/// Who might have a role that a rule denies to is not let in (docs/security.md).
#[test]
fn a_pointer_through_something_without_members_does_not_say_that_there_is_nothing() {
    let named = names("/realm_access/groups", "/realm_access/roles");
    let read = |realm_access| {
        let provider = IdentityProvider { claim_names: named.clone(), ..provider() };
        let identity =
            Identity::of(&provider, None, &claims(json!({ "sub": "alice", "realm_access": realm_access }))).unwrap();
        let Groups::Listed(groups) = identity.groups else { panic!("too many") };
        (groups.are_all, identity.roles.are_all)
    };
    for realm_access in [json!("roles"), json!(["roles"]), json!(1), json!([{ "roles": ["admin"] }])] {
        assert_eq!(read(realm_access.clone()), (false, false), "{realm_access}");
    }
    for realm_access in [json!(null), json!({}), json!({ "roles": ["a"], "groups": null })] {
        assert_eq!(read(realm_access.clone()), (true, true), "{realm_access}");
    }
}

#[test]
fn a_claim_that_stands_twice_is_refused_whatever_its_name_is() {
    for text in [
        r#"{"sub":"a","g":["staff"],"g":["boss"]}"#,
        r#"{"sub":"a","groups":["staff"],"groups":["staff"]}"#,
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"hasgroups":true,"hasgroups":false}"#,
    ] {
        assert!(serde_json::from_str::<UserClaims>(text).is_err(), "{text}");
    }
}

#[test]
fn the_overage_of_the_claim_that_is_read_counts_and_no_other() {
    let names = names("cognito:groups", "roles");
    for (json, is_too_many) in [
        (json!({ "hasgroups": true, "cognito:groups": ["a"] }), false),
        (json!({ "_claim_names": { "groups": "src1" }, "cognito:groups": ["a"] }), false),
        (json!({ "_claim_names": { "cognito:groups": "src1" } }), true),
    ] {
        let groups = claims(json.clone()).groups(&names);
        assert_eq!(groups == Groups::TooMany, is_too_many, "{json}");
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
        assert!(claims(json.clone()).groups(&ClaimNames::default()) == Groups::TooMany, "{json}");
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

/// Whatever a claim may hold.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}".prop_map(Value::from),
        "a{250,260}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::hash_map("[a-z]{1,4}|groups|roles", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// The claim's own texts.
fn texts_in(claim: &Value) -> Vec<&str> {
    let list = claim.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().chain([claim]).filter_map(Value::as_str).collect()
}

proptest! {
    #[test]
    fn whatever_an_id_token_holds_no_claim_is_invented_and_none_that_a_rule_can_name_is_lost(
        groups in any_json(),
        roles in any_json(),
        hasgroups in any_json(),
        claim_names in any_json(),
        tid in any_json(),
    ) {
        let read = claims(json!({
            "sub": "1", "groups": groups, "roles": roles, "hasgroups": hasgroups, "_claim_names": claim_names, "tid": tid,
        }));
        let identity = Identity::of(&provider(), None, &read).unwrap();
        let listed = match &identity.groups {
            Groups::Listed(listed) => listed.texts.clone(),
            Groups::TooMany => Vec::new(),
        };
        let known = identity.claims(listed).unwrap();
        prop_assert_eq!(&known.tenant, &None);
        let id = |text: &str| if is_uuid(text) { text.to_ascii_lowercase() } else { text.to_owned() };
        let nameable = |text: &&str| text.len() <= 256;
        if matches!(identity.groups, Groups::Listed(_)) {
            let own: Vec<_> = texts_in(&groups).into_iter().filter(nameable).map(id).collect();
            prop_assert_eq!(&known.groups, &own);
        }
        let own: Vec<_> = texts_in(&roles).into_iter().filter(nameable).collect();
        prop_assert_eq!(&known.roles, &own);
    }

    #[test]
    fn any_claims_about_a_user_are_read_without_a_panic(email in ".{0,40}", group in ".{0,40}") {
        let claims = claims(json!({ "sub": "1", "email": email, "email_verified": true, "groups": [group] }));
        let identity = Identity::of(&provider(), None, &claims).unwrap();
        if let EmailDomain::Verified(domain) = identity.domain {
            prop_assert!(!domain.contains('@'));
        }
    }
}
