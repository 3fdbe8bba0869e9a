//! Introspection, revocation, and what a subject sees and ends.

use super::{CLIENT, CLIENT_NAME, LIFETIME, RESOURCE, SESSION, Subject, principal, refresh_token, root};
use crate::bindings::keeper::exports::gatehouse::auth::sessions::{
    Introspection, Principal, ProviderTokens, Rejection, Revocation, SessionRoot, TokenKind,
};
use crate::fakes::NOW;

const ALICE: &str = "demo:alice";

#[tokio::test]
async fn an_active_token_says_what_it_is_and_an_ended_one_nothing() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let facts = |kind, expires_at| Introspection { principal: principal(), kind, expires_at };
    let access = subject.introspect(&tokens.access_token).await;
    assert_eq!(access, Ok(Some(facts(TokenKind::Access, NOW + LIFETIME))));
    let refresh = subject.introspect(refresh_token(&tokens)).await;
    assert_eq!(refresh, Ok(Some(facts(TokenKind::Refresh, NOW + SESSION))));
    assert_eq!(subject.introspect("x").await, Ok(None));
    subject.end(&root()).await.unwrap();
    for token in [&tokens.access_token, refresh_token(&tokens)] {
        assert_eq!(subject.introspect(token).await, Ok(None));
    }
    subject.fakes.store_goes_down();
    let unknown = subject.introspect(&tokens.access_token).await;
    assert!(matches!(unknown, Err(Rejection::Unavailable(_))), "inactive and unknown are not the same");
}

#[tokio::test]
async fn a_token_given_back_ends_the_session_for_its_client_only() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let before = subject.fakes.snapshot();
    for token in [&tokens.access_token, refresh_token(&tokens)] {
        assert_eq!(subject.revoke(token, "another-client").await, Ok(Revocation::Foreign));
    }
    assert_eq!(subject.revoke("x", CLIENT).await, Ok(Revocation::Unknown));
    assert_eq!(subject.fakes.snapshot(), before);
    assert_eq!(subject.revoke(&tokens.access_token, CLIENT).await, Ok(Revocation::Ended));
    assert_eq!(subject.validate(&tokens).await, Err(Rejection::Revoked));
    assert_eq!(subject.refresh(&tokens).await, Err(Rejection::Revoked));
}

#[tokio::test]
async fn a_subject_sees_its_sessions_and_ends_one_of_them_and_then_all() {
    let subject = Subject::new();
    let first = subject.open().await;
    let open = |byte, name: &'static str| {
        let owner = Principal { subject: name.to_owned(), ..principal() };
        let root = SessionRoot { secret: vec![byte; 32], expires_at: NOW + SESSION };
        let subject = &subject;
        async move { subject.open_with(&root, &owner, true).await.unwrap() }
    };
    let (second, bobs) = (open(7, ALICE).await, open(8, "demo:bob").await);
    subject.fakes.advance(100);
    subject.refresh(&first).await.unwrap();
    let listed = subject.list(ALICE).await.unwrap();
    let facts: Vec<_> = listed.iter().map(|session| (session.opened_at - NOW, session.last_used_at - NOW)).collect();
    assert_eq!(facts, [(0, 0), (0, 100)], "newest first");
    let oldest = &listed[1];
    assert_eq!((oldest.client_id.as_str(), oldest.client_name.as_str()), (CLIENT, CLIENT_NAME));
    assert_eq!((oldest.resource.as_str(), &oldest.scopes), (RESOURCE, &principal().scopes));
    assert_eq!(oldest.expires_at, NOW + SESSION);
    assert_eq!(subject.end_one("demo:bob", &oldest.id).await, Ok(false));
    assert_eq!(subject.end_one(ALICE, &oldest.id).await, Ok(true));
    assert_eq!(subject.validate(&first).await, Err(Rejection::Revoked));
    assert_eq!(subject.list(ALICE).await.unwrap().len(), 1);
    subject.end_all(ALICE).await.unwrap();
    assert_eq!(subject.validate(&second).await, Err(Rejection::Revoked));
    assert_eq!(subject.list(ALICE).await, Ok(Vec::new()));
    assert!(subject.validate(&bobs).await.is_ok());
}

#[tokio::test]
async fn a_session_of_a_machine_is_in_no_list() {
    let subject = Subject::new();
    let nothing = ProviderTokens { access_token: None, refresh_token: None, expires_at: None };
    let machine = Principal { subject: "client:a-client".to_owned(), ..principal() };
    let tokens = subject.open_as(&root(), &machine, &nothing, false, false).await.unwrap();
    assert_eq!(subject.validate(&tokens).await, Ok(machine));
    assert_eq!(subject.list("client:a-client").await, Ok(Vec::new()));
    assert_eq!(subject.identity_provider_token(&tokens).await, Ok(None));
}
