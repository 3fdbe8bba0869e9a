//! Dynamic client registration, open to everybody (activepieces#15016).

use gatehouse_tests::{AttackSettings, AttackWorld, From, Person, raw};
use serde_json::json;

use crate::answers::{assert_error, assert_shown};

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

/// activepieces#15016: open to everybody is not open without end. ContextForge#4557: two instances count together.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_clients_register_in_an_hour_than_the_operator_allows_whichever_instance_they_ask() {
    let tables = "[registration]\nper_hour = 6".to_owned();
    let world = AttackWorld::start_with(AttackSettings { tables, ..AttackSettings::default() }).await;
    let beside = world.beside().await;
    let metadata = json!({ "redirect_uris": ["https://client.example/"] });
    // What is refused does not count.
    for _ in 0..10 {
        assert_eq!(world.register(&json!({ "redirect_uris": [] })).await.status, 400);
    }
    for number in 0..6 {
        let instance = [&world, &beside][number % 2];
        assert_eq!(instance.register(&metadata).await.status, 201, "{number}");
    }
    let clients = |store: Vec<(String, Vec<u8>)>| store.iter().filter(|(name, _)| name.starts_with("client")).count();
    let before = clients(world.store().await);
    for instance in [&world, &beside] {
        let answer = instance.register(&metadata).await;
        assert_eq!(answer.status, 429, "{answer:?}");
        let wait: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!((1..=3600).contains(&wait), "{wait}");
    }
    assert_eq!(clients(world.store().await), before, "a client was stored");
    world.gatehouse.clock.advance(3600);
    assert_eq!(world.register(&metadata).await.status, 201, "an hour later");
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_registration_needs_a_token_no_other_one_and_none_will_do() {
    const TOKEN: &str = "initial-access-token-8d1f";
    let world = AttackWorld::start_with(AttackSettings {
        tables: "[registration]\ninitial_access_token = { secret = \"registration_token\" }".to_owned(),
        variables: vec![("registration_token".to_owned(), TOKEN.to_owned())],
        ..AttackSettings::default()
    })
    .await;
    let before = world.store().await;
    let body = json!({ "redirect_uris": ["https://client.example/"] }).to_string();
    let ask = async |authorization: Option<&str>| {
        let request = gatehouse_tests::http().post(world.url("/register")).header("content-type", "application/json");
        let request = authorization.into_iter().fold(request, |request, value| request.header("authorization", value));
        gatehouse_tests::Answer::of(request.body(body.clone()).send().await.unwrap()).await
    };
    let cut = format!("Bearer {}", &TOKEN[1..]);
    let long = format!("Bearer {TOKEN}A");
    let basic = format!("Basic {TOKEN}");
    for authorization in [
        None,
        Some("Bearer x"),
        Some("Bearer "),
        Some("Bearer"),
        Some(cut.as_str()),
        Some(&long),
        Some(&basic),
        Some(TOKEN),
    ] {
        let answer = ask(authorization).await;
        assert_eq!(answer.status, 401, "{authorization:?}: {answer:?}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
    }
    world.assert_unchanged(&before, "registrations").await;
    assert_eq!(ask(Some(&format!("Bearer {TOKEN}"))).await.status, 201);
    world.gatehouse.stop().await;
}

/// A registration that nobody uses ends by itself; one that is used goes on.
#[tokio::test(flavor = "multi_thread")]
async fn an_unused_registration_is_gone_after_a_day_and_a_used_one_is_not() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let (unused, used) =
        (world.registered("https://unused.example/").await, world.registered("https://used.example/").await);
    world.flow_of(&alice, used.clone(), "/mcp").finish().await;
    world.gatehouse.clock.advance(24 * 60 * 60 + 1);
    let flow = world.flow_of(&alice, unused, "/mcp");
    assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, "unused");
    world.gatehouse.clock.advance(40 * 24 * 60 * 60);
    world.flow_of(&alice, used.clone(), "/mcp").finish().await;
    world.gatehouse.clock.advance(44 * 24 * 60 * 60);
    world.flow_of(&alice, used.clone(), "/mcp").finish().await;
    world.gatehouse.clock.advance(91 * 24 * 60 * 60);
    let flow = world.flow_of(&alice, used, "/mcp");
    assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, "used long ago");
    world.gatehouse.stop().await;
}

/// A client is given a secret only where it asks for one, and only its hash is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_given_to_who_asks_for_one_and_is_not_kept() {
    let world = AttackWorld::start().await;
    for (method, has_secret) in
        [(None, false), (Some("none"), false), (Some("client_secret_basic"), true), (Some("client_secret_post"), true)]
    {
        let answer = world
            .register(&json!({ "redirect_uris": ["https://client.example/"], "token_endpoint_auth_method": method }))
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let registered = answer.json();
        assert_eq!(registered["token_endpoint_auth_method"], method.unwrap_or("none"));
        assert_eq!(registered.get("client_secret").is_some(), has_secret, "{registered}");
        // RFC 7591, section 3.2.1: required with a secret.
        assert_eq!(registered.get("client_secret_expires_at").is_some(), has_secret, "{registered}");
        if let Some(secret) = registered["client_secret"].as_str() {
            let kept = world
                .store()
                .await
                .iter()
                .any(|(_, value)| value.windows(secret.len()).any(|window| window == secret.as_bytes()));
            assert!(!kept, "{method:?}");
        }
    }
    let before = world.store().await;
    for (method, extra) in [
        ("client_secret_jwt", json!({})),
        ("tls_client_auth", json!({})),
        ("", json!({})),
        ("private_key_jwt", json!({})),
        ("private_key_jwt", json!({ "jwks_uri": "https://127.0.0.1/keys" })),
        ("private_key_jwt", json!({ "jwks": { "keys": [] } })),
        ("private_key_jwt", json!({ "jwks": { "keys": [{ "kty": "oct", "k": "AAAA" }] } })),
    ] {
        let mut metadata =
            json!({ "redirect_uris": ["https://client.example/"], "token_endpoint_auth_method": method });
        metadata.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_error(&world.register(&metadata).await, 400, "invalid_client_metadata", &metadata.to_string());
    }
    world.assert_unchanged(&before, "refused methods").await;
    world.gatehouse.stop().await;
}
