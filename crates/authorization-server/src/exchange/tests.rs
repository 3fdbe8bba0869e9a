use gatehouse_openid::MayAct;
use proptest::prelude::*;

use super::*;
use crate::example::{Counting, START, configuration_with_two_upstreams, resource, scopes};

fn workload(name: &str, routes: &[&str], own: &str) -> Workload {
    let configuration = configuration_with_two_upstreams();
    let paths = configuration.routes.iter().map(|route| &route.path);
    Workload {
        name: name.to_owned(),
        issuer: "cluster".to_owned(),
        audience: "https://gateway.example".to_owned(),
        claims: Vec::new(),
        scopes: scopes(own),
        routes: paths.filter(|path| routes.contains(&path.as_str())).cloned().collect(),
        longest_lifetime: 3600,
    }
}

fn granted(workloads: &[Workload], named: Option<&str>, asked: Option<&str>) -> Result<Principal, TokenRejection> {
    granted_in(&configuration_with_two_upstreams(), workloads, named, asked)
}

fn granted_in(
    configuration: &Configuration,
    workloads: &[Workload],
    named: Option<&str>,
    asked: Option<&str>,
) -> Result<Principal, TokenRejection> {
    let (resource, asked) = (named.map(resource), asked.map(scopes));
    let verified = VerifiedWorkload { workloads: workloads.iter().collect(), ends_at: START.plus(100) };
    let request = AssertionRequest { resource: resource.as_ref(), scopes: asked.as_ref() };
    let grant = grant_to_workload(&verified, &request, configuration, START, &mut Counting::from(1))?;
    assert_eq!((grant.root.expires_at, grant.refreshable), (START.plus(100), false), "it ends with the token");
    Ok(grant.principal)
}

#[test]
fn a_workload_is_granted_what_it_and_the_route_have() {
    let both = [workload("one", &["/mcp"], "mcp mail"), workload("two", &["/mail"], "mail")];
    for (named, asked, expected) in [
        (Some("https://gateway.example/mcp"), None, Ok(("workload:one", "mcp"))),
        (Some("https://gateway.example/mail"), None, Ok(("workload:two", "mail"))),
        (None, None, Ok(("workload:one", "mcp"))),
        (Some("https://gateway.example/mcp"), Some("files:read"), Err(TokenRejection::Scope)),
        (Some("https://gateway.example/mcp"), Some("mcp mail"), Err(TokenRejection::Scope)),
        (Some("https://gateway.example/none"), None, Err(TokenRejection::Resource)),
    ] {
        let principal = granted(&both, named, asked);
        let got = principal.as_ref().map(|it| (it.subject.as_str(), it.scopes.to_string()));
        assert_eq!(
            got,
            expected.as_ref().map(|(subject, scopes)| (*subject, (*scopes).to_owned())),
            "{named:?} {asked:?}"
        );
    }
    assert_eq!(granted(&both[..1], Some("https://gateway.example/mail"), None), Err(TokenRejection::Resource));
}

#[test]
fn a_workload_that_the_route_does_not_list_is_granted_nothing_and_the_next_one_that_fits_is_asked() {
    let mut configuration = configuration_with_two_upstreams();
    let both = [workload("one", &["/mcp"], "mcp"), workload("two", &["/mcp"], "mcp")];
    let named = Some("https://gateway.example/mcp");
    for (listed, expected) in [
        (&[][..], Ok("workload:one")),
        (&["workload:one"], Ok("workload:one")),
        (&["other", "workload:two"], Ok("workload:two")),
        (&["one", "two"], Err(TokenRejection::ClientNotAllowed)),
    ] {
        configuration.routes[0].allowed_clients = listed.iter().map(|id| ClientId::parse(id).unwrap()).collect();
        let granted = granted_in(&configuration, &both, named, None);
        assert_eq!(granted.as_ref().map(|it| it.client_id.as_str()), expected.as_ref().map(|id| *id), "{listed:?}");
    }
    assert_eq!(granted_in(&configuration, &[], named, None), Err(TokenRejection::Resource));
}

#[test]
fn a_client_may_act_where_the_token_says_nothing_of_that_or_names_it() {
    let named = |id: &str, issuer: Option<&str>| MayAct::Named { id: id.to_owned(), issuer: issuer.map(str::to_owned) };
    let client = ActingParty { id: "frontend", issuer: Some("https://gateway.example"), is_known_without_issuer: true };
    for may in [MayAct::Anybody, named("frontend", None), named("frontend", client.issuer)] {
        assert!(may.allows(&client), "{may:?}");
    }
    for other in [named("frontend2", None), named("frontend", Some("https://evil.example")), MayAct::Nobody] {
        assert!(!other.allows(&client), "{other:?}");
    }
    // Whom another issuer names has to be named as its.
    let foreign = ActingParty { issuer: Some("https://b.example"), is_known_without_issuer: false, ..client };
    assert!(named("frontend", foreign.issuer).allows(&foreign) && MayAct::Anybody.allows(&foreign));
    assert!(!named("frontend", None).allows(&foreign) && !named("frontend", client.issuer).allows(&foreign));
    let nameless = ActingParty { issuer: None, ..foreign };
    assert!(!named("frontend", Some("https://b.example")).allows(&nameless));
}

proptest! {
    #[test]
    fn no_request_widens_what_a_workload_has(own in "(mcp|mail|files:read)( (mcp|mail|files:read)){0,2}", asked in "[a-z:]{1,6}( [a-z:]{1,6}){0,2}") {
        let own = Scopes::parse(&own).unwrap();
        let one = Workload { scopes: own.clone(), ..workload("one", &["/mcp", "/mail"], "mcp") };
        for named in ["https://gateway.example/mcp", "https://gateway.example/mail"] {
            if let Ok(principal) = granted(std::slice::from_ref(&one), Some(named), Some(&asked)) {
                prop_assert!(own.contains_all(&principal.scopes) && !principal.scopes.is_empty());
            }
        }
    }
}
