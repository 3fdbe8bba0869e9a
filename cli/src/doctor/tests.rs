//! Each thing that can be wrong, at servers that a test plays.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// What was asked: the request line, the header lines in lower case, and the body.
struct Asked {
    line: String,
    head: String,
    body: String,
}

/// Status line, header lines (each with its end) and body.
type Answer = (&'static str, String, String);

/// A server that answers as `answer` says; its origin, which `answer` is told.
async fn serve(answer: impl Fn(&Asked, &str) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (answer, own) = (Arc::new(answer), origin.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answer, own) = (Arc::clone(&answer), own.clone());
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let asked = loop {
                    let mut piece = [0; 4096];
                    let length = stream.read(&mut piece).await.unwrap();
                    bytes.extend_from_slice(&piece[..length]);
                    let text = String::from_utf8(bytes.clone()).unwrap();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let head = head.to_ascii_lowercase();
                    let field = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    if body.len() == field.map_or(0, |length| length.parse().unwrap()) {
                        let line = text.lines().next().unwrap().to_owned();
                        break Asked { line, head, body: body.to_owned() };
                    }
                };
                let (status, headers, body) = answer(&asked, &own);
                let length = body.len();
                let text = format!(
                    "HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                stream.write_all(text.as_bytes()).await.unwrap();
            });
        }
    });
    origin
}

fn now() -> String {
    jiff::Timestamp::now().strftime("date: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string()
}

fn ok(body: &Value) -> Answer {
    ("200 OK", now() + "content-type: application/json\r\n", body.to_string())
}

/// The metadata of a provider by the book.
fn metadata(origin: &str) -> Value {
    json!({
        "issuer": origin,
        "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"),
        "jwks_uri": format!("{origin}/jwks"),
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_response_iss_parameter_supported": true,
    })
}

/// A provider whose metadata `change` alters, and which knows the secret `right`.
async fn provider(change: impl Fn(&mut Value, &str) + Send + Sync + 'static) -> String {
    serve(move |asked, own| match asked.line.split(' ').nth(1).unwrap() {
        "/.well-known/openid-configuration" => {
            let mut document = metadata(own);
            change(&mut document, own);
            ok(&document)
        }
        "/jwks" => ("200 OK", String::new(), include_str!("../../../crates/jose/test-keys/jwks.json").to_owned()),
        // `gatehouse:right`
        "/token" if asked.head.contains("authorization: basic z2f0zwhvdxnlonjpz2h0") => {
            ("400 Bad Request", String::new(), json!({ "error": "invalid_grant" }).to_string())
        }
        "/token" => ("401 Unauthorized", String::new(), json!({ "error": "invalid_client" }).to_string()),
        other => panic!("{other}"),
    })
    .await
}

/// An MCP server of both kinds.
fn mcp(asked: &Asked) -> Answer {
    let message: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    match message["method"].as_str() {
        Some("initialize") => {
            ok(&json!({ "jsonrpc": "2.0", "id": 1, "result": { "protocolVersion": "2025-11-25", "capabilities": {} } }))
        }
        Some("server/discover") => ok(&json!({ "jsonrpc": "2.0", "id": 1, "result": { "resultType": "complete" } })),
        _ => ("405 Method Not Allowed", String::new(), String::new()),
    }
}

/// What the doctor says of a provider and a server, with the secret `secret` and these lines in the route's table.
async fn said(issuer: &str, server: &str, secret: Option<&str>, lines: &str) -> (bool, String) {
    let text = format!(
        "public_url = \"http://127.0.0.1:9\"\n[identity_provider]\nname = \"staff\"\nissuer = \"{issuer}\"\n\
         client_id = \"gatehouse\"\nclient_secret = {{ secret = \"identity_provider_secret\" }}\n\
         scopes = [\"openid\", \"offline_access\"]\n[[routes]]\npath = \"/mcp\"\nurl = \"{server}/mcp\"\n{lines}\n"
    );
    let configuration = Configuration::parse(&text).unwrap();
    let secrets = secret.map(|secret| ("identity_provider_secret".to_owned(), format!("{secret}\n")));
    let secrets = Secrets::new(secrets.into_iter().collect());
    let findings = examine(&HttpClient::new(None).unwrap(), &configuration, &secrets).await;
    (findings.nothing_is_wrong(), findings.to_string())
}

#[tokio::test]
async fn of_what_is_right_nothing_is_wrong_and_each_part_is_named() {
    let (issuer, server) = (provider(|_, _| {}).await, serve(|asked, _| mcp(asked)).await);
    let (is_right, text) = said(&issuer, &server, Some("right"), "").await;
    assert!(is_right, "{text}");
    for part in [
        "is the metadata of",
        "signs id_tokens with RS256, ES256",
        "takes PKCE (S256)",
        "names itself in its answers",
        "/jwks has keys that can be used",
        "/token knows the client gatehouse",
        "that of identity provider staff",
        "speaks MCP 2025-11-25 and 2026-07-28",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("right\n"), "{text}");
}

