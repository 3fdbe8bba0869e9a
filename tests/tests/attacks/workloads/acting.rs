//! Who acts by an exchanged token (RFC 8693, section 4.1): named everywhere, and nobody who may not.

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::{Answer, TestClient};
use serde_json::{Value, json};

use super::Scene;
use super::exchange::{ACCESS_TOKEN, ID_TOKEN, chain, client, sign};
use crate::answers::assert_error;
use crate::parties::pairs;

impl Scene {
    /// A good access token of an agent, for the client `desk`.
    fn agent_with(&self, more: &Value) -> String {
        let now = self.world.now();
        let mut claims = json!({
            "iss": self.issuer.origin(), "sub": "agent-7", "aud": "api://desk", "client_id": "agent-app",
            "scope": "act", "iat": now, "exp": now + 90,
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        sign(&claims)
    }

    /// A good id_token of a user, of the client that `desk` is at the issuer.
    fn id_token_with(&self, more: &Value) -> String {
        let now = self.world.now();
        let mut claims = json!({
            "iss": self.issuer.origin(), "sub": "carol", "aud": "desk-at-partner", "nonce": "n", "at_hash": "h",
            "iat": now, "exp": now + 90,
        });
        for (name, value) in more.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        SigningKey::Rsa.sign_under(&json!({ "alg": "RS256", "kid": "rsa", "typ": "JWT" }), &claims)
    }

    async fn exchange_of(&self, token: &str, actor: &str) -> Answer {
        let actor = [("actor_token", actor), ("actor_token_type", ACCESS_TOKEN)];
        self.exchange(&client("desk"), token, &actor).await
    }

    /// What introspection says of who acts.
    async fn act(&self, tokens: &Value) -> Value {
        let form = pairs(&[("token", tokens["access_token"].as_str().unwrap())]);
        let answer = self.world.as_client(&client("desk"), "/introspect", &form).await.json();
        assert_eq!(answer["active"], true, "{answer}");
        answer["act"].clone()
    }

    /// Who acts, as the log says of the last call at the route.
    fn logged_actors(&self) -> Value {
        let log = self.world.gatehouse.log.lines();
        let mut lines = log.iter().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let last = lines.find(|line| line["component"] == "gateway" && line["route"] == "/mcp");
        last.expect("a line of the call")["actors"].clone()
    }
}

/// The agent acts through the client; whoever acted before stands behind it.
#[tokio::test(flavor = "multi_thread")]
async fn all_who_act_are_named_in_the_log_and_in_introspection() {
    let scene = Scene::start().await;
    let issuer = scene.issuer.origin().to_owned();
    let behind = json!({ "sub": "app-1", "act": { "client_id": "app-0", "iss": "https://elsewhere.example" } });
    let token = scene.subject_with("act", behind);
    let expected = json!({
        "sub": "partner:agent-7",
        "act": { "sub": "app-1", "iss": issuer, "act": { "sub": "app-0", "iss": "https://elsewhere.example" } },
    });
    let tokens = scene.exchange_of(&token, &scene.agent_with(&json!({}))).await;
    assert_eq!(tokens.status, 200, "{tokens:?} {}", scene.reason());
    let tokens = tokens.json();
    assert!(tokens["expires_in"].as_u64().unwrap() <= 150, "it ends with the agent's: {tokens}");
    assert_eq!(scene.act(&tokens).await, expected);
    assert_eq!(scene.world.call("/mcp", tokens["access_token"].as_str().unwrap()).await.status, 200);
    assert_eq!(scene.world.upstream.requests().last().unwrap().header("x-subject"), "partner:alice");
    let logged = json!(["partner:agent-7", format!("app-1 {issuer}"), "app-0 https://elsewhere.example"]);
    assert_eq!(scene.logged_actors(), logged);
    // Without an actor_token, the client itself acts.
    let tokens = scene.exchange(&client("desk"), &sign(&scene.subject()), &[]).await.json();
    assert_eq!(scene.act(&tokens).await, json!({ "sub": "desk" }));
    // As many as are kept, with the one who acts now.
    let full = scene.subject_with("act", chain(4));
    assert_eq!(scene.exchange_of(&full, &scene.agent_with(&json!({}))).await.status, 200, "{}", scene.reason());
    // The subject's token names the agent, with its issuer or as somebody of its own.
    for may_act in [json!({ "sub": "agent-7" }), json!({ "sub": "agent-7", "iss": issuer })] {
        let token = scene.subject_with("may_act", may_act);
        let answer = scene.exchange_of(&token, &scene.agent_with(&json!({}))).await;
        assert_eq!(answer.status, 200, "{answer:?} {}", scene.reason());
    }
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_whom_the_configuration_or_the_users_token_does_not_let() {
    let scene = Scene::start().await;
    let (now, good) = (scene.world.now(), sign(&scene.subject()));
    let agent = scene.agent_with(&json!({}));
    let forged = SigningKey::OtherRsa.sign_under(&json!({ "alg": "RS256", "kid": "rsa", "typ": "at+jwt" }), &json!({
        "iss": scene.issuer.origin(), "sub": "agent-7", "aud": "api://desk", "client_id": "a", "scope": "act", "exp": now + 90,
    }));
    let wrong = [
        ("an actor for somebody else", good.clone(), scene.agent_with(&json!({ "aud": "api://frontend" }))),
        ("an actor that has ended", good.clone(), scene.agent_with(&json!({ "exp": now - 120 }))),
        ("an actor of another issuer", good.clone(), scene.agent_with(&json!({ "iss": "https://evil.example" }))),
        ("an actor by which another acts", good.clone(), scene.agent_with(&json!({ "act": { "sub": "x" } }))),
        ("an actor with a malformed act", good.clone(), scene.agent_with(&json!({ "act": "x" }))),
        ("an actor that is bound to a key", good.clone(), scene.agent_with(&json!({ "cnf": { "jkt": "x" } }))),
        ("an actor that nobody knows", good.clone(), "no-token-of-anybody".to_owned()),
        ("a forged actor", good.clone(), forged),
        ("the client may act", scene.subject_with("may_act", json!({ "sub": "desk" })), agent.clone()),
        ("another one may act", scene.subject_with("may_act", json!({ "sub": "agent-8" })), agent.clone()),
        (
            "one of the same name may act",
            scene.subject_with("may_act", json!({ "sub": "agent-7", "iss": "https://evil.example" })),
            agent.clone(),
        ),
        ("too many act", scene.subject_with("act", chain(5)), agent.clone()),
    ];
    for (what, token, actor) in &wrong {
        let before = scene.world.store().await;
        assert_error(&scene.exchange_of(token, actor).await, 400, "invalid_request", what);
        scene.nothing_came_of_it(&before, token, what).await;
        scene.is_not_logged(actor, what);
    }
    // Who is named may act, and the client that shows no actor may not.
    let named = scene.subject_with("may_act", json!({ "sub": "agent-7" }));
    assert_error(&scene.exchange(&client("desk"), &named, &[]).await, 400, "invalid_request", "nobody but the agent");
    scene.world.gatehouse.stop().await;
}

/// Whose the id_token is, counts; what its client may do with it, the configuration says.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_is_exchanged_by_its_own_client_alone_and_where_the_configuration_says_so() {
    let scene = Scene::start().await;
    let exchange =
        async |of: &TestClient, token: &str| scene.exchange(of, token, &[("subject_token_type", ID_TOKEN)]).await;
    let desk = client("desk");
    for more in [
        json!({}),
        json!({ "azp": "desk-at-partner" }),
        json!({ "aud": ["desk-at-partner"] }),
        json!({ "aud": ["other", "desk-at-partner"], "azp": "desk-at-partner" }),
        json!({ "token_use": "id", "typ": "ID" }),
    ] {
        let answer = exchange(&desk, &scene.id_token_with(&more)).await;
        assert_eq!(answer.status, 200, "{more}: {answer:?} {}", scene.reason());
        let tokens = answer.json();
        assert_eq!(tokens["scope"], "mcp");
        assert_eq!(scene.world.call("/mcp", tokens["access_token"].as_str().unwrap()).await.status, 200);
        assert_eq!(scene.world.upstream.requests().last().unwrap().header("x-subject"), "partner:carol");
    }
    let good = scene.id_token_with(&json!({}));
    for (what, token) in [
        ("another client's", scene.id_token_with(&json!({ "aud": "other" }))),
        ("an access token's audience", scene.id_token_with(&json!({ "aud": "api://frontend" }))),
        ("for several, without azp", scene.id_token_with(&json!({ "aud": ["other", "desk-at-partner"] }))),
        ("asked for by another", scene.id_token_with(&json!({ "aud": ["other", "desk-at-partner"], "azp": "other" }))),
        ("asked for by another alone", scene.id_token_with(&json!({ "azp": "other" }))),
        ("without a time", scene.id_token_with(&json!({ "iat": null }))),
        ("an access token", scene.id_token_with(&json!({ "scope": "mcp" }))),
        ("an access token of a client", scene.id_token_with(&json!({ "client_id": "desk-at-partner" }))),
        ("an access token by its use", scene.id_token_with(&json!({ "token_use": "access" }))),
        ("a refresh token", scene.id_token_with(&json!({ "typ": "Refresh" }))),
        ("a logout token", scene.id_token_with(&json!({ "events": {} }))),
        ("bound to a key", scene.id_token_with(&json!({ "cnf": { "jkt": "x" } }))),
        ("another may act", scene.id_token_with(&json!({ "may_act": { "sub": "other" } }))),
        ("an access token by its type", sign(&scene.subject())),
    ] {
        let before = scene.world.store().await;
        assert_error(&exchange(&desk, &token).await, 400, "invalid_request", what);
        scene.nothing_came_of_it(&before, &token, what).await;
    }
    assert_error(&exchange(&client("frontend"), &good).await, 400, "invalid_request", "a client without id_tokens");
    // As an access token it is none, whoever shows it.
    assert_error(&scene.exchange(&desk, &good, &[]).await, 400, "invalid_request", "as an access token");
    scene.world.gatehouse.stop().await;
}

/// The token is good; what the server needs, its session never had.
#[tokio::test(flavor = "multi_thread")]
async fn where_a_server_needs_the_providers_token_an_exchanged_one_is_refused_and_told_so() {
    let scene = Scene::start().await;
    let mail = scene.world.url("/mail");
    let tokens = scene.exchange(&client("frontend"), &sign(&scene.subject()), &[("resource", &mail)]).await.json();
    let asked = scene.world.upstream.requests().len();
    let answer = scene.world.call("/mail", tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.body.contains("needs a user who has signed in with a browser"), "{answer:?}");
    assert!(answer.header("www-authenticate").is_empty(), "{answer:?}");
    assert_eq!(scene.world.upstream.requests().len(), asked);
    scene.world.gatehouse.stop().await;
}
