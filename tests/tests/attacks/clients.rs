//! Clients that should prove who they are, and do not (RFC 6749, section 2.3; RFC 7523, section 3).

use gatehouse_tests::jwt::{SigningKey, with_hmac, with_signature};
use gatehouse_tests::{Answer, AttackWorld, ClientAuthentication, Person, TestClient, unique};
use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::parties::{self, SECRET, pairs};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_client_signs_in_and_refreshes_in_its_own_way() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    for client in [parties::basic(), parties::post(), parties::signer()] {
        let tokens = world.flow_of(&alice, client.clone(), "/mcp").finish().await;
        let refreshed = world.refresh(&client, tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(refreshed.status, 200, "{}: {refreshed:?}", client.client_id);
    }
    world.gatehouse.stop().await;
}

/// The weakest way would count: a confidential client that merely names itself, or uses another method than its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_confidential_client_is_taken_at_its_word_by_nobody() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    for client in [parties::basic(), parties::post(), parties::signer()] {
        let tokens = world.flow_of(&alice, client.clone(), "/mcp").finish().await;
        let form =
            pairs(&[("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())]);
        let before = world.store().await;
        let impostor = |authentication| TestClient { authentication, ..client.clone() };
        let secrets = ["", "wrong", SECRET, "the other client's secret", &SECRET[1..], &SECRET.to_uppercase()];
        let mut impostors = vec![impostor(ClientAuthentication::None)];
        for secret in secrets.map(str::to_owned) {
            impostors.push(impostor(ClientAuthentication::Basic(secret.clone())));
            impostors.push(impostor(ClientAuthentication::Post(secret)));
        }
        impostors.push(impostor(ClientAuthentication::PrivateKeyJwt(SigningKey::OtherRsa)));
        for impostor in impostors {
            let is_right = match (&impostor.authentication, client.client_id.as_str()) {
                (ClientAuthentication::Basic(secret), "basic") => secret == SECRET,
                (ClientAuthentication::Post(secret), "post") => secret == "the other client's secret",
                _ => false,
            };
            if is_right {
                continue;
            }
            let answer = world.token(&impostor, &form).await;
            let what = format!("{}: {:?}", client.client_id, impostor.authentication);
            assert!([400, 401].contains(&answer.status), "{what}: {answer:?}");
            assert!(["invalid_client", "invalid_request"].contains(&answer.error().as_str()), "{what}: {answer:?}");
        }
        world.assert_unchanged(&before, &client.client_id).await;
        assert_eq!(world.token(&client, &form).await.status, 200, "{}", client.client_id);
    }
    world.gatehouse.stop().await;
}

/// RFC 6749, section 2.3: one method in a request. Two could name two clients.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_doubled_or_contradict_each_other_are_refused() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    let tokens = world.flow_of(&alice, parties::basic(), "/mcp").finish().await;
    let form = pairs(&[("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())]);
    let before = world.store().await;
    let assertion = SigningKey::P256.sign(&world.client_assertion("signer"));
    for extra in [
        pairs(&[("client_id", "public")]),
        pairs(&[("client_id", "post")]),
        pairs(&[("client_secret", SECRET)]),
        pairs(&[("client_id", "post"), ("client_secret", "the other client's secret")]),
        pairs(&[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]),
    ] {
        let answer = world.token(&parties::basic(), &[form.clone(), extra.clone()].concat()).await;
        assert!([400, 401].contains(&answer.status), "{extra:?}: {answer:?}");
        world.assert_unchanged(&before, &format!("{extra:?}")).await;
    }
    for header in
        ["Basic", "Basic ", "Basic !!!", "Basic YmFzaWM=", "Basic OnNlY3JldA==", "Bearer x", "Digest x", "basic"]
    {
        let request = world.form("/token", &form).header("authorization", header);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert!([400, 401].contains(&answer.status), "{header}: {answer:?}");
    }
    let twice = world.form("/token", &form).basic_auth("basic", Some("x")).basic_auth("basic", Some("y"));
    assert!([400, 401].contains(&twice.send().await.unwrap().status().as_u16()));
    world.assert_unchanged(&before, "headers").await;
    assert_eq!(world.token(&parties::basic(), &form).await.status, 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_assertion_that_is_forged_misdirected_or_out_of_time_proves_nothing() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    let tokens = world.flow_of(&alice, parties::signer(), "/mcp").finish().await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let now = world.now();
    let claims = || world.client_assertion("signer");
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        SigningKey::P256.sign(&claims)
    };
    let none = json!({ "alg": "none" });
    let hmac = json!({ "alg": "HS256", "kid": "p256" });
    let public_half = SigningKey::P256.jwk().to_string();
    let wrong = vec![
        ("unsigned", with_signature(&none, &claims(), "")),
        ("HMAC with the public key", with_hmac(&hmac, &claims(), public_half.as_bytes())),
        ("another key", SigningKey::OtherRsa.sign(&claims())),
        (
            "another key under a known name",
            SigningKey::OtherRsa.sign_under(&json!({ "alg": "RS256", "kid": "rsa" }), &claims()),
        ),
        (
            "its own key",
            SigningKey::OtherRsa.sign_under(&json!({ "alg": "RS256", "jwk": SigningKey::OtherRsa.jwk() }), &claims()),
        ),
        (
            "critical headers",
            SigningKey::P256.sign_under(&json!({ "alg": "ES256", "kid": "p256", "crit": ["exp"] }), &claims()),
        ),
        ("not a JWT", "e30.e30".to_owned()),
        ("for another server", with("aud", json!("https://evil.example"))),
        ("for the provider", with("aud", json!(world.provider().issuer()))),
        ("for nobody", with("aud", Value::Null)),
        ("for no one of several", with("aud", json!([]))),
        ("for another endpoint", with("aud", json!(world.url("/authorize")))),
        ("for the token endpoint", with("aud", json!(world.url("/token")))),
        ("for another server, too", with("aud", json!([world.gatehouse.url, "https://evil.example"]))),
        ("issued by another", with("iss", json!("basic"))),
        ("issued by nobody", with("iss", Value::Null)),
        ("about another", with("sub", json!("basic"))),
        ("about nobody", with("sub", Value::Null)),
        ("expired", with("exp", json!(now - 120))),
        ("never expiring", with("exp", Value::Null)),
        ("expiring in an hour", with("exp", json!(now + 3600))),
        ("not valid yet", with("nbf", json!(now + 3600))),
        ("from the future", with("iat", json!(now + 3600))),
        ("without jti", with("jti", Value::Null)),
        ("with an empty jti", with("jti", json!(""))),
    ];
    let form = |assertion: &str, kind: &str| {
        let mut form = pairs(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]);
        form.extend(pairs(&[("client_assertion_type", kind), ("client_assertion", assertion)]));
        form
    };
    let before = world.store().await;
    for (what, assertion) in &wrong {
        let answer = world.post("/token", &form(assertion, ASSERTION_TYPE)).await;
        assert!([400, 401].contains(&answer.status), "{what}: {answer:?}");
        assert!(["invalid_client", "invalid_request"].contains(&answer.error().as_str()), "{what}: {answer:?}");
        world.assert_unchanged(&before, what).await;
    }
    let good = SigningKey::P256.sign(&claims());
    let other_type =
        world.post("/token", &form(&good, "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")).await;
    assert!([400, 401].contains(&other_type.status), "{other_type:?}");
    world.assert_unchanged(&before, "another type").await;
    // An id_token of the provider, signed with a key that both happen to have.
    let id_token = SigningKey::Rsa.sign(&world.provider().claims("signer", None));
    assert_error(&world.post("/token", &form(&id_token, ASSERTION_TYPE)).await, 401, "invalid_client", "an id_token");
    world.assert_unchanged(&before, "an id_token").await;

    // Right, once.
    let answer = world.post("/token", &form(&good, ASSERTION_TYPE)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let before = world.store().await;
    assert_error(&world.post("/token", &form(&good, ASSERTION_TYPE)).await, 401, "invalid_client", "a replay");
    // The counter that recognises it counts on.
    let changes = world.changes_since(&before).await;
    assert!(changes.iter().all(|name| name.starts_with("client-assertion-use.")), "{changes:?}");
    world.gatehouse.stop().await;
}

/// Every wrong secret reads the same: nothing tells how near it was.
#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_secret_of_a_registered_client_gets_the_same_answer() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    let metadata = json!({ "redirect_uris": ["https://client.example/callback"], "token_endpoint_auth_method": "client_secret_basic" });
    let answer = world.register(&metadata).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    let (client_id, secret) = (text("client_id"), text("client_secret"));
    let client = TestClient::public(&client_id, "https://client.example/callback")
        .with(ClientAuthentication::Basic(secret.clone()));
    let tokens = world.flow_of(&alice, client.clone(), "/mcp").finish().await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let before = world.store().await;
    let mut expected = None;
    let flips = (0..secret.len()).map(|position| gatehouse_tests::flipped(&secret, position));
    let others =
        [String::new(), secret[1..].to_owned(), format!("{secret}A"), unique(""), SECRET.to_owned(), client_id.clone()];
    for wrong in flips.chain(others) {
        let impostor = client.clone().with(ClientAuthentication::Basic(wrong.clone()));
        let answer = world.refresh(&impostor, refresh).await.unmarked();
        assert_eq!(&answer, expected.get_or_insert_with(|| answer.clone()), "{wrong}");
    }
    assert_eq!(expected.unwrap().0, 401);
    world.assert_unchanged(&before, "wrong secrets").await;
    assert_eq!(world.refresh(&client, refresh).await.status, 200);
    world.gatehouse.stop().await;
}
