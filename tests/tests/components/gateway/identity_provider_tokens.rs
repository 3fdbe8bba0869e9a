//! Upstreams that act in the user's name at the identity provider.

use std::sync::Arc;

use super::{CONFIGURATION, PING, RESOURCE, TOKEN, call, fakes, is_terse_refusal, principal, sent_nothing, validation};
use crate::bindings::imports::gatehouse::auth::sessions::{Principal, ProviderToken, Rejection, RequestIds};
use crate::fakes::{Fakes, SessionCall};
use crate::serve::Reply;

/// Everything in order, and the upstream takes the provider's token in this header.
fn fakes_with(header: &str) -> Arc<Fakes> {
    let fakes = fakes();
    let setting = format!("identity_provider_token_header = \"{header}\"\nlimits");
    fakes.set("config", &CONFIGURATION.replace("limits", &setting));
    *fakes.provider_token.lock().unwrap() = Some(Ok(ProviderToken::Usable("provider-token".to_owned())));
    fakes
}

/// What is asked for the request that got this answer.
fn question(fakes: &Fakes, reply: &Reply) -> SessionCall {
    let trace_id = fakes.sent()[0].headers["traceparent"].to_str().unwrap().split('-').nth(1).map(str::to_owned);
    let ids = RequestIds { request_id: reply.header("x-request-id").to_owned(), trace_id };
    SessionCall::IdentityProviderToken { token: TOKEN.to_owned(), resource: RESOURCE.to_owned(), ids }
}

#[tokio::test]
async fn the_upstream_gets_the_providers_token_in_its_header_and_never_ours_or_the_clients() {
    for (header, forged, expected) in [
        ("authorization", "cookie", "Bearer provider-token"),
        ("x-user-token", "x-user-token", "provider-token"),
        ("x-user-token", "x_user_token", "provider-token"),
    ] {
        let fakes = fakes_with(header);
        let reply = call(&fakes, &[(forged, "forged")], PING).await;
        assert_eq!(reply.status, 200);
        assert_eq!(fakes.session_calls(), [validation(), question(&fakes, &reply)]);
        let sent = fakes.sent();
        let of_token: Vec<_> =
            sent[0].header_pairs().into_iter().filter(|(_, value)| value.contains("token")).collect();
        assert_eq!(of_token, [(header.to_owned(), expected.to_owned())]);
        assert!(!format!("{:?}", sent[0].headers).contains("forged"));
        assert!(!fakes.log().contains("provider-token"));
    }
}

#[tokio::test]
async fn other_upstreams_cost_no_question_and_get_no_token() {
    let fakes = fakes();
    call(&fakes, &[], PING).await;
    assert_eq!(fakes.session_calls(), [validation()]);
    assert!(!fakes.sent()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn without_a_token_of_the_provider_the_client_is_sent_to_sign_in_again() {
    for answer in [Ok(ProviderToken::Ended), Err(Rejection::Revoked)] {
        let fakes = fakes_with("authorization");
        *fakes.provider_token.lock().unwrap() = Some(answer);
        let reply = call(&fakes, &[], PING).await;
        is_terse_refusal(&reply, 401);
        assert!(reply.header("www-authenticate").contains(r#"error="invalid_token""#));
        sent_nothing(&fakes);
    }
}

#[tokio::test]
async fn while_the_provider_does_not_answer_the_client_keeps_its_token() {
    let fakes = fakes_with("authorization");
    *fakes.provider_token.lock().unwrap() = Some(Err(Rejection::Unavailable("the provider is down".to_owned())));
    let reply = call(&fakes, &[], PING).await;
    is_terse_refusal(&reply, 503);
    assert!(!reply.body.contains("provider is down") && fakes.log().contains("provider is down"));
    sent_nothing(&fakes);
}

#[tokio::test]
async fn a_request_that_is_refused_anyway_asks_for_no_token() {
    let fakes = fakes_with("authorization");
    let twice = [("mcp-protocol-version", "2025-11-25"), ("mcp-protocol-version", "2025-11-25")];
    is_terse_refusal(&call(&fakes, &twice, PING).await, 400);
    is_terse_refusal(&call(&fakes, &[], &format!("{PING:<1001}")).await, 413);
    assert_eq!(fakes.session_calls(), [validation(), validation()]);
    sent_nothing(&fakes);
}

#[tokio::test]
async fn a_machine_is_refused_for_good_and_nobody_is_asked_for_a_token() {
    let fakes = fakes_with("x-user-token");
    let machine = Principal { subject: "client:nightly".to_owned(), ..principal() };
    *fakes.validated.lock().unwrap() = Some(Ok(machine));
    let reply = call(&fakes, &[], PING).await;
    is_terse_refusal(&reply, 403);
    assert!(reply.body.contains("needs a user who has signed in"), "{}", reply.body);
    assert!(reply.header("www-authenticate").is_empty() && fakes.sent().is_empty());
    assert_eq!(fakes.session_calls(), [validation()]);
    assert!(fakes.log().contains("identity_provider_token_header"), "{}", fakes.log());
}

/// Whatever began it: an identity assertion, an exchanged token. Its own token is good, and a new one of its kind would be refused alike.
#[tokio::test]
async fn a_session_in_which_nobody_signed_in_is_refused_for_good_and_told_so() {
    let fakes = fakes_with("authorization");
    *fakes.provider_token.lock().unwrap() = Some(Ok(ProviderToken::NeverGiven));
    let reply = call(&fakes, &[], PING).await;
    is_terse_refusal(&reply, 403);
    assert!(reply.body.contains("needs a user who has signed in with a browser"), "{}", reply.body);
    assert!(reply.header("www-authenticate").is_empty());
    assert!(fakes.log().contains("an identity assertion or an exchanged token"), "{}", fakes.log());
    sent_nothing(&fakes);
}
