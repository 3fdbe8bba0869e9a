//! Mixed-up issuers (RFC 9207; RFC 9700, section 4.4), and what a provider's metadata could make us do.

use gatehouse_tests::scripted_provider::Failure;
use gatehouse_tests::{AttackWorld, Endpoint, Person, Step};
use serde_json::{Value, json};

/// A response of another issuer, or of nobody where the provider always names itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_with_a_wrong_missing_or_doubled_iss_gets_no_code_and_the_provider_is_not_asked() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let issuer = world.provider().issuer();
    let wrong = [
        None,
        Some("https://evil.example".to_owned()),
        Some(String::new()),
        Some(format!("{issuer}/")),
        Some(issuer.replace("http:", "https:")),
        Some(issuer.replace("http:", "HTTP:")),
        Some(issuer.replace("127.0.0.1", "localhost")),
        Some(world.gatehouse.url.clone()),
    ];
    for iss in wrong {
        let named = iss.clone();
        world.provider().script(|script| {
            script.response(move |response| {
                response.retain(|(name, _)| name != "iss");
                response.extend(named.clone().map(|iss| ("iss".to_owned(), iss)));
            });
        });
        let mut flow = world.flow(&alice);
        flow.to(Step::Answered).await;
        assert_eq!(flow.response("code"), None, "{iss:?}");
        assert!(flow.response("error").is_some(), "{iss:?}");
    }
    assert_eq!(world.provider().count(Endpoint::Token), 0, "a code went to a provider that did not issue it");
    let left: Vec<_> = world.store().await.into_iter().filter(|(name, _)| name.starts_with("code.")).collect();
    assert!(left.is_empty(), "{left:?}");
    world.gatehouse.stop().await;
}

/// OpenID Connect Discovery, section 4.3: metadata of another issuer is an impersonation (RFC 8414, section 6.2).
/// geelen/mcp-remote CVE-2025-6514: endpoints that are no web addresses. Nobody is sent there.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_with_another_issuer_or_unsafe_endpoints_sends_nobody_anywhere() {
    for (member, value) in [
        ("issuer", json!("https://evil.example")),
        ("issuer", Value::Null),
        ("issuer", json!(7)),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!("http://evil.example/authorize")),
        ("authorization_endpoint", json!("file:///c:/windows/system32/calc.exe?'")),
        ("authorization_endpoint", json!("https://user:password@evil.example/authorize")),
        ("authorization_endpoint", json!("https://evil.example/#authorize")),
        ("authorization_endpoint", json!("//evil.example")),
        ("authorization_endpoint", Value::Null),
        ("token_endpoint", json!("http://169.254.169.254/latest")),
        ("token_endpoint", json!("gopher://127.0.0.1/")),
        ("jwks_uri", json!("http://10.0.0.1/keys")),
        ("jwks_uri", json!("data:application/json,{}")),
    ] {
        let world = AttackWorld::start().await;
        let alice = Person::new("alice");
        let mut flow = world.flow(&alice);
        flow.to(Step::Asked).await;
        let before = world.store().await;
        let (named, other) = (member, value.clone());
        world.provider().script(move |script| script.metadata(move |metadata| metadata[named] = other.clone()));
        let answer = flow.decide("approve").await;
        let location = answer.location().unwrap_or_else(|| panic!("{member} {value}: {answer:?}"));
        assert!(
            location.as_str().starts_with("https://client.example/callback?error="),
            "{member} {value}: {location}"
        );
        // But for how many sign-ins began in this minute, and how often the provider's metadata could not be had in it.
        let what = format!("{member} {value}");
        world.assert_only_changed(&before, &["logins", "document-failures"], &what).await;
        world.gatehouse.stop().await;
    }
}

/// A provider that is down or broken: fail closed, and say so to the client.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_at_any_endpoint_lets_nobody_in() {
    for endpoint in [Endpoint::Token, Endpoint::Keys] {
        for failure in [
            Failure::Status(500),
            Failure::Status(302),
            Failure::Status(401),
            Failure::Cut,
            Failure::Body("not JSON".to_owned()),
            Failure::Body("[]".to_owned()),
            Failure::Body("{}".to_owned()),
            Failure::Body(format!("{{\"access_token\":\"{}\"}}", "x".repeat(2_000_000))),
        ] {
            let world = AttackWorld::start().await;
            let alice = Person::new("alice");
            let what = format!("{endpoint:?} {failure:?}").chars().take(60).collect::<String>();
            world.provider().script(|script| {
                script.failures.insert(endpoint, failure);
            });
            let mut flow = world.flow(&alice);
            flow.to(Step::Answered).await;
            assert_eq!((flow.response("code"), flow.response("error").is_some()), (None, true), "{what}");
            let left: Vec<_> = world.store().await.into_iter().filter(|(name, _)| name.starts_with("code.")).collect();
            assert!(left.is_empty(), "{what}: {left:?}");
            world.gatehouse.stop().await;
        }
    }
}
