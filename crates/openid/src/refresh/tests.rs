use std::collections::BTreeMap;

use gatehouse_jose::TokenRejection as SignedTokenRejection;
use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::*;
use crate::GroupsUnknown;
use crate::test_provider::{metadata, provider};

fn old() -> SecretString {
    SecretString::new("old-refresh".to_owned())
}

fn answer(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = status;
    response
}

fn refused(status: StatusCode, error: &str) -> RefreshRejection {
    let body = json!({ "error": error, "error_description": "AADSTS50020: alice@example.com" });
    RefreshedTokens::parse(&answer(status, &body), &old()).unwrap_err()
}

#[test]
fn the_request_names_the_scopes_and_nothing_of_the_client() {
    let request = refresh_request(&provider(), &metadata(), &ClientAuthentication::None, &old());
    assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", "https://op.example/token"));
    let form: BTreeMap<_, _> = form_urlencoded::parse(request.body()).into_owned().collect();
    let expected = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "old-refresh"),
        ("scope", "openid profile offline_access"),
        ("client_id", "gatehouse"),
    ];
    assert_eq!(form, expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
}

#[test]
fn an_assertion_is_sent_with_its_type() {
    let assertion = ClientAuthentication::Assertion(SecretString::new("a.b.c".to_owned()));
    let request = refresh_request(&provider(), &metadata(), &assertion, &old());
    let form: BTreeMap<_, _> = form_urlencoded::parse(request.body()).into_owned().collect();
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_eq!((form["client_assertion"].as_str(), form["client_id"].as_str()), ("a.b.c", "gatehouse"));
    assert!(!form.contains_key("client_secret") && !request.headers().contains_key("authorization"));
}

#[test]
fn a_new_refresh_token_takes_the_place_of_the_old_one_which_stays_where_there_is_none() {
    let mut body = json!({
        "token_type": "Bearer", "access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 3600,
        "id_token": "a.b.c",
    });
    let parse = |body: &Value| RefreshedTokens::parse(&answer(StatusCode::OK, body), &old()).unwrap();
    let tokens = parse(&body);
    assert_eq!((tokens.access_token.expose(), tokens.refresh_token.expose()), ("new-access", "new-refresh"));
    assert_eq!((tokens.expires_in, tokens.id_token.as_ref().map(SecretString::expose)), (Some(3600), Some("a.b.c")));
    let printed = format!("{tokens:?}");
    assert!(["new-", "a.b.c"].iter().all(|secret| !printed.contains(secret)), "{printed}");
    for absent in [Value::Null, json!("")] {
        body["refresh_token"] = absent.clone();
        body["id_token"] = absent;
        let tokens = parse(&body);
        assert_eq!((tokens.refresh_token, tokens.id_token), (old(), None));
    }
}

#[test]
fn only_what_is_said_of_the_user_ends_the_session() {
    let of_the_user =
        ["invalid_grant", "interaction_required", "login_required", "consent_required", "account_selection_required"];
    let any_status = [StatusCode::BAD_REQUEST, StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
    let with_any_status = of_the_user.into_iter().flat_map(|error| any_status.map(|status| (status, error)));
    let in_other_words = ["invalid_request", "access_denied"].map(|error| (StatusCode::BAD_REQUEST, error));
    for (status, error) in with_any_status.chain(in_other_words) {
        let rejection = refused(status, error);
        assert_eq!(rejection, RefreshRejection::SignInAgain(LogText::new(error)));
        assert!(rejection.ends_the_session());
        assert!(!format!("{rejection} {rejection:?}").contains("alice"));
    }
    for (status, error) in [
        (StatusCode::BAD_REQUEST, "temporarily_unavailable"),
        (StatusCode::OK, "server_error"),
        (StatusCode::TOO_MANY_REQUESTS, "throttled"),
        (StatusCode::BAD_GATEWAY, "x"),
    ] {
        let rejection = refused(status, error);
        assert!(matches!(rejection, RefreshRejection::Temporary(_)) && !rejection.ends_the_session(), "{error}");
    }
    for (status, error) in [
        (StatusCode::UNAUTHORIZED, "invalid_client"),
        (StatusCode::BAD_REQUEST, "invalid_client"),
        (StatusCode::BAD_REQUEST, "unauthorized_client"),
        (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        // Undoing a change of `scopes` must be enough.
        (StatusCode::BAD_REQUEST, "invalid_scope"),
        (StatusCode::BAD_REQUEST, "use_dpop_nonce"),
        (StatusCode::BAD_REQUEST, "invalid_target"),
        (StatusCode::FORBIDDEN, "invalid_request"),
        (StatusCode::FORBIDDEN, "access_denied"),
        (StatusCode::UNAUTHORIZED, "access_denied"),
        (StatusCode::NOT_FOUND, "invalid_request"),
    ] {
        let rejection = refused(status, error);
        assert!(matches!(rejection, RefreshRejection::Misconfigured(_)) && !rejection.ends_the_session(), "{error}");
    }
}

/// What glewlwyd answers to a refresh token that it knows no more. A machine before the provider answers with a page.
#[test]
fn a_refusal_without_a_code_is_one_of_the_grant_where_the_token_endpoint_may_have_said_it() {
    for (status, body, ends) in [
        (StatusCode::BAD_REQUEST, "", true),
        (StatusCode::BAD_REQUEST, "{}", true),
        (StatusCode::BAD_REQUEST, "<html>", false),
        (StatusCode::FORBIDDEN, "", false),
        (StatusCode::FORBIDDEN, "<html>", false),
    ] {
        let mut response = Response::new(body.as_bytes().to_vec());
        *response.status_mut() = status;
        let rejection = RefreshedTokens::parse(&response, &old()).unwrap_err();
        assert_eq!(rejection.ends_the_session(), ends, "{status} {body}");
        let text = "the identity provider wants the user to sign in again (status-400-without-an-error-code)";
        assert_eq!(rejection.to_string() == text, ends, "{rejection}");
    }
}

#[test]
fn an_answer_that_is_none_ends_nothing() {
    for (status, body, temporary) in [
        (StatusCode::BAD_GATEWAY, json!("down"), true),
        (StatusCode::TOO_MANY_REQUESTS, json!("slow"), true),
        (StatusCode::NOT_FOUND, json!("?"), false),
        (StatusCode::OK, json!({}), false),
        (StatusCode::OK, json!({ "token_type": "mac", "access_token": "a" }), false),
        (StatusCode::OK, json!({ "token_type": "Bearer" }), false),
    ] {
        let rejection = RefreshedTokens::parse(&answer(status, &body), &old()).unwrap_err();
        assert_eq!(matches!(rejection, RefreshRejection::Temporary(_)), temporary, "{body}");
        assert!(!rejection.ends_the_session());
    }
}

#[test]
fn another_user_or_one_who_may_no_longer_come_in_ends_the_session() {
    for (rejection, ends) in [
        (RefreshRejection::from(IdTokenRejection::SubjectDiffers), true),
        (IdTokenRejection::from(SignedTokenRejection::BadSignature).into(), false),
        (AccessRejection::Role.into(), true),
        (AccessRejection::Group.into(), true),
        (AccessRejection::GroupsUnknown(GroupsUnknown::NoAnswer("timed out".to_owned())).into(), false),
    ] {
        assert_eq!(rejection.ends_the_session(), ends, "{rejection}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic(body in ".{0,200}") {
        prop_assert!(RefreshedTokens::parse(&Response::new(body.into_bytes()), &old()).is_err());
    }
}
