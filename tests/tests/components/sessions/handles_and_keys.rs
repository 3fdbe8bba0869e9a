//! Upstreams' handles, and what happens without keys or store.

use gatehouse_protocol::Entropy;

use super::{Subject, principal, refresh_token, root, server_key};
use crate::bindings::keeper::exports::gatehouse::auth::sessions::{Principal, Rejection};

#[tokio::test]
async fn the_keys_of_handles_are_those_of_a_user_at_a_resource_and_cost_no_store() {
    let subject = Subject::new();
    let keys = subject.handle_keys(&principal()).await.unwrap();
    let bound = keys.seal("upstream-session-1", &mut Zeros).unwrap();
    assert!(bound.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{bound}");
    let again = subject.handle_keys(&principal()).await.unwrap();
    assert_eq!(again.open(&bound).unwrap().expose(), "upstream-session-1");
    let bob = Principal { subject: "demo:bob".to_owned(), ..principal() };
    let elsewhere = Principal { resource: "https://gateway.example/other".to_owned(), ..principal() };
    for owner in [bob, elsewhere] {
        assert!(subject.handle_keys(&owner).await.unwrap().open(&bound).is_err());
    }
    for (user, resource) in [("nobody", "https://gateway.example/mcp"), ("demo:alice", "mcp")] {
        let owner = Principal { subject: user.to_owned(), resource: resource.to_owned(), ..principal() };
        assert!(subject.handle_keys(&owner).await.is_err());
    }
    assert_eq!(subject.take_calls(), [""; 0]);
}

/// Not at all random.
struct Zeros;

impl Entropy for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

#[tokio::test]
async fn the_keys_of_handles_open_no_token_and_no_server_key_opens_a_handle() {
    let subject = Subject::new();
    let tokens = subject.open().await;
    let keys = subject.handle_keys(&principal()).await.unwrap();
    assert!(keys.open(&tokens.access_token).is_err() && keys.open(refresh_token(&tokens)).is_err());
    let setting = keys.expose();
    subject.fakes.set("server_keys", setting.expose());
    assert_eq!(subject.validate(&tokens).await, Err(Rejection::Unrecognised), "with these as server keys");
}

#[tokio::test]
async fn without_usable_server_keys_nothing_is_accepted_or_issued() {
    let subject = Subject::new();
    let tokens = subject.open().await;
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
        assert!(subject.handle_keys(&principal()).await.unwrap_err().contains("server_keys"));
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
    let bound = subject.handle_keys(&principal()).await.unwrap().seal("h", &mut Zeros).unwrap();
    subject.fakes.set("server_keys", &format!("{new}, {old}"));
    assert_eq!(subject.validate(&tokens).await, Ok(principal()));
    assert_eq!(subject.handle_keys(&principal()).await.unwrap().open(&bound).unwrap().expose(), "h");
    let next = subject.refresh(&tokens).await.unwrap();
    subject.fakes.set("server_keys", &new);
    assert_eq!(subject.validate(&next).await, Ok(principal()), "it was sealed with the new key");
    assert_eq!(subject.validate(&tokens).await, Err(Rejection::Unrecognised), "its key was retired");
    assert_eq!(subject.refresh(&tokens).await, Err(Rejection::Unrecognised));
    assert!(subject.handle_keys(&principal()).await.unwrap().open(&bound).is_err());
}
