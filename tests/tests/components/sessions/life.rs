//! From the first tokens to the end of a session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{GRACE, LIFETIME, SCOPE, SESSION, Server, principal};
use crate::authorization_server::client::{
    EXPIRED, REUSED, REVOKED, Refused, UNRECOGNISED, WRONG_CLIENT, machine_token, outcome,
};
use crate::authorization_server::{CLIENT, CONFIGURATION, RESOURCE};
use crate::bindings::auth::exports::gatehouse::auth::sessions::{Claims, Principal, ProviderToken, Rejection};

/// The text must not say who it is about, nor hold what opens anything.
fn tells_nothing(text: &str) {
    let secrets = [
        "alice",
        CLIENT,
        "Conformance runner",
        "gateway.example",
        "files",
        "engineering",
        "providers-access-token",
        "providers-refresh-token",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

#[tokio::test]
async fn an_opened_session_validates_for_its_principal() {
    let server = Server::new();
    let tokens = server.open().await;
    assert_eq!((tokens.expires_in, tokens.scope.as_str()), (LIFETIME, SCOPE));
    server.fakes.settings_read.lock().unwrap().clear();
    server.fakes.parts_read.lock().unwrap().clear();
    assert_eq!(server.validate(&tokens).await, Ok(principal()));
    assert_eq!(*server.fakes.settings_read.lock().unwrap(), ["server_keys"]);
    assert!(server.fakes.parts_read.lock().unwrap().is_empty(), "the configuration was read");
}

#[tokio::test]
async fn a_machine_gets_a_session_that_ends_with_its_one_token() {
    let server = Server::new();
    let tokens = outcome(&machine_token(&server.fakes).await, &server.fakes).unwrap();
    assert_eq!((tokens.refresh_token.as_deref(), tokens.scope.as_str()), (None, "mcp"));
    let machine = Principal {
        subject: "client:machine".to_owned(),
        client_id: "machine".to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: vec!["mcp".to_owned()],
        claims: Claims { tenant: None, groups: Vec::new(), roles: Vec::new(), names: None },
        actors: Vec::new(),
    };
    assert_eq!(server.validate(&tokens).await, Ok(machine));
    assert_eq!(server.identity_provider_token(&tokens).await, Ok(ProviderToken::NeverGiven));
    assert_eq!(server.count("directory"), 0, "it is in no list");
    server.open().await;
    assert!(server.count("directory") > 0, "that of a person is");
    server.fakes.advance(LIFETIME + GRACE);
    assert_eq!(server.validate(&tokens).await, Err(Rejection::Expired));
}

#[tokio::test]
async fn tokens_are_opaque_and_never_the_same_twice() {
    let server = Server::new();
    let (first, second) = (server.open().await, server.open().await);
    assert_ne!(first.access_token, second.access_token);
    assert_ne!(first.refresh_token, second.refresh_token);
    for token in [&first.access_token, first.refresh_token()] {
        tells_nothing(token);
        let bytes = URL_SAFE_NO_PAD.decode(token).expect("base64url");
        tells_nothing(&String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test]
async fn nothing_in_the_store_says_who_signed_in_and_nothing_there_or_in_the_log_opens_anything() {
    let server = Server::new();
    let code = server.code().await;
    let tokens = server.redeem(&code).await.unwrap();
    let next = server.refresh(&tokens).await.unwrap();
    let stored = server.fakes.store.lock().unwrap().dump();
    tells_nothing(&stored);
    // The log says who did what, and nothing of their claims.
    let log = server.fakes.log();
    for secret in ["engineering", "reader", "providers-access-token", "providers-refresh-token", "provider-code"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
    for secret in [&code, &tokens.access_token, tokens.refresh_token(), &next.access_token, next.refresh_token()] {
        assert!(!stored.contains(secret) && !log.contains(secret));
    }
}

#[tokio::test]
async fn to_validate_costs_exactly_one_read_and_no_write() {
    let server = Server::new();
    let tokens = server.open().await;
    let before = server.fakes.snapshot();
    server.take_calls();
    server.validate(&tokens).await.unwrap();
    assert_eq!(server.take_calls(), ["get"]);
    assert_eq!(server.fakes.snapshot(), before);
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_refused_without_asking_the_store() {
    let server = Server::new();
    let tokens = server.open().await;
    server.take_calls();
    let mut altered = tokens.access_token.clone().into_bytes();
    altered[40] = if altered[40] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for token in ["", "x", "....", &altered, &tokens.access_token[1..], tokens.refresh_token()] {
        assert_eq!(server.validate_at(token, RESOURCE).await, Err(Rejection::Unrecognised), "{token}");
    }
    assert_eq!(server.take_calls(), [""; 0]);
}

#[tokio::test]
async fn a_token_for_one_resource_is_nothing_at_another() {
    let server = Server::new();
    let tokens = server.open().await;
    server.take_calls();
    for other in
        ["https://gateway.example/other", "https://other.example/mcp", "http://gateway.example/mcp", "not a uri"]
    {
        assert_eq!(server.validate_at(&tokens.access_token, other).await, Err(Rejection::Unrecognised), "{other}");
    }
    assert_eq!(server.take_calls(), [""; 0]);
}

#[tokio::test]
async fn an_access_token_expires_some_seconds_after_its_announced_end_and_the_refresh_token_goes_on() {
    let server = Server::new();
    let tokens = server.open().await;
    server.fakes.advance(LIFETIME + GRACE - 1);
    assert_eq!(server.validate(&tokens).await, Ok(principal()));
    server.fakes.advance(1);
    assert_eq!(server.validate(&tokens).await, Err(Rejection::Expired));
    let next = server.refresh(&tokens).await.unwrap();
    assert_eq!(server.validate(&next).await, Ok(principal()));
}

#[tokio::test]
async fn no_refresh_outlives_the_session() {
    let server = Server::new();
    let tokens = server.open().await;
    server.fakes.advance(SESSION - 10);
    let last = server.refresh(&tokens).await.unwrap();
    assert_eq!(last.expires_in, 10);
    server.fakes.advance(10);
    let before = server.fakes.snapshot();
    assert_eq!(server.refresh(&last).await, Err(Refused::invalid_grant(EXPIRED)));
    assert_eq!(server.validate(&last).await, Ok(principal()), "what was sent in time may arrive late");
    server.fakes.advance(GRACE);
    assert_eq!(server.validate(&last).await, Err(Rejection::Expired));
    assert_eq!(server.fakes.snapshot(), before);
}

#[tokio::test]
async fn a_client_that_may_not_refresh_gets_no_refresh_token() {
    let server = Server::new();
    let id = r#"client_id = "conformance""#;
    let only_codes = format!("{id}\ngrant_types = [\"authorization_code\"]");
    server.fakes.set("config", &CONFIGURATION.replace(id, &only_codes));
    let tokens = server.open().await;
    assert_eq!(tokens.refresh_token, None);
    assert_eq!(server.validate(&tokens).await, Ok(principal()));
}

#[tokio::test]
async fn a_refresh_token_used_again_within_the_grace_still_gets_working_tokens() {
    let server = Server::new();
    let tokens = server.open().await;
    let first = server.refresh(&tokens).await.unwrap();
    server.fakes.advance(30);
    let again = server.refresh(&tokens).await.unwrap();
    for tokens in [&first, &again] {
        assert_eq!(server.validate(tokens).await, Ok(principal()));
    }
    // Both are of one generation: whichever is used next, the other one is in its grace as well.
    let next = server.refresh(&again).await.unwrap();
    assert_eq!(server.validate(&server.refresh(&first).await.unwrap()).await, Ok(principal()));
    assert_eq!(server.validate(&next).await, Ok(principal()));
}

#[tokio::test]
async fn a_refresh_token_used_again_after_the_grace_ends_the_session() {
    let server = Server::new();
    let tokens = server.open().await;
    let next = server.refresh(&tokens).await.unwrap();
    server.fakes.advance(31);
    assert_eq!(server.refresh(&tokens).await, Err(Refused::invalid_grant(REUSED)));
    assert_eq!(server.validate(&next).await, Err(Rejection::Revoked));
    assert_eq!(server.refresh(&next).await, Err(Refused::invalid_grant(REVOKED)));
    assert_eq!(server.refresh(&tokens).await, Err(Refused::invalid_grant(REVOKED)));
}

#[tokio::test]
async fn a_refresh_that_asks_for_too_much_changes_nothing() {
    let server = Server::new();
    let tokens = server.open().await;
    let before = server.fakes.snapshot();
    let refused = |error: &str, reason: &str| Refused { error: error.to_owned(), ..Refused::invalid_grant(reason) };
    for (change, expected) in [
        (("client_id", "another"), Refused::invalid_grant(WRONG_CLIENT)),
        (
            ("resource", "https://gateway.example/other"),
            refused("invalid_target", "the request is for another resource than was granted"),
        ),
        (("scope", "mcp admin"), refused("invalid_scope", "the request asks for a scope beyond the grant")),
        (("refresh_token", tokens.access_token.as_str()), Refused::invalid_grant(UNRECOGNISED)),
    ] {
        assert_eq!(server.refresh_with(tokens.refresh_token(), &[change]).await, Err(expected));
        assert_eq!(server.fakes.snapshot(), before);
    }
    assert!(server.refresh(&tokens).await.is_ok(), "the token is still good");
}

#[tokio::test]
async fn a_refresh_narrows_the_access_token_and_not_the_grant() {
    let server = Server::new();
    let tokens = server.open().await;
    let fewer = [("resource", RESOURCE), ("scope", "files")];
    let narrow = server.refresh_with(tokens.refresh_token(), &fewer).await.unwrap();
    assert_eq!(narrow.scope, "files");
    assert_eq!(server.validate(&narrow).await.unwrap().scopes, ["files"]);
    let wide = server.refresh(&narrow).await.unwrap();
    assert_eq!(server.validate(&wide).await.unwrap().scopes, principal().scopes);
}

#[tokio::test]
async fn an_ended_session_is_over_for_every_token_and_ending_it_again_succeeds() {
    let server = Server::new();
    let tokens = server.open().await;
    let next = server.refresh(&tokens).await.unwrap();
    server.revoke(next.refresh_token()).await;
    for tokens in [&tokens, &next] {
        assert_eq!(server.validate(tokens).await, Err(Rejection::Revoked));
        assert_eq!(server.refresh(tokens).await, Err(Refused::invalid_grant(REVOKED)));
    }
    server.revoke(next.refresh_token()).await;
    for kind in ["session", "access", "summary", "provider-tokens"] {
        assert_eq!(server.count(kind), 0, "{kind}");
    }
}

#[tokio::test]
async fn the_end_of_one_session_is_not_the_end_of_another() {
    let server = Server::new();
    let (tokens, other) = (server.open().await, server.open().await);
    server.revoke(&other.access_token).await;
    assert_eq!(server.validate(&other).await, Err(Rejection::Revoked));
    assert_eq!(server.validate(&tokens).await, Ok(principal()));
}
