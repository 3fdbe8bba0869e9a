use proptest::prelude::*;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::Callback;
use crate::test_provider::{CALLBACK_URL, NOW, VERIFIER, metadata, provider, secrets};

fn request(authentication: &ClientAuthentication) -> Request<Vec<u8>> {
    let code = Callback::parse("code=Splx%2BlO%26&state=s").unwrap().code(&metadata()).unwrap();
    token_request(&provider(), &metadata(), authentication, CALLBACK_URL, &code, &secrets())
}

fn form(request: &Request<Vec<u8>>) -> BTreeMap<String, String> {
    let pairs: Vec<_> = form_urlencoded::parse(request.body()).into_owned().collect();
    let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "no parameter stands twice");
    map
}

fn expected(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", "Splx+lO&"),
        ("redirect_uri", CALLBACK_URL),
        ("code_verifier", VERIFIER),
    ];
    grant.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn secret_text() -> SecretString {
    SecretString::new("s3&cret".to_owned())
}

fn answer(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = status;
    response
}

fn tokens() -> Value {
    json!({
        "access_token": "SlAV32hkKG",
        "token_type": "Bearer",
        "refresh_token": "8xLOxBtZp8",
        "expires_in": 3600,
        "id_token": "a.b.c",
    })
}

fn parse(body: &Value) -> Result<TokenResponse, TokenRejection> {
    TokenResponse::parse(&answer(StatusCode::OK, body))
}

#[test]
fn the_request_is_a_form_post_to_the_token_endpoint() {
    let request = request(&ClientAuthentication::None);
    assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", "https://op.example/token"));
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.headers()["accept"], "application/json");
}

#[test]
fn a_public_client_names_itself_in_the_form() {
    let request = request(&ClientAuthentication::None);
    assert_eq!(form(&request), expected(&[("client_id", "gatehouse")]));
    assert!(!request.headers().contains_key(AUTHORIZATION));
}

#[test]
fn a_secret_goes_into_the_header_or_into_the_form_but_never_into_both() {
    // RFC 6749, section 2.3: "The client MUST NOT use more than one authentication method in each request."
    let in_header = request(&ClientAuthentication::SecretBasic(secret_text()));
    assert_eq!(form(&in_header), expected(&[]));
    assert_eq!(in_header.headers()[AUTHORIZATION], basic("gatehouse", &secret_text()));
    let in_form = request(&ClientAuthentication::SecretPost(secret_text()));
    assert_eq!(form(&in_form), expected(&[("client_id", "gatehouse"), ("client_secret", "s3&cret")]));
    assert!(!in_form.headers().contains_key(AUTHORIZATION));
    let assertion = request(&ClientAuthentication::Assertion(SecretString::new("a.b.c".to_owned())));
    let type_ = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_eq!(form(&assertion), expected(&[("client_id", "gatehouse"), type_, ("client_assertion", "a.b.c")]));
    assert!(!assertion.headers().contains_key(AUTHORIZATION));
}

/// OpenID Connect Core, section 3.1.3.3.
#[test]
fn the_example_of_the_specification_is_read() {
    let tokens = parse(&tokens()).unwrap();
    assert_eq!(tokens.access_token.expose(), "SlAV32hkKG");
    assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "8xLOxBtZp8");
    assert_eq!(tokens.id_token.expose(), "a.b.c");
    assert_eq!(tokens.expires_at(NOW), Some(NOW.plus(3600)));
    let printed = format!("{tokens:?}");
    assert!(["SlAV", "8xLO", "a.b.c"].iter().all(|token| !printed.contains(token)), "{printed}");
}

#[test]
fn what_is_optional_may_be_absent_and_the_lifetime_may_be_a_text_or_nonsense() {
    for (expires_in, read) in [
        (Value::Null, None),
        (json!("3599"), Some(3599)),
        (json!("soon"), None),
        (json!(3600.5), Some(3600)),
        (json!("3600.0"), Some(3600)),
        (json!(-1.5), None),
        (json!(true), None),
        (json!(-1), None),
        (json!({ "seconds": 5 }), None),
        (json!(0), Some(0)),
        (json!(u64::MAX), Some(u64::MAX)),
    ] {
        let mut body = tokens();
        body["expires_in"] = expires_in;
        body.as_object_mut().unwrap().remove("refresh_token");
        body["token_type"] = "bearer".into();
        let tokens = parse(&body).unwrap();
        assert_eq!((tokens.expires_in, tokens.refresh_token), (read, None));
    }
}

