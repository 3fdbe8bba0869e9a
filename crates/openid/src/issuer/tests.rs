use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::test_provider::{OTHER_TENANT, TENANT, entra, provider};

const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

fn origin(iss: &str, tid: &str) -> Origin {
    serde_json::from_value(json!({ "iss": iss, "tid": tid })).unwrap()
}

fn issuer_of(tenant: &str) -> String {
    TEMPLATE.replace(TENANT_PLACEHOLDER, tenant)
}

#[test]
fn the_metadata_names_the_configured_issuer_and_of_several_tenants_a_placeholder() {
    assert_eq!(metadata_issuer(&provider()), "https://op.example");
    for (tenant, named) in [
        (TENANT, issuer_of(TENANT)),
        ("organizations", TEMPLATE.to_owned()),
        ("common", TEMPLATE.to_owned()),
        ("consumers", issuer_of(CONSUMERS)),
    ] {
        assert_eq!(metadata_issuer(&entra(tenant)), named);
    }
}

#[test]
fn a_placeholder_stands_for_a_tenant_and_nothing_else() {
    assert!(may_be(TEMPLATE, &issuer_of(TENANT)) && may_be("https://a", "https://a"));
    for iss in [TEMPLATE, &issuer_of(""), &issuer_of("common"), &issuer_of("../x"), &issuer_of(&format!("{TENANT}/x"))]
    {
        assert!(!may_be(TEMPLATE, iss), "{iss}");
        assert!(!origin(iss, TENANT).is(TEMPLATE), "{iss}");
    }
    assert!(origin(&issuer_of(TENANT), TENANT).is(TEMPLATE));
    assert!(!origin(&issuer_of(TENANT), OTHER_TENANT).is(TEMPLATE), "the token's own tenant");
    assert!(origin("https://a", "").is("https://a") && !origin("https://a/", "").is("https://a"));
}

#[test]
fn an_openid_provider_is_compared_letter_by_letter_and_has_no_placeholders() {
    let provider = provider();
    assert!(origin("https://op.example", "").check(&provider, "https://op.example").is_ok());
    assert!(origin(&issuer_of(TENANT), TENANT).check(&provider, TEMPLATE).is_err());
}

#[test]
fn only_the_tenant_of_personal_accounts_is_a_consumer() {
    let consumers = entra("consumers");
    let check = |tenant: &str| origin(&issuer_of(tenant), tenant).check(&consumers, &metadata_issuer(&consumers));
    assert!(check(CONSUMERS).is_ok());
    assert!(check(TENANT).is_err());
}

#[test]
fn a_uuid_has_five_groups_of_hex_digits() {
    assert!(is_uuid(TENANT) && is_uuid(&TENANT.to_ascii_uppercase()));
    for bad in
        ["", "-", "----", &TENANT[1..], &TENANT.replace('-', ""), &TENANT.replace('8', "g"), &format!("{TENANT}-")]
    {
        assert!(!is_uuid(bad), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_but_a_uuid_is_a_tenant(text in ".{0,40}") {
        prop_assert_eq!(TenantId::parse(&text).is_some(), is_uuid(&text));
        if let Some(tenant) = TenantId::parse(&text) {
            prop_assert_eq!(tenant.as_str().len(), 36);
        }
    }
}
