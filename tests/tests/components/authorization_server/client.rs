//! What clients do: have a user sign in, and present at the endpoints what they were given.

use std::sync::Arc;

use serde_json::Value;

use super::provider::Provider;
use super::{CLIENT, Page, REDIRECT_URI, RESOURCE, VERIFIER, authorization, get, post_form, query, redirect};
use crate::fakes::Fakes;
use crate::serve::Reply;

/// Of the configured client `machine`.
pub const MACHINE_SECRET: &str = "the machine's secret";

/// Reasons in the log for which the client learns no more than `invalid_grant`.
pub const UNRECOGNISED: &str = "the token is not one of ours for this use";
pub const EXPIRED: &str = "the token has expired";
pub const REVOKED: &str = "the session of the token has ended";
pub const REUSED: &str = "the refresh token was used before; the session has been ended";
pub const WRONG_CLIENT: &str = "the refresh token belongs to another client";

/// What the token endpoint gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: Option<String>,
    /// Seconds.
    pub expires_in: u64,
    pub scope: String,
}

impl Tokens {
    /// Those in this reply.
    pub fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.header("cache-control"), "no-store");
        let answer = reply.json();
        assert_eq!(answer["token_type"], "Bearer");
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        Self {
            access_token: text("access_token").expect("an access token"),
            refresh_token: text("refresh_token"),
            expires_in: answer["expires_in"].as_u64().expect("seconds"),
            scope: text("scope").expect("a scope"),
        }
    }

    pub fn refresh_token(&self) -> &str {
        self.refresh_token.as_deref().expect("a refresh token")
    }
}

/// Why there are no tokens: the status and the error that the client is told, and the reason in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub error: String,
    pub reason: String,
}

impl Refused {
    /// Of what was presented.
    pub fn invalid_grant(reason: &str) -> Self {
        Self { status: 400, error: "invalid_grant".to_owned(), reason: reason.to_owned() }
    }

    /// What this reply says, and the log about it.
    pub fn of(reply: &Reply, fakes: &Fakes) -> Self {
        assert_eq!(reply.header("cache-control"), "no-store");
        let is_last_word = |line: &Value| {
            line["request_id"] == reply.header("x-request-id")
                && ["refused", "failed"].map(Value::from).contains(&line["event"])
        };
        let line = fakes.log_lines().into_iter().rfind(is_last_word).expect("a line in the log");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self { status: reply.status.as_u16(), error: text(&reply.json()["error"]), reason: text(&line["reason"]) }
    }
}

/// The tokens in this reply, or why there are none.
pub fn outcome(reply: &Reply, fakes: &Fakes) -> Result<Tokens, Refused> {
    if reply.status == 200 { Ok(Tokens::of(reply)) } else { Err(Refused::of(reply, fakes)) }
}

/// The user approves `scope` for the configured client and signs in; the code that the client is sent.
pub async fn code(fakes: &Arc<Fakes>, provider: &Provider, scope: &str) -> String {
    let page = Page::of(&get(fakes, &authorization(CLIENT, REDIRECT_URI, &[("scope", Some(scope))]), None).await);
    let state = provider.sign_in(&page.decide(fakes, "approve").await);
    let target = format!("/callback?{}", query(&[("state", &state), ("code", "provider-code")]));
    let (_, parameters) = redirect(&get(fakes, &target, Some(&page.cookie)).await);
    parameters["code"].clone()
}

/// Redeems a code, with some fields changed.
pub async fn redeem(fakes: &Arc<Fakes>, code: &str, changes: &[(&str, &str)]) -> Reply {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("resource", RESOURCE),
    ];
    post_changed(fakes, "/token", &fields, changes).await
}

/// Redeems a refresh token, with some fields changed.
pub async fn refresh(fakes: &Arc<Fakes>, refresh_token: &str, changes: &[(&str, &str)]) -> Reply {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", CLIENT)];
    post_changed(fakes, "/token", &fields, changes).await
}

/// Gives a token back.
pub async fn revoke(fakes: &Arc<Fakes>, token: &str, client_id: &str) -> Reply {
    post_form(fakes, "/revoke", &[], &[("token", token), ("client_id", client_id)]).await
}

/// The machine asks for a token for itself.
pub async fn machine_token(fakes: &Arc<Fakes>) -> Reply {
    let fields = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
    post_changed(fakes, "/token", &fields, &MACHINE).await
}

/// The machine asks what a token is good for.
pub async fn introspect(fakes: &Arc<Fakes>, token: &str) -> Reply {
    post_changed(fakes, "/introspect", &[("token", token)], &MACHINE).await
}

const MACHINE: [(&str, &str); 2] = [("client_id", "machine"), ("client_secret", MACHINE_SECRET)];

async fn post_changed(fakes: &Arc<Fakes>, target: &str, fields: &[(&str, &str)], changes: &[(&str, &str)]) -> Reply {
    let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    let kept = fields.iter().filter(|(name, _)| !is_changed(name));
    let all: Vec<_> = kept.chain(changes).copied().collect();
    post_form(fakes, target, &[], &all).await
}
