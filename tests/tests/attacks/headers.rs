//! Headers and targets that change who somebody is, where they are, or what they ask for.

use gatehouse_tests::{AttackSettings, AttackWorld, From, Person, raw};
use serde_json::json;

use crate::answers::assert_kept_out;

async fn world() -> AttackWorld {
    let mcp_lines = "subject_header = \"x-subject\"".to_owned();
    AttackWorld::start_with(AttackSettings { mcp_lines, ..AttackSettings::default() }).await
}

/// activepieces#15016: the issuer and every URL come from the configuration, never from what a request says of its host.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_changes_the_issuer_or_any_url_that_we_give_out() {
    let world = world().await;
    let forged = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-server", "evil.example"),
        ("x-forwarded-uri", "/healthz"),
        ("x-original-url", "/healthz"),
        ("x-rewrite-url", "/healthz"),
        ("x-original-host", "evil.example"),
        ("x-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=http"),
    ];
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource/mcp",
        "/authorize?client_id=x",
        "/mcp",
    ] {
        let honest = world.get(path).await.unmarked();
        for (name, value) in forged {
            let answer = gatehouse_tests::http().get(world.url(path)).header(name, value).send().await.unwrap();
            let answer = gatehouse_tests::Answer::of(answer).await;
            assert!(
                !answer.body.contains("evil") && !answer.header("www-authenticate").contains("evil"),
                "{path} {name}: {answer:?}"
            );
            // A host that is not ours may be refused as well.
            assert!(
                answer.unmarked() == honest || answer.status == 403 || answer.status == 421,
                "{path} {name}: {answer:?}"
            );
        }
    }
    let metadata = world.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["issuer"], world.gatehouse.url);
    for (name, value) in metadata.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint")) {
        assert!(value.as_str().unwrap().starts_with(&format!("{}/", world.gatehouse.url)), "{name}");
    }
    world.gatehouse.stop().await;
}

/// geelen/mcp-remote CVE-2025-6514: what we publish, clients open. Over https there is nothing but https.
#[tokio::test(flavor = "multi_thread")]
async fn published_endpoints_are_https_wherever_the_issuer_is() {
    let settings =
        AttackSettings { public_url: Some("https://gateway.example".to_owned()), ..AttackSettings::default() };
    let world = AttackWorld::start_with(settings).await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"] {
        let document = world.get(path).await;
        assert_eq!(document.status, 200);
        assert!(!document.body.contains("http://"), "{document:?}");
        assert!(document.body.contains("https://gateway.example"), "{document:?}");
    }
    let challenge = world.mcp_request("/mcp").send().await.unwrap();
    let challenge = challenge.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("resource_metadata=\"https://gateway.example/"), "{challenge}");
    world.gatehouse.stop().await;
}

/// oauth2-proxy GHSA-7x63, CVE-2025-64484, GHSA-5hvv: who the user is, comes from the token alone, however a header's
/// name is written.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_tells_the_upstream_who_the_user_is_but_ours() {
    let world = world().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let token = tokens["access_token"].as_str().unwrap();
    let forged = [
        "x-subject",
        "X_Subject",
        "x_subject",
        "X-SUBJECT",
        "x-forwarded-user",
        "x_forwarded_user",
        "X_Forwarded-Email",
        "x-forwarded-for",
        "x-forwarded-access-token",
        "x-auth-request-user",
        "x-remote-user",
        "remote-user",
        "x-ms-client-principal",
        "X_MS_Client-Principal",
        "x-ms-client-principal-name",
        "x-ms-token-aad-access-token",
        "x-amzn-oidc-identity",
        "x-goog-authenticated-user-email",
        "cf-access-jwt-assertion",
        "x-real-ip",
        "x-http-method-override",
        "x-original-url",
        "cookie",
        "proxy-authorization",
    ];
    for name in forged {
        // As bytes: a client library would write the names otherwise.
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             {name}: admin-forged\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
             content-length: 40\r\n\r\n{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}}"
        );
        let answer = raw(&world.gatehouse.url, request.as_bytes()).await;
        assert_eq!(answer.status, Some(200), "{name}: {}", answer.text);
        let received = world.upstream.requests().pop().unwrap();
        for (field, value) in &received.headers {
            assert_ne!(value.as_bytes(), b"admin-forged", "{name} reached the upstream as {field}");
        }
        assert_eq!(received.headers.get_all("x-subject").iter().collect::<Vec<_>>(), ["test:alice"], "{name}");
        assert_eq!(received.headers.get("authorization"), None, "our own token reached the upstream");
    }
    // A header of our own is not dropped because the client calls it hop-by-hop.
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: gatehouse\r\nconnection: close, x-subject, authorization\r\nauthorization: Bearer {token}\r\n\
         accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
         content-length: 40\r\n\r\n{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}}"
    );
    let answer = raw(&world.gatehouse.url, request.as_bytes()).await;
    if answer.status == Some(200) {
        assert_eq!(world.upstream.requests().pop().unwrap().header("x-subject"), "test:alice");
    }
    world.gatehouse.stop().await;
}

