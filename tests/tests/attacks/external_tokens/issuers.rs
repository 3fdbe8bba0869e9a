//! Issuers that change their keys, have many, or do not answer.

use gatehouse_tests::jwt::SigningKey;
use serde_json::{Value, json};

use super::{Scene, header};

/// As many keys as a test needs, none of which has signed anything.
fn others(count: usize) -> Vec<Value> {
    let key = SigningKey::OtherRsa.jwk();
    let named = |number: usize| {
        let mut key = key.clone();
        key["kid"] = json!(format!("key-{number}"));
        key
    };
    (0..count).map(named).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_rotated_is_fetched_once_in_a_minute_however_many_tokens_name_unknown_ones() {
    let scene = Scene::start().await;
    assert_eq!(scene.world.call("/partner", &SigningKey::Rsa.sign(&scene.claims())).await.status, 200);
    assert_eq!(scene.issuer.asked(), ["/.well-known/openid-configuration", "/jwks"]);
    // The issuer rotates: the first token that names the new key makes us look.
    scene.issuer.script(|script| script.keys = vec![SigningKey::OtherRsa.jwk()]);
    let rotated = SigningKey::OtherRsa.sign(&scene.claims());
    assert_eq!(scene.world.call("/partner", &rotated).await.status, 200);
    assert_eq!(scene.issuer.asked(), ["/jwks"]);
    // A key that it gave up signs nothing any more.
    scene.refused("/partner", &SigningKey::Rsa.sign(&scene.claims_with("sub", json!("bob"))), "a retired key").await;
    // A storm of tokens that name keys that are nowhere.
    scene.world.gatehouse.clock.advance(60);
    scene.issuer.asked();
    for number in 0..40 {
        let header = header("RS256", &format!("unknown-{number}"), "JWT");
        scene.refused("/partner", &SigningKey::OtherRsa.sign_under(&header, &scene.claims()), "an unknown key").await;
    }
    let asked = scene.issuer.asked();
    assert!((1..=2).contains(&asked.len()) && asked.iter().all(|path| path == "/jwks"), "{asked:?}");
    assert_eq!(scene.world.call("/partner", &SigningKey::OtherRsa.sign(&scene.claims())).await.status, 200);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_issuer_is_down_its_kept_keys_go_on_and_without_any_nobody_is_told_that_a_token_is_wrong() {
    let scene = Scene::start().await;
    scene.issuer.script(|script| script.is_down = true);
    let token = SigningKey::Rsa.sign(&scene.claims());
    for _ in 0..3 {
        let answer = scene.world.call("/partner", &token).await;
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(!answer.header("retry-after").is_empty() && answer.header("www-authenticate").is_empty(), "{answer:?}");
        scene.is_not_logged(&token, "an outage");
    }
    assert!(scene.world.upstream.requests().is_empty());
    scene.issuer.script(|script| script.is_down = false);
    assert_eq!(scene.world.call("/partner", &token).await.status, 200);
    scene.issuer.script(|script| script.is_down = true);
    scene.issuer.asked();
    let new = SigningKey::P256.sign(&scene.claims());
    assert_eq!(scene.world.call("/partner", &new).await.status, 200, "with the kept keys");
    assert_eq!(scene.issuer.asked(), Vec::<String>::new());
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_stays_down_is_left_in_peace() {
    let scene = Scene::start().await;
    scene.issuer.script(|script| script.is_down = true);
    for number in 0..100 {
        let token = SigningKey::P256.sign(&scene.claims_with("sub", json!(format!("user-{number}"))));
        assert_eq!(scene.world.call("/partner", &token).await.status, 503);
    }
    let asked = scene.issuer.asked().len();
    assert!(asked <= 2 * 61, "{asked}");
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_one_of_a_thousand_keys_is_found_and_one_name_for_two_is_not_enough() {
    let scene = Scene::start().await;
    scene.issuer.script(|script| {
        script.keys = others(999);
        script.keys.push(SigningKey::P256.jwk());
    });
    assert_eq!(
        scene.world.call("/partner", &SigningKey::P256.sign(&scene.claims())).await.status,
        200,
        "{}",
        scene.reason()
    );
    let without_name = SigningKey::OtherRsa.sign_under(&json!({ "alg": "RS256", "typ": "JWT" }), &scene.claims());
    scene.refused("/partner", &without_name, "a token that names none of a thousand keys").await;
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_neither_from_ourselves_nor_in_clear() {
    for place in ["OWN/jwks", "http://keys.example/jwks", "ftp://127.0.0.1/jwks"] {
        let scene = Scene::start().await;
        let place = place.replace("OWN", &scene.world.gatehouse.url);
        scene.issuer.script(|script| script.jwks_uri = Some(place.clone()));
        let answer = scene.world.call("/partner", &SigningKey::Rsa.sign(&scene.claims())).await;
        assert_eq!(answer.status, 503, "{place}: {answer:?}");
        scene.world.gatehouse.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_of_a_plain_authorization_server_is_found() {
    let scene = Scene::start().await;
    scene.issuer.script(|script| script.is_plain_oauth = true);
    assert_eq!(
        scene.world.call("/partner", &SigningKey::Rsa.sign(&scene.claims())).await.status,
        200,
        "{}",
        scene.reason()
    );
    let asked = scene.issuer.asked();
    let expected = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks"];
    assert_eq!(asked, expected);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_names_the_issuers_of_its_tokens_and_how_their_scopes_are_asked_for() {
    let scene = Scene::start().await;
    let metadata =
        async |path: &str| scene.world.get(&format!("/.well-known/oauth-protected-resource{path}")).await.json();
    let (own, issuer) = (scene.world.gatehouse.url.clone(), scene.issuer.origin().to_owned());
    let partner = metadata("/partner").await;
    assert_eq!(partner["authorization_servers"], json!([issuer]));
    assert_eq!(partner["scopes_supported"], json!(["api://one/mcp"]));
    assert_eq!(metadata("/both").await["authorization_servers"], json!([own, issuer]));
    assert_eq!(metadata("/own").await["authorization_servers"], json!([own]));
    let entra = format!("{issuer}/{}/v2.0", super::TENANT);
    assert_eq!(metadata("/entra").await["authorization_servers"], json!([entra]));
    let challenge = scene.world.mcp_request("/partner").send().await.unwrap();
    let challenge = challenge.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.contains(r#"scope="api://one/mcp""#), "{challenge}");
    let lacking = SigningKey::Rsa.sign(&scene.claims_with("scope", json!("files")));
    let answer = scene.world.call("/partner", &lacking).await;
    assert_eq!(answer.status, 403);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains("insufficient_scope") && challenge.contains("api://one/mcp"), "{challenge}");
    scene.world.gatehouse.stop().await;
}
