//! Assertions of who calls, and the keys that verify them.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};

use super::{Server, principal};
use crate::authorization_server::{CONFIGURATION, RESOURCE, boundary, get};
use crate::bindings::auth::exports::gatehouse::auth::assertions::Assertion;
use crate::bindings::auth::exports::gatehouse::auth::sessions::Principal;
use crate::fakes::NOW;

const P256: &str = include_str!("../../../../crates/jose/test-keys/p256.pem");
const ED25519: &str = include_str!("../../../../crates/jose/test-keys/ed25519.pem");
const KEY_SET: &str = "/.well-known/jwks.json";
const SETTING: &str = "caller_assertion_keys";

fn with_keys(keys: &str) -> Server {
    let server = Server::new();
    server.fakes.set("config", &format!("{SETTING} = {{ secret = \"{SETTING}\" }}\n{CONFIGURATION}"));
    server.fakes.set(SETTING, keys);
    server
}

fn assertion(caller: Principal) -> Assertion {
    let (issuer, audience) = ("https://gateway.example".to_owned(), "https://upstream.internal.example/mcp".to_owned());
    Assertion { caller, issuer, audience, signing_keys: SETTING.to_owned() }
}

/// What the assertion says, verified with the published keys.
fn verified(token: &str, keys: &Value) -> Value {
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("gatehouse-caller+jwt"));
    let keys: JwkSet = serde_json::from_value(keys.clone()).unwrap();
    let key = keys.find(header.kid.as_ref().unwrap()).expect("a published key");
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&["https://upstream.internal.example/mcp"]);
    validation.set_issuer(&["https://gateway.example"]);
    // The fakes' clock is not the machine's.
    validation.validate_exp = false;
    jsonwebtoken::decode(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims
}

#[tokio::test]
async fn an_assertion_is_verified_with_the_published_keys_and_costs_no_store_and_no_configuration() {
    for keys in [P256, ED25519, &format!("{P256}{ED25519}")] {
        let server = with_keys(keys);
        let signed = boundary::sign(&server.fakes, &assertion(principal())).await.unwrap();
        assert!(server.take_calls().is_empty(), "the store was asked");
        assert!(server.fakes.parts_read.lock().unwrap().is_empty(), "the configuration was read");
        let published = get(&server.fakes, KEY_SET, None).await;
        assert_eq!((published.status.as_u16(), published.header("cache-control")), (200, "public, max-age=300"));
        assert!(server.take_calls().is_empty());
        let said = verified(&signed, &published.json());
        let expected = [
            ("sub", json!("demo:alice")),
            ("act", json!({ "sub": "conformance" })),
            ("scope", json!("mcp files")),
            ("groups", json!(["engineering"])),
            ("iat", json!(NOW)),
            ("exp", json!(NOW + 60)),
        ];
        for (claim, value) in expected {
            assert_eq!(said[claim], value, "{claim}");
        }
        let again = boundary::sign(&server.fakes, &assertion(principal())).await.unwrap();
        assert_ne!(verified(&again, &published.json())["jti"], said["jti"]);
        assert!(!published.body.contains("PRIVATE") && !published.body.contains(r#""d":"#));
    }
}

#[tokio::test]
async fn an_assertion_is_no_access_token_and_an_access_token_no_assertion() {
    let server = with_keys(P256);
    let tokens = server.open().await;
    let signed = boundary::sign(&server.fakes, &assertion(principal())).await.unwrap();
    assert!(server.validate_at(&signed, RESOURCE).await.is_err());
    assert!(!tokens.access_token.contains('.'), "our tokens are no JWTs");
    let metadata = get(&server.fakes, "/.well-known/oauth-authorization-server", None).await;
    assert_eq!(metadata.json().get("jwks_uri"), None, "a client would take the keys for those of our tokens");
}

#[tokio::test]
async fn without_usable_keys_nothing_is_signed_or_published_and_the_log_says_why() {
    let none = Server::new();
    assert_eq!(get(&none.fakes, KEY_SET, None).await.status, 404);
    let empty = "holds no private key";
    for (keys, reason) in [("# none yet", empty), ("-----BEGIN RSA PRIVATE KEY-----", "PKCS #8"), ("AAAA", empty)] {
        let server = with_keys(keys);
        let before = server.fakes.snapshot();
        let refused = boundary::sign(&server.fakes, &assertion(principal())).await.unwrap_err();
        assert!(refused.contains(reason), "{refused}");
        let published = get(&server.fakes, KEY_SET, None).await;
        assert_eq!(published.status, 503);
        assert!(!published.body.contains("key 1") && server.fakes.log().contains(reason), "{}", published.body);
        assert_eq!(server.fakes.snapshot(), before);
    }
    let server = with_keys(P256);
    server.fakes.unset(SETTING);
    assert!(boundary::sign(&server.fakes, &assertion(principal())).await.unwrap_err().contains(SETTING));
    assert_eq!(get(&server.fakes, KEY_SET, None).await.status, 503);
    let nobody = Principal { subject: "nobody".to_owned(), ..principal() };
    assert!(boundary::sign(&with_keys(P256).fakes, &assertion(nobody)).await.is_err());
}
