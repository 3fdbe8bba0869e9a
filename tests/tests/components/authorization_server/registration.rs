//! Metadata and dynamic registration.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{CONFIGURATION, authorization, fakes, get, nothing_happened};
use crate::component::AUTHORIZATION_SERVER;
use crate::fakes::{Fakes, NOW};
use crate::serve::{Reply, request, serve};

async fn register(fakes: &Arc<Fakes>, body: &str) -> Reply {
    let headers = [("content-type", "application/json")];
    serve(&AUTHORIZATION_SERVER, fakes, request("POST", "/register", &headers, body)).await
}

/// Registers a client of this name and returns its id.
pub async fn client(fakes: &Arc<Fakes>, name: &str, redirect_uri: &str) -> String {
    let reply = register(fakes, &json!({ "client_name": name, "redirect_uris": [redirect_uri] }).to_string()).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()["client_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_metadata_is_at_its_place_and_any_page_may_read_it() {
    let fakes = fakes();
    let reply = get(&fakes, "/.well-known/oauth-authorization-server", None).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (200, "*"));
    let document = reply.json();
    assert_eq!(document["issuer"], "https://gateway.example");
    for (name, path) in
        [("authorization_endpoint", "authorize"), ("token_endpoint", "token"), ("registration_endpoint", "register")]
    {
        assert_eq!(document[name], format!("https://gateway.example/{path}"));
    }
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["client_id_metadata_document_supported"], true);
    nothing_happened(&fakes);
}

/// A document there would have to be complete (OpenID Connect Discovery 1.0, section 3): clients refuse another one, and with it
/// the server. Where there is none they look on, and web pages must be able to read that.
#[tokio::test]
async fn where_openid_providers_have_their_metadata_any_page_reads_that_there_is_none() {
    let fakes = fakes();
    let reply = get(&fakes, "/.well-known/openid-configuration", None).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (404, "*"));
    let body = reply.json();
    assert!(body["error_description"].as_str().unwrap().contains("/.well-known/oauth-authorization-server"), "{body}");
    assert!(body.get("issuer").is_none(), "{body}");
    nothing_happened(&fakes);
}

/// What Cursor sends (2026): all three at once.
#[tokio::test]
async fn cursors_three_redirect_uris_are_one_registration_where_the_operator_names_it() {
    let fakes = fakes();
    let uris = [
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback",
    ];
    let body =
        json!({ "client_name": "Cursor", "redirect_uris": uris, "token_endpoint_auth_method": "none" }).to_string();
    let reply = register(&fakes, &body).await;
    let refused = reply.json();
    assert_eq!((reply.status.as_u16(), &refused["error"]), (400, &json!("invalid_redirect_uri")));
    let description = refused["error_description"].as_str().unwrap();
    assert!(description.starts_with("redirect_uris[0] ") && description.contains("applications"), "{description}");
    nothing_happened(&fakes);
    fakes.set("config", &format!("applications = [\"cursor\"]\n{}", super::CONFIGURATION));
    let reply = register(&fakes, &body).await;
    let registered = reply.json();
    assert_eq!((reply.status.as_u16(), &registered["redirect_uris"]), (201, &json!(uris)));
    let id = registered["client_id"].as_str().unwrap();
    for uri in uris {
        assert_eq!(get(&fakes, &authorization(id, uri, &[]), None).await.status, 200, "{uri}");
    }
}

