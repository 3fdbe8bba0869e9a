use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{TokenPresentation, TokenRoute};
use serde_json::{Value, json};

use super::*;
use crate::test_provider::{Key, NOW, OBJECT, OTHER_TENANT, TENANT, key_set, token};

/// The principal of a token at a route whose tokens have these keys beside issuer and audiences.
fn verified(issuer: &str, tokens: &str, claims: &Value) -> Result<ExternalPrincipal, ExternalTokenRejection> {
    let document = format!(
        r#"
        public_url = "https://gateway.example"
        [[token_issuers]]
        name = "it"
        {issuer}
        [[routes]]
        path = "/mcp"
        url = "https://server.example/mcp"
        scopes = ["mcp"]
        tokens = [{{ issuer = "it", audiences = ["api://mcp"], {tokens} }}]
        "#
    );
    let configuration = Configuration::parse(&document).unwrap();
    let route: &TokenRoute = &configuration.token_routes[0];
    let token = token(Key::Rsa, claims);
    let presentation = TokenPresentation::default();
    match Presented::choose(token.expose(), &presentation, route, &configuration.token_issuers)? {
        Presented::Signed(signed) => match signed.verify(&key_set(), NOW)? {
            SignedPrincipal::Whole(principal) => Ok(principal),
            SignedPrincipal::WithoutGroups(_) => Err(ExternalTokenRejection::Elsewhere("groups")),
        },
        Presented::Opaque { .. } => panic!("it is signed"),
    }
}

const PARTNER: &str = r#"issuer = "https://op.example""#;

