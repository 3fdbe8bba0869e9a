//! Upstreams' handles, and what happens without keys or store.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Subject, principal, root, server_key};
use crate::bindings::keeper::exports::gatehouse::auth::handles::Rejection as HandleRejection;
use crate::bindings::keeper::exports::gatehouse::auth::sessions::{Principal, Rejection};

#[tokio::test]
async fn a_bound_handle_opens_for_its_user_at_its_resource_only_and_costs_no_store() {
    let subject = Subject::new();
    let bound = subject.bind(&principal(), "upstream-session-1").await.unwrap();
    assert!(bound.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{bound}");
    let decoded = URL_SAFE_NO_PAD.decode(&bound).unwrap();
    assert!(!String::from_utf8_lossy(&decoded).contains("upstream-session-1"));
    assert_eq!(subject.open_handle(&principal(), &bound).await, Ok("upstream-session-1".to_owned()));
    let another_client = Principal { client_id: "another".to_owned(), scopes: vec!["mcp".to_owned()], ..principal() };
    assert_eq!(subject.open_handle(&another_client, &bound).await, Ok("upstream-session-1".to_owned()));
    let bob = Principal { subject: "demo:bob".to_owned(), ..principal() };
    let elsewhere = Principal { resource: "https://gateway.example/other".to_owned(), ..principal() };
    for owner in [bob, elsewhere] {
        assert_eq!(subject.open_handle(&owner, &bound).await, Err(HandleRejection::Unrecognised));
    }
    for forged in ["", "upstream-session-1", &bound[1..]] {
        assert_eq!(subject.open_handle(&principal(), forged).await, Err(HandleRejection::Unrecognised));
    }
    assert_eq!(subject.take_calls(), [""; 0]);
}

#[tokio::test]
async fn without_usable_server_keys_nothing_is_accepted_or_issued() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let bound = subject.bind(&principal(), "h").await.unwrap();
    let before = subject.fakes.snapshot();
    for setting in [None, Some("short:c2hvcnQ"), Some("no key at all")] {
        match setting {
            Some(keys) => subject.fakes.set("server_keys", keys),
            None => subject.fakes.unset("server_keys"),
        }
        let unavailable = |rejection: &Rejection| matches!(rejection, Rejection::Unavailable(text) if text.contains("server_keys") && !text.contains("c2hvcnQ"));
        assert!(unavailable(&subject.validate(&tokens).await.unwrap_err()));
        assert!(unavailable(&subject.refresh(&tokens).await.unwrap_err()));
        assert!(unavailable(&subject.open_with(&root(), &principal(), true).await.unwrap_err()));
        assert!(unavailable(&subject.end(&root()).await.unwrap_err()));
        assert!(matches!(subject.bind(&principal(), "h").await, Err(HandleRejection::Unavailable(_))));
        assert!(matches!(subject.open_handle(&principal(), &bound).await, Err(HandleRejection::Unavailable(_))));
        assert_eq!(subject.fakes.snapshot(), before);
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_denies_everything() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let before = subject.fakes.snapshot();
    subject.fakes.store_goes_down();
    assert!(matches!(subject.validate(&tokens).await, Err(Rejection::Unavailable(_))));
    assert!(matches!(subject.refresh(&tokens).await, Err(Rejection::Unavailable(_))));
    assert!(matches!(subject.end(&root()).await, Err(Rejection::Unavailable(_))));
    assert!(matches!(subject.open_with(&root(), &principal(), true).await, Err(Rejection::Unavailable(_))));
    subject.fakes.store_recovers();
    assert_eq!(subject.fakes.snapshot(), before);
    assert_eq!(subject.validate(&tokens).await, Ok(principal()));
}

#[tokio::test]
async fn server_keys_are_rotated_without_anyone_signing_in_again() {
    let subject = Subject::new();
    let (old, new) = (server_key("a", 1), server_key("b", 2));
    let tokens = subject.open().await;
    let bound = subject.bind(&principal(), "h").await.unwrap();
    subject.fakes.set("server_keys", &format!("{new}, {old}"));
    assert_eq!(subject.validate(&tokens).await, Ok(principal()));
    assert_eq!(subject.open_handle(&principal(), &bound).await, Ok("h".to_owned()));
    let next = subject.refresh(&tokens).await.unwrap();
    subject.fakes.set("server_keys", &new);
    assert_eq!(subject.validate(&next).await, Ok(principal()), "it was sealed with the new key");
    assert_eq!(subject.validate(&tokens).await, Err(Rejection::Unrecognised), "its key was retired");
    assert_eq!(subject.refresh(&tokens).await, Err(Rejection::Unrecognised));
    assert_eq!(subject.open_handle(&principal(), &bound).await, Err(HandleRejection::Unrecognised));
}
