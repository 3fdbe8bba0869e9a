//! Clients whose id is the URL of a document about them.

use std::sync::Arc;

use http::Response;
use serde_json::{Value, json};
use wasmtime_wasi_http::Error;

use super::{CONFIGURATION, Page, authorization, fakes, get, nothing_happened, post_form};
use crate::fakes::{Fakes, NOW};
use crate::outbound::Answer;
use crate::signing::{key_set, sign, sign_as};

const URL: &str = "https://client.example.com/metadata.json";
const REDIRECT_URI: &str = "https://client.example.com/callback";

fn document() -> Value {
    json!({ "client_id": URL, "client_name": "A published client", "redirect_uris": [REDIRECT_URI] })
}

async fn authorize(fakes: &Arc<Fakes>, client_id: &str) -> u16 {
    let reply = get(fakes, &authorization(client_id, REDIRECT_URI, &[]), None).await;
    assert_eq!(reply.header("location"), "");
    if reply.status == 200 {
        assert!(reply.body.contains("A published client") && reply.body.contains("client.example.com"));
    }
    reply.status.as_u16()
}

/// Nothing is in the store but counters of fetches, and in one place what failed.
fn only_counted(fakes: &Fakes) {
    let is_count = |name: &String| {
        ["fetch-turns.", "fetch-failures.", "client-documents."].iter().any(|kind| name.starts_with(kind))
    };
    let snapshot = fakes.snapshot();
    assert!(snapshot.keys().all(is_count), "{:?}", snapshot.keys());
}

#[tokio::test]
async fn a_document_is_fetched_for_each_page_and_not_kept_before_somebody_approved() {
    let fakes = fakes();
    fakes.answer(|_| Answer::json(&document()));
    assert_eq!(authorize(&fakes, URL).await, 200);
    let sent = fakes.sent();
    assert_eq!((sent.len(), sent[0].method.as_str(), sent[0].url.as_str()), (1, "GET", URL));
    assert_eq!(
        sent[0].header_pairs(),
        [("accept", "application/json"), ("accept-encoding", "identity")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        "nothing of ours is sent along"
    );
    only_counted(&fakes);
    assert_eq!(authorize(&fakes, URL).await, 200);
    assert_eq!(fakes.sent().len(), 2);
    only_counted(&fakes);
}

/// It presents nothing that a user has given it.
#[tokio::test]
async fn nothing_is_fetched_for_a_client_that_nobody_has_approved_and_that_asks_for_tokens() {
    let fakes = fakes();
    fakes.answer(|_| Answer::json(&document()));
    for target in ["/token", "/revoke", "/introspect"] {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("token", "x"), ("client_id", URL)];
        let reply = post_form(&fakes, target, &[], &fields).await;
        assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (401, Some("invalid_client")), "{target}");
    }
    nothing_happened(&fakes);
}

/// ID-JAG (enterprise-managed authorization) has no user at hand who could have approved the client: the operator names it.
#[tokio::test]
async fn a_client_with_a_document_presents_identity_assertions_where_the_operator_has_named_it() {
    let assertion = sign_as(
        "oauth-id-jag+jwt",
        &json!({
            "iss": "https://provider.example", "sub": "alice", "aud": "https://gateway.example", "client_id": URL, "jti": "1",
            "resource": "https://gateway.example/mcp", "iat": NOW, "exp": NOW + 300,
        }),
    );
    let ask = async |fakes: &Arc<Fakes>, proof: &[(&str, &str)]| {
        let grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let fields =
            [&[("grant_type", grant_type), ("assertion", assertion.as_str()), ("client_id", URL)], proof].concat();
        post_form(fakes, "/token", &[], &fields).await
    };
    let client_assertion = sign(&json!({
        "iss": URL, "sub": URL, "aud": "https://gateway.example", "jti": "a", "iat": NOW, "exp": NOW + 60,
    }));
    let proof = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", client_assertion.as_str()),
    ];
    let set_up = |is_named: bool, method: &'static str| {
        let fakes = fakes();
        let provider = CONFIGURATION.replacen("[[routes]]", "accepts_identity_assertions = true\n[[routes]]", 1);
        let named = format!("[client_documents]\nidentity_assertions = [{URL:?}]\n");
        fakes.set("config", &if is_named { format!("{provider}\n{named}") } else { provider });
        fakes.answer(move |sent| match sent.url.as_str() {
            URL => {
                let mut document = document();
                document["token_endpoint_auth_method"] = method.into();
                document["jwks"] = key_set();
                Answer::json(&document)
            }
            "https://provider.example/.well-known/openid-configuration" => Answer::json(&json!({
                "issuer": "https://provider.example",
                "authorization_endpoint": "https://provider.example/authorize",
                "token_endpoint": "https://provider.example/token",
                "jwks_uri": "https://provider.example/jwks",
            })),
            "https://provider.example/jwks" => Answer::json(&key_set()),
            _ => Answer::status(404),
        });
        fakes
    };
    // Not named: nobody has approved it, and nothing is fetched for it.
    let fakes = set_up(false, "private_key_jwt");
    let reply = ask(&fakes, &proof).await;
    assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (401, Some("invalid_client")));
    nothing_happened(&fakes);
    // Named, and it does not prove who it is.
    let fakes = set_up(true, "none");
    let reply = ask(&fakes, &[]).await;
    assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (400, Some("unauthorized_client")));
    let fakes = set_up(true, "private_key_jwt");
    let reply = ask(&fakes, &[]).await;
    assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (401, Some("invalid_client")));
    // Named, and it does; the assertion works once.
    let reply = ask(&fakes, &proof).await;
    let tokens = reply.json();
    assert_eq!((reply.status.as_u16(), tokens["token_type"].as_str()), (200, Some("Bearer")), "{tokens}");
    assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    let metadata = get(&fakes, "/.well-known/oauth-authorization-server", None).await.json();
    let grants = metadata["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&json!("urn:ietf:params:oauth:grant-type:jwt-bearer")), "{metadata}");
    let again = sign(&json!({
        "iss": URL, "sub": URL, "aud": "https://gateway.example", "jti": "b", "iat": NOW, "exp": NOW + 60,
    }));
    let reply = ask(&fakes, &[proof[0], ("client_assertion", &again)]).await;
    assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (400, Some("invalid_grant")));
}

