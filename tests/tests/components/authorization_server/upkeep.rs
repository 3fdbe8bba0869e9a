//! Removing what has expired, where the host does not do it; and a store that does not answer.

use std::sync::Arc;

use serde_json::json;

use super::client::machine_token;
use super::{CLIENT, REDIRECT_URI, authorization, fakes, get, post_form};
use crate::component::AUTHORIZATION_SERVER;
use crate::fakes::{Entry, Fakes, NOW};
use crate::serve::{Reply, request, serve};

/// What a sweep finds: two entries to remove, and two to leave.
fn with_expired() -> Arc<Fakes> {
    let fakes = fakes();
    let entry = |kind: &str, expires_at: u64, entry| {
        fakes.store.lock().unwrap().entries.insert(format!("{kind}.{expires_at}.x"), entry)
    };
    entry("login", NOW - 300, Entry::Value(b"x".to_vec()));
    entry("login-use", NOW - 300, Entry::Counter(2));
    entry("code", NOW - 299, Entry::Value(b"x".to_vec()));
    entry("session", NOW + 90_000, Entry::Value(b"x".to_vec()));
    fakes
}

/// What is left of it.
fn left(fakes: &Fakes) -> Vec<String> {
    fakes.snapshot().into_keys().filter(|name| name.ends_with(".x")).collect()
}

fn swept() -> [String; 2] {
    [format!("code.{}.x", NOW - 299), format!("session.{}.x", NOW + 90_000)]
}

fn calls(fakes: &Fakes) -> Vec<&'static str> {
    fakes.store.lock().unwrap().take_calls()
}

async fn issue_token(fakes: &Arc<Fakes>) {
    assert_eq!(machine_token(fakes).await.status, 200);
}

/// From now on the host removes what has expired.
fn host_sweeps(fakes: &Fakes) {
    fakes.environment.lock().unwrap().push(("GATEHOUSE_STORE_SWEPT_BY_HOST".to_owned(), "true".to_owned()));
}

async fn register(fakes: &Arc<Fakes>, body: &serde_json::Value) -> Reply {
    let headers = [("content-type", "application/json")];
    serve(&AUTHORIZATION_SERVER, fakes, request("POST", "/register", &headers, body.to_string())).await
}

#[tokio::test]
async fn nothing_that_anybody_can_repeat_for_nothing_lists_or_removes() {
    let fakes = with_expired();
    let before = fakes.snapshot();
    for _ in 0..1000 {
        assert_eq!(get(&fakes, "/.well-known/oauth-authorization-server", None).await.status, 200);
    }
    for _ in 0..20 {
        assert_eq!(get(&fakes, &authorization(CLIENT, REDIRECT_URI, &[]), None).await.status, 200);
        assert_eq!(get(&fakes, "/sessions", None).await.status, 200);
        assert_eq!(get(&fakes, "/callback?state=none&code=none", None).await.status, 400);
        let refused = [("grant_type", "refresh_token"), ("refresh_token", "r"), ("client_id", "nobody")];
        assert_eq!(post_form(&fakes, "/token", &[], &refused).await.status, 401);
        let revoked = [("token", "none"), ("client_id", "nobody")];
        assert_eq!(post_form(&fakes, "/revoke", &[], &revoked).await.status, 401);
        assert_eq!(register(&fakes, &json!({ "redirect_uris": ["javascript:x"] })).await.status, 400);
    }
    let calls = calls(&fakes);
    assert!(!calls.contains(&"list") && !calls.contains(&"delete"), "{calls:?}");
    assert_eq!(fakes.snapshot(), before);
}

#[tokio::test]
async fn tokens_and_registrations_bring_one_bounded_sweep_in_a_minute() {
    let without_sweeps = fakes();
    host_sweeps(&without_sweeps);
    issue_token(&without_sweeps).await;
    let own_calls = calls(&without_sweeps);

    let fakes = with_expired();
    issue_token(&fakes).await;
    assert_eq!(left(&fakes), swept());
    let first = calls(&fakes);
    assert_eq!(first.iter().filter(|call| **call == "list").count(), 1, "{first:?}");
    assert_eq!(first.iter().filter(|call| **call == "delete").count(), 2, "{first:?}");

    // In the same minute a request costs one operation more than without any sweep, whoever sends it.
    for _ in 0..20 {
        issue_token(&fakes).await;
        assert_eq!(calls(&fakes), [own_calls.as_slice(), &["get"]].concat());
    }
    fakes.advance(60);
    assert_eq!(register(&fakes, &json!({ "redirect_uris": ["https://a.example/"] })).await.status, 201);
    let next = calls(&fakes);
    assert_eq!(next.iter().filter(|call| **call == "list").count(), 1, "{next:?}");
    assert!(!left(&fakes).contains(&swept()[0]));
}

#[tokio::test]
async fn where_the_host_sweeps_no_request_does_anything_for_it() {
    let fakes = with_expired();
    host_sweeps(&fakes);
    let before = left(&fakes);
    for _ in 0..100 {
        issue_token(&fakes).await;
    }
    let calls = calls(&fakes);
    assert!(!calls.contains(&"list") && !calls.contains(&"delete"), "{calls:?}");
    assert_eq!(left(&fakes), before);
    assert!(fakes.snapshot().keys().all(|name| !name.starts_with("sweep-")));
}

#[tokio::test]
async fn while_the_store_is_down_every_endpoint_says_when_to_come_back() {
    let fakes = fakes();
    fakes.store_goes_down();
    let unknown = format!("c.{}.unknown-but-well-formed", NOW + 90_000);
    let code = [("grant_type", "authorization_code"), ("code", "c"), ("client_id", CLIENT), ("code_verifier", "v")];
    let answers = [
        ("/register", register(&fakes, &json!({ "redirect_uris": ["https://a.example/"] })).await),
        ("/token", post_form(&fakes, "/token", &[], &code).await),
        ("/authorize", get(&fakes, &authorization(&unknown, REDIRECT_URI, &[]), None).await),
    ];
    for (path, reply) in answers {
        assert_ne!(reply.status, 500, "{path}");
        assert_eq!(reply.header("retry-after").is_empty(), reply.status != 503, "{path} {}", reply.status);
    }
    let refused = register(&fakes, &json!({ "redirect_uris": ["https://a.example/"] })).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "5"));
    fakes.unset("config");
    let unset = get(&fakes, "/sessions", None).await;
    assert_eq!((unset.status.as_u16(), unset.header("retry-after")), (503, "5"));
    assert!(fakes.snapshot().is_empty());
}