fn claims() -> Value {
    let now = NOW.seconds();
    json!({
        "iss": "https://op.example", "sub": "alice", "aud": "api://mcp", "client_id": "app", "scope": "mcp files",
        "exp": now + 60, "departments": "sales, research", "level": 3, "realm_access": { "roles": ["reader", "writer"] },
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[test]
fn a_required_claim_holds_all_or_any_of_its_values() {
    for (required, holds) in [
        (r#"{ name = "departments", values = ["research"], separator = "," }"#, true),
        (r#"{ name = "departments", values = ["research"] }"#, false),
        (r#"{ name = "departments", values = ["sales, research"] }"#, true),
        (r#"{ name = "departments", values = ["sales", "research"], separator = "," }"#, true),
        (r#"{ name = "departments", values = ["sales", "law"], separator = "," }"#, false),
        (r#"{ name = "departments", values = ["sales", "law"], separator = ",", match = "any" }"#, true),
        (r#"{ name = "/realm_access/roles", values = ["writer"] }"#, true),
        (r#"{ name = "/realm_access/roles", values = ["writer", "owner"], match = "all" }"#, false),
        (r#"{ name = "/realm_access/groups", values = ["writer"] }"#, false),
        (r#"{ name = "level", values = ["3"] }"#, true),
        (r#"{ name = "level" }"#, true),
        (r#"{ name = "absent" }"#, false),
        (r#"{ name = "realm_access", values = ["reader"] }"#, false),
        (r#"{ name = "level", values = ["3"] }, { name = "absent" }"#, false),
    ] {
        let principal = verified(PARTNER, &format!("required_claims = [{required}]"), &claims());
        assert_eq!(principal.is_ok(), holds, "{required}: {principal:?}");
    }
}

#[test]
fn scopes_are_a_text_or_a_list_and_those_that_the_route_grants_come_after() {
    let scopes =
        |claims: &Value, issuer: &str, tokens: &str| verified(issuer, tokens, claims).unwrap().scopes.to_string();
    let listed = with("scope", json!(["files", "mcp"]));
    assert_eq!(scopes(&claims(), PARTNER, ""), "mcp files");
    assert_eq!(scopes(&listed, PARTNER, r#"granted_scopes = ["more", "mcp"]"#), "files mcp more");
    let mut scp = with("scp", json!("user_impersonation"));
    scp["scope"] = Value::Null;
    assert_eq!(scopes(&scp, PARTNER, ""), "user_impersonation");
    let named = format!("{PARTNER}\nclaims = {{ scopes = \"permissions\", roles = \"/realm_access/roles\" }}");
    let permissions = with("permissions", json!(["read:all"]));
    let principal = verified(&named, "", &permissions).unwrap();
    assert_eq!(principal.scopes.to_string(), "read:all");
    assert_eq!(principal.claims.roles, ["reader", "writer"]);
}

#[test]
fn the_client_is_what_the_token_says_behind_the_name_of_the_issuer() {
    let client = |claims: &Value| verified(PARTNER, "", claims).unwrap().client_id.to_string();
    assert_eq!(client(&claims()), "it:app");
    let mut azp = with("azp", json!("other"));
    azp["client_id"] = Value::Null;
    assert_eq!(client(&azp), "it:other");
    azp["azp"] = Value::Null;
    assert_eq!(client(&azp), "it:");
    for ours in ["gatehouse:browser", "workload:deploy", "key:robot", "https://client.example/client.json", "desktop"] {
        assert_eq!(client(&with("client_id", json!(ours))), format!("it:{ours}"));
    }
    let only = r#"client_application_ids = ["app"]"#;
    assert!(verified(PARTNER, only, &claims()).is_ok());
    assert!(matches!(verified(PARTNER, only, &azp), Err(ExternalTokenRejection::Missing(_))));
    azp["azp"] = json!("other");
    assert!(matches!(verified(PARTNER, only, &azp), Err(ExternalTokenRejection::Application(_))));
}

#[test]
fn of_several_tenants_those_count_that_are_listed() {
    let issuer =
        format!("profile = \"entra\"\ntenant = \"organizations\"\ntenants = [\"{TENANT}\"]\nversions = [\"2.0\"]");
    let of = |tenant: &str| {
        let mut claims = with("iss", json!(format!("https://login.microsoftonline.com/{tenant}/v2.0")));
        for (name, value) in [("tid", tenant), ("oid", OBJECT), ("azp", "app"), ("ver", "2.0")] {
            claims[name] = json!(value);
        }
        claims
    };
    let principal = verified(&issuer, "", &of(TENANT)).unwrap();
    assert_eq!(principal.subject.as_str(), format!("it:{TENANT}.{OBJECT}"));
    assert_eq!(principal.claims.tenant.as_deref(), Some(TENANT));
    let refused = verified(&issuer, "", &of(OTHER_TENANT)).unwrap_err();
    assert!(matches!(refused, ExternalTokenRejection::UnknownIssuer(_)), "{refused}");
    let mut v1 = of(TENANT);
    (v1["iss"], v1["ver"], v1["appid"]) =
        (json!(format!("https://sts.windows.net/{TENANT}/")), json!("1.0"), json!("app"));
    assert!(verified(&issuer, "", &v1).is_err(), "only version 2");
    let both = issuer.replace("\nversions = [\"2.0\"]", "");
    assert!(verified(&both, "", &v1).is_ok());
}

#[test]
fn a_clock_may_differ_by_as_much_as_is_said_and_not_a_second_more() {
    let ended = |ago: u64| with("exp", json!(NOW.seconds() - ago));
    for skew in [0, 1, 60, 600] {
        let issuer = format!("{PARTNER}\nclock_skew = {skew}");
        assert!(verified(&issuer, "", &ended(skew)).is_err(), "{skew}");
        if let Some(within) = skew.checked_sub(1) {
            let principal = verified(&issuer, "", &ended(within)).unwrap();
            assert_eq!(principal.ends_at, NOW.plus(1));
        }
    }
}

#[test]
fn what_is_kept_of_a_principal_is_read_back() {
    // Who may act for the subject is asked where a token is exchanged, and none that is kept is.
    let principal = ExternalPrincipal { may_act: MayAct::Nobody, ..verified(PARTNER, "", &claims()).unwrap() };
    let kept = principal.to_kept().unwrap();
    let read = ExternalPrincipal { may_act: MayAct::Nobody, ..principal };
    assert_eq!(ExternalPrincipal::from_kept(&kept, read.ends_at), Some(read));
    assert_eq!(ExternalPrincipal::from_kept(b"{}", NOW), None);
}

#[test]
fn every_algorithm_that_a_document_can_name_is_one() {
    const NAMES: [&str; 10] =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"];
    assert!(NAMES.iter().all(|name| gatehouse_jose::SigningAlgorithm::parse(name).is_some()));
    let accepts = |name: &&&str| verified(&format!("{PARTNER}\nalgorithms = [\"{name}\"]"), "", &claims()).is_ok();
    assert_eq!(NAMES.iter().filter(accepts).count(), 1, "that of the token");
}
