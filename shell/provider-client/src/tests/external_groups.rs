//! Tokens of another issuer that do not hold their bearer's groups.

use gatehouse_configuration::TokenPresentation;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_openid::{ExternalPrincipal, Presented};
use http::StatusCode;
use serde_json::json;

use super::provider::{GROUP, TENANT, World};
use super::{OTHER, UNASKED};
use crate::{Asker, ExternalTokenFailure, IssuerClient};

const LOOKUP: &str = r#"group_lookup = { client_id = "lookup", client_secret = { secret = "lookup_secret" } }"#;
const OBJECT: &str = "00000000-0000-0000-66f3-3332eca7ea81";

fn configuration(lookup: &str, policy: &str) -> Configuration {
    let document = format!(
        r#"
        public_url = "https://gateway.example"
        [[token_issuers]]
        name = "staff"
        profile = "entra"
        tenant = "organizations"
        tenants = ["{TENANT}"]
        versions = ["2.0"]
        {lookup}
        [[routes]]
        path = "/mcp"
        url = "http://10.0.0.7/mcp"
        tokens = [{{ issuer = "staff", audiences = ["api://mcp"] }}]
        {policy}
        "#
    );
    Configuration::parse(&document).unwrap()
}

/// Who bears a token with too many groups, at a route with these rules.
fn bearer(world: &World, lookup: &str, policy: &str) -> Result<ExternalPrincipal, ExternalTokenFailure> {
    let claims = json!({
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "tid": TENANT, "oid": OBJECT, "ver": "2.0",
        "aud": "api://mcp", "azp": "app", "scp": "mcp", "exp": world.now.plus(300).seconds(),
        "_claim_names": { "groups": "src1" },
    });
    let token = world.host.signed("JWT", &claims);
    let configuration = configuration(lookup, policy);
    let route = &configuration.token_routes[0];
    let presentation = TokenPresentation::default();
    let presented = Presented::choose(token.expose(), &presentation, route, &configuration.token_issuers).unwrap();
    world.host.secret.set(Some("of the application"));
    let client = IssuerClient::on(&world.host, &configuration, &world.keys, world.now);
    let asker = Asker { address: None, was_active: false };
    client.verify(token.expose(), &presented, asker).map(|verified| verified.principal)
}

fn rules(groups: &[&str], effect: &str) -> String {
    format!("[[routes.policy]]\nname = \"rule\"\neffect = \"{effect}\"\ngroups = {groups:?}")
}

#[test]
fn groups_that_rules_name_are_asked_for_with_our_applications_token() {
    let world = World::of_entra_with_groups();
    *world.host.member_of.borrow_mut() = vec![GROUP.to_uppercase(), UNASKED.to_owned()];
    let principal = bearer(&world, LOOKUP, &rules(&[GROUP, OTHER], "allow")).unwrap();
    assert_eq!(principal.claims.groups, [GROUP], "those that rules name");
    let token = format!("POST /{TENANT}/oauth2/v2.0/token");
    let groups = format!("POST /v1.0/users/{OBJECT}/checkMemberGroups");
    assert_eq!(world.asked()[2..], [token, groups]);
}

#[test]
fn where_no_rule_names_a_group_nobody_is_asked_for_any() {
    let world = World::of_entra_with_groups();
    for lookup in ["", LOOKUP] {
        let principal = bearer(&world, lookup, "").unwrap();
        assert!(principal.claims.groups.is_empty());
        assert!(world.asked().iter().all(|asked| asked.starts_with("GET ")));
    }
}

#[test]
fn without_an_application_a_token_without_groups_that_rules_name_is_refused_and_the_log_says_what_to_do() {
    let world = World::of_entra_with_groups();
    let failure = bearer(&world, "", &rules(&[GROUP], "allow")).unwrap_err();
    assert!(failure.rejection().is_some(), "the token does not count: {failure}");
    assert!(failure.to_string().contains("group_lookup"), "{failure}");
}

#[test]
fn what_cannot_be_known_lets_nobody_in_and_is_not_the_tokens_fault() {
    let (groups, token) = (format!("/v1.0/users/{OBJECT}/checkMemberGroups"), format!("/{TENANT}/oauth2/v2.0/token"));
    for path in [groups, token] {
        let path: &'static str = path.leak();
        for status in [StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED, StatusCode::BAD_GATEWAY] {
            let world = World::of_entra_with_groups();
            world.host.fail.set(Some((path, status)));
            let failure = bearer(&world, LOOKUP, &rules(&[GROUP], "allow")).unwrap_err();
            assert!(failure.rejection().is_none(), "{path} {status}: {failure}");
            assert!(world.host.store.values().iter().all(|value| !value.is_empty()));
        }
    }
    let world = World::of_entra_with_groups();
    let failure = bearer(&world, LOOKUP, &rules(&["guests"], "deny")).unwrap_err();
    assert!(failure.rejection().is_none() && failure.to_string().contains("object id"), "{failure}");
}
