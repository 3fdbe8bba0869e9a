//! Upstreams' handles, and what happens without keys or store.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::Entropy;
use gatehouse_sealed_storage::sealing::HandleKeys;

use super::{Server, principal};
use crate::authorization_server::client::{Refused, UNRECOGNISED, introspect, machine_token, redeem, refresh, revoke};
use crate::authorization_server::{CLIENT, RESOURCE, boundary};
use crate::bindings::auth::exports::gatehouse::auth::sessions::Rejection;

const ALICE: &str = "demo:alice";

/// An entry of the setting `server_keys`.
fn server_key(id: &str, byte: u8) -> String {
    format!("{id}:{}", URL_SAFE_NO_PAD.encode([byte; 32]))
}

impl Server {
    async fn handle_keys(&self, subject: &str, resource: &str) -> Result<HandleKeys, String> {
        let keys = boundary::handle_keys(&self.fakes, subject, resource).await;
        keys.map(|keys| HandleKeys::parse(&keys).unwrap())
    }
}

/// Not at all random.
struct Zeros;

impl Entropy for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

#[tokio::test]
async fn the_keys_of_handles_are_those_of_a_user_at_a_resource_and_cost_no_store() {
    let server = Server::new();
    let keys = server.handle_keys(ALICE, RESOURCE).await.unwrap();
    let bound = keys.seal("upstream-session-1", &mut Zeros).unwrap();
    assert!(bound.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{bound}");
    let again = server.handle_keys(ALICE, RESOURCE).await.unwrap();
    assert_eq!(again.open(&bound).unwrap().expose(), "upstream-session-1");
    for (subject, resource) in [("demo:bob", RESOURCE), (ALICE, "https://gateway.example/other")] {
        assert!(server.handle_keys(subject, resource).await.unwrap().open(&bound).is_err());
    }
    for (subject, resource) in [("nobody", RESOURCE), (ALICE, "mcp")] {
        assert!(server.handle_keys(subject, resource).await.is_err());
    }
    assert_eq!(server.take_calls(), [""; 0]);
}

#[tokio::test]
async fn the_keys_of_handles_open_no_token_and_no_server_key_opens_a_handle() {
    let server = Server::new();
    let tokens = server.open().await;
    let keys = server.handle_keys(ALICE, RESOURCE).await.unwrap();
    assert!(keys.open(&tokens.access_token).is_err() && keys.open(tokens.refresh_token()).is_err());
    let setting = keys.expose();
    server.fakes.set("server_keys", setting.expose());
    assert_eq!(server.validate(&tokens).await, Err(Rejection::Unrecognised), "with these as server keys");
}

#[tokio::test]
async fn without_usable_server_keys_nothing_is_accepted_or_issued() {
    let server = Server::new();
    let tokens = server.open().await;
    let code = server.code().await;
    let before = server.fakes.snapshot();
    for setting in [None, Some("short:c2hvcnQ"), Some("no key at all")] {
        match setting {
            Some(keys) => server.fakes.set("server_keys", keys),
            None => server.fakes.unset("server_keys"),
        }
        for refused in
            [server.validate(&tokens).await.unwrap_err(), server.identity_provider_token(&tokens).await.unwrap_err()]
        {
            assert!(
                matches!(&refused, Rejection::Unavailable(text) if text.contains("server_keys") && !text.contains("c2hvcnQ")),
                "{refused:?}"
            );
        }
        assert!(server.handle_keys(ALICE, RESOURCE).await.unwrap_err().contains("server_keys"));
        for refused in [server.redeem(&code).await, server.refresh(&tokens).await] {
            let Refused { status, error, reason } = refused.unwrap_err();
            assert_eq!((status, error.as_str()), (503, "server_error"));
            assert!(reason.contains("server_keys"), "{reason}");
        }
        assert_eq!(revoke(&server.fakes, &tokens.access_token, CLIENT).await.status, 503);
        assert_eq!(server.fakes.snapshot(), before);
    }
    assert!(!server.fakes.log().contains("c2hvcnQ"));
}

#[tokio::test]
async fn a_store_that_does_not_answer_denies_everything() {
    let server = Server::new();
    let tokens = server.open().await;
    let code = server.code().await;
    let before = server.fakes.snapshot();
    server.fakes.store_goes_down();
    assert!(matches!(server.validate(&tokens).await, Err(Rejection::Unavailable(_))));
    assert!(matches!(server.identity_provider_token(&tokens).await, Err(Rejection::Unavailable(_))));
    for reply in [
        redeem(&server.fakes, &code, &[]).await,
        refresh(&server.fakes, tokens.refresh_token(), &[]).await,
        machine_token(&server.fakes).await,
        revoke(&server.fakes, &tokens.access_token, CLIENT).await,
        introspect(&server.fakes, &tokens.access_token).await,
    ] {
        assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (503, Some("temporarily_unavailable")));
    }
    server.fakes.store_recovers();
    assert_eq!(server.fakes.snapshot(), before);
    assert_eq!(server.validate(&tokens).await, Ok(principal()));
}

#[tokio::test]
async fn server_keys_are_rotated_without_anyone_signing_in_again() {
    let server = Server::new();
    let (old, new) = (server_key("a", 1), server_key("b", 2));
    server.fakes.set("server_keys", &old);
    let tokens = server.open().await;
    let bound = server.handle_keys(ALICE, RESOURCE).await.unwrap().seal("h", &mut Zeros).unwrap();
    server.fakes.set("server_keys", &format!("{new}, {old}"));
    assert_eq!(server.validate(&tokens).await, Ok(principal()));
    assert_eq!(server.handle_keys(ALICE, RESOURCE).await.unwrap().open(&bound).unwrap().expose(), "h");
    let next = server.refresh(&tokens).await.unwrap();
    server.fakes.set("server_keys", &new);
    assert_eq!(server.validate(&next).await, Ok(principal()), "it was sealed with the new key");
    assert_eq!(server.validate(&tokens).await, Err(Rejection::Unrecognised), "its key was retired");
    assert_eq!(server.refresh(&tokens).await, Err(Refused::invalid_grant(UNRECOGNISED)));
    assert!(server.handle_keys(ALICE, RESOURCE).await.unwrap().open(&bound).is_err());
}
