//! From the first tokens to the end of a session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{CLIENT, LIFETIME, RESOURCE, SESSION, Subject, principal, refresh_token, root, tells_nothing};
use crate::bindings::keeper::exports::gatehouse::auth::sessions::{Rejection, SessionRoot};
use crate::component::SESSIONS;
use crate::fakes::NOW;

#[test]
fn it_imports_the_store_the_settings_and_the_way_to_the_identity_provider() {
    let imports = SESSIONS.own_imports();
    let (http, ours): (Vec<_>, Vec<_>) =
        imports.iter().partition(|name| name.starts_with("wasi:http/outgoing-handler"));
    assert_eq!(http.len(), 1);
    assert_eq!(
        ours,
        ["gatehouse:host/configuration@0.1.0", "gatehouse:host/settings@0.1.0", "gatehouse:host/store@0.1.0"]
    );
}

#[tokio::test]
async fn an_opened_session_validates_for_its_principal() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    assert_eq!((tokens.expires_in, &tokens.scopes), (LIFETIME, &principal().scopes));
    assert_eq!(subject.validate(&tokens).await, Ok(principal()));
    assert_eq!(*subject.fakes.settings_read.lock().unwrap(), ["server_keys", "server_keys"]);
}

#[tokio::test]
async fn tokens_are_opaque_and_never_the_same_twice() {
    // One root in two stores: a session is opened once in each.
    let (first, second) = (Subject::new().open().await, Subject::new().open().await);
    assert_ne!(first.access_token, second.access_token);
    assert_ne!(first.refresh_token, second.refresh_token);
    for token in [&first.access_token, refresh_token(&first)] {
        tells_nothing(token);
        let bytes = URL_SAFE_NO_PAD.decode(token).expect("base64url");
        tells_nothing(&String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test]
async fn nothing_in_the_store_or_the_log_says_who_signed_in_or_opens_anything() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let next = subject.refresh(&tokens).await.unwrap();
    let everything = subject.fakes.store.lock().unwrap().dump() + &subject.fakes.log();
    tells_nothing(&everything);
    for token in [&tokens, &next] {
        assert!(!everything.contains(&token.access_token) && !everything.contains(refresh_token(token)));
    }
    assert!(!everything.contains(&URL_SAFE_NO_PAD.encode(&root().secret)));
}

#[tokio::test]
async fn to_validate_costs_exactly_one_read_and_no_write() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let before = subject.fakes.snapshot();
    subject.take_calls();
    subject.validate(&tokens).await.unwrap();
    assert_eq!(subject.take_calls(), ["get"]);
    assert_eq!(subject.fakes.snapshot(), before);
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_refused_without_asking_the_store() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    subject.take_calls();
    let mut altered = tokens.access_token.clone().into_bytes();
    altered[40] = if altered[40] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for token in ["", "x", "....", &altered, &tokens.access_token[1..], refresh_token(&tokens)] {
        assert_eq!(subject.validate_at(token, RESOURCE).await, Err(Rejection::Unrecognised), "{token}");
    }
    assert_eq!(subject.take_calls(), [""; 0]);
}

#[tokio::test]
async fn a_token_for_one_resource_is_nothing_at_another() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    subject.take_calls();
    for other in
        ["https://gateway.example/other", "https://other.example/mcp", "http://gateway.example/mcp", "not a uri"]
    {
        assert_eq!(subject.validate_at(&tokens.access_token, other).await, Err(Rejection::Unrecognised), "{other}");
    }
    assert_eq!(subject.take_calls(), [""; 0]);
}

#[tokio::test]
async fn an_access_token_expires_to_the_second_and_the_refresh_token_goes_on() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    subject.fakes.advance(LIFETIME - 1);
    assert_eq!(subject.validate(&tokens).await, Ok(principal()));
    subject.fakes.advance(1);
    assert_eq!(subject.validate(&tokens).await, Err(Rejection::Expired));
    let next = subject.refresh(&tokens).await.unwrap();
    assert_eq!(subject.validate(&next).await, Ok(principal()));
}

#[tokio::test]
async fn no_refresh_outlives_the_session() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    subject.fakes.advance(SESSION - 10);
    let last = subject.refresh(&tokens).await.unwrap();
    assert_eq!(last.expires_in, 10);
    subject.fakes.advance(10);
    let before = subject.fakes.snapshot();
    assert_eq!(subject.refresh(&last).await, Err(Rejection::Expired));
    assert_eq!(subject.validate(&last).await, Err(Rejection::Expired));
    assert_eq!(subject.fakes.snapshot(), before);
}

