//! Dynamic client registration, open to everybody (activepieces#15016).

use gatehouse_tests::{AttackSettings, AttackWorld, raw};
use serde_json::json;

use crate::answers::assert_error;

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_is_too_large_or_too_much_is_refused() {
    let world = AttackWorld::start().await;
    let before = world.store().await;
    let many: Vec<_> = (0..17).map(|number| format!("https://client.example/{number}")).collect();
    assert_error(&world.register(&json!({ "redirect_uris": many })).await, 400, "invalid_redirect_uri", "17 URIs");
    let long = format!("https://client.example/{}", "x".repeat(2048));
    assert_error(&world.register(&json!({ "redirect_uris": [long] })).await, 400, "invalid_redirect_uri", "a long URI");
    let name = json!({ "redirect_uris": ["https://client.example/"], "client_name": "x".repeat(60_000) });
    assert_error(&world.register(&name).await, 400, "invalid_client_metadata", "a long name");
    let filler = json!({ "redirect_uris": ["https://client.example/"], "x": "x".repeat(70_000) });
    assert_eq!(world.register(&filler).await.status, 413);
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let request = format!(
        "POST /register HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{{\"x\":{deep}}}",
        deep.len() + 6
    );
    assert_eq!(raw(&world.gatehouse.url, request.as_bytes()).await.status, Some(400), "deep JSON");
    world.assert_unchanged(&before, "large registrations").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_registration_is_off_nobody_registers() {
    let tables = "[registration]\nenabled = false".to_owned();
    let world = AttackWorld::start_with(AttackSettings { tables, ..AttackSettings::default() }).await;
    let before = world.store().await;
    let answer = world.register(&json!({ "redirect_uris": ["https://client.example/"] })).await;
    assert!([403, 404].contains(&answer.status), "{answer:?}");
    world.assert_unchanged(&before, "a registration").await;
    assert_eq!(world.get("/.well-known/oauth-authorization-server").await.json().get("registration_endpoint"), None);
    world.gatehouse.stop().await;
}

/// What a client says of itself is never more than that: it cannot name its own id, secret or rights.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_choose_its_id_nor_claim_to_be_known() {
    let world = AttackWorld::start().await;
    let metadata = json!({
        "client_id": "public", "client_secret": "x", "client_name": "Public client", "redirect_uris": ["https://evil.example/"],
        "is_configured": true, "may_introspect": true, "scope": "admin", "software_statement": "x",
        "grant_types": ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
    });
    let answer = world.register(&metadata).await;
    if answer.status == 201 {
        let registered = answer.json();
        assert_ne!(registered["client_id"], "public");
        assert_ne!(registered.get("client_secret"), Some(&json!("x")));
        let grants = registered["grant_types"].to_string();
        assert!(!grants.contains("client_credentials") && !grants.contains("jwt-bearer"), "{registered}");
    }
    world.gatehouse.stop().await;
}
