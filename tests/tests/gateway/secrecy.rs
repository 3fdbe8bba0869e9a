//! What is never written down.

use gatehouse_tests::{CLIENT_SECRET, VERIFIER, World, WorldSettings, http, snapshot};
use serde_json::json;
use url::form_urlencoded;

use crate::mcp::{Client, in_session, request, send, whole};

#[tokio::test(flavor = "multi_thread")]
async fn neither_log_nor_store_holds_a_token_a_code_a_secret_a_cookie_or_a_name_in_clear() {
    let world =
        World::start(WorldSettings { upstream: &["conformance-upstream.mjs"], ..WorldSettings::default() }).await;
    let authorization = world.authorize("alice").await;
    let url = format!("{}/token", world.gatehouse.url);
    let form = |body: String| http().post(&url).header("content-type", "application/x-www-form-urlencoded").body(body);
    let redemption = [
        ("grant_type", "authorization_code"),
        ("code", &authorization.code),
        ("redirect_uri", &authorization.redirect_uri),
        ("code_verifier", VERIFIER),
        ("client_id", "conformance"),
    ];
    let redemption = form_urlencoded::Serializer::new(String::new()).extend_pairs(redemption).finish();
    let (status, _, tokens) = whole(form(redemption)).await;
    assert_eq!(status, 200, "{tokens}");
    let tokens: serde_json::Value = serde_json::from_str(&tokens).expect("JSON");
    let field = |name: &str| tokens[name].as_str().expect("text").to_owned();
    let alice = Client::new(&world.mcp_url(), &field("access_token"));
    let session = alice.initialize().await;
    let list = in_session(alice.post(&request("tools/list", &json!({}))), &session);
    assert_eq!(send(list).await.status(), 200);

    let refresh =
        [("grant_type", "refresh_token"), ("refresh_token", &field("refresh_token")), ("client_id", "conformance")];
    let refresh = form_urlencoded::Serializer::new(String::new()).extend_pairs(refresh).finish();
    let refreshed = send(form(refresh)).await;
    assert_eq!(refreshed.status(), 200);
    let refreshed: serde_json::Value = serde_json::from_str(&refreshed.text().await.unwrap()).expect("JSON");
    // What went wrong is logged, too.
    send(form("grant_type=authorization_code&code=secret-of-a-wrong-request&client_id=conformance".to_owned())).await;
    send(form("grant_type=refresh_token&refresh_token=secret-of-a-wrong-request&client_id=conformance".to_owned()))
        .await;
    send(http().get(format!(
        "{}/callback?code=secret-of-a-wrong-request&state=secret-of-a-wrong-request",
        world.gatehouse.url
    )))
    .await;
    send(Client::new(&world.mcp_url(), "secret-of-a-wrong-request").post(&json!({}))).await;
    send(in_session(alice.post(&json!({})), "secret-of-a-wrong-request")).await;

    let mut secrets: Vec<String> = ["access_token", "refresh_token"].map(field).to_vec();
    secrets.extend(["access_token", "refresh_token"].map(|name| refreshed[name].as_str().expect("text").to_owned()));
    secrets.extend([
        authorization.code,
        VERIFIER.to_owned(),
        session,
        CLIENT_SECRET.to_owned(),
        "secret-of-a-wrong-request".to_owned(),
    ]);
    // The provider's claims about alice, the credentials of our own client, and the shapes of the provider's tokens.
    secrets.extend(
        ["alice@example.test", "Alice Example", "gatehouse-browser=", "eyJ", "code=", "state=", "/callback?"]
            .map(str::to_owned),
    );
    secrets.push(form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect());

    let log = world.gatehouse.log.lines();
    assert!(log.iter().any(|line| line.contains("/callback")) && log.iter().any(|line| line.contains("forwarded")));
    let entries = snapshot(&world.gatehouse.state_directory()).await;
    assert!(!entries.is_empty());
    for secret in &secrets {
        let found = log.iter().find(|line| line.contains(secret.as_str()));
        assert_eq!(found, None, "{secret} is in the log");
        for (name, value) in &entries {
            let value_text = String::from_utf8_lossy(value);
            assert!(
                !name.contains(secret.as_str()) && !value_text.contains(secret.as_str()),
                "{secret} is in the store: {name}"
            );
        }
    }
    // Nobody's name at all: the log knows people by their subject only, and the store by nothing.
    for (name, value) in &entries {
        assert!(
            !name.contains("alice") && !String::from_utf8_lossy(value).contains("alice"),
            "alice is in the store: {name}"
        );
    }
    world.gatehouse.stop().await;
}