/// oauth2-proxy GHSA-7rh7, -pxq7, -c5c4; Kong 3.13: no spelling of the target, no method, no media type and no agent gets
/// past the token.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_the_target_no_method_and_no_media_type_gets_past_the_token() {
    let world = world().await;
    let before = world.store().await;
    let targets = [
        "/mcp",
        "/mcp?x",
        "/mcp?/healthz",
        "/mcp#/healthz",
        "/mcp%23/healthz",
        "/mcp%3f/healthz",
        "/mcp/../healthz/../mcp",
        "/healthz/../mcp",
        "/%6dcp",
        "/MCP",
        "//mcp",
        "/mcp;x",
        "/mcp%00",
        "/mcp/healthz",
        "/mcp/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/../../mcp",
        "/.well-known/..%2f..%2fmcp",
        "\\mcp",
        "/./mcp",
        "/mcp/%2e%2e/mcp",
        "/other",
        "/other/../mcp",
        "http://evil.example/mcp",
        "http://a@b@c/mcp",
        "https://user:password@127.0.0.1/mcp",
        "*",
        "mcp",
        "/mcp\t",
        "/inside",
        "/other-inside",
    ];
    let methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "CONNECT", "PROPFIND", "BREW", "post"];
    let kinds = [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/grpc",
        "text/html",
        "",
    ];
    for target in targets {
        for method in methods {
            let kind = kinds[(target.len() + method.len()) % kinds.len()];
            let request = format!(
                "{method} {target} HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\ncontent-type: {kind}\r\n\
                 content-length: 2\r\n\r\n{{}}"
            );
            assert_kept_out(&raw(&world.gatehouse.url, request.as_bytes()).await, &format!("{method} {target}"));
        }
    }
    for kind in kinds {
        let request = world.mcp_request("/mcp").header("content-type", kind);
        assert!(request.send().await.unwrap().status().is_client_error(), "{kind}");
    }
    for (name, value) in [
        ("user-agent", "GoogleHC/1.0"),
        ("user-agent", "kube-probe/1.30"),
        ("user-agent", "ELB-HealthChecker/2.0"),
        ("x-forwarded-uri", "/healthz"),
        ("x-original-url", "/healthz"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-ms-client-principal", "eyJ9"),
        ("x-forwarded-access-token", "x"),
        ("authorization", "Basic YWRtaW46YWRtaW4="),
        ("authorization", "Bearer "),
        ("authorization", "Bearer null"),
        ("authorization", "Bearer undefined"),
        ("upgrade", "websocket"),
        ("x-http-method-override", "OPTIONS"),
        ("access-control-request-method", "POST"),
    ] {
        let answer = world.mcp_request("/mcp").header(name, value).send().await.unwrap();
        assert!([400, 401].contains(&answer.status().as_u16()), "{name}: {value}: {}", answer.status());
    }
    assert!(world.upstream.requests().is_empty(), "the upstream was asked: {:?}", world.upstream.requests());
    world.assert_unchanged(&before, "requests without a token").await;
    world.gatehouse.stop().await;
}

/// GHSA-w48q-cv73-mx4w: DNS rebinding. A page of another origin reaches a loopback server by its own name.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_is_refused_even_with_a_token() {
    let world = world().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let token = tokens["access_token"].as_str().unwrap();
    let before = world.store().await;
    for origin in [
        "https://evil.example",
        "null",
        "http://evil.example:80",
        "http://localhost",
        &format!("{}.evil.example", world.gatehouse.url),
        "",
    ] {
        for host in ["127.0.0.1", "evil.example"] {
            let request = world.mcp_request("/mcp").bearer_auth(token).header("origin", origin).header("host", host);
            assert_eq!(request.send().await.unwrap().status(), 403, "{origin} {host}");
        }
    }
    assert!(world.upstream.requests().is_empty());
    world.assert_unchanged(&before, "other origins").await;
    world.gatehouse.stop().await;
}

/// GHSA-345p-7cg4-v4c7: one server object for all users mixed their answers up.
#[tokio::test(flavor = "multi_thread")]
async fn two_users_at_the_same_time_get_their_own_answers() {
    let world = world().await;
    let mut tokens = Vec::new();
    for name in ["alice", "bob"] {
        let person = Person::new(name);
        let answer = world.flow(&person).finish().await;
        tokens.push((format!("test:{name}"), answer["access_token"].as_str().unwrap().to_owned()));
    }
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..100 {
        let (subject, token) = tokens[number % 2].clone();
        let message = json!({ "jsonrpc": "2.0", "id": number, "method": "ping" }).to_string();
        let request = world.mcp_request("/mcp").bearer_auth(token).header("x-asked", number.to_string()).body(message);
        asked.spawn(async move { (subject, number, gatehouse_tests::Answer::of(request.send().await.unwrap()).await) });
    }
    while let Some(answered) = asked.join_next().await {
        let (subject, number, answer) = answered.unwrap();
        let result = &answer.json()["result"];
        assert_eq!(
            (result["subject"].as_str(), result["asked"].as_str()),
            (Some(subject.as_str()), Some(number.to_string().as_str()))
        );
    }
    world.gatehouse.stop().await;
}

/// The health check tells nobody anything, and is no way round.
#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_says_the_same_to_everybody() {
    let world = world().await;
    let alice = Person::new("alice");
    let honest = world.get("/healthz").await.unmarked();
    for (name, value) in [
        ("user-agent", "kube-probe/1.30"),
        ("x-forwarded-uri", "/mcp"),
        ("x-original-url", "/mcp"),
        ("authorization", "Bearer x"),
    ] {
        let answer = gatehouse_tests::http().get(world.url("/healthz?/mcp")).header(name, value).send().await.unwrap();
        assert_eq!(gatehouse_tests::Answer::of(answer).await.unmarked(), honest, "{name}");
    }
    assert_eq!(alice.post(&world.url("/healthz"), "x=y", From::OtherSite, None).await.status, 405);
    assert!(world.upstream.requests().is_empty());
    world.gatehouse.stop().await;
}
