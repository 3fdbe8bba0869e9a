//! Tokens that are none.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_tests::jwt::{SigningKey, with_hmac, with_signature};
use gatehouse_tests::{Person, text};
use serde_json::{Value, json};

use super::{Scene, header};

/// A token whose claims are this very text.
fn of_text(claims: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(header("RS256", "rsa", "at+jwt").to_string());
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    SigningKey::Rsa.sign_message(&message)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_issuer_is_taken_and_the_server_learns_whose_it_is() {
    let scene = Scene::start().await;
    for token in [
        SigningKey::Rsa.sign(&scene.claims()),
        SigningKey::P256.sign(&scene.claims_with("scp", Value::Null)),
        SigningKey::Rsa.sign_under(&header("RS256", "rsa", "at+jwt"), &scene.claims()),
        SigningKey::Rsa.sign_under(&header("RS256", "rsa", "application/at+jwt"), &scene.claims()),
        SigningKey::Rsa.sign(&scene.claims_with("aud", json!(["api://other", "api://one"]))),
    ] {
        let answer = scene.world.call("/partner", &token).await;
        assert_eq!(answer.status, 200, "{answer:?} {}", scene.reason());
        assert_eq!(answer.json()["result"]["subject"], "partner:alice");
        scene.is_not_logged(&token, "a good token");
    }
    let log = scene.world.gatehouse.log.lines();
    let forwarded = log.iter().find(|line| line.contains(r#""event":"forwarded""#)).unwrap();
    for field in [r#""subject":"partner:alice""#, r#""client_id":"partner:an-app""#, r#""credential":"external-token""#]
    {
        assert!(forwarded.contains(field), "{forwarded}");
    }
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_unsigned_tokens_and_those_with_a_confused_key_are_refused() {
    let scene = Scene::start().await;
    let claims = scene.claims();
    let jwk = SigningKey::Rsa.jwk();
    let modulus = jwk["n"].as_str().unwrap().as_bytes().to_vec();
    let good = SigningKey::Rsa.sign(&claims);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let mut tokens = vec![
        ("another key", SigningKey::OtherRsa.sign(&claims)),
        ("another key under a known name", SigningKey::OtherRsa.sign_under(&header("RS256", "rsa", "JWT"), &claims)),
        ("no signature", format!("{message}.")),
        ("half a signature", format!("{message}.{}", &signature[..signature.len() / 2])),
        ("ES256 with a key of RSA", SigningKey::Rsa.sign_under(&header("ES256", "rsa", "JWT"), &claims)),
        (
            "RS256 with a key of an elliptic curve",
            SigningKey::P256.sign_under(&header("RS256", "p256", "JWT"), &claims),
        ),
        ("PS256 that is RS256", SigningKey::Rsa.sign_under(&header("PS256", "rsa", "JWT"), &claims)),
        ("no alg", SigningKey::Rsa.sign_under(&json!({ "kid": "rsa" }), &claims)),
    ];
    for none in ["none", "None", "NONE", "nOnE", ""] {
        tokens.push(("none", with_signature(&header(none, "rsa", "JWT"), &claims, "")));
        tokens.push(("none with a signature", with_signature(&header(none, "rsa", "JWT"), &claims, signature)));
    }
    for secret in [modulus, jwk.to_string().into_bytes(), Vec::new()] {
        for alg in ["HS256", "HS384", "HS512", "RS256"] {
            tokens.push(("HMAC with the public key", with_hmac(&header(alg, "rsa", "JWT"), &claims, &secret)));
        }
    }
    for (what, token) in tokens {
        scene.refused("/partner", &token, what).await;
    }
    assert_eq!(scene.world.call("/partner", &good).await.status, 200);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_header_chooses_a_key_or_an_address() {
    let scene = Scene::start().await;
    let (claims, issuer) = (scene.claims(), scene.issuer.origin().to_owned());
    assert_eq!(scene.world.call("/partner", &SigningKey::Rsa.sign(&claims)).await.status, 200);
    scene.issuer.asked();
    let with = |name: &str, value: Value| {
        let mut header = header("RS256", "rsa", "JWT");
        header[name] = value;
        header
    };
    let jku = format!("{issuer}/jku");
    for (what, header) in [
        ("jku", with("jku", json!(jku))),
        ("x5u", with("x5u", json!(jku))),
        ("jwk", with("jwk", SigningKey::OtherRsa.jwk())),
        ("x5c", with("x5c", json!(["MIIB"]))),
        ("kid with a path", with("kid", json!("../../jku"))),
        ("kid with a URL", with("kid", json!(jku))),
        ("kid with SQL", with("kid", json!("rsa' OR '1'='1"))),
        ("no kid", json!({ "alg": "RS256", "jwk": SigningKey::OtherRsa.jwk(), "jku": jku })),
    ] {
        scene.refused("/partner", &SigningKey::OtherRsa.sign_under(&header, &claims), what).await;
    }
    let asked = scene.issuer.asked();
    assert!(asked.iter().all(|path| path == "/jwks") && asked.len() <= 1, "{asked:?}");
    for (what, header) in [
        ("crit", with("crit", json!(["exp"]))),
        ("an empty crit", with("crit", json!([]))),
        ("b64", with("b64", json!(false))),
        ("b64 that is critical", json!({ "alg": "RS256", "kid": "rsa", "b64": false, "crit": ["b64"] })),
    ] {
        scene.refused("/partner", &SigningKey::Rsa.sign_under(&header, &claims), what).await;
    }
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_for_its_time_its_audience_and_its_issuer() {
    let scene = Scene::start().await;
    let now = scene.world.now();
    for (what, name, value) in [
        ("expired", "exp", json!(now - 61)),
        ("expired long ago", "exp", json!(1)),
        ("without an end", "exp", Value::Null),
        ("not yet valid", "nbf", json!(now + 61)),
        ("issued in the future", "iat", json!(now + 120)),
        ("an end before time began", "exp", json!(-1)),
        ("an end that is a text", "exp", json!("tomorrow")),
        ("another audience", "aud", json!("api://two")),
        ("no audience", "aud", Value::Null),
        ("an empty audience", "aud", json!([])),
        ("an audience that begins like it", "aud", json!("api://one/")),
        ("an audience in other letters", "aud", json!("API://ONE")),
        ("another issuer", "iss", json!("https://evil.example")),
        ("the issuer with a slash", "iss", json!(format!("{}/", scene.issuer.origin()))),
        ("no issuer", "iss", Value::Null),
        ("an issuer that is a list", "iss", json!([scene.issuer.origin()])),
        ("no subject", "sub", Value::Null),
        ("an empty subject", "sub", json!("")),
        ("a subject with a line break", "sub", json!("alice\r\nx-admin: 1")),
        ("a client with a line break", "client_id", json!("app\r\nx: 1")),
    ] {
        scene.refused("/partner", &SigningKey::Rsa.sign(&scene.claims_with(name, value)), what).await;
    }
    let token = SigningKey::Rsa.sign(&scene.claims());
    assert_eq!(scene.world.call("/partner", &token).await.status, 200);
    // What is kept of it ends with it.
    scene.world.gatehouse.clock.advance(659);
    assert_eq!(scene.world.call("/partner", &token).await.status, 200);
    scene.world.gatehouse.clock.advance(1);
    scene.refused("/partner", &token, "its end").await;
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_nested_or_doubled_token_is_refused() {
    let scene = Scene::start().await;
    let claims = scene.claims();
    let text = claims.to_string();
    let depth = 200;
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let doubled = |member: &str| of_text(&text.replacen('{', &format!("{{{member},"), 1));
    let large = scene.claims_with("groups", json!(vec!["g".repeat(100); 120]));
    for (what, token) in [
        ("larger than 16 KiB", SigningKey::Rsa.sign(&large)),
        ("deeply nested", of_text(&text.replacen('{', &format!("{{\"x\":{nested},"), 1))),
        ("two audiences", doubled(r#""aud":"api://two""#)),
        ("two issuers", doubled(r#""iss":"https://evil.example""#)),
        ("two subjects", doubled(r#""sub":"bob""#)),
        ("two ends", doubled(r#""exp":9999999999"#)),
        ("two scopes", doubled(r#""scope":"mcp admin""#)),
        ("two of a claim that nobody reads", doubled(r#""x":1,"x":2"#)),
        ("no JSON", of_text("{")),
        ("a list", of_text("[]")),
        ("text behind it", of_text(&format!("{text}{{}}"))),
        ("two parts", "aaaa.bbbb".to_owned()),
        ("four parts", format!("{}.aaaa", SigningKey::Rsa.sign(&claims))),
        ("five parts", "a.b.c.d.e".to_owned()),
    ] {
        scene.refused("/partner", &token, what).await;
    }
    let fits = scene.claims_with("groups", json!(vec!["g".repeat(100); 60]));
    assert_eq!(scene.world.call("/partner", &SigningKey::Rsa.sign(&fits)).await.status, 200);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_and_others_of_the_same_issuer_give_no_access() {
    let scene = Scene::start().await;
    let without = |names: &[&str]| {
        let mut claims = scene.claims();
        names.iter().for_each(|name| claims[*name] = Value::Null);
        claims
    };
    for (what, claims) in [
        ("a nonce", scene.claims_with("nonce", json!("n"))),
        ("at_hash", scene.claims_with("at_hash", json!("h"))),
        ("c_hash", scene.claims_with("c_hash", json!("h"))),
        ("a logout token", scene.claims_with("events", json!({}))),
        ("token_use of Cognito", scene.claims_with("token_use", json!("id"))),
        ("typ of Keycloak", scene.claims_with("typ", json!("ID"))),
        ("a refresh token of Keycloak", scene.claims_with("typ", json!("Refresh"))),
        ("nothing that speaks of access", without(&["client_id", "scope"])),
    ] {
        scene.refused("/partner", &SigningKey::Rsa.sign(&claims), what).await;
    }
    for typ in ["id_token", "logout+jwt", "dpop+jwt", "oauth-id-jag+jwt", "client-authentication+jwt", "at"] {
        let token = SigningKey::Rsa.sign_under(&header("RS256", "rsa", typ), &scene.claims());
        scene.refused("/partner", &token, typ).await;
    }
    // An issuer that says `at+jwt` has no others.
    assert_eq!(scene.world.call("/second", &scene.second()).await.status, 200);
    let mut claims = scene.claims_with("aud", json!("api://two"));
    claims["iss"] = json!("https://second.example");
    for typ in [json!("JWT"), Value::Null, json!("jwt+at")] {
        let token = SigningKey::P256.sign_under(&json!({ "alg": "ES256", "kid": "p256", "typ": typ }), &claims);
        scene.refused("/second", &token, &typ.to_string()).await;
    }
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_route_is_none_at_another() {
    let scene = Scene::start().await;
    let (partner, second) = (SigningKey::Rsa.sign(&scene.claims()), scene.second());
    let entra = SigningKey::Rsa.sign(&scene.entra_claims());
    let status = async |path: &str, token: &str| scene.world.call(path, token).await.status;
    assert_eq!(status("/partner", &partner).await, 200);
    assert_eq!(status("/second", &second).await, 200);
    assert_eq!(status("/entra", &entra).await, 200, "{}", scene.reason());
    for (path, token, what) in [
        ("/second", &partner, "the issuer of another route"),
        ("/second", &entra, "Entra's"),
        ("/partner", &second, "the issuer of another route"),
        ("/partner", &entra, "Entra's"),
        ("/own", &partner, "where only tokens of ours count"),
        ("/own", &entra, "where only tokens of ours count"),
        ("/both", &second, "the issuer of another route"),
    ] {
        scene.refused(path, token, what).await;
    }
    // The same key signs for both: the issuer decides.
    let mut swapped = scene.claims_with("aud", json!("api://two"));
    scene
        .refused("/second", &SigningKey::P256.sign_under(&header("ES256", "p256", "at+jwt"), &swapped), "swapped")
        .await;
    swapped["iss"] = json!("https://second.example");
    scene
        .refused("/partner", &SigningKey::P256.sign_under(&header("ES256", "p256", "at+jwt"), &swapped), "swapped")
        .await;
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_ours_is_none_where_others_count_and_is_shown_to_nobody() {
    let scene = Scene::start().await;
    let alice = Person::new("alice");
    let own_at = async |path: &str| {
        let flow = scene.world.flow_of(&alice, scene.world.public(), path).with("scope", Some("mcp"));
        let tokens = flow.finish().await;
        text(&tokens, "access_token")
    };
    let (own, both) = (own_at("/own").await, own_at("/both").await);
    assert_eq!(scene.world.call("/own", &own).await.status, 200);
    assert_eq!(scene.world.call("/both", &both).await.json()["result"]["subject"], "test:alice");
    scene.issuer.asked();
    for (path, token) in [("/partner", &own), ("/asked", &own), ("/asked", &both), ("/both", &own), ("/own", &both)] {
        scene.refused(path, token, path).await;
    }
    assert_eq!(scene.issuer.asked(), Vec::<String>::new(), "a token of ours was shown to another issuer");
    // Nobody gets a token of ours for a route where none counts.
    for path in ["/partner", "/asked", "/entra"] {
        let flow = scene.world.flow_of(&alice, scene.world.public(), path);
        let asked = flow.authorization_url();
        let answer = scene.world.get(&format!("/authorize?{}", asked.query().unwrap_or_default())).await;
        let location = answer.location().expect("the client is told");
        assert!(location.query().unwrap_or_default().contains("invalid_target"), "{location}");
    }
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_another_header_than_the_routes_is_none() {
    let scene = Scene::start().await;
    let token = SigningKey::Rsa.sign(&scene.claims());
    let send = async |pairs: &[(&str, &str)]| {
        let request = scene.world.mcp_request("/header");
        let request = pairs.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().status().as_u16()
    };
    let bearer = format!("Bearer {token}");
    assert_eq!(send(&[("x-token", &token)]).await, 200);
    assert_eq!(send(&[("authorization", &bearer)]).await, 401);
    assert_eq!(send(&[("x-token", &bearer)]).await, 400);
    assert_eq!(send(&[("x-token", &token), ("x-token", &token)]).await, 400);
    let asked = scene.world.upstream.requests();
    assert!(asked.len() == 1 && asked[0].header("x-token").is_empty(), "the server got the token");
    // A client that shows it at every route tells it to no server of another one, however it is spelt.
    for name in ["x-token", "X_Token", "x.token"] {
        let request = scene.world.mcp_request("/partner").bearer_auth(&token).header(name, &token);
        assert_eq!(request.send().await.unwrap().status(), 200, "{name}");
        let asked = scene.world.upstream.requests();
        let asked = asked.last().unwrap();
        assert!(asked.header("x-subject") == "partner:alice" && asked.header(name).is_empty(), "{name}: {asked:?}");
    }
    // A page may ask to send it where it is taken, and nowhere else.
    for (path, is_taken) in [("/header", true), ("/partner", false)] {
        let preflight = gatehouse_tests::http().request(reqwest::Method::OPTIONS, scene.world.url(path));
        let preflight = preflight.header("origin", &scene.world.gatehouse.url);
        let preflight = preflight.header("access-control-request-method", "POST");
        let answer = preflight.header("access-control-request-headers", "x-token").send().await.unwrap();
        let allowed = answer.headers()["access-control-allow-headers"].to_str().unwrap().to_owned();
        assert_eq!(allowed.split(", ").any(|name| name == "x-token"), is_taken, "{path}: {allowed}");
    }
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_entra_says_of_a_token_decides() {
    let scene = Scene::start().await;
    let refused = async |claims: &Value, what: &str| {
        let before = scene.world.store().await;
        let token = SigningKey::Rsa.sign(claims);
        let answer = scene.world.call("/entra", &token).await;
        assert_eq!(answer.status, 403, "{what}: {answer:?}");
        assert_eq!(answer.json()["error"]["message"], "Sign in with your work account", "{what}");
        assert!(answer.header("www-authenticate").contains("resource_metadata="), "{what}");
        scene.world.assert_only_changed(&before, &["provider-metadata", "provider-keys", "document-fetch"], what).await;
        scene.is_not_logged(&token, what);
    };
    for (claims, version) in [(scene.entra_claims(), "2.0"), (scene.entra_v1_claims(), "1.0")] {
        let answer = scene.world.call("/entra", &SigningKey::Rsa.sign(&claims)).await;
        let subject = format!("entra:{}.{}", super::TENANT, super::OBJECT);
        assert_eq!(answer.json()["result"]["subject"], subject, "{version} {answer:?} {}", scene.reason());
        let with = |name: &str, value: Value| {
            let mut claims = claims.clone();
            claims[name] = value;
            claims
        };
        let client = if version == "2.0" { "azp" } else { "appid" };
        let other_tenant = "11111111-1111-4111-8111-111111111111";
        for (what, wrong) in [
            ("another application", with(client, json!("11111111-2222-4333-8444-555555555555"))),
            ("no application: an id_token", with(client, Value::Null)),
            ("another tenant", with("tid", json!(other_tenant))),
            ("no tenant", with("tid", Value::Null)),
            ("another version", with("ver", json!("3.0"))),
            ("no version", with("ver", Value::Null)),
            ("no object id", with("oid", Value::Null)),
            ("an object id that is none", with("oid", json!("alice"))),
            ("no role that is required", with("roles", json!(["Mcp.Guest"]))),
            ("no roles", with("roles", Value::Null)),
            ("another audience", with("aud", json!("api://other"))),
            ("a nonce", with("nonce", json!("n"))),
            ("the issuer of the other version", with("ver", json!(if version == "2.0" { "1.0" } else { "2.0" }))),
        ] {
            refused(&wrong, &format!("{version}: {what}")).await;
        }
        // No rule of the route names a group.
        let elsewhere = SigningKey::Rsa.sign(&with("_claim_names", json!({ "groups": "src1" })));
        assert_eq!(scene.world.call("/entra", &elsewhere).await.json()["result"]["subject"], subject, "{version}");
        let mut foreign = with("tid", json!(other_tenant));
        foreign["iss"] = json!(claims["iss"].as_str().unwrap().replace(super::TENANT, other_tenant));
        refused(&foreign, &format!("{version}: a token of another tenant")).await;
    }
    scene.world.gatehouse.stop().await;
}
