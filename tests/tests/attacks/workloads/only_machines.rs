//! A deployment at which nobody signs in: machines alone get tokens, and nothing else is there.

use gatehouse_tests::TestClient;
use serde_json::{Value, json};

use super::exchange::{client, sign};
use super::{CLUSTER, DOCUMENT, Scene};
use crate::parties::pairs;

/// The document without an identity provider, and without what is for people.
fn document() -> String {
    let without = |document: &str, from: &str, to: &str| {
        let (before, rest) = document.split_once(from).expect("the beginning");
        let (_, after) = rest.split_once(to).expect("the end");
        format!("{before}{to}{after}")
    };
    let document = DOCUMENT.replace("{provider}", "");
    let document = without(&document, "[[clients]]\nclient_id = \"public\"", "[[routes]]");
    without(&document, "[[routes]]\npath = \"/mail\"", "[[routes]]\npath = \"/other\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_and_exchanging_clients_come_in_and_there_is_nothing_for_people() {
    let mut scene = Scene::start_with(&document()).await;
    let token = scene.token(CLUSTER, json!({})).await;
    let tokens = scene.present(&token, &[]).await;
    assert_eq!(tokens.status, 200, "{tokens:?} {}", scene.reason());
    assert_eq!(scene.world.call("/mcp", tokens.json()["access_token"].as_str().unwrap()).await.status, 200);
    let exchanged = scene.exchange(&client("frontend"), &sign(&scene.subject()), &[]).await;
    assert_eq!(exchanged.status, 200, "{exchanged:?} {}", scene.reason());
    let machine = pairs(&[("grant_type", "client_credentials"), ("resource", &scene.world.url("/mcp"))]);
    assert_eq!(scene.world.token(&client("machine"), &machine).await.status, 200);

    let metadata = scene.world.get("/.well-known/oauth-authorization-server").await.json();
    for absent in [
        "authorization_endpoint",
        "registration_endpoint",
        "response_types_supported",
        "code_challenge_methods_supported",
    ] {
        assert_eq!(metadata.get(absent), None, "{metadata}");
    }
    let grants: Vec<_> =
        metadata["grant_types_supported"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(!grants.contains(&"authorization_code") && !grants.contains(&"refresh_token"), "{metadata}");
    assert!(grants.contains(&"urn:ietf:params:oauth:grant-type:jwt-bearer"), "{metadata}");
    let before = scene.world.store().await;
    for path in ["/authorize", "/callback", "/sessions", "/consents", "/access-token", "/.auth/login", "/.auth/me"] {
        assert_eq!(scene.world.get(path).await.status, 404, "{path}");
    }
    let registration = json!({ "client_name": "A", "redirect_uris": ["https://client.example/callback"] });
    assert_eq!(scene.world.register(&registration).await.status, 404);
    for path in ["/consent", "/choose", "/sign-in"] {
        assert_eq!(scene.world.post(path, &pairs(&[("ticket", "x")])).await.status, 404, "{path}");
    }
    let code = pairs(&[("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", &"v".repeat(43))]);
    let answer = scene.world.token(&TestClient::public("https://client.example/document", ""), &code).await;
    assert!((400..402).contains(&answer.status), "no document is fetched: {answer:?}");
    scene.world.assert_unchanged(&before, "nobody can sign in").await;
    scene.world.gatehouse.stop().await;
}
