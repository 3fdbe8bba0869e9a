//! The identity provider's access token, and its refresh.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{REQUEST_ID, SESSION, Subject, TRACE_ID, principal, root};
use crate::bindings::keeper::exports::gatehouse::auth::sessions::{Claims, ProviderTokens, Rejection, Tokens};
use crate::fakes::NOW;
use crate::outbound::{Answer, Sent};
use crate::signing::{key_set, sign};

const CONFIGURATION: &str = r#"
public_url = "https://gateway.example"
[identity_provider]
name = "demo"
issuer = "https://provider.example"
client_id = "gatehouse"
client_secret = { secret = "provider_secret" }
scopes = ["openid", "offline_access"]
[[routes]]
path = "/mcp"
url = "https://upstream.internal.example/"
name = "Demo"
"#;

/// The second from which the provider's tokens are due.
const DUE: u64 = 3600 - 60;

fn fresh_tokens() -> Value {
    json!({ "token_type": "Bearer", "access_token": "second-access", "refresh_token": "second-refresh", "expires_in": 3600 })
}

/// The component, and a session whose provider's tokens live an hour. The provider answers a refresh with `answer`.
async fn opened(answer: impl Fn() -> Answer + Send + Sync + 'static) -> (Subject, Tokens) {
    let subject = Subject::new();
    subject.fakes.set("config", CONFIGURATION);
    subject.fakes.set("provider_secret", "the provider's secret for us");
    provider_answers(&subject, answer);
    let provider_tokens = ProviderTokens {
        access_token: Some("upstream-access".to_owned()),
        refresh_token: Some("upstream-refresh".to_owned()),
        expires_at: Some(NOW + 3600),
    };
    let tokens = subject.open_as(&root(), &principal(), &provider_tokens, true, true).await.unwrap();
    (subject, tokens)
}

/// From now on the provider answers a refresh with `answer`.
fn provider_answers(subject: &Subject, answer: impl Fn() -> Answer + Send + Sync + 'static) {
    subject.fakes.answer(move |sent| match (sent.method.as_str(), sent.url.as_str()) {
        ("GET", "https://provider.example/.well-known/openid-configuration") => Answer::json(&json!({
            "issuer": "https://provider.example",
            "authorization_endpoint": "https://provider.example/authorize",
            "token_endpoint": "https://provider.example/token",
            "jwks_uri": "https://provider.example/jwks",
            "id_token_signing_alg_values_supported": ["ES256"],
        })),
        ("POST", "https://provider.example/token") => answer(),
        ("GET", "https://provider.example/jwks") => Answer::json(&key_set()),
        _ => Answer::status(404),
    });
}

/// What was sent to the provider's token endpoint.
fn refreshes(subject: &Subject) -> Vec<Sent> {
    subject.fakes.sent().into_iter().filter(|sent| sent.method == "POST").collect()
}

/// A refresh of our own tokens shortly before the provider's are due: access tokens are short-lived.
async fn until_due(subject: &Subject, tokens: &Tokens) -> Tokens {
    subject.fakes.advance(DUE - 1);
    let tokens = subject.refresh(tokens).await.unwrap();
    subject.fakes.advance(1);
    tokens
}

#[tokio::test]
async fn a_fresh_token_is_given_without_asking_anybody_or_reading_the_configuration() {
    let (subject, tokens) = opened(|| Answer::status(500)).await;
    subject.fakes.settings_read.lock().unwrap().clear();
    assert_eq!(subject.identity_provider_token(&tokens).await, Ok(Some("upstream-access".to_owned())));
    assert_eq!(*subject.fakes.settings_read.lock().unwrap(), ["server_keys"]);
    assert!(subject.fakes.parts_read.lock().unwrap().is_empty() && subject.fakes.sent().is_empty());
}

