use gatehouse_configuration::AccessRules;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::test_provider::{entra, provider};

fn group(number: usize) -> String {
    format!("00000000-0000-0000-0000-{number:012}")
}

fn with_groups(groups: Vec<String>) -> IdentityProvider {
    IdentityProvider { access: AccessRules { groups, ..AccessRules::default() }, ..entra("organizations") }
}

fn token() -> SecretString {
    SecretString::new("graph-token".to_owned())
}

fn answer(status: StatusCode, body: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(body.as_bytes().to_vec());
    *response.status_mut() = status;
    response
}

fn read(response: &Response<Vec<u8>>) -> Result<Memberships, GroupsUnknown> {
    let mut memberships = Memberships::default();
    memberships.add(response).map(|()| memberships)
}

/// Microsoft Graph REST API v1.0, directoryObject: checkMemberGroups, example 1.
#[test]
fn the_question_is_that_of_microsoft_graph() {
    let requests = group_requests(&with_groups(vec![group(1), group(2)]), &NamedClaims::default(), &token()).unwrap();
    let [request] = requests.as_slice() else { panic!("one request") };
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "https://graph.microsoft.com/v1.0/me/checkMemberGroups");
    assert_eq!(request.headers()[AUTHORIZATION], "Bearer graph-token");
    assert!(request.headers()[AUTHORIZATION].is_sensitive());
    assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body, json!({ "groupIds": [group(1), group(2)] }));
}

#[test]
fn twenty_groups_are_asked_for_at_once_and_more_in_several_requests() {
    for (count, requests) in [(1, 1), (20, 1), (21, 2), (40, 2), (41, 3)] {
        let asked =
            group_requests(&with_groups((0..count).map(group).collect()), &NamedClaims::default(), &token()).unwrap();
        assert_eq!(asked.len(), requests);
        let bodies = asked.iter().map(|request| serde_json::from_slice::<Value>(request.body()).unwrap());
        let all: Vec<Value> = bodies.flat_map(|body| body["groupIds"].as_array().unwrap().clone()).collect();
        assert_eq!(all, (0..count).map(group).map(Value::from).collect::<Vec<_>>());
    }
}

#[test]
fn what_cannot_be_asked_for_has_a_reason() {
    let mut broken = with_groups(vec![group(1)]);
    if let ProviderProfile::Entra(entra) = &mut broken.profile {
        entra.graph = "http://graph.example".to_owned();
    }
    for (provider, token, reason) in [
        (provider(), token(), GroupsUnknown::NoLookup),
        (with_groups(vec!["Staff".to_owned()]), token(), GroupsUnknown::NoObjectIds),
        (with_groups(vec![group(1)]), SecretString::new("a\nb".to_owned()), GroupsUnknown::AccessToken),
        (broken, token(), GroupsUnknown::Graph(InvalidEndpoint::Insecure)),
    ] {
        assert_eq!(group_requests(&provider, &NamedClaims::default(), &token).unwrap_err(), reason);
    }
    let some =
        group_requests(&with_groups(vec!["Staff".to_owned(), group(1)]), &NamedClaims::default(), &token()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(some[0].body()).unwrap(), json!({ "groupIds": [group(1)] }));
}

#[test]
fn every_group_that_a_rule_names_is_asked_for_once() {
    let (own, named) = (group(1), ["3C1F9B1E-7A52-4C0B-8F0E-5D7A1B2C3D4E".to_owned(), group(2)]);
    let names = NamedClaims {
        groups: [own.as_str(), &named[0], &named[1], "Staff"].into(),
        denied_groups: [named[1].as_str()].into(),
        denies_by_role: false,
    };
    for (access, expected) in [
        (vec![own.clone()], vec![group(1), group(2), named[0].to_ascii_lowercase()]),
        (vec![named[0].to_ascii_lowercase()], vec![group(1), group(2), named[0].to_ascii_lowercase()]),
        (Vec::new(), vec![group(1), group(2), named[0].to_ascii_lowercase()]),
    ] {
        let requests = group_requests(&with_groups(access), &names, &token()).unwrap();
        let [request] = requests.as_slice() else { panic!("one request") };
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body, json!({ "groupIds": expected }));
    }
    assert!(group_requests(&with_groups(Vec::new()), &NamedClaims::default(), &token()).unwrap().is_empty());
}