#[tokio::test]
async fn a_client_that_may_not_refresh_gets_no_refresh_token() {
    let subject = Subject::new();
    let tokens = subject.open_with(&root(), &principal(), false).await.unwrap();
    assert_eq!(tokens.refresh_token, None);
    assert_eq!(subject.validate(&tokens).await, Ok(principal()));
}

#[tokio::test]
async fn a_refresh_token_used_again_within_the_grace_still_gets_working_tokens() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let first = subject.refresh(&tokens).await.unwrap();
    subject.fakes.advance(30);
    let again = subject.refresh(&tokens).await.unwrap();
    for tokens in [&first, &again] {
        assert_eq!(subject.validate(tokens).await, Ok(principal()));
    }
    // Both are of one generation: whichever is used next, the other one is in its grace as well.
    let next = subject.refresh(&again).await.unwrap();
    assert_eq!(subject.validate(&subject.refresh(&first).await.unwrap()).await, Ok(principal()));
    assert_eq!(subject.validate(&next).await, Ok(principal()));
}

#[tokio::test]
async fn a_refresh_token_used_again_after_the_grace_ends_the_session() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let next = subject.refresh(&tokens).await.unwrap();
    subject.fakes.advance(31);
    assert_eq!(subject.refresh(&tokens).await, Err(Rejection::Reused));
    assert_eq!(subject.validate(&next).await, Err(Rejection::Revoked));
    assert_eq!(subject.refresh(&next).await, Err(Rejection::Revoked));
    assert_eq!(subject.refresh(&tokens).await, Err(Rejection::Revoked));
}

#[tokio::test]
async fn a_refresh_that_asks_for_too_much_changes_nothing() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let token = refresh_token(&tokens);
    let before = subject.fakes.snapshot();
    let other_resource = Some("https://gateway.example/other");
    for (refused, expected) in [
        (subject.refresh_as(token, "another-client", None, None).await, Rejection::WrongClient),
        (subject.refresh_as(token, CLIENT, other_resource, None).await, Rejection::OtherResource),
        (subject.refresh_as(token, CLIENT, None, Some(&["mcp", "admin"])).await, Rejection::BeyondGrant),
        (subject.refresh_as(&tokens.access_token, CLIENT, None, None).await, Rejection::Unrecognised),
        (subject.refresh_as("", CLIENT, None, None).await, Rejection::Unrecognised),
    ] {
        assert_eq!(refused, Err(expected));
        assert_eq!(subject.fakes.snapshot(), before);
    }
    assert!(subject.refresh(&tokens).await.is_ok(), "the token is still good");
}

#[tokio::test]
async fn a_refresh_narrows_the_access_token_and_not_the_grant() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let narrow = subject.refresh_as(refresh_token(&tokens), CLIENT, Some(RESOURCE), Some(&["files"])).await.unwrap();
    assert_eq!(narrow.scopes, ["files"]);
    assert_eq!(subject.validate(&narrow).await.unwrap().scopes, ["files"]);
    let wide = subject.refresh(&narrow).await.unwrap();
    assert_eq!(subject.validate(&wide).await.unwrap().scopes, principal().scopes);
}

#[tokio::test]
async fn an_ended_session_is_over_for_every_token_and_ending_it_again_succeeds() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let next = subject.refresh(&tokens).await.unwrap();
    subject.end(&root()).await.unwrap();
    for tokens in [&tokens, &next] {
        assert_eq!(subject.validate(tokens).await, Err(Rejection::Revoked));
        assert_eq!(subject.refresh(tokens).await, Err(Rejection::Revoked));
    }
    subject.end(&root()).await.unwrap();
    let store = subject.fakes.store.lock().unwrap();
    for kind in ["session", "access", "summary", "provider-tokens"] {
        assert_eq!(store.count(kind), 0, "{kind}");
    }
}

#[tokio::test]
async fn the_end_of_one_session_is_not_the_end_of_another() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let other = SessionRoot { secret: vec![7; 32], expires_at: NOW + SESSION };
    subject.open_with(&other, &principal(), true).await.unwrap();
    subject.end(&other).await.unwrap();
    subject.end(&SessionRoot { secret: vec![8; 32], expires_at: NOW + SESSION }).await.unwrap();
    assert_eq!(subject.validate(&tokens).await, Ok(principal()));
}
