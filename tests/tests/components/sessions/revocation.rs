//! When a token that was revoked stops to work, and what its validation costs.

use gatehouse_protocol::UnixTime;
use gatehouse_rate_limit::long_requests::calls_full_note;

use super::*;
use crate::authorization_server::CONFIGURATION;
use crate::bindings::auth::exports::gatehouse::auth::sessions::{Revocation, Validated};
use crate::fakes::Entry;

/// A server whose route believes tokens until they expire.
fn believing() -> Server {
    let server = Server::new();
    let path = r#"path = "/mcp""#;
    assert!(CONFIGURATION.contains(path));
    server.fakes.set("config", &CONFIGURATION.replace(path, &format!("{path}\nrevocation = \"at-expiry\"")));
    server
}

impl Server {
    async fn validate_when(&self, tokens: &Tokens, revocation: Revocation) -> Result<Principal, Rejection> {
        let validated =
            boundary::validate_at(&self.fakes, &tokens.access_token, RESOURCE, revocation, Some("/mcp")).await;
        validated.map(|validated| validated.principal)
    }
}

#[tokio::test]
async fn a_validation_is_one_question_to_the_store_and_tells_of_the_calls_under_way() {
    let server = Server::new();
    let tokens = server.open().await;
    server.take_calls();
    let full = async |path| {
        let validated =
            boundary::validate_at(&server.fakes, &tokens.access_token, RESOURCE, Revocation::Immediate, path).await;
        let Validated { principal: found, issuer: _, calls_are_full } = validated.unwrap();
        assert_eq!(found, principal());
        calls_are_full
    };
    assert_eq!(full(Some("/mcp")).await, Some(false));
    assert_eq!(server.take_calls(), ["get-many"]);
    let note = calls_full_note(UnixTime::from_seconds(server.fakes.now()), "/mcp", "demo:alice").unwrap().to_string();
    server.fakes.store.lock().unwrap().entries.insert(note, Entry::Value(b"full".to_vec()));
    let before = server.fakes.snapshot();
    assert_eq!(full(Some("/mcp")).await, Some(true));
    assert_eq!(full(Some("/other")).await, Some(false));
    server.take_calls();
    assert_eq!(full(None).await, Some(false), "nobody asked");
    assert_eq!(server.take_calls(), ["get"]);
    assert_eq!(server.fakes.snapshot(), before);
}

#[tokio::test]
async fn where_revocation_comes_at_expiry_a_token_is_believed_without_the_store_until_it_expires() {
    let server = believing();
    let first = server.open().await;
    let tokens = server.refresh(&first).await.unwrap();
    server.take_calls();
    for tokens in [&first, &tokens] {
        assert_eq!(server.validate_when(tokens, Revocation::AtExpiry).await, Ok(principal()));
    }
    assert!(server.take_calls().is_empty());
    server.revoke(&tokens.access_token).await;
    assert_eq!(server.validate_when(&tokens, Revocation::AtExpiry).await, Ok(principal()));
    assert_eq!(server.validate_when(&tokens, Revocation::Immediate).await, Err(Rejection::Revoked));
    // The provider's token is given to nobody whose session has ended, and there are no further tokens.
    assert_eq!(server.identity_provider_token(&tokens).await, Err(Rejection::Revoked));
    assert!(server.refresh(&tokens).await.is_err());
    server.fakes.store_goes_down();
    assert_eq!(server.validate_when(&tokens, Revocation::AtExpiry).await, Ok(principal()));
    assert!(matches!(server.validate_when(&tokens, Revocation::Immediate).await, Err(Rejection::Unavailable(_))));
    server.fakes.advance(LIFETIME + GRACE);
    assert_eq!(server.validate_when(&tokens, Revocation::AtExpiry).await, Err(Rejection::Expired));
}

#[tokio::test]
async fn a_token_issued_where_revocation_is_immediate_is_looked_up_everywhere() {
    let server = Server::new();
    let tokens = server.open().await;
    assert_eq!(server.validate_when(&tokens, Revocation::AtExpiry).await, Ok(principal()));
    server.revoke(&tokens.access_token).await;
    assert_eq!(server.validate_when(&tokens, Revocation::AtExpiry).await, Err(Rejection::Revoked));
}