/// The operator has named these hosts; the last one the provider itself has, in its metadata.
#[tokio::test]
async fn no_url_of_a_stranger_leads_to_a_host_that_the_operator_or_its_provider_named() {
    let fakes = fakes();
    fakes.set("config", &CONFIGURATION.replace("upstream.internal.example", "upstream.example.com"));
    fakes.answer(|sent| match sent.url.as_str() {
        "https://provider.example/.well-known/openid-configuration" => Answer::json(&json!({
            "issuer": "https://provider.example",
            "authorization_endpoint": "https://provider.example/authorize",
            "token_endpoint": "https://tokens.example.com/token",
            "jwks_uri": "https://keys.example.com/jwks",
            "id_token_signing_alg_values_supported": ["ES256"],
        })),
        url => Answer::json(&json!({ "client_id": url, "client_name": "A", "redirect_uris": [REDIRECT_URI] })),
    });
    // From the first sign-in on, the provider's metadata is known.
    let _to_the_provider = Page::open(&fakes).await.decide(&fakes, "approve").await;
    let (sent, before) = (fakes.sent().len(), fakes.snapshot());
    for host in ["upstream.example.com", "tokens.example.com", "keys.example.com"] {
        for url in [format!("https://{host}/a"), format!("https://{host}:8443/a")] {
            assert_eq!(authorize(&fakes, &url).await, 400, "{url}");
        }
    }
    assert_eq!((fakes.sent().len(), fakes.snapshot()), (sent, before));
}

#[tokio::test]
async fn a_redirect_uri_that_the_document_does_not_name_is_refused() {
    let fakes = fakes();
    fakes.answer(|_| Answer::json(&document()));
    let reply = get(&fakes, &authorization(URL, "https://evil.example.com/callback", &[]), None).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""));
}

#[tokio::test]
async fn a_document_that_does_not_do_is_not_kept() {
    type Make = fn() -> Answer;
    let with = |name: &str, value: Value| {
        let mut changed = document();
        changed[name] = value;
        changed
    };
    let documents = [
        with("client_id", json!("https://client.example.com/other.json")),
        with("redirect_uris", json!([])),
        with("redirect_uris", json!(["javascript:alert(1)"])),
        with("client_name", json!("")),
        with("client_secret", json!("x")),
        with("token_endpoint_auth_method", json!("client_secret_post")),
        with("padding", json!("x".repeat(5 * 1024))),
    ];
    for document in documents {
        let fakes = fakes();
        let answer = document.clone();
        fakes.answer(move |_| Answer::json(&answer));
        assert_eq!(authorize(&fakes, URL).await, 400, "{document}");
        only_counted(&fakes);
    }
    let redirect: Make = || {
        Answer::Whole(
            Response::builder()
                .status(302)
                .header("location", "https://client.example.com/moved")
                .body(Vec::new())
                .unwrap(),
        )
    };
    let html: Make = || {
        Answer::Whole(
            Response::builder().header("content-type", "text/html").body(document().to_string().into_bytes()).unwrap(),
        )
    };
    let down: Make = || Answer::Fails(Error::ConnectionRefused);
    let gone: Make = || Answer::status(404);
    for answer in [redirect, html, down, gone] {
        let fakes = fakes();
        fakes.answer(move |_| answer());
        assert_eq!(authorize(&fakes, URL).await, 400);
        assert_eq!(authorize(&fakes, URL).await, 400);
        assert_eq!(fakes.sent().len(), 1, "nothing is followed or tried again");
        only_counted(&fakes);
        fakes.advance(120);
        assert_eq!(authorize(&fakes, URL).await, 400);
        assert_eq!(fakes.sent().len(), 2, "after two minutes it is");
    }
}

#[tokio::test]
async fn a_url_that_may_not_be_fetched_is_never_asked_for() {
    let fakes = fakes();
    fakes.answer(|_| Answer::json(&document()));
    for url in [
        "https://127.0.0.1/metadata.json",
        "https://[::1]/metadata.json",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/metadata.json",
        "https://2130706433/metadata.json",
        "https://0x7f.1/metadata.json",
        "https://localhost/metadata.json",
        "https://intranet/metadata.json",
        "https://metadata.google.internal/x",
        "https://printer.local/metadata.json",
        "https://client.example.com/",
        "https://client.example.com",
        "https://client.example.com/a/../metadata.json",
        "https://client.example.com/metadata.json#x",
        "https://user@client.example.com/metadata.json",
        "https://CLIENT.example.com/metadata.json",
        "http://client.example.com/metadata.json",
        "file:///etc/passwd",
    ] {
        assert_eq!(authorize(&fakes, url).await, 400, "{url}");
    }
    nothing_happened(&fakes);
}

#[tokio::test]
async fn while_the_store_is_down_nothing_is_fetched() {
    let fakes = fakes();
    fakes.answer(|_| Answer::json(&document()));
    fakes.store_goes_down();
    assert_eq!(authorize(&fakes, URL).await, 503);
    assert!(fakes.sent().is_empty());
}
