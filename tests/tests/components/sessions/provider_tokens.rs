//! The identity provider's access token, and its refresh.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Server, principal};
use crate::authorization_server::CONFIGURATION;
use crate::authorization_server::boundary::{REQUEST_ID, TRACE_ID};
use crate::authorization_server::client::{REVOKED, Refused, Tokens};
use crate::authorization_server::provider::is_refresh;
use crate::bindings::auth::exports::gatehouse::auth::sessions::{Claims, ProviderToken, Rejection};
use crate::fakes::NOW;
use crate::outbound::{Answer, Sent};
use crate::signing::sign;

/// The second from which the provider's tokens are due.
const DUE: u64 = 3600 - 60;

fn fresh_tokens() -> Value {
    json!({ "token_type": "Bearer", "access_token": "second-access", "refresh_token": "second-refresh", "expires_in": 3600 })
}

/// The component, and a session whose provider's tokens live an hour. The provider answers a refresh with `answer`.
async fn opened(answer: impl Fn() -> Answer + Send + Sync + 'static) -> (Server, Tokens) {
    let server = Server::with_provider_tokens_for(3600);
    server.provider.at_refresh(answer);
    let tokens = server.open().await;
    (server, tokens)
}

/// What the provider was sent for a refresh.
fn refreshes(server: &Server) -> Vec<Sent> {
    server.fakes.sent().into_iter().filter(is_refresh).collect()
}

/// A refresh of our own tokens shortly before the provider's are due: access tokens are short-lived.
async fn until_due(server: &Server, tokens: &Tokens) -> Tokens {
    server.fakes.advance(DUE - 1);
    let tokens = server.refresh(tokens).await.unwrap();
    server.fakes.advance(1);
    tokens
}

/// The line of the log about a refresh that the provider, or we, refused.
fn refused_refresh(server: &Server) -> Value {
    let lines = server.fakes.log_lines();
    lines.into_iter().find(|line| line["action"] == "identity-provider-refresh").expect("a line about it")
}

#[tokio::test]
async fn a_fresh_token_is_given_without_asking_anybody_or_reading_the_configuration() {
    let (server, tokens) = opened(|| Answer::status(500)).await;
    let sent = server.fakes.sent().len();
    server.fakes.settings_read.lock().unwrap().clear();
    server.fakes.parts_read.lock().unwrap().clear();
    assert_eq!(
        server.identity_provider_token(&tokens).await,
        Ok(ProviderToken::Usable("providers-access-token".to_owned()))
    );
    assert_eq!(*server.fakes.settings_read.lock().unwrap(), ["server_keys"]);
    assert!(server.fakes.parts_read.lock().unwrap().is_empty(), "the configuration was read");
    assert_eq!(server.fakes.sent().len(), sent);
}