#[test]
fn what_is_denied_to_a_group_must_be_known_and_what_is_allowed_need_not() {
    let nobody = || with_groups(Vec::new());
    let allowing = |group| NamedClaims { groups: [group].into(), ..NamedClaims::default() };
    let denying = |group| NamedClaims { denied_groups: [group].into(), ..allowing(group) };
    let id = group(1);
    assert_eq!(asked_groups(&nobody(), &allowing("Staff")), Ok(BTreeSet::new()));
    assert_eq!(asked_groups(&nobody(), &denying("Staff")), Err(GroupsUnknown::NoObjectIds));
    assert_eq!(asked_groups(&nobody(), &denying(&id)), Ok([id.clone()].into()));
    for named in [allowing("Staff"), allowing(&id)] {
        assert_eq!(asked_groups(&provider(), &named), Ok(BTreeSet::new()), "a name elsewhere, whatever it looks like");
    }
    for named in [denying("Staff"), denying(&id)] {
        assert_eq!(asked_groups(&provider(), &named), Err(GroupsUnknown::NoLookup));
    }
}

/// Microsoft Graph REST API v1.0, directoryObject: checkMemberGroups, example 1.
#[test]
fn the_answer_is_that_of_microsoft_graph() {
    let body = json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(Edm.String)", "value": [group(1)],
    });
    let mut memberships = read(&answer(StatusCode::OK, &body.to_string())).unwrap();
    let held = |memberships: &Memberships| [1, 2, 3].map(|number| memberships.holds(&group(number)));
    assert_eq!(held(&memberships), [true, false, false]);
    memberships.add(&answer(StatusCode::OK, r#"{"value":[]}"#)).unwrap();
    memberships.add(&answer(StatusCode::OK, &json!({ "value": [group(2)] }).to_string())).unwrap();
    assert_eq!(held(&memberships), [true, true, false]);
    memberships
        .add(&answer(StatusCode::OK, &json!({ "value": ["3C1F9B1E-7A52-4C0B-8F0E-5D7A1B2C3D4E"] }).to_string()))
        .unwrap();
    assert!(memberships.holds("3c1f9b1e-7a52-4c0b-8f0e-5d7a1b2c3d4e"), "ids compare without case");
}

#[test]
fn every_failure_is_one_and_a_missing_permission_is_named() {
    for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
        let rejection = read(&answer(status, r#"{"value":["x"]}"#)).err().unwrap();
        assert_eq!(rejection, GroupsUnknown::NotPermitted(status));
        let text = rejection.to_string();
        assert!(
            ["GroupMember.Read.All", "app roles", "assigned to the application"].iter().all(|it| text.contains(it))
        );
    }
    for (status, body) in [
        (StatusCode::BAD_REQUEST, r#"{"value":["x"]}"#),
        (StatusCode::FOUND, r#"{"value":["x"]}"#),
        (StatusCode::TOO_MANY_REQUESTS, ""),
        (StatusCode::INTERNAL_SERVER_ERROR, ""),
        (StatusCode::OK, ""),
        (StatusCode::OK, "{}"),
        (StatusCode::OK, r#"{"value":"x"}"#),
        (StatusCode::OK, r#"{"value":[1]}"#),
        (StatusCode::OK, r#"{"value":null}"#),
    ] {
        assert!(matches!(read(&answer(status, body)), Err(GroupsUnknown::Answer(_))), "{status} {body}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic(body in ".{0,200}") {
        let _either = read(&answer(StatusCode::OK, &body));
    }
}