#[tokio::test]
async fn a_registered_client_is_stored_sealed_and_can_ask() {
    let fakes = fakes();
    let body = json!({ "client_name": "My client", "redirect_uris": ["https://client.example.com/cb"], "grant_types": ["authorization_code"] });
    let reply = register(&fakes, &body.to_string()).await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (201, "no-store"));
    let registered = reply.json();
    assert_eq!((&registered["client_name"], &registered["client_id_issued_at"]), (&json!("My client"), &json!(NOW)));
    assert_eq!(registered["token_endpoint_auth_method"], "none");
    assert!(registered.get("client_secret").is_none());
    let stored = fakes.store.lock().unwrap().dump();
    let kept = fakes.snapshot().into_keys().filter(|name| !name.starts_with("sweep-")).count();
    assert_eq!(kept, 2, "the client, and how many there were in this hour");
    assert!(!stored.contains("My client") && !stored.contains("client.example.com"), "{stored}");
    let id = registered["client_id"].as_str().unwrap();
    assert_eq!(get(&fakes, &authorization(id, "https://client.example.com/cb", &[]), None).await.status, 200);
    fakes.advance(24 * 3600);
    assert_eq!(
        get(&fakes, &authorization(id, "https://client.example.com/cb", &[]), None).await.status,
        400,
        "nobody has used it"
    );
}

#[tokio::test]
async fn a_refused_registration_stores_nothing() {
    let fakes = fakes();
    let with_uri = |uri: &str| json!({ "redirect_uris": [uri] });
    let long = "x".repeat(70_000);
    for (body, status, error) in [
        (json!([]), 400, "invalid_client_metadata"),
        (json!({}), 400, "invalid_redirect_uri"),
        (json!({ "redirect_uris": [] }), 400, "invalid_redirect_uri"),
        (with_uri("http://client.example.com/cb"), 400, "invalid_redirect_uri"),
        (with_uri("javascript:alert(1)"), 400, "invalid_redirect_uri"),
        (with_uri("https://client.example.com/cb#x"), 400, "invalid_redirect_uri"),
        (with_uri("https://gateway.example/callback"), 400, "invalid_redirect_uri"),
        (
            json!({ "redirect_uris": ["https://a.example/"], "client_name": "a\u{202e}b" }),
            400,
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": ["https://a.example/"], "grant_types": ["implicit"] }),
            400,
            "invalid_client_metadata",
        ),
        (with_uri(&long), 413, "invalid_request"),
    ] {
        let reply = register(&fakes, &body.to_string()).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]), (status, &Value::from(error)), "{}", reply.body);
    }
    let form = [("content-type", "text/plain")];
    let body = with_uri("https://a.example/").to_string();
    let reply = serve(&AUTHORIZATION_SERVER, &fakes, request("POST", "/register", &form, body)).await;
    assert_eq!(reply.status, 400);
    nothing_happened(&fakes);
}

#[tokio::test]
async fn a_closed_registration_is_neither_advertised_nor_open() {
    let fakes = fakes();
    fakes.set("config", &format!("{CONFIGURATION}\n[registration]\nenabled = false\n"));
    let metadata = get(&fakes, "/.well-known/oauth-authorization-server", None).await;
    assert!(metadata.json().get("registration_endpoint").is_none());
    let reply = register(&fakes, &json!({ "redirect_uris": ["https://a.example/"] }).to_string()).await;
    assert_eq!(reply.status, 403);
    nothing_happened(&fakes);
}

#[tokio::test]
async fn while_the_store_is_down_nobody_is_registered() {
    let fakes = fakes();
    fakes.store_goes_down();
    let reply = register(&fakes, &json!({ "redirect_uris": ["https://a.example/"] }).to_string()).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]), (503, &json!("temporarily_unavailable")));
    assert!(!reply.body.contains("client_id") && !reply.body.contains("disk"));
    nothing_happened(&fakes);
}

#[tokio::test]
async fn a_path_that_nobody_has_is_not_found_and_a_wrong_method_not_allowed() {
    let fakes = fakes();
    assert_eq!(get(&fakes, "/nothing", None).await.status, 404);
    for path in ["/token", "/revoke", "/introspect", "/register", "/consent"] {
        let reply = get(&fakes, path, None).await;
        assert_eq!(reply.status, 405, "{path}");
        assert!(reply.header("allow").contains("POST"));
    }
    nothing_happened(&fakes);
}