#[tokio::test]
async fn a_token_that_ends_within_a_minute_is_refreshed_with_the_scopes_and_the_secret() {
    let (server, tokens) = opened(|| Answer::json(&fresh_tokens())).await;
    let tokens = until_due(&server, &tokens).await;
    assert!(refreshes(&server).is_empty());
    assert_eq!(server.identity_provider_token(&tokens).await, Ok(ProviderToken::Usable("second-access".to_owned())));
    let sent = refreshes(&server);
    assert_eq!(sent.len(), 1);
    let form = sent[0].form();
    assert_eq!((form["refresh_token"].as_str(), form["scope"].as_str()), ("providers-refresh-token", "openid profile"));
    assert!(sent[0].headers.contains_key("authorization"));
    assert_eq!(server.identity_provider_token(&tokens).await, Ok(ProviderToken::Usable("second-access".to_owned())));
    assert_eq!(refreshes(&server).len(), 1);
    assert!(!server.fakes.log().contains("second-"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_requests_at_once_refresh_once() {
    let (server, tokens) = opened(|| Answer::json(&fresh_tokens())).await;
    let tokens = Arc::new(until_due(&server, &tokens).await);
    let server = Arc::new(server);
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (server, tokens) = (Arc::clone(&server), Arc::clone(&tokens));
        racing.spawn(async move { server.identity_provider_token(&tokens).await });
    }
    for given in racing.join_all().await {
        assert_eq!(given, Ok(ProviderToken::Usable("second-access".to_owned())));
    }
    assert_eq!(refreshes(&server).len(), 1);
}

#[tokio::test]
async fn a_client_that_refreshes_has_the_provider_asked_first() {
    let (server, tokens) = opened(|| Answer::json(&fresh_tokens())).await;
    server.fakes.advance(DUE);
    let next = server.refresh(&tokens).await.unwrap();
    assert_eq!(refreshes(&server).len(), 1);
    assert_eq!(server.identity_provider_token(&next).await, Ok(ProviderToken::Usable("second-access".to_owned())));
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
    let (server, tokens) =
        opened(|| Answer::json(&tokens_that_say(&json!({ "sub": "alice", "groups": ["sales", "staff"] })))).await;
    let tokens = until_due(&server, &tokens).await;
    assert_eq!(server.validate(&tokens).await.unwrap().claims, principal().claims);
    let next = server.refresh(&tokens).await.unwrap();
    let said =
        Claims { tenant: None, groups: vec!["sales".to_owned(), "staff".to_owned()], roles: Vec::new(), names: None };
    assert_eq!(server.validate(&next).await.unwrap().claims, said);
    assert_eq!(server.validate(&tokens).await.unwrap().claims, principal().claims, "that of before is as it was");
    assert!(!server.fakes.log().contains("sales"));
}

#[tokio::test]
async fn an_id_token_of_somebody_else_renews_nothing_and_ends_the_session() {
    let (server, tokens) =
        opened(|| Answer::json(&tokens_that_say(&json!({ "sub": "mallory", "groups": ["admins"] })))).await;
    let tokens = until_due(&server, &tokens).await;
    assert_eq!(server.refresh(&tokens).await, Err(Refused::invalid_grant(REVOKED)));
    assert_eq!(server.validate(&tokens).await, Err(Rejection::Revoked));
    let (line, lines) = (refused_refresh(&server), server.fakes.log_lines());
    assert_eq!(line["request_id"], lines.last().unwrap()["request_id"], "it is of the client's request: {line}");
}

#[tokio::test]
async fn while_the_provider_does_not_answer_nothing_is_rotated_and_the_next_try_may_succeed() {
    let (server, tokens) = opened(|| Answer::status(503)).await;
    server.fakes.advance(DUE);
    for _ in 0..3 {
        let refused = server.refresh(&tokens).await.unwrap_err();
        assert_eq!((refused.status, refused.error.as_str()), (503, "temporarily_unavailable"), "{refused:?}");
    }
    assert_eq!(refreshes(&server).len(), 3, "nobody waits for a lease that was given up");
    assert_eq!(server.count("access"), 1);
    server.provider.at_refresh(|| Answer::json(&fresh_tokens()));
    assert!(server.refresh(&tokens).await.is_ok());
}

#[tokio::test]
async fn a_user_whom_the_provider_no_longer_knows_must_sign_in_again() {
    let refused = || {
        let response = http::Response::builder().status(400).header("content-type", "application/json");
        Answer::Whole(
            response.body(br#"{"error":"invalid_grant","error_description":"alice is gone"}"#.to_vec()).unwrap(),
        )
    };
    let (server, tokens) = opened(refused).await;
    let tokens = until_due(&server, &tokens).await;
    assert_eq!(server.identity_provider_token(&tokens).await, Err(Rejection::Revoked));
    assert_eq!(server.validate(&tokens).await, Err(Rejection::Revoked));
    assert_eq!(server.refresh(&tokens).await, Err(Refused::invalid_grant(REVOKED)));
    let line = refused_refresh(&server);
    assert_eq!((&line["request_id"], &line["trace_id"]), (&REQUEST_ID.into(), &TRACE_ID.into()), "{line}");
    assert_eq!((&line["event"], &line["decision"]), (&"refused".into(), &"refused".into()), "{line}");
    assert_eq!(
        (&line["component"], &line["subject"]),
        (&"authorization-server".into(), &"demo:alice".into()),
        "{line}"
    );
    assert!(line["reason"].as_str().unwrap().contains("invalid_grant"), "{line}");
    let log = server.fakes.log();
    assert!(!log.contains("is gone") && !log.contains("providers-refresh-token"), "{log}");
}

#[tokio::test]
async fn a_token_that_cannot_be_refreshed_is_given_to_its_end_and_then_there_is_none() {
    let server = Server::with_provider_tokens_for(100);
    server.provider.tokens.lock().unwrap().as_object_mut().unwrap().remove("refresh_token");
    let tokens = server.open().await;
    server.fakes.advance(99);
    assert_eq!(
        server.identity_provider_token(&tokens).await,
        Ok(ProviderToken::Usable("providers-access-token".to_owned()))
    );
    server.fakes.advance(1);
    assert_eq!(server.identity_provider_token(&tokens).await, Ok(ProviderToken::Ended));
    assert!(server.refresh(&tokens).await.is_ok(), "the session itself goes on");
    assert!(refreshes(&server).is_empty());
}

/// A client whose calls are refused for want of that token refreshes, and would be refused again, for ever.
#[tokio::test]
async fn where_a_server_needs_the_token_a_session_that_has_none_left_ends_at_its_refresh() {
    let server = Server::with_provider_tokens_for(100);
    let header = "identity_provider_token_header = \"authorization\"\n";
    server.fakes.set("config", &format!("{CONFIGURATION}{header}"));
    server.provider.tokens.lock().unwrap().as_object_mut().unwrap().remove("refresh_token");
    let tokens = server.open().await;
    server.fakes.advance(99);
    let tokens = server.refresh(&tokens).await.unwrap();
    server.fakes.advance(1);
    assert_eq!(server.identity_provider_token(&tokens).await, Ok(ProviderToken::Ended));
    assert_eq!(server.refresh(&tokens).await, Err(Refused::invalid_grant(REVOKED)));
    assert_eq!(server.validate(&tokens).await, Err(Rejection::Revoked));
    let line = refused_refresh(&server);
    assert!(line["reason"].as_str().unwrap().contains("offline_access"), "{line}");
}

/// What Authlib, canaille and glewlwyd answer where the user or the refresh token is gone.
#[tokio::test]
async fn a_refusal_in_other_words_or_in_none_ends_the_session_too() {
    for body in [r#"{"error":"invalid_request"}"#, ""] {
        let (server, tokens) = opened(move || {
            let response = http::Response::builder().status(400).header("content-type", "application/json");
            Answer::Whole(response.body(body.as_bytes().to_vec()).unwrap())
        })
        .await;
        let tokens = until_due(&server, &tokens).await;
        assert_eq!(server.refresh(&tokens).await, Err(Refused::invalid_grant(REVOKED)), "{body}");
        assert_eq!(server.validate(&tokens).await, Err(Rejection::Revoked));
    }
}

#[tokio::test]
async fn without_a_usable_configuration_a_due_token_is_unavailable_and_requests_still_validate() {
    let (server, tokens) = opened(|| Answer::json(&fresh_tokens())).await;
    let tokens = until_due(&server, &tokens).await;
    server.fakes.unset("config");
    assert!(matches!(server.identity_provider_token(&tokens).await, Err(Rejection::Unavailable(_))));
    assert!(server.validate(&tokens).await.is_ok());
    server.fakes.set("config", CONFIGURATION);
    assert_eq!(server.identity_provider_token(&tokens).await, Ok(ProviderToken::Usable("second-access".to_owned())));
}
