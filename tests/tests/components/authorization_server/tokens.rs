//! The token endpoint.

use std::sync::Arc;

use super::provider::back_from_provider;
use super::{CLIENT, REDIRECT_URI, RESOURCE, VERIFIER, fakes, get, nothing_happened, post_form, query, redirect};
use crate::bindings::imports::gatehouse::auth::sessions::{Claims, Principal, ProviderTokens, Rejection, RequestIds};
use crate::fakes::{Fakes, NOW, SessionCall};
use crate::serve::Reply;

/// A user has signed in; the client holds this code.
async fn code() -> (Arc<Fakes>, String) {
    let (fakes, _, cookie, state) = back_from_provider().await;
    let target = format!("/callback?{}", query(&[("state", &state), ("code", "provider-code")]));
    let (_, parameters) = redirect(&get(&fakes, &target, Some(&cookie)).await);
    (fakes, parameters["code"].clone())
}

async fn redeem(fakes: &Arc<Fakes>, code: &str, changes: &[(&str, &str)]) -> Reply {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("resource", RESOURCE),
    ];
    for (name, value) in changes {
        fields.retain(|(field, _)| field != name);
        fields.push((name, value));
    }
    post_form(fakes, "/token", &[], &fields).await
}

fn is_error(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (status, Some(code)), "{}", reply.body);
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_code_opens_the_session_that_the_user_granted() {
    let (fakes, code) = code().await;
    let reply = redeem(&fakes, &code, &[]).await;
    let expected = serde_json::json!({
        "access_token": "access-1", "token_type": "Bearer", "expires_in": 300, "refresh_token": "refresh-1", "scope": "mcp",
    });
    assert_eq!((reply.status.as_u16(), reply.json(), reply.header("cache-control")), (200, expected, "no-store"));
    let calls = fakes.session_calls();
    let [SessionCall::Open { root, principal, client_name, provider_tokens, lifetime, refreshable, listed }] =
        calls.as_slice()
    else {
        panic!("{calls:?}")
    };
    assert_eq!((root.secret.len(), root.expires_at), (32, NOW + 86_400));
    let alice = Principal {
        subject: "demo:alice".to_owned(),
        client_id: CLIENT.to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: vec!["mcp".to_owned()],
        claims: Claims { tenant: None, groups: vec!["engineering".to_owned()], roles: vec!["reader".to_owned()] },
    };
    let from_provider = ProviderTokens {
        access_token: Some("provider-access".to_owned()),
        refresh_token: Some("provider-refresh".to_owned()),
        expires_at: Some(NOW + 3600),
    };
    assert_eq!((principal, provider_tokens, *lifetime), (&alice, &from_provider, 300));
    assert_eq!((client_name.as_str(), *refreshable, *listed), ("Conformance runner", true, true));
}

#[tokio::test]
async fn a_replayed_code_ends_the_session_that_it_opened() {
    let (fakes, code) = code().await;
    redeem(&fakes, &code, &[]).await;
    let again = redeem(&fakes, &code, &[]).await;
    is_error(&again, 400, "invalid_grant");
    assert!(!again.body.contains("access-1"));
    let calls = fakes.session_calls();
    let [SessionCall::Open { root: opened, .. }, SessionCall::End { root: ended }] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert_eq!(opened, ended);
}

#[tokio::test]
async fn whoever_is_not_the_codes_owner_gets_nothing_and_uses_nothing_up() {
    let (fakes, code) = code().await;
    let before = fakes.snapshot();
    let other_verifier = "another-verifier-that-is-also-long-enough-for-it";
    for (changes, error) in [
        ([("code_verifier", other_verifier)], "invalid_grant"),
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
    assert_eq!(fakes.session_calls(), []);
    assert_eq!(redeem(&fakes, &code, &[]).await.status, 200, "its owner can still redeem it");
}

#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let (fakes, code) = code().await;
    fakes.advance(60);
    is_error(&redeem(&fakes, &code, &[]).await, 400, "invalid_grant");
    assert_eq!(fakes.session_calls(), []);
}

#[tokio::test]
async fn while_the_store_is_down_no_code_is_redeemed_or_used_up() {
    let (fakes, code) = code().await;
    fakes.store_goes_down();
    is_error(&redeem(&fakes, &code, &[]).await, 503, "temporarily_unavailable");
    assert_eq!(fakes.session_calls(), []);
    fakes.store_recovers();
    assert_eq!(redeem(&fakes, &code, &[]).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_goes_to_the_sessions_as_it_came() {
    let fakes = fakes();
    let fields =
        [("grant_type", "refresh_token"), ("refresh_token", "refresh-0"), ("client_id", CLIENT), ("scope", "mcp")];
    let reply = post_form(&fakes, "/token", &[], &fields).await;
    assert_eq!((reply.status.as_u16(), reply.json()["access_token"].as_str()), (200, Some("access-1")));
    let (token, client_id) = ("refresh-0".to_owned(), CLIENT.to_owned());
    let scopes = Some(vec!["mcp".to_owned()]);
    let ids = RequestIds { request_id: reply.header("x-request-id").to_owned(), trace_id: None };
    assert_eq!(
        fakes.session_calls(),
        [SessionCall::Refresh { token, client_id, resource: None, scopes, lifetime: 300, ids }]
    );
    assert!(!fakes.log().contains("refresh-0") && !fakes.log().contains("access-1"));
}

#[tokio::test]
async fn a_rejected_refresh_is_told_no_more_than_it_must_be() {
    for (rejection, status, error) in [
        (Rejection::Unrecognised, 400, "invalid_grant"),
        (Rejection::Expired, 400, "invalid_grant"),
        (Rejection::Revoked, 400, "invalid_grant"),
        (Rejection::Reused, 400, "invalid_grant"),
        (Rejection::WrongClient, 400, "invalid_grant"),
        (Rejection::BeyondGrant, 400, "invalid_scope"),
        (Rejection::OtherResource, 400, "invalid_target"),
        (Rejection::TooOften(7), 429, "temporarily_unavailable"),
        (Rejection::Unavailable("the disk is full".to_owned()), 503, "temporarily_unavailable"),
    ] {
        let fakes = fakes();
        *fakes.issued.lock().unwrap() = Some(Err(rejection));
        let fields = [("grant_type", "refresh_token"), ("refresh_token", "r"), ("client_id", CLIENT)];
        let reply = post_form(&fakes, "/token", &[], &fields).await;
        is_error(&reply, status, error);
        assert!(!reply.body.contains("disk"));
        let retry_after = match status {
            429 => "7",
            503 => "5",
            _ => "",
        };
        assert_eq!(reply.header("retry-after"), retry_after);
    }
}

#[tokio::test]
async fn without_settings_there_are_no_tokens() {
    for missing in ["config", "server_keys"] {
        let fakes = fakes();
        fakes.unset(missing);
        let fields = [("grant_type", "refresh_token"), ("refresh_token", "r"), ("client_id", CLIENT)];
        let reply = post_form(&fakes, "/token", &[], &fields).await;
        is_error(&reply, 503, "server_error");
        assert_eq!(reply.json()["error_description"], "this server is not configured correctly");
        assert!(fakes.log().contains(&format!("`{missing}` is missing")), "{}", fakes.log());
        nothing_happened(&fakes);
    }
}
