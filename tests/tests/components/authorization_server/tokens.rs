//! The token endpoint.

use std::sync::Arc;

use super::boundary::{identity_provider_token, validate};
use super::client::{
    EXPIRED, REUSED, REVOKED, Refused, Tokens, UNRECOGNISED, WRONG_CLIENT, code, outcome, redeem, refresh,
};
use super::provider::Provider;
use super::{CLIENT, RESOURCE, fakes, nothing_happened};
use crate::bindings::auth::exports::gatehouse::auth::sessions::{Claims, Principal, ProviderToken, Rejection};
use crate::fakes::Fakes;
use crate::serve::Reply;

/// A user has signed in; the client holds this code.
async fn with_code() -> (Arc<Fakes>, String) {
    let fakes = fakes();
    let provider = Provider::answering(&fakes);
    let code = code(&fakes, &provider, "mcp").await;
    (fakes, code)
}

/// A user has signed in; the client holds these tokens.
async fn with_tokens() -> (Arc<Fakes>, Tokens) {
    let (fakes, code) = with_code().await;
    let tokens = Tokens::of(&redeem(&fakes, &code, &[]).await);
    (fakes, tokens)
}

fn sessions(fakes: &Fakes) -> usize {
    fakes.store.lock().unwrap().count("session")
}

