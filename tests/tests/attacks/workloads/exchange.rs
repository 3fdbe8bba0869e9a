//! Tokens of another issuer that a client exchanges (RFC 8693).

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::{Answer, ClientAuthentication, TestClient};
use serde_json::{Value, json};

use super::{CLUSTER, Scene};
use crate::answers::assert_error;
use crate::parties::{SECRET, pairs};

pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(super) const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

pub(super) fn client(client_id: &str) -> TestClient {
    TestClient::public(client_id, "").with(ClientAuthentication::Basic(SECRET.to_owned()))
}

impl Scene {
    /// The claims of a good access token of a user, for the client `frontend`.
    pub(super) fn subject(&self) -> Value {
        let now = self.world.now();
        json!({
            "iss": self.issuer.origin(), "sub": "alice", "aud": "api://frontend", "client_id": "an-app",
            "scope": "mcp files", "iat": now, "exp": now + 120,
        })
    }

    pub(super) fn subject_with(&self, name: &str, value: Value) -> String {
        let mut claims = self.subject();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        sign(&claims)
    }

    pub(super) async fn exchange(&self, client: &TestClient, token: &str, more: &[(&str, &str)]) -> Answer {
        let usual = [("grant_type", TOKEN_EXCHANGE), ("subject_token", token)];
        let mut form = pairs(&usual);
        if !more.iter().any(|(name, _)| *name == "subject_token_type") {
            form.extend(pairs(&[("subject_token_type", ACCESS_TOKEN)]));
        }
        if !more.iter().any(|(name, _)| ["resource", "audience"].contains(name)) {
            form.extend(pairs(&[("resource", &self.world.url("/mcp"))]));
        }
        form.extend(pairs(more));
        self.world.token(client, &form).await
    }
}

/// So many who act one through the other.
pub(super) fn chain(count: usize) -> Value {
    (0..count).fold(Value::Null, |behind, number| {
        let mut actor = json!({ "sub": format!("app-{number}") });
        if !behind.is_null() {
            actor["act"] = behind;
        }
        actor
    })
}

pub(super) fn sign(claims: &Value) -> String {
    SigningKey::Rsa.sign_under(&json!({ "alg": "RS256", "kid": "rsa", "typ": "at+jwt" }), claims)
}

/// The user stays who they are, the client acts for them, and nobody gets more than all three allow.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_exchanges_a_users_token_and_acts_for_them_with_what_all_allow() {
    let scene = Scene::start().await;
    let token = sign(&scene.subject());
    for more in [&[][..], &[("audience", scene.world.url("/mcp"))], &[("scope", "mcp".to_owned())]] {
        let more: Vec<_> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = scene.exchange(&client("frontend"), &token, &more).await;
        assert_eq!(answer.status, 200, "{more:?}: {answer:?} {}", scene.reason());
        let tokens = answer.json();
        assert_eq!(tokens["issued_token_type"], ACCESS_TOKEN, "{tokens}");
        // The client may have `mcp` only, and the token ends with the exchanged one.
        assert_eq!((tokens["scope"].as_str(), tokens.get("refresh_token")), (Some("mcp"), None), "{tokens}");
        assert!(tokens["expires_in"].as_u64().unwrap() <= 180, "{tokens}");
        let access_token = tokens["access_token"].as_str().unwrap();
        assert_eq!(scene.world.call("/mcp", access_token).await.status, 200);
        assert_eq!(scene.world.upstream.requests().last().unwrap().header("x-subject"), "partner:alice");
        assert_eq!(scene.world.call("/other", access_token).await.status, 401, "another resource");
        // Ours is no token of the issuer's, and the issuer is not even asked.
        scene.issuer.asked();
        let again = scene.exchange(&client("frontend"), access_token, &[]).await;
        assert_error(&again, 400, "invalid_request", "a token of ours");
        assert!(!scene.issuer.asked().contains(&"/introspect".to_owned()));
    }
    let log = scene.world.gatehouse.log.lines();
    let begun = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut begun = begun.filter(|line| line["event"] == "begun" && line["subject"] == "partner:alice");
    assert!(begun.any(|line| line["client_id"] == "frontend"), "{log:?}");
    scene.is_not_logged(&token, "exchanged");
    // Where the token says who may act, it is this client.
    for named in [json!({ "sub": "frontend" }), json!({ "client_id": "frontend", "iss": scene.world.gatehouse.url })] {
        let token = scene.subject_with("may_act", named);
        assert_eq!(scene.exchange(&client("frontend"), &token, &[]).await.status, 200);
    }
    // An opaque one, about which the issuer is asked.
    let now = scene.world.now();
    let known = json!({ "active": true, "sub": "bob", "aud": "api://frontend", "client_id": "an-app", "scope": "mcp", "exp": now + 600 });
    scene.issuer.script(|script| drop(script.active.insert("an-opaque-token".to_owned(), known)));
    assert_eq!(scene.exchange(&client("frontend"), "an-opaque-token", &[]).await.status, 200, "{}", scene.reason());
    scene.world.gatehouse.stop().await;
}

