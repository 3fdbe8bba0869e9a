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
    let requests = group_requests(&with_groups(vec![group(1), group(2)]), &token()).unwrap();
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
        let asked = group_requests(&with_groups((0..count).map(group).collect()), &token()).unwrap();
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
        assert_eq!(group_requests(&provider, &token).unwrap_err(), reason);
    }
    let some = group_requests(&with_groups(vec!["Staff".to_owned(), group(1)]), &token()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(some[0].body()).unwrap(), json!({ "groupIds": [group(1)] }));
}

/// Microsoft Graph REST API v1.0, directoryObject: checkMemberGroups, example 1.
#[test]
fn the_answer_is_that_of_microsoft_graph() {
    let body = json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(Edm.String)", "value": [group(1)],
    });
    let mut memberships = read(&answer(StatusCode::OK, &body.to_string())).unwrap();
    assert_eq!(memberships.groups(), [group(1)]);
    memberships.add(&answer(StatusCode::OK, r#"{"value":[]}"#)).unwrap();
    memberships.add(&answer(StatusCode::OK, &json!({ "value": [group(2)] }).to_string())).unwrap();
    assert_eq!(memberships.groups(), [group(1), group(2)]);
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
