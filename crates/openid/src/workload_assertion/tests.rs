use gatehouse_configuration::{IssuerKeys, Pattern, TokenClaimNames};
use gatehouse_protocol::Scopes;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::test_provider::{ISSUER, Key, NOW, key_set, token_of_type};

const OURS: &str = "https://gateway.example";
const SUB: &str = "system:serviceaccount:agents:reporter";

fn issuer() -> TokenIssuer {
    TokenIssuer {
        name: "cluster".to_owned(),
        verification: TokenVerification::Keys {
            issuer: ISSUER.to_owned(),
            keys: IssuerKeys::Inline("{\"keys\":[]}".to_owned()),
        },
        algorithms: Vec::new(),
        types: Vec::new(),
        clock_skew: 60,
        claim_names: TokenClaimNames { groups: "groups".to_owned(), roles: "roles".to_owned(), scopes: None },
        group_lookup: None,
    }
}

fn pattern(text: &str) -> Pattern<'static> {
    let document = format!(
        r#"{{"public_url":"https://g.example","identity_provider":{{"name":"a","issuer":"https://i.example","client_id":"b"}},
        "token_issuers":[{{"name":"cluster","issuer":"https://c.example"}}],"routes":[{{"path":"/a","url":"https://c.example/"}}],
        "workloads":[{{"name":"w","issuer":"cluster","claims":{{"sub":"{text}"}},"routes":["/a"],"scopes":["mcp"]}}]}}"#
    );
    let configuration = gatehouse_configuration::Configuration::parse(&document).unwrap();
    configuration.authorization_server.workloads[0].claims[0].pattern.clone()
}

fn workload(name: &str, claim: &str, rule: &str) -> Workload {
    Workload {
        name: name.to_owned(),
        issuer: "cluster".to_owned(),
        audience: OURS.to_owned(),
        claims: vec![ClaimRule { name: claim.to_owned(), pattern: pattern(rule) }],
        scopes: Scopes::parse("mcp").unwrap(),
        routes: Vec::new(),
        longest_lifetime: 3600,
    }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": [OURS], "sub": SUB, "iat": NOW.seconds(), "exp": NOW.seconds() + 3600,
        "kubernetes.io": { "namespace": "agents" }, "admin": true, "list": ["agents"],
    })
}

fn names(claims: &Value, workloads: &[Workload]) -> Result<Vec<String>, WorkloadRejection> {
    let assertion = WorkloadAssertion::parse(token_of_type("JWT", Key::P256, claims).expose())?;
    let issuers = [issuer()];
    let issuer = assertion.issuer(&issuers, workloads)?;
    let verified = assertion.verify(issuer, workloads, &key_set(), NOW)?;
    assert_eq!(verified.ends_at, NOW.plus(3660));
    Ok(verified.workloads.iter().map(|workload| workload.name.clone()).collect())
}

#[test]
fn the_workloads_that_fit_are_found_in_their_order() {
    let workloads = [
        workload("namespace", "/kubernetes.io/namespace", "agents"),
        workload("another", "sub", "system:serviceaccount:agents:writer"),
        workload("pattern", "sub", "system:serviceaccount:agents:*"),
        workload("truth", "admin", "true"),
        workload("list", "list", "agents"),
    ];
    assert_eq!(names(&claims(), &workloads).unwrap(), ["namespace", "pattern", "truth"]);
    let elsewhere = Workload { issuer: "other".to_owned(), ..workload("elsewhere", "sub", "system:*") };
    assert_eq!(names(&claims(), &[elsewhere]), Err(WorkloadRejection::UnknownIssuer(LogText::new(ISSUER))));
}

#[test]
fn a_workload_without_rules_fits_nobody() {
    let open = Workload { claims: Vec::new(), ..workload("open", "sub", "x") };
    let nothing = WorkloadRejection::Rule("open".to_owned(), String::new());
    assert_eq!(names(&claims(), &[open]), Err(nothing));
}

#[test]
fn a_token_of_another_kind_is_none_of_a_workload() {
    let one = [workload("one", "sub", SUB)];
    for typ in ["oauth-id-jag+jwt", "application/oauth-id-jag+jwt", "OAUTH-ID-JAG+JWT"] {
        let parsed = WorkloadAssertion::parse(token_of_type(typ, Key::P256, &claims()).expose());
        assert!(matches!(parsed, Err(WorkloadRejection::Type(_))), "{typ}");
    }
    let assertion = WorkloadAssertion::parse(token_of_type("at+jwt", Key::P256, &claims()).expose()).unwrap();
    assert!(matches!(assertion.verify(&issuer(), &one, &key_set(), NOW), Err(WorkloadRejection::Type(_))));
    let listing = TokenIssuer { types: vec!["at+jwt".to_owned()], ..issuer() };
    assert!(assertion.verify(&listing, &one, &key_set(), NOW).is_ok());
    for name in OF_OTHER_TOKENS {
        let mut claims = claims();
        claims[name] = json!("x");
        assert_eq!(names(&claims, &one), Err(WorkloadRejection::OtherKind(name)));
    }
}

#[test]
fn a_token_that_lives_too_long_is_refused_on_its_last_day_too() {
    let one = [workload("one", "sub", SUB)];
    for (iat, exp) in [(0, 3661 + 60), (-3661, 3600), (-86_400 * 300, 60)] {
        let mut claims = claims();
        claims["iat"] = json!(NOW.seconds().saturating_add_signed(iat));
        claims["exp"] = json!(NOW.seconds() + exp);
        assert!(matches!(names(&claims, &one), Err(WorkloadRejection::Time(_, _))), "{iat} {exp}");
    }
}

proptest! {
    #[test]
    fn no_other_text_than_the_one_in_the_rule_fits_it(other in "[a-z:]{0,40}") {
        prop_assume!(other != SUB);
        let mut claims = claims();
        claims["sub"] = json!(other);
        let refused = WorkloadRejection::Rule("one".to_owned(), "sub".to_owned());
        prop_assert_eq!(names(&claims, &[workload("one", "sub", SUB)]), Err(refused));
    }

    #[test]
    fn whatever_is_presented_nothing_panics(text in ".{0,200}") {
        prop_assert!(WorkloadAssertion::parse(&text).is_err());
    }
}
