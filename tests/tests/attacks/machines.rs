//! Grants without a user: machines for themselves, and the enterprise's provider for its users.

use gatehouse_tests::jwt::{SigningKey, with_signature};
use gatehouse_tests::{AttackSettings, AttackWorld, ClientAuthentication, Person, TestClient, unique};
use serde_json::{Value, json};

use crate::answers::{assert_error, is_document};
use crate::parties::{self, pairs};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// RFC 6749, section 4.4: only for clients that the operator gave the grant, and that prove who they are.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_a_machine_gets_tokens_for_itself_and_no_more_than_it_was_given() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let registered = world.registered("https://client.example/callback").await;
    let mcp = world.url("/other");
    let form = |extra: &[(&str, &str)]| [pairs(&[("grant_type", "client_credentials")]), pairs(extra)].concat();
    let before = world.store().await;
    for client in [world.public(), registered, parties::basic(), parties::post(), parties::agent()] {
        let answer = world.token(&client, &form(&[("resource", &mcp)])).await;
        assert_error(&answer, 400, "unauthorized_client", &client.client_id);
    }
    let impostor = parties::machine().with(ClientAuthentication::Basic("wrong".to_owned()));
    assert_error(&world.token(&impostor, &form(&[("resource", &mcp)])).await, 401, "invalid_client", "a wrong secret");
    let nameless = TestClient::public("machine", "");
    assert_error(&world.token(&nameless, &form(&[("resource", &mcp)])).await, 401, "invalid_client", "no secret");
    for (extra, error) in [
        (&[("resource", mcp.as_str()), ("scope", "mcp files")][..], "invalid_scope"),
        (&[("resource", &mcp), ("scope", "files")], "invalid_scope"),
        (&[("resource", &mcp), ("scope", "admin")], "invalid_scope"),
        (&[("resource", "https://evil.example/")], "invalid_target"),
        (&[("scope", "mcp")], "invalid_target"),
    ] {
        assert_error(&world.token(&parties::machine(), &form(extra)).await, 400, error, &format!("{extra:?}"));
    }
    world.assert_unchanged(&before, "machines").await;

    let tokens = world.token(&parties::machine(), &form(&[("resource", &mcp)])).await.json();
    assert_eq!((tokens["scope"].as_str(), tokens.get("refresh_token")), (Some("mcp"), None), "{tokens}");
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.call("/other", token).await.status, 200);
    assert_eq!(world.call("/mcp", token).await.status, 401, "another resource");
    // It has no user, so it cannot sign anybody in.
    let alice = Person::new("alice");
    let flow = world.flow_of(&alice, TestClient::public("machine", "https://client.example/callback"), "/mcp");
    let answer = alice.open(&flow.authorization_url(), gatehouse_tests::From::Nowhere).await;
    assert_eq!((answer.status, answer.header("location")), (400, ""), "{answer:?}");
    world.gatehouse.stop().await;
}

async fn enterprise() -> AttackWorld {
    let provider_lines = "accepts_identity_assertions = true".to_owned();
    AttackWorld::start_with(AttackSettings { provider_lines, ..parties::settings() }).await
}

fn assertion(world: &AttackWorld) -> Value {
    json!({
        "iss": world.provider().issuer(), "sub": "alice", "aud": world.gatehouse.url, "client_id": "agent",
        "resource": world.url("/mcp"), "scope": "mcp files", "jti": unique("jti-"), "iat": world.now(), "exp": world.now() + 300,
    })
}

fn sign(claims: &Value) -> String {
    SigningKey::Rsa.sign_under(&json!({ "alg": "RS256", "kid": "rsa", "typ": "oauth-id-jag+jwt" }), claims)
}

fn bearing(assertion: &str) -> Vec<(String, String)> {
    pairs(&[("grant_type", JWT_BEARER), ("assertion", assertion)])
}