/// Nothing of what does not fit is exchanged, and nothing is kept of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_for_this_client_or_asks_for_more_is_not_exchanged() {
    let mut scene = Scene::start().await;
    let now = scene.world.now();
    let good = sign(&scene.subject());
    let platform = scene.token(CLUSTER, json!({})).await;
    let id_token = SigningKey::Rsa.sign(&scene.world.provider().claims("alice", None));
    let forged =
        SigningKey::OtherRsa.sign_under(&json!({ "alg": "RS256", "kid": "rsa", "typ": "at+jwt" }), &scene.subject());
    let untyped = SigningKey::Rsa.sign_under(
        &json!({ "alg": "RS256", "kid": "rsa", "typ": "JWT" }),
        &json!({ "iss": scene.issuer.origin(), "sub": "alice", "aud": "api://frontend", "exp": now + 60, "nonce": "n" }),
    );
    let wrong = vec![
        ("another audience", scene.subject_with("aud", json!("api://mcp")), "invalid_request"),
        ("our audience", scene.subject_with("aud", json!(scene.world.gatehouse.url)), "invalid_request"),
        ("no audience", scene.subject_with("aud", Value::Null), "invalid_request"),
        ("another issuer", scene.subject_with("iss", json!("https://evil.example")), "invalid_request"),
        ("expired", scene.subject_with("exp", json!(now - 120)), "invalid_request"),
        ("no end", scene.subject_with("exp", Value::Null), "invalid_request"),
        ("not valid yet", scene.subject_with("nbf", json!(now + 3600)), "invalid_request"),
        ("forged", forged, "invalid_request"),
        ("an id_token of the issuer", untyped, "invalid_request"),
        ("an id_token of our provider", id_token, "invalid_request"),
        ("a token of a platform", platform, "invalid_request"),
        ("nothing for us", scene.subject_with("scope", json!("mail")), "invalid_request"),
        ("only what the client cannot have", scene.subject_with("scope", json!("files")), "invalid_request"),
        ("another client may act", scene.subject_with("may_act", json!({ "sub": "machine" })), "invalid_request"),
        (
            "may act by another issuer's name",
            scene.subject_with("may_act", json!({ "sub": "frontend", "iss": "https://evil.example" })),
            "invalid_request",
        ),
        (
            "may act if more is so",
            scene.subject_with("may_act", json!({ "sub": "frontend", "email": "a@b.example" })),
            "invalid_request",
        ),
        ("may act is a text", scene.subject_with("may_act", json!("frontend")), "invalid_request"),
        (
            "two may act",
            scene.subject_with("may_act", json!({ "sub": "frontend", "client_id": "machine" })),
            "invalid_request",
        ),
        (
            "somebody acts who has no name",
            scene.subject_with("act", json!({ "email": "a@b.example" })),
            "invalid_request",
        ),
        ("an actor of another kind", scene.subject_with("act", json!("app")), "invalid_request"),
        ("a chain that is too long", scene.subject_with("act", chain(5)), "invalid_request"),
        ("a chain that is much too long", scene.subject_with("act", chain(300)), "invalid_request"),
        ("for who has a key", scene.subject_with("cnf", json!({ "jkt": "x" })), "invalid_request"),
        ("an unknown opaque token", "no-token-of-anybody".to_owned(), "invalid_request"),
    ];
    for (what, token, error) in &wrong {
        let before = scene.world.store().await;
        assert_error(&scene.exchange(&client("frontend"), token, &[]).await, 400, error, what);
        scene.nothing_came_of_it(&before, token, what).await;
    }
    let other = scene.world.url("/other");
    let before = scene.world.store().await;
    for (more, error) in [
        (&[("scope", "mcp files")][..], "invalid_scope"),
        (&[("scope", "admin")], "invalid_scope"),
        (&[("resource", "https://evil.example/")], "invalid_target"),
        (&[("audience", "api://frontend")], "invalid_target"),
        (&[("audience", "https://evil.example/")], "invalid_target"),
        (&[("resource", &scene.world.url("/mcp")), ("audience", &other)], "invalid_target"),
        (&[("subject_token_type", ID_TOKEN)], "invalid_request"),
        (&[("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")], "invalid_request"),
        (&[("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")], "invalid_request"),
        (&[("actor_token", &good), ("actor_token_type", ACCESS_TOKEN)], "invalid_request"),
        (&[("actor_token", &good), ("actor_token_type", ID_TOKEN)], "invalid_request"),
        (&[("actor_token", &good)], "invalid_request"),
        (&[("actor_token_type", ACCESS_TOKEN)], "invalid_request"),
    ] {
        assert_error(&scene.exchange(&client("frontend"), &good, more).await, 400, error, &format!("{more:?}"));
    }
    // Who may not exchange.
    assert_error(&scene.exchange(&client("machine"), &good, &[]).await, 400, "unauthorized_client", "a machine");
    assert_error(
        &scene.exchange(&scene.world.public(), &good, &[]).await,
        400,
        "unauthorized_client",
        "a public client",
    );
    let impostor = TestClient::public("frontend", "").with(ClientAuthentication::Basic("wrong".to_owned()));
    assert_error(&scene.exchange(&impostor, &good, &[]).await, 401, "invalid_client", "a wrong secret");
    let nameless = TestClient::public("frontend", "");
    assert_error(&scene.exchange(&nameless, &good, &[]).await, 401, "invalid_client", "no secret");
    let form = pairs(&[("grant_type", TOKEN_EXCHANGE), ("subject_token", &good), ("subject_token_type", ACCESS_TOKEN)]);
    assert_error(&scene.world.post("/token", &form).await, 400, "invalid_request", "no client at all");
    let registered = scene.world.registered("https://client.example/callback").await;
    assert_error(
        &scene.exchange(&registered, &good, &[]).await,
        400,
        "unauthorized_client",
        "a client that registered",
    );
    // The client that registered is noted, and what issuers say of themselves; no session has begun.
    let changes = scene.world.changes_since(&before).await;
    let sessions: Vec<_> = changes.iter().filter(|name| name.contains("session") || name.contains("access")).collect();
    assert!(sessions.is_empty(), "{sessions:?}");
    scene.is_not_logged(&good, "refused");
    scene.world.gatehouse.stop().await;
}
