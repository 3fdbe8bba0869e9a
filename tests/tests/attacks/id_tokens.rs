//! id_tokens that prove nothing (OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725).

use std::sync::Arc;

use gatehouse_tests::jwt::{SigningKey, with_hmac, with_signature};
use gatehouse_tests::{AttackWorld, Endpoint, Person, Step};
use serde_json::{Value, json};

use crate::answers::is_document;

type Forge = Arc<dyn Fn(&Value) -> String + Send + Sync>;

fn forge(make: impl Fn(&Value) -> String + Send + Sync + 'static) -> Forge {
    Arc::new(make)
}

/// A token with one claim changed, rightly signed.
fn with_claim(name: &'static str, value: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Forge {
    forge(move |claims| {
        let mut changed = claims.clone();
        match value(claims) {
            Value::Null => drop(changed.as_object_mut().unwrap().remove(name)),
            value => changed[name] = value,
        }
        SigningKey::Rsa.sign(&changed)
    })
}

async fn assert_refused(forgeries: Vec<(&str, Forge)>) {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    for (what, make) in forgeries {
        world.provider().script(|script| script.id_token = make);
        let mut flow = world.flow(&alice);
        flow.to(Step::Returned).await;
        let before = world.store().await;
        flow.to(Step::Answered).await;
        assert_eq!(flow.response("code"), None, "{what}");
        assert!(flow.response("error").is_some(), "{what}");
        // The login is used up; nothing else has happened.
        let changes = world.changes_since(&before).await;
        let other: Vec<_> = changes.iter().filter(|name| !name.starts_with("login") && !is_document(name)).collect();
        assert!(other.is_empty(), "{what}: {other:?}");
        assert_eq!(flow.call_back().await.status, 400, "{what}: not even once more");
    }
    world.provider().script(|script| script.id_token = Arc::new(|claims| SigningKey::Rsa.sign(claims)));
    world.flow(&alice).finish().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_or_algorithm_confused_id_token_lets_nobody_in() {
    let header = |alg: &str| json!({ "alg": alg, "kid": "rsa", "typ": "JWT" });
    let public_half = SigningKey::Rsa.jwk();
    let modulus = public_half["n"].as_str().unwrap().to_owned();
    let whole = public_half.to_string();
    let mut forgeries = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        forgeries.push(("unsigned", forge(move |claims| with_signature(&header(alg), claims, ""))));
        forgeries
            .push(("unsigned, with some signature", forge(move |claims| with_signature(&header(alg), claims, "AAAA"))));
    }
    for secret in [modulus.clone().into_bytes(), whole.into_bytes(), Vec::from(*b"secret"), Vec::new()] {
        for alg in ["HS256", "HS384", "RS256"] {
            let secret = secret.clone();
            forgeries.push(("HMAC with the public key", forge(move |claims| with_hmac(&header(alg), claims, &secret))));
        }
    }
    forgeries.push(("no alg", forge(|claims| SigningKey::Rsa.sign_under(&json!({ "kid": "rsa" }), claims))));
    forgeries.push(("RS512 in the header", forge(move |claims| SigningKey::Rsa.sign_under(&header("RS512"), claims))));
    forgeries.push(("ES256 in the header", forge(move |claims| SigningKey::Rsa.sign_under(&header("ES256"), claims))));
    forgeries.push((
        "an EC key under the RSA key's name",
        forge(move |claims| SigningKey::P256.sign_under(&header("RS256"), claims)),
    ));
    assert_refused(forgeries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_signed_by_another_key_or_bringing_its_own_lets_nobody_in() {
    let other = SigningKey::OtherRsa;
    let header = |extra: Value| {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        header
    };
    let headers = [
        ("another key under the name of a known one", json!({ "kid": "rsa" })),
        ("another key under its own name", json!({ "kid": "other-rsa" })),
        ("no kid", json!({})),
        ("a kid that is a path", json!({ "kid": "../../../dev/null" })),
        ("a kid that is a query", json!({ "kid": "' UNION SELECT 'x" })),
        ("its own key in the header", json!({ "kid": "rsa", "jwk": other.jwk() })),
        ("a key set of its own", json!({ "kid": "other-rsa", "jku": "https://evil.example/keys" })),
        (
            "a certificate of its own",
            json!({ "kid": "other-rsa", "x5u": "https://evil.example/cert", "x5c": ["AAAA"] }),
        ),
        ("critical headers", json!({ "kid": "rsa", "crit": ["exp"], "exp": 1 })),
    ];
    let mut forgeries: Vec<_> = headers
        .map(|(what, extra)| (what, forge(move |claims| other.sign_under(&header(extra.clone()), claims))))
        .into();
    forgeries.push((
        "critical headers, rightly signed",
        forge(|claims| {
            SigningKey::Rsa.sign_under(&json!({ "alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": false }), claims)
        }),
    ));
    forgeries.push((
        "a signature of other claims",
        forge(|claims| {
            let (good, mut changed) = (SigningKey::Rsa.sign(claims), claims.clone());
            changed["sub"] = "admin".into();
            with_signature(
                &json!({ "alg": "RS256", "kid": "rsa", "typ": "JWT" }),
                &changed,
                good.rsplit('.').next().unwrap(),
            )
        }),
    ));
    for text in ["", ".", "..", "a.b.c", "not a token", "e30.e30."] {
        forgeries.push(("not a JWT", forge(move |_| text.to_owned())));
    }
    forgeries.push(("five parts", forge(|claims| format!("{}.e30.e30", SigningKey::Rsa.sign(claims)))));
    assert_refused(forgeries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_with_a_wrong_nonce_audience_azp_or_issuer_lets_nobody_in() {
    let always = |name: &'static str, value: Value| with_claim(name, move |_| value.clone());
    assert_refused(vec![
        ("another nonce", always("nonce", json!("another"))),
        ("an empty nonce", always("nonce", json!(""))),
        ("no nonce", always("nonce", Value::Null)),
        ("a nonce that is no text", always("nonce", json!(["x"]))),
        (
            "a nonce with white space",
            with_claim("nonce", |claims| json!(format!("{} ", claims["nonce"].as_str().unwrap()))),
        ),
        ("another audience", always("aud", json!("another-client"))),
        ("an empty audience", always("aud", json!(""))),
        ("no audience", always("aud", Value::Null)),
        ("an empty list of audiences", always("aud", json!([]))),
        ("other audiences", always("aud", json!(["another-client", "gateway-2"]))),
        ("several audiences without azp", always("aud", json!(["gateway", "another-client"]))),
        ("the audience in other letters", always("aud", json!("Gateway"))),
        ("issued to another client", always("azp", json!("another-client"))),
        ("issued to nobody", always("azp", json!(""))),
        ("another issuer", always("iss", json!("https://evil.example"))),
        ("no issuer", always("iss", Value::Null)),
        ("the issuer with a slash", with_claim("iss", |claims| json!(format!("{}/", claims["iss"].as_str().unwrap())))),
        ("no subject", always("sub", Value::Null)),
        ("an empty subject", always("sub", json!(""))),
        ("a subject that is a number", always("sub", json!(1))),
        ("a subject with a line break", always("sub", json!("alice\r\nx-admin: 1"))),
        ("a subject that is too long", always("sub", json!("x".repeat(300)))),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_or_not_yet_valid_id_token_lets_nobody_in() {
    let moved = |name: &'static str, seconds: i64| {
        with_claim(name, move |claims| json!(claims["iat"].as_i64().unwrap() + seconds))
    };
    assert_refused(vec![
        ("expired beyond the leeway", moved("exp", -120)),
        ("no expiry", with_claim("exp", |_| Value::Null)),
        ("an expiry that is text", with_claim("exp", |_| json!("never"))),
        ("a negative expiry", with_claim("exp", |_| json!(-1))),
        ("an expiry beyond all numbers", with_claim("exp", |_| json!(1e300))),
        ("valid from tomorrow", moved("nbf", 86_400)),
        ("issued tomorrow", moved("iat", 86_400)),
        ("issued long ago", moved("iat", -86_400)),
        ("never issued", with_claim("iat", |_| Value::Null)),
    ])
    .await;
}

/// A copied id_token of an earlier login, and one of another client of the same provider.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_of_an_earlier_login_lets_nobody_in_again() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    world.flow(&alice).finish().await;
    let is_jwt = |secret: &String| secret.matches('.').count() == 2;
    let earlier = world.provider().secrets().into_iter().find(is_jwt).expect("an id_token");
    world.provider().script(move |script| script.id_token(move |_| earlier.clone()));
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    assert_eq!((flow.response("code"), flow.response("error").is_some()), (None, true));
    world.gatehouse.stop().await;
}

/// The provider changes its keys: the new one is looked for, and a name that nobody knows does not make us ask for ever.
#[tokio::test(flavor = "multi_thread")]
async fn rotated_keys_are_found_and_the_retired_one_is_no_longer_believed() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    world.flow(&alice).finish().await;
    world.provider().script(|script| {
        script.keys = vec![SigningKey::OtherRsa.jwk()];
        script.id_token(|claims| SigningKey::OtherRsa.sign(claims));
    });
    world.flow(&alice).finish().await;
    // The key that was published first is compromised; after the cached set has ended it opens nothing.
    world.gatehouse.clock.advance(25 * 60 * 60);
    world.provider().script(|script| script.id_token(|claims| SigningKey::Rsa.sign(claims)));
    let asked = world.provider().count(Endpoint::Keys);
    for _ in 0..5 {
        let mut flow = world.flow(&alice);
        flow.to(Step::Answered).await;
        assert_eq!((flow.response("code"), flow.response("error").is_some()), (None, true));
    }
    assert!(world.provider().count(Endpoint::Keys) - asked <= 10, "the key set was asked for again and again");
    world.gatehouse.stop().await;
}