fn is_error(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (status, Some(code)), "{}", reply.body);
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_code_opens_the_session_that_the_user_granted() {
    let (fakes, tokens) = with_tokens().await;
    assert_eq!((tokens.expires_in, tokens.scope.as_str()), (300, "mcp"));
    let alice = Principal {
        subject: "demo:alice".to_owned(),
        client_id: CLIENT.to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: vec!["mcp".to_owned()],
        claims: Claims {
            tenant: None,
            groups: vec!["engineering".to_owned()],
            roles: vec!["reader".to_owned()],
            names: None,
        },
        actors: Vec::new(),
    };
    assert_eq!(validate(&fakes, &tokens.access_token, RESOURCE).await, Ok(alice));
    let from_provider = identity_provider_token(&fakes, &tokens.access_token, RESOURCE).await;
    assert_eq!(from_provider, Ok(ProviderToken::Usable("providers-access-token".to_owned())));
    assert!(tokens.refresh_token.is_some());
    let store = fakes.store.lock().unwrap();
    for kind in ["session", "access", "summary", "provider-tokens"] {
        assert_eq!(store.count(kind), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_replayed_code_ends_the_session_that_it_opened() {
    let (fakes, code) = with_code().await;
    let tokens = Tokens::of(&redeem(&fakes, &code, &[]).await);
    for _ in 0..2 {
        is_error(&redeem(&fakes, &code, &[]).await, 400, "invalid_grant");
        assert_eq!(validate(&fakes, &tokens.access_token, RESOURCE).await, Err(Rejection::Revoked));
        assert_eq!(sessions(&fakes), 0);
    }
}

#[tokio::test]
async fn whoever_is_not_the_codes_owner_gets_nothing_and_uses_nothing_up() {
    let (fakes, code) = with_code().await;
    let before = fakes.snapshot();
    let other_verifier = "another-verifier-that-is-also-long-enough-for-it";
    for (changes, error) in [
        ([("code_verifier", other_verifier)], "invalid_grant"),
        ([("client_id", "another")], "invalid_grant"),
        ([("redirect_uri", "http://127.0.0.1:1/callback")], "invalid_grant"),
        ([("resource", "https://gateway.example/other")], "invalid_target"),
        ([("code", "forged")], "invalid_grant"),
        ([("code_verifier", "short")], "invalid_request"),
        ([("grant_type", "password")], "unsupported_grant_type"),
    ] {
        is_error(&redeem(&fakes, &code, &changes).await, 400, error);
    }
    is_error(&redeem(&fakes, &code, &[("client_id", "unknown")]).await, 401, "invalid_client");
    is_error(&redeem(&fakes, &code, &[("client_secret", "x")]).await, 401, "invalid_client");
    assert_eq!(fakes.snapshot(), before);
    assert_eq!(redeem(&fakes, &code, &[]).await.status, 200, "its owner can still redeem it");
}

#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let (fakes, code) = with_code().await;
    fakes.advance(60);
    is_error(&redeem(&fakes, &code, &[]).await, 400, "invalid_grant");
    assert_eq!(sessions(&fakes), 0);
}

#[tokio::test]
async fn while_the_store_is_down_no_code_is_redeemed_or_used_up() {
    let (fakes, code) = with_code().await;
    fakes.store_goes_down();
    is_error(&redeem(&fakes, &code, &[]).await, 503, "temporarily_unavailable");
    assert_eq!(sessions(&fakes), 0);
    fakes.store_recovers();
    assert_eq!(redeem(&fakes, &code, &[]).await.status, 200);
}

/// The mapping of all rejections is in `crates/authorization-server/src/token/tests.rs`; here they come about.
#[tokio::test]
async fn a_rejected_refresh_is_told_no_more_than_it_must_be() {
    let mut of_tokens = Vec::new();
    let (fakes, tokens) = with_tokens().await;
    for (change, reason) in [(("refresh_token", "r"), UNRECOGNISED), (("client_id", "another"), WRONG_CLIENT)] {
        let reply = refresh(&fakes, tokens.refresh_token(), &[change]).await;
        assert_eq!(Refused::of(&reply, &fakes), Refused::invalid_grant(reason));
        of_tokens.push(reply);
    }
    for (change, error) in
        [(("scope", "mcp files"), "invalid_scope"), (("resource", "https://gateway.example/other"), "invalid_target")]
    {
        is_error(&refresh(&fakes, tokens.refresh_token(), &[change]).await, 400, error);
    }

    let next = outcome(&refresh(&fakes, tokens.refresh_token(), &[]).await, &fakes).unwrap();
    fakes.advance(31);
    for (tokens, reason) in [(&tokens, REUSED), (&next, REVOKED)] {
        let reply = refresh(&fakes, tokens.refresh_token(), &[]).await;
        assert_eq!(Refused::of(&reply, &fakes), Refused::invalid_grant(reason));
        of_tokens.push(reply);
    }

    let (fakes, tokens) = with_tokens().await;
    fakes.advance(86_400);
    let reply = refresh(&fakes, tokens.refresh_token(), &[]).await;
    assert_eq!(Refused::of(&reply, &fakes), Refused::invalid_grant(EXPIRED));
    of_tokens.push(reply);
    for reply in &of_tokens {
        assert_eq!((&reply.body, reply.header("retry-after")), (&of_tokens[0].body, ""));
    }
}

#[tokio::test]
async fn a_session_that_is_refreshed_too_often_is_told_when_to_come_again() {
    let (fakes, mut tokens) = with_tokens().await;
    for _ in 0..60 {
        tokens = Tokens::of(&refresh(&fakes, tokens.refresh_token(), &[]).await);
    }
    let reply = refresh(&fakes, tokens.refresh_token(), &[]).await;
    is_error(&reply, 429, "temporarily_unavailable");
    assert_eq!(reply.header("retry-after"), "1");
    fakes.advance(1);
    assert_eq!(refresh(&fakes, tokens.refresh_token(), &[]).await.status, 200);
}

#[tokio::test]
async fn while_the_store_is_down_a_refresh_is_told_when_to_come_again_and_not_why() {
    let (fakes, tokens) = with_tokens().await;
    fakes.store_goes_down();
    let reply = refresh(&fakes, tokens.refresh_token(), &[]).await;
    is_error(&reply, 503, "temporarily_unavailable");
    assert_eq!(reply.header("retry-after"), "5");
    assert!(Refused::of(&reply, &fakes).reason.contains("the disk is full") && !reply.body.contains("disk"));
}

#[tokio::test]
async fn without_settings_there_are_no_tokens() {
    for missing in ["config", "server_keys"] {
        let fakes = fakes();
        fakes.unset(missing);
        let reply = refresh(&fakes, "r", &[]).await;
        is_error(&reply, 503, "server_error");
        assert_eq!(reply.json()["error_description"], "this server is not configured correctly");
        assert!(fakes.log().contains(&format!("`{missing}` is missing")), "{}", fakes.log());
        nothing_happened(&fakes);
    }
}