/// Enterprise-managed authorization (ID-JAG): every claim decides.
#[tokio::test(flavor = "multi_thread")]
async fn an_identity_assertion_that_is_wrong_in_any_claim_grants_nothing() {
    let world = enterprise().await;
    let now = world.now();
    let with = |name: &str, value: Value| {
        let mut claims = assertion(&world);
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        sign(&claims)
    };
    let id_token = SigningKey::Rsa.sign(&world.provider().claims("alice", None));
    let under = |header: Value| SigningKey::Rsa.sign_under(&header, &assertion(&world));
    let wrong = vec![
        ("an id_token", id_token),
        ("no typ", under(json!({ "alg": "RS256", "kid": "rsa" }))),
        ("typ JWT", under(json!({ "alg": "RS256", "kid": "rsa", "typ": "JWT" }))),
        ("unsigned", with_signature(&json!({ "alg": "none", "typ": "oauth-id-jag+jwt" }), &assertion(&world), "")),
        (
            "another key",
            SigningKey::OtherRsa
                .sign_under(&json!({ "alg": "RS256", "kid": "rsa", "typ": "oauth-id-jag+jwt" }), &assertion(&world)),
        ),
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("no issuer", with("iss", Value::Null)),
        ("another server", with("aud", json!("https://evil.example"))),
        ("several servers", with("aud", json!([world.gatehouse.url, "https://evil.example"]))),
        ("no audience", with("aud", Value::Null)),
        ("our resource as the audience", with("aud", json!(world.url("/mcp")))),
        ("another client", with("client_id", json!("machine"))),
        ("no client", with("client_id", Value::Null)),
        ("a resource of somebody else", with("resource", json!("https://evil.example/mcp"))),
        ("a resource that is none", with("resource", json!("mcp"))),
        ("a scope that is not ours", with("scope", json!("admin"))),
        ("a key that must be proved", with("cnf", json!({ "jkt": "x" }))),
        ("details that limit it", with("authorization_details", json!([{ "type": "payment" }]))),
        ("no jti", with("jti", Value::Null)),
        ("expired", with("exp", json!(now - 120))),
        ("no expiry", with("exp", Value::Null)),
        ("from the future", with("iat", json!(now + 3600))),
        ("not valid yet", with("nbf", json!(now + 3600))),
        ("no subject", with("sub", Value::Null)),
        ("not a JWT", "x".to_owned()),
    ];
    let before = world.store().await;
    for (what, assertion) in &wrong {
        assert_error(&world.token(&parties::agent(), &bearing(assertion)).await, 400, "invalid_grant", what);
        let changes: Vec<_> =
            world.changes_since(&before).await.into_iter().filter(|name| !is_document(name)).collect();
        assert!(changes.is_empty(), "{what}: {changes:?}");
    }
    let wider = [bearing(&sign(&assertion(&world))), pairs(&[("scope", "admin")])].concat();
    assert_error(&world.token(&parties::agent(), &wider).await, 400, "invalid_scope", "a wider scope");
    let narrow = [bearing(&with("scope", json!("mcp"))), pairs(&[("scope", "mcp files")])].concat();
    assert_error(&world.token(&parties::agent(), &narrow).await, 400, "invalid_scope", "more than the provider allows");
    let elsewhere = [bearing(&sign(&assertion(&world))), pairs(&[("resource", &world.url("/other"))])].concat();
    assert_error(&world.token(&parties::agent(), &elsewhere).await, 400, "invalid_target", "another resource");
    for client in [world.public(), parties::basic(), parties::machine()] {
        let answer = world.token(&client, &bearing(&sign(&assertion(&world)))).await;
        assert_error(&answer, 400, "unauthorized_client", &client.client_id);
    }
    let changes: Vec<_> = world.changes_since(&before).await.into_iter().filter(|name| !is_document(name)).collect();
    assert!(changes.is_empty(), "{changes:?}");

    // Right, once.
    let good = bearing(&sign(&assertion(&world)));
    let answer = world.token(&parties::agent(), &good).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json().get("refresh_token"), None);
    assert_eq!(world.call("/mcp", answer.json()["access_token"].as_str().unwrap()).await.status, 200);
    assert_error(&world.token(&parties::agent(), &good).await, 400, "invalid_grant", "a replay");
    world.gatehouse.stop().await;
}

/// The provider vouches for the user, and gives no token of theirs: a server that needs one is not called. That is 403 and not 401: the
/// session is good, and another one would be like it.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_an_identity_assertion_does_not_reach_a_server_that_needs_the_providers_token() {
    let settings = AttackSettings {
        provider_lines: "accepts_identity_assertions = true".to_owned(),
        mcp_lines: "identity_provider_token_header = \"x-provider-token\"".to_owned(),
        ..parties::settings()
    };
    let world = AttackWorld::start_with(settings).await;
    let tokens = world.token(&parties::agent(), &bearing(&sign(&assertion(&world)))).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let token = tokens.json()["access_token"].as_str().expect("a token").to_owned();
    let before = world.store().await;
    let refused = world.call("/mcp", &token).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(refused.header("www-authenticate"), "", "nothing that a client could get would help");
    assert!(refused.body.contains("signed in with a browser"), "{refused:?}");
    assert!(world.upstream.requests().is_empty(), "the server was called");
    world.assert_unchanged(&before, "a call without the provider's token").await;
    // Who has signed in has one.
    let alice = Person::new("alice");
    let signed_in = world.flow(&alice).finish().await;
    assert_eq!(world.call("/mcp", signed_in["access_token"].as_str().expect("a token")).await.status, 200);
    assert_eq!(world.upstream.requests().len(), 1);
    world.gatehouse.stop().await;
}

/// It is off unless the operator says so.
#[tokio::test(flavor = "multi_thread")]
async fn identity_assertions_are_refused_where_the_provider_was_not_given_that_power() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let before = world.store().await;
    let answer = world.token(&parties::agent(), &bearing(&sign(&assertion(&world)))).await;
    assert_error(&answer, 400, "invalid_grant", "off");
    world.assert_unchanged(&before, "off").await;
    let metadata = world.get("/.well-known/oauth-authorization-server").await;
    assert!(!metadata.body.contains("id-jag"), "{metadata:?}");
    world.gatehouse.stop().await;
}
