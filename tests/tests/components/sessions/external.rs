//! What the validation of another issuer's token costs.

use gatehouse_configuration::Configuration;
use gatehouse_tests::jwt::SigningKey;
use serde_json::json;

use super::*;
use crate::bindings::auth::exports::gatehouse::auth::sessions::{OtherIssuers, Revocation, TokenIssuer, Validated};

/// A server whose keys are in the document, so that nobody is asked for them; with what the gateway knows of the route.
fn server() -> (Server, OtherIssuers) {
    let server = Server::new();
    let keys = json!({ "keys": [SigningKey::Rsa.jwk(), SigningKey::P256.jwk()] });
    let document = format!(
        r#"
        public_url = "https://gateway.example"
        [[token_issuers]]
        name = "partner"
        issuer = "https://issuer.example"
        jwks = '{keys}'
        [[routes]]
        path = "/mcp"
        url = "https://upstream.internal.example/mcp"
        tokens = [{{ issuer = "partner", audiences = ["api://mcp"] }}]
        "#
    );
    server.fakes.set("config", &document);
    let configuration = Configuration::parse(&document).unwrap();
    let accepted = configuration.routes[0].accepted_tokens.clone().unwrap();
    let others = OtherIssuers {
        path: "/mcp".to_owned(),
        fingerprint: accepted.fingerprint,
        header: "authorization".to_owned(),
        scheme: "Bearer".to_owned(),
        own_tokens: false,
        address: None,
    };
    (server, others)
}

impl Server {
    fn signed(&self, sub: &str, seconds: u64) -> String {
        let now = self.fakes.now();
        SigningKey::Rsa.sign(&json!({
            "iss": "https://issuer.example", "sub": sub, "aud": "api://mcp", "client_id": "an-app", "scope": "files",
            "iat": now, "exp": now + seconds,
        }))
    }

    async fn external(&self, token: &str, others: &OtherIssuers) -> Result<Validated, Rejection> {
        boundary::validate_other(&self.fakes, token, RESOURCE, Revocation::Immediate, Some("/mcp"), others).await
    }
}

#[tokio::test]
async fn the_second_use_of_another_issuers_token_is_one_read_and_no_write() {
    let (server, others) = server();
    let token = server.signed("alice", 600);
    server.take_calls();
    let first = server.external(&token, &others).await.unwrap();
    assert_eq!(server.take_calls(), ["get", "put"]);
    let before = server.fakes.snapshot();
    for _ in 0..3 {
        let again = server.external(&token, &others).await.unwrap();
        assert_eq!(server.take_calls(), ["get"]);
        assert_eq!(again, first);
    }
    assert_eq!(server.fakes.snapshot(), before);
    let expected = Principal {
        subject: "partner:alice".to_owned(),
        client_id: "partner:an-app".to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: vec!["files".to_owned(), "mcp".to_owned()],
        claims: Claims { tenant: None, groups: Vec::new(), roles: Vec::new(), names: None },
        actors: Vec::new(),
    };
    assert_eq!((first.principal, first.issuer), (expected, TokenIssuer::Another));
    assert_eq!(first.calls_are_full, None, "the gateway looks, of calls alone");
    assert!(server.fakes.sent.lock().unwrap().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn no_signature_is_checked_twice_and_what_is_kept_counts_only_as_long_as_the_token_and_its_settings() {
    let (server, others) = server();
    let token = server.signed("alice", 600);
    server.external(&token, &others).await.unwrap();
    // Without keys, nothing can be verified any more; what is kept goes on until the settings are others.
    let document = server.fakes.settings.lock().unwrap()["config"].clone();
    server.fakes.set("config", &document.replace(SigningKey::Rsa.jwk()["n"].as_str().unwrap(), "AQAB"));
    assert!(server.external(&token, &others).await.is_ok());
    let changed = OtherIssuers { fingerprint: "another".to_owned(), ..others.clone() };
    assert!(matches!(server.external(&token, &changed).await, Err(Rejection::Unavailable(_))));
    server.fakes.set("config", &document);
    let forged = format!("{}A", token);
    let before = server.fakes.snapshot();
    assert!(matches!(server.external(&forged, &others).await, Err(Rejection::NotAccepted(_))));
    assert_eq!(server.fakes.snapshot(), before);
}

#[tokio::test]
async fn where_no_route_takes_tokens_of_ours_nothing_of_the_authorization_server_is_there() {
    let (server, _) = server();
    for path in [
        "/.well-known/oauth-authorization-server",
        "/authorize?response_type=code&client_id=conformance",
        "/sessions",
        "/callback?code=a&state=b",
    ] {
        let answer = crate::authorization_server::get(&server.fakes, path, None).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    for path in ["/token", "/revoke", "/introspect", "/register"] {
        let before = server.fakes.snapshot();
        let answer = crate::authorization_server::post_form(&server.fakes, path, &[], &[("grant_type", "a")]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(server.fakes.snapshot(), before, "{path}");
    }
}
