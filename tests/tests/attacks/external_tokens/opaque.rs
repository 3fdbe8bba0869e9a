//! Tokens that their issuer is asked about.

use gatehouse_tests::jwt::SigningKey;
use serde_json::{Value, json};

use super::Scene;

impl Scene {
    /// What the issuer says of a good token.
    pub(super) fn active(&self) -> Value {
        let now = self.world.now();
        json!({
            "active": true, "sub": "alice", "aud": "api://one", "client_id": "an-app", "scope": "mcp",
            "token_type": "Bearer", "exp": now + 600,
        })
    }

    pub(super) fn knows(&self, token: &str, answer: Value) {
        self.issuer.script(|script| drop(script.active.insert(token.to_owned(), answer)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_counts_while_its_issuer_says_so_and_a_minute_longer() {
    let scene = Scene::start().await;
    scene.knows("an-opaque-token-of-alice", scene.active());
    let call = async || scene.world.call("/asked", "an-opaque-token-of-alice").await;
    let answer = call().await;
    assert_eq!(answer.json()["result"]["subject"], "asked:alice", "{answer:?} {}", scene.reason());
    let requests = scene.issuer.requests();
    let asked = requests.last().unwrap();
    assert_eq!((asked.path.as_str(), asked.field("token_type_hint").as_deref()), ("/introspect", Some("access_token")));
    assert!(asked.header("authorization").starts_with("Basic "), "{asked:?}");
    scene.issuer.asked();
    assert_eq!(call().await.status, 200);
    assert_eq!(scene.issuer.asked(), Vec::<String>::new(), "what was said is kept");
    scene.knows("an-opaque-token-of-alice", json!({ "active": false }));
    scene.world.gatehouse.clock.advance(50);
    assert_eq!(call().await.status, 200);
    scene.world.gatehouse.clock.advance(10);
    assert_eq!(call().await.status, 401, "a revoked one");
    scene.refused("/asked", "an-opaque-token-of-alice", "a revoked one, shown again").await;
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_issuer_says_of_a_token_must_be_enough() {
    let scene = Scene::start().await;
    let now = scene.world.now();
    scene.refused("/asked", "a-token-that-nobody-knows", "unknown").await;
    for (what, name, value) in [
        ("not active", "active", json!(false)),
        ("a text in place of active", "active", json!("true")),
        ("another audience", "aud", json!("api://two")),
        ("no audience", "aud", Value::Null),
        ("no subject", "sub", Value::Null),
        ("ended", "exp", json!(now - 100)),
        ("not yet", "nbf", json!(now + 100)),
        ("a refresh token", "token_type", json!("refresh_token")),
        ("an id_token", "nonce", json!("n")),
    ] {
        let mut answer = scene.active();
        answer[name] = value;
        let token = format!("token-{}", what.replace(' ', "-"));
        scene.knows(&token, answer);
        let (before, answered) = (scene.world.store().await, scene.world.call("/asked", &token).await);
        let expected = if what == "a text in place of active" { 503 } else { 401 };
        assert_eq!(answered.status, expected, "{what} {answered:?}");
        scene.world.assert_only_changed(&before, &["document-failures"], what).await;
        scene.is_not_logged(&token, what);
    }
    assert!(scene.world.upstream.requests().is_empty());
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_does_not_answer_is_no_reason_to_refuse_a_token() {
    let scene = Scene::start().await;
    scene.knows("an-opaque-token-of-alice", scene.active());
    scene.issuer.script(|script| script.is_down = true);
    let answer = scene.world.call("/asked", "an-opaque-token-of-alice").await;
    assert!(answer.status == 503 && !answer.header("retry-after").is_empty(), "{answer:?}");
    scene.issuer.script(|script| script.is_down = false);
    assert_eq!(scene.world.call("/asked", "an-opaque-token-of-alice").await.status, 200);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_both_count_a_signed_token_is_not_shown_and_an_opaque_one_is_asked_about() {
    let scene = Scene::start().await;
    scene.knows("an-opaque-token-of-alice", scene.active());
    let opaque = scene.world.call("/both", "an-opaque-token-of-alice").await;
    assert_eq!(opaque.json()["result"]["subject"], "asked:alice", "{opaque:?} {}", scene.reason());
    scene.issuer.asked();
    let signed = scene.world.call("/both", &SigningKey::Rsa.sign(&scene.claims())).await;
    assert_eq!(signed.json()["result"]["subject"], "partner:alice");
    assert!(!scene.issuer.asked().contains(&"/introspect".to_owned()));
    scene.world.gatehouse.stop().await;
}
