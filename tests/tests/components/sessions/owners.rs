//! Introspection, revocation, and what a user sees and ends.

use serde_json::json;

use super::{LIFETIME, SCOPE, SESSION, Server, principal};
use crate::authorization_server::client::{REVOKED, Refused, introspect, revoke};
use crate::authorization_server::{CLIENT, Page, RESOURCE, get, post_form, query, redirect};
use crate::bindings::auth::exports::gatehouse::auth::sessions::Rejection;
use crate::fakes::NOW;
use crate::serve::Reply;

/// A browser in which a user has signed in to see their sessions.
struct Browser<'a> {
    server: &'a Server,
    cookies: String,
}

/// A session as the page shows it.
#[derive(Debug)]
struct Listed {
    id: String,
    client_name: String,
    /// Opened, last used, ends.
    times: Vec<String>,
}

impl<'a> Browser<'a> {
    /// The user whose `sub` this is signs in.
    async fn of(sub: &str, server: &'a Server) -> Self {
        server.provider.claims.lock().unwrap()["sub"] = sub.into();
        let page = Page::of(&get(&server.fakes, "/sessions", None).await);
        let browser = Self { server, cookies: page.cookie };
        let away = browser.post("/sign-in", &[("ticket", &page.ticket), ("provider", "demo")]).await;
        let state = server.provider.sign_in(&away);
        let callback = format!("/callback?{}", query(&[("state", &state), ("code", "provider-code")]));
        let back = get(&server.fakes, &callback, Some(&browser.cookies)).await;
        assert_eq!(redirect(&back).0, "https://gateway.example/sessions");
        let signed_in = back.header("set-cookie").split(';').next().unwrap();
        Self { server, cookies: format!("{}; {signed_in}", browser.cookies) }
    }

    async fn post(&self, target: &str, fields: &[(&str, &str)]) -> Reply {
        let headers = [("cookie", self.cookies.as_str()), ("origin", "https://gateway.example")];
        post_form(&self.server.fakes, target, &headers, fields).await
    }

    async fn page(&self) -> String {
        let reply = get(&self.server.fakes, "/sessions", Some(&self.cookies)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    async fn list(&self) -> Vec<Listed> {
        let page = self.page().await;
        let entries = page.split("<h2>").skip(1);
        let listed = entries.map(|entry| Listed {
            id: between(entry, r#"name="end_session" value=""#, "\""),
            client_name: entry.split(" <span").next().unwrap().split("</h2>").next().unwrap().to_owned(),
            times: entry
                .split("class=\"utc\">")
                .skip(1)
                .map(|time| time.split('<').next().unwrap().to_owned())
                .collect(),
        });
        listed.collect()
    }

    async fn end_session(&self, id: &str) {
        let ticket = between(&self.page().await, r#"name="ticket" value=""#, "\"");
        let reply = self.post("/sessions", &[("ticket", &ticket), ("end_session", id)]).await;
        assert_eq!(redirect(&reply).0, "https://gateway.example/sessions");
    }

    async fn sign_out(&self) {
        let ticket = between(&self.page().await, r#"name="ticket" value=""#, "\"");
        assert_eq!(self.post("/sign-out", &[("ticket", &ticket), ("sign_out", "all")]).await.status, 200);
    }
}

fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text.split_once(before).expect(before);
    rest.split(after).next().unwrap().to_owned()
}

#[tokio::test]
async fn an_active_token_says_what_it_is_and_an_ended_one_nothing() {
    let server = Server::new();
    let tokens = server.open().await;
    let mut facts = json!({
        "active": true, "scope": SCOPE, "client_id": CLIENT, "sub": "demo:alice", "aud": RESOURCE,
        "iss": "https://gateway.example", "exp": NOW + LIFETIME, "token_type": "Bearer",
    });
    assert_eq!(introspect(&server.fakes, &tokens.access_token).await.json(), facts);
    facts["exp"] = (NOW + SESSION).into();
    facts.as_object_mut().unwrap().remove("token_type");
    assert_eq!(introspect(&server.fakes, tokens.refresh_token()).await.json(), facts);
    let nothing = json!({ "active": false });
    assert_eq!(introspect(&server.fakes, "x").await.json(), nothing);
    server.revoke(&tokens.access_token).await;
    for token in [&tokens.access_token, tokens.refresh_token()] {
        assert_eq!(introspect(&server.fakes, token).await.json(), nothing);
    }
    server.fakes.store_goes_down();
    let unknown = introspect(&server.fakes, &tokens.access_token).await;
    assert_eq!(unknown.status, 503, "inactive and unknown are not the same");
}

#[tokio::test]
async fn a_token_given_back_ends_the_session_for_its_client_only() {
    let server = Server::new();
    let tokens = server.open().await;
    let before = server.fakes.snapshot();
    for (token, client, reason) in [
        (tokens.access_token.as_str(), "another", "the token is another client's"),
        (tokens.refresh_token(), "another", "the token is another client's"),
        ("x", CLIENT, "there is no session of this token"),
    ] {
        let reply = revoke(&server.fakes, token, client).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, ""), "the client is told nothing");
        assert_eq!(server.fakes.log_lines().last().unwrap()["reason"], reason);
    }
    assert_eq!(server.fakes.snapshot(), before);
    server.revoke(&tokens.access_token).await;
    assert_eq!(server.validate(&tokens).await, Err(Rejection::Revoked));
    assert_eq!(server.refresh(&tokens).await, Err(Refused::invalid_grant(REVOKED)));
}

#[tokio::test]
async fn a_user_sees_their_sessions_and_ends_one_of_them_and_then_all() {
    let server = Server::new();
    let first = server.open().await;
    server.fakes.advance(60);
    let second = server.open().await;
    server.provider.claims.lock().unwrap()["sub"] = "bob".into();
    let bobs = server.open().await;
    server.fakes.advance(60);
    let first = server.refresh(&first).await.unwrap();

    let (alice, bob) = (Browser::of("alice", &server).await, Browser::of("bob", &server).await);
    let listed = alice.list().await;
    let minute = |minute: &str| format!("21 November 2026, 00:{minute} UTC");
    let times: Vec<_> = listed.iter().map(|session| &session.times[..2]).collect();
    assert_eq!(times, [[minute("01"), minute("01")], [minute("00"), minute("02")]], "newest first");
    let oldest = &listed[1];
    assert_eq!(
        (oldest.client_name.as_str(), oldest.times[2].as_str()),
        ("Conformance runner", "22 November 2026, 00:00 UTC")
    );

    bob.end_session(&oldest.id).await;
    assert_eq!(server.validate(&first).await, Ok(principal()), "it is not bob's");
    alice.end_session(&oldest.id).await;
    assert_eq!(server.validate(&first).await, Err(Rejection::Revoked));
    assert_eq!((alice.list().await.len(), bob.list().await.len()), (1, 1));
    alice.sign_out().await;
    assert_eq!(server.validate(&second).await, Err(Rejection::Revoked));
    // Whoever signs in in the very second of the sign-out is asked once more.
    server.fakes.advance(1);
    assert!(Browser::of("alice", &server).await.list().await.is_empty());
    assert!(server.validate(&bobs).await.is_ok());
}