#[tokio::test]
async fn what_is_wrong_at_a_provider_is_said_with_what_to_do() {
    type Change = fn(&mut Value, &str);
    let cases: [(Change, &str); 7] = [
        (|document, _| document["issuer"] = "https://other.example".into(), "write issuer = \"https://other.example\""),
        (|document, _| document["jwks_uri"] = Value::Null, "the metadata lacks jwks_uri"),
        (
            |document, _| document["code_challenge_methods_supported"] = json!(["plain"]),
            "PKCE methods without S256: plain",
        ),
        (|document, _| document["response_types_supported"] = json!(["id_token"]), "does not list response_type code"),
        (
            |document, _| document["id_token_signing_alg_values_supported"] = json!(["HS256"]),
            "let the provider sign with",
        ),
        (
            |document, _| document["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]),
            "takes neither client_secret_basic nor client_secret_post",
        ),
        (|document, own| document["jwks_uri"] = format!("{own}/token").into(), "/token: the key set's endpoint"),
    ];
    let server = serve(|asked, _| mcp(asked)).await;
    for (change, expected) in cases {
        let issuer = provider(change).await;
        let (is_right, text) = said(&issuer, &server, Some("right"), "").await;
        assert!(!is_right && text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test]
async fn what_may_be_right_is_a_note() {
    let server = serve(|asked, _| mcp(asked)).await;
    let issuer = provider(|document, own| {
        document["scopes_supported"] = json!(["openid"]);
        document["code_challenge_methods_supported"] = Value::Null;
        document["token_endpoint"] = own.replace("127.0.0.1", "localhost").into();
    })
    .await;
    let (is_right, text) = said(&issuer, &server, None, "").await;
    assert!(is_right, "{text}");
    for part in [
        "does not list the scopes offline_access",
        "does not say whether it takes PKCE",
        "Gatehouse connects to http://localhost:",
        "add --variable identity_provider_secret=@FILE",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_told_from_a_right_one_and_never_repeated() {
    let (issuer, server) = (provider(|_, _| {}).await, serve(|asked, _| mcp(asked)).await);
    let (is_right, text) = said(&issuer, &server, Some("hunter2"), "").await;
    assert!(!is_right && text.contains("invalid_client (status 401") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_provider_that_answers_otherwise_is_described() {
    let server = serve(|asked, _| mcp(asked)).await;
    for (status, headers, expected) in [
        ("302 Found", "location: https://login.example/\r\n", "perhaps the issuer belongs to https://login.example/"),
        ("404 Not Found", "", "look for the issuer in the provider's own settings"),
        ("200 OK", "content-type: text/html\r\n", "this is a page"),
    ] {
        let issuer = serve(move |_, _| (status, headers.to_owned(), "<html>".to_owned())).await;
        let (is_right, text) = said(&issuer, &server, None, "").await;
        assert!(!is_right && text.contains(expected), "{expected}: {text}");
    }
    let (is_right, text) = said("http://127.0.0.1:1", &server, None, "").await;
    assert!(!is_right && text.contains("nobody listens there"), "{text}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told() {
    let (issuer, server) = (
        serve(|_, own| {
            let headers = "date: Sat, 28 Nov 2020 10:00:00 GMT\r\n".to_owned();
            ("200 OK", headers, metadata(own).to_string())
        })
        .await,
        serve(|asked, _| mcp(asked)).await,
    );
    let (is_right, text) = said(&issuer, &server, None, "").await;
    assert!(!is_right && text.contains("WRONG  clock: this machine's is"), "{text}");
}

#[tokio::test]
async fn what_is_wrong_at_a_server_is_said_with_what_to_do() {
    let issuer = provider(|_, _| {}).await;
    for (status, headers, body, expected) in [
        ("401 Unauthorized", "", "", "give it what it asks for with secret_headers"),
        ("307 Temporary Redirect", "location: /mcp/\r\n", "", "write the URL that it leads to: /mcp/"),
        ("404 Not Found", "content-type: text/html\r\n", "<html>", "the path is wrong"),
        ("200 OK", "content-type: text/html\r\n", "<html>", "this is a page; the path"),
        ("421 Misdirected Request", "", "", "DNS rebinding"),
        ("503 Service Unavailable", "", "", "look at its log"),
        (
            "200 OK",
            "content-encoding: gzip\r\ncontent-type: application/json\r\n",
            "{}",
            "compresses its answers (gzip)",
        ),
    ] {
        let server = serve(move |_, _| (status, headers.to_owned(), body.to_owned())).await;
        let (is_right, text) = said(&issuer, &server, Some("right"), "").await;
        assert!(!is_right && text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test]
async fn servers_of_one_kind_alone_are_right_and_get_their_secret_headers() {
    let issuer = provider(|_, _| {}).await;
    let event = |result: &Value| format!("data: {}\n\n", json!({ "jsonrpc": "2.0", "id": 1, "result": result }));
    let server = serve(move |asked, _| {
        let stream = "content-type: text/event-stream\r\n".to_owned();
        if !asked.head.contains("x-key: right") {
            return ("401 Unauthorized", String::new(), String::new());
        }
        match asked.body.contains("\"initialize\"") {
            true => ("200 OK", stream, event(&json!({ "protocolVersion": "2025-06-18" }))),
            false => ("400 Bad Request", String::new(), String::new()),
        }
    })
    .await;
    let lines = "secret_headers = { x-key = { secret = \"identity_provider_secret\" } }";
    let (is_right, text) = said(&issuer, &server, Some("right"), lines).await;
    assert!(is_right && text.contains("speaks MCP 2025-06-18; clients that speak 2026-07-28 alone"), "{text}");
    let (is_right, text) = said(&issuer, &server, None, lines).await;
    assert!(!is_right && text.contains("is asked without the header x-key"), "{text}");

    let of_2024 = serve(|asked, _| match asked.line.starts_with("GET ") {
        true => {
            let event = "event: endpoint\ndata: /messages?id=1\n\n".to_owned();
            ("200 OK", "content-type: text/event-stream\r\n".to_owned(), event)
        }
        false => ("404 Not Found", String::new(), String::new()),
    })
    .await;
    let (is_right, text) = said(&issuer, &of_2024, Some("right"), "transport = \"sse\"").await;
    assert!(is_right && text.contains("speaks the transport of 2024-11-05"), "{text}");
}

#[tokio::test]
async fn a_rest_api_is_looked_at_and_its_document_is_read() {
    let provider = provider(|_, _| {}).await;
    let api = serve(|asked, _| match asked.line.split(' ').nth(1).unwrap() {
        "/openapi.json" => ok(&json!({
            "openapi": "3.0.0", "info": { "title": "Orders", "version": "1" }, "servers": [{ "url": "https://elsewhere.example" }],
            "paths": { "/a": { "get": { "responses": {} } }, "/b": { "post": { "requestBody": { "required": true, "content": { "multipart/form-data": {} } }, "responses": {} } } },
            "components": { "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": "X-Key" } } },
        })),
        "/mcp" => ("404 Not Found", String::new(), String::new()),
        other => panic!("no operation is called: {other}"),
    })
    .await;
    let (is_right, text) = said(&provider, &api, Some("right"), &format!("openapi = \"{api}/openapi.json\"")).await;
    assert!(is_right, "{text}");
    for expected in [
        "has 1 tool of \"Orders\"",
        "POST /b: is left out",
        "key: the API wants a key in the header X-Key",
        "servers: the document names https://elsewhere.example",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let (is_right, text) = said(&provider, &api, Some("right"), &format!("openapi = \"{api}/mcp\"")).await;
    assert!(!is_right && text.contains("answers with 404"), "{text}");
}

#[tokio::test]
async fn token_services_and_connections_are_looked_at_and_no_token_is_got() {
    let (issuer, server) = (provider(|_, _| {}).await, serve(|asked, _| mcp(asked)).await);
    let client = "client_id = \"gatehouse\"\nclient_secret = { secret = \"identity_provider_secret\" }\n";
    let tables = format!(
        "[[token_services]]\nname = \"apis\"\ntoken_endpoint = \"{issuer}/token\"\n{client}\
         [[token_services]]\nname = \"pod\"\ntoken = {{ secret = \"workload_token\" }}\n\
         [[token_services]]\nname = \"azure\"\nmanaged_identity = \"vm\"\ntoken_endpoint = \"http://127.0.0.1:1/msi\"\n\
         [[connections]]\nname = \"issues\"\nissuer = \"{issuer}\"\n{client}\
         [[connections]]\nname = \"given\"\nauthorization_endpoint = \"{issuer}/authorize\"\ntoken_endpoint = \"{issuer}/token\"\n{client}"
    );
    let (is_right, text) = said(&issuer, &server, Some("right"), &tables).await;
    assert!(is_right, "{text}");
    for part in [
        "right  token service apis: ",
        "/token knows the client gatehouse",
        "note   token service pod: whether the variable workload_token holds a token was not asked",
        "note   token service azure: http://127.0.0.1:1/msi cannot be asked: nobody listens there",
        "is the metadata of http://127.0.0.1",
        "note   connection issues: its redirect URI is http://127.0.0.1:9/connections/callback/issues",
        "right  connection given: has its endpoints in the configuration",
        "note   connection given: has no place where tokens are taken back",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (is_right, text) = said(&issuer, &server, Some("wrong"), &tables).await;
    assert!(!is_right && !text.contains("wrong\n"), "{text}");
    for subject in ["token service apis", "connection issues", "connection given"] {
        assert!(text.contains(&format!("WRONG  {subject}: {issuer}/token: invalid_client")), "{subject}: {text}");
    }
    let elsewhere = tables.replace(&format!("issuer = \"{issuer}\""), "issuer = \"http://127.0.0.1:1\"");
    let (is_right, text) = said(&issuer, &server, Some("right"), &elsewhere).await;
    assert!(!is_right && text.contains("WRONG  connection issues: "), "{text}");
}