#[tokio::test]
async fn a_token_that_ends_within_a_minute_is_refreshed_with_the_scopes_and_the_secret() {
    let (subject, tokens) = opened(|| Answer::json(&fresh_tokens())).await;
    let tokens = until_due(&subject, &tokens).await;
    assert!(refreshes(&subject).is_empty());
    assert_eq!(subject.identity_provider_token(&tokens).await, Ok(Some("second-access".to_owned())));
    let sent = refreshes(&subject);
    assert_eq!(sent.len(), 1);
    let form = sent[0].form();
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "upstream-refresh");
    assert!(form["scope"].split(' ').any(|scope| scope == "offline_access"), "{form:?}");
    assert!(sent[0].headers.contains_key("authorization"));
    assert_eq!(subject.identity_provider_token(&tokens).await, Ok(Some("second-access".to_owned())));
    assert_eq!(refreshes(&subject).len(), 1);
    assert!(!subject.fakes.log().contains("second"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_requests_at_once_refresh_once() {
    let (subject, tokens) = opened(|| Answer::json(&fresh_tokens())).await;
    let tokens = Arc::new(until_due(&subject, &tokens).await);
    let subject = Arc::new(subject);
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (subject, tokens) = (Arc::clone(&subject), Arc::clone(&tokens));
        racing.spawn(async move { subject.identity_provider_token(&tokens).await });
    }
    for given in racing.join_all().await {
        assert_eq!(given, Ok(Some("second-access".to_owned())));
    }
    assert_eq!(refreshes(&subject).len(), 1);
}

#[tokio::test]
async fn a_client_that_refreshes_has_the_provider_asked_first() {
    let (subject, tokens) = opened(|| Answer::json(&fresh_tokens())).await;
    subject.fakes.advance(DUE);
    let next = subject.refresh(&tokens).await.unwrap();
    assert_eq!(refreshes(&subject).len(), 1);
    assert_eq!(subject.identity_provider_token(&next).await, Ok(Some("second-access".to_owned())));
}

/// Fresh tokens, and an id_token of the second in which the old ones are due.
fn tokens_that_say(claims: &Value) -> Value {
    let mut claims = claims.clone();
    claims["iss"] = "https://provider.example".into();
    claims["aud"] = "gatehouse".into();
    claims["iat"] = (NOW + DUE).into();
    claims["exp"] = (NOW + DUE + 300).into();
    let mut tokens = fresh_tokens();
    tokens["id_token"] = sign(&claims).into();
    tokens
}

#[tokio::test]
async fn what_an_id_token_says_anew_is_in_the_access_tokens_from_then_on() {
    let (subject, tokens) =
        opened(|| Answer::json(&tokens_that_say(&json!({ "sub": "alice", "groups": ["sales", "staff"] })))).await;
    let tokens = until_due(&subject, &tokens).await;
    assert_eq!(subject.validate(&tokens).await.unwrap().claims, principal().claims);
    let next = subject.refresh(&tokens).await.unwrap();
    let said = Claims { tenant: None, groups: vec!["sales".to_owned(), "staff".to_owned()], roles: Vec::new() };
    assert_eq!(subject.validate(&next).await.unwrap().claims, said);
    assert_eq!(subject.validate(&tokens).await.unwrap().claims, principal().claims, "that of before is as it was");
    assert!(!subject.fakes.log().contains("sales"));
}

#[tokio::test]
async fn an_id_token_of_somebody_else_renews_nothing_and_ends_the_session() {
    let (subject, tokens) =
        opened(|| Answer::json(&tokens_that_say(&json!({ "sub": "mallory", "groups": ["admins"] })))).await;
    let tokens = until_due(&subject, &tokens).await;
    assert_eq!(subject.refresh(&tokens).await, Err(Rejection::Revoked));
    assert_eq!(subject.validate(&tokens).await, Err(Rejection::Revoked));
}

#[tokio::test]
async fn while_the_provider_does_not_answer_nothing_is_rotated_and_the_next_try_may_succeed() {
    let (subject, tokens) = opened(|| Answer::status(503)).await;
    subject.fakes.advance(DUE);
    for _ in 0..3 {
        let refused = subject.refresh(&tokens).await;
        assert!(matches!(refused, Err(Rejection::Unavailable(_))), "{refused:?}");
    }
    assert_eq!(refreshes(&subject).len(), 3, "nobody waits for a lease that was given up");
    assert_eq!(subject.fakes.store.lock().unwrap().count("access"), 1);
    provider_answers(&subject, || Answer::json(&fresh_tokens()));
    assert!(subject.refresh(&tokens).await.is_ok());
}

#[tokio::test]
async fn a_user_whom_the_provider_no_longer_knows_must_sign_in_again() {
    let refused = || {
        let response = http::Response::builder().status(400).header("content-type", "application/json");
        Answer::Whole(
            response.body(br#"{"error":"invalid_grant","error_description":"alice is gone"}"#.to_vec()).unwrap(),
        )
    };
    let (subject, tokens) = opened(refused).await;
    let tokens = until_due(&subject, &tokens).await;
    assert_eq!(subject.identity_provider_token(&tokens).await, Err(Rejection::Revoked));
    assert_eq!(subject.validate(&tokens).await, Err(Rejection::Revoked));
    assert_eq!(subject.refresh(&tokens).await, Err(Rejection::Revoked));
    let log = subject.fakes.log();
    assert!(log.contains("invalid_grant") && log.contains("demo:alice") && !log.contains("is gone"), "{log}");
    assert!(!log.contains("upstream-refresh"));
    let line: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!((&line["request_id"], &line["trace_id"]), (&REQUEST_ID.into(), &TRACE_ID.into()), "{line}");
    assert_eq!((&line["component"], &line["decision"]), (&"sessions".into(), &"refused".into()), "{line}");
    assert_eq!(line["action"], "identity-provider-refresh", "{line}");
}

#[tokio::test]
async fn a_token_that_cannot_be_refreshed_is_given_to_its_end_and_then_there_is_none() {
    let (subject, _) = opened(|| Answer::status(500)).await;
    let provider_tokens =
        ProviderTokens { access_token: Some("last".to_owned()), refresh_token: None, expires_at: Some(NOW + 100) };
    let other = super::SessionRoot { secret: vec![9; 32], expires_at: NOW + SESSION };
    let tokens = subject.open_as(&other, &principal(), &provider_tokens, true, true).await.unwrap();
    subject.fakes.advance(99);
    assert_eq!(subject.identity_provider_token(&tokens).await, Ok(Some("last".to_owned())));
    subject.fakes.advance(1);
    assert_eq!(subject.identity_provider_token(&tokens).await, Ok(None));
    assert!(subject.refresh(&tokens).await.is_ok(), "the session itself goes on");
    assert!(refreshes(&subject).is_empty());
}

#[tokio::test]
async fn without_a_usable_configuration_a_due_token_is_unavailable_and_requests_still_validate() {
    let (subject, tokens) = opened(|| Answer::json(&fresh_tokens())).await;
    let tokens = until_due(&subject, &tokens).await;
    subject.fakes.unset("config");
    assert!(matches!(subject.identity_provider_token(&tokens).await, Err(Rejection::Unavailable(_))));
    assert!(subject.validate(&tokens).await.is_ok());
    subject.fakes.set("config", CONFIGURATION);
    assert_eq!(subject.identity_provider_token(&tokens).await, Ok(Some("second-access".to_owned())));
}