#[test]
fn an_answer_without_a_required_member_gives_nothing() {
    for member in ["token_type", "id_token", "access_token"] {
        let mut body = tokens();
        body.as_object_mut().unwrap().remove(member);
        assert_eq!(parse(&body).unwrap_err(), TokenRejection::Missing(member));
    }
    for member in ["id_token", "access_token"] {
        let mut body = tokens();
        body[member] = "".into();
        assert_eq!(parse(&body).unwrap_err(), TokenRejection::Missing(member));
    }
}

#[test]
fn tokens_of_another_type_are_refused() {
    for token_type in ["DPoP", "mac", "", "N_A"] {
        let mut body = tokens();
        body["token_type"] = token_type.into();
        assert_eq!(parse(&body).unwrap_err(), TokenRejection::TokenType(LogText::new(token_type)));
    }
}

/// OpenID Connect Core, section 3.1.3.4, and the errors of RFC 6749, section 5.2.
#[test]
fn an_oauth_error_is_kept_by_its_code_only() {
    for (status, error, told) in [
        (StatusCode::BAD_REQUEST, "invalid_request", ClientError::ServerError),
        (StatusCode::BAD_REQUEST, "invalid_grant", ClientError::ServerError),
        (StatusCode::UNAUTHORIZED, "invalid_client", ClientError::ServerError),
        (StatusCode::OK, "bad_verification_code", ClientError::ServerError),
        (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", ClientError::TemporarilyUnavailable),
        (StatusCode::TOO_MANY_REQUESTS, "slow_down", ClientError::TemporarilyUnavailable),
    ] {
        let body =
            json!({ "error": error, "error_description": "AADSTS50020: alice@example.com", "error_codes": [50020] });
        let rejection = TokenResponse::parse(&answer(status, &body)).unwrap_err();
        assert_eq!(rejection, TokenRejection::Refused { status, error: LogText::new(error) });
        assert_eq!(rejection.to_wire(), told);
        let printed = format!("{rejection} {rejection:?}");
        assert!(printed.contains(error) && !printed.contains("alice"), "{printed}");
    }
}

#[test]
fn an_error_that_comes_with_tokens_is_an_error() {
    let mut body = tokens();
    body["error"] = "invalid_grant".into();
    assert!(matches!(parse(&body), Err(TokenRejection::Refused { .. })));
}

#[test]
fn only_a_200_counts_and_what_cannot_be_read_is_not_quoted() {
    for status in [StatusCode::CREATED, StatusCode::FOUND, StatusCode::BAD_REQUEST, StatusCode::BAD_GATEWAY] {
        let rejection = TokenResponse::parse(&answer(status, &tokens())).unwrap_err();
        assert_eq!(rejection, AnswerRejection::Status(status).into());
    }
    for body in [
        "",
        "<html>",
        "[]",
        r#"{"access_token":["8xLOxBtZp8"]}"#,
        r#"{"access_token":"a","access_token":"8xLOxBtZp8"}"#,
        r#"{"access_token":"8xLOxBtZp8","#,
    ] {
        let rejection = TokenResponse::parse(&Response::new(body.as_bytes().to_vec())).unwrap_err();
        assert!(matches!(rejection, TokenRejection::Answer(AnswerRejection::Json { .. })), "{body}");
        assert!(!format!("{rejection} {rejection:?}").contains("8xLO"));
    }
}

proptest! {
    #[test]
    fn any_answer_is_refused_or_has_the_tokens_it_says(id in ".{0,10}", access in ".{0,10}", kind in "(?i)bearer|.{0,6}") {
        let body = json!({ "token_type": kind, "id_token": id, "access_token": access }).to_string();
        match TokenResponse::parse(&Response::new(body.into_bytes())) {
            Ok(tokens) => {
                prop_assert!(kind.eq_ignore_ascii_case("bearer"));
                prop_assert_eq!((tokens.id_token.expose(), tokens.access_token.expose()), (id.as_str(), access.as_str()));
            }
            Err(_) => prop_assert!(id.is_empty() || access.is_empty() || !kind.eq_ignore_ascii_case("bearer")),
        }
    }
}
