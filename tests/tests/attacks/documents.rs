//! Client ids that are URLs: what they would have us fetch (server-side request forgery).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatehouse_tests::{AttackSettings, AttackWorld, Endpoint, From, Person, Step, TestClient};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::answers::assert_shown;
use crate::document_site::{Documents, JSON, assert_only_counted, document, world_that_reads_loopback};

/// Special-use addresses (RFC 6890) in every spelling, as literals and by names that are not public. The host's own
/// allow-list is wide open here: the refusal is ours. `%PORT%` is where somebody listens.
const PRIVATE: [&str; 48] = [
    "https://127.0.0.1:%PORT%/client",
    "https://127.0.0.2:%PORT%/client",
    "https://127.1:%PORT%/client",
    "https://0x7f000001:%PORT%/client",
    "https://2130706433:%PORT%/client",
    "https://0177.0.0.1:%PORT%/client",
    "https://0:%PORT%/client",
    "https://0.0.0.0:%PORT%/client",
    "https://localhost:%PORT%/client",
    "https://LOCALHOST:%PORT%/client",
    "https://localhost.:%PORT%/client",
    "https://x.localhost:%PORT%/client",
    "https://[::1]:%PORT%/client",
    "https://[::]:%PORT%/client",
    "https://[::ffff:127.0.0.1]:%PORT%/client",
    "https://[::ffff:7f00:1]:%PORT%/client",
    "https://[64:ff9b::7f00:1]:%PORT%/client",
    "https://[2002:7f00:1::]:%PORT%/client",
    "https://[fe80::1]/client",
    "https://[fc00::1]/client",
    "https://[fd00:ec2::254]/latest/meta-data",
    "https://169.254.169.254/latest/meta-data",
    "https://169.254.169.254.:80/latest",
    "https://10.0.0.1/client",
    "https://172.16.0.1/client",
    "https://192.168.0.1/client",
    "https://100.64.0.1/client",
    "https://224.0.0.1/client",
    "https://255.255.255.255/client",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://kubernetes.default.svc.cluster.local/client",
    "https://printer.local/client",
    "https://intranet/client",
    "https://router.lan/client",
    "https://x.home.arpa/client",
    "https://x.onion/client",
    // URLs that two parsers read differently.
    "https://127.0.0.1:%PORT%\\@client.com/client",
    "https://client.com@127.0.0.1:%PORT%/client",
    "https://client.com:x@127.0.0.1:%PORT%/client",
    "https://127.0.0.1:%PORT%#@client.com/client",
    "https://client.com#@127.0.0.1:%PORT%/client",
    "https:127.0.0.1:%PORT%/client",
    "https:///127.0.0.1:%PORT%/client",
    "https://client.com/../client",
    "https://\u{2460}27.0.0.1:%PORT%/client",
    "https://127\u{3002}0\u{3002}0\u{3002}1:%PORT%/client",
    "http://127.0.0.1:%PORT%/client",
    "https://client.com",
];

/// The draft's section on server-side request forgery; MCP 2026-07-28, security best practices.
#[tokio::test(flavor = "multi_thread")]
async fn no_client_id_makes_us_connect_to_a_private_or_ambiguous_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let world = AttackWorld::start_with(AttackSettings {
        // On loopback, loopback would be allowed: what is under test here is a server that others reach.
        public_url: Some("https://gateway.example".to_owned()),
        variables: vec![("client_document_origin".to_owned(), "*://*:*".to_owned())],
        ..AttackSettings::default()
    })
    .await;
    let alice = Person::new("alice");
    let before = world.store().await;
    for url in PRIVATE {
        let url = url.replace("%PORT%", &port.to_string());
        let flow = world.flow(&alice).with("client_id", Some(&url));
        assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, &url);
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", url.as_str())];
        let answer = world.post("/token", &pairs).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"), "{url}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0, "somebody was connected to");
    world.assert_unchanged(&before, "private addresses").await;
    world.gatehouse.stop().await;
}

/// Each address gets the same answer, so that the page is no port scanner.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_does_not_tell_an_open_port_from_a_closed_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let open = listener.local_addr().unwrap().port();
    let world = AttackWorld::start_with(AttackSettings {
        // On loopback, loopback would be allowed: what is under test here is a server that others reach.
        public_url: Some("https://gateway.example".to_owned()),
        variables: vec![("client_document_origin".to_owned(), "*://*:*".to_owned())],
        ..AttackSettings::default()
    })
    .await;
    let alice = Person::new("alice");
    let mut answers = Vec::new();
    for port in [open, 1] {
        let url = format!("https://127.0.0.1:{port}/client");
        let flow = world.flow(&alice).with("client_id", Some(&url));
        answers.push(alice.open(&flow.authorization_url(), From::Nowhere).await.unmarked());
    }
    assert_eq!(answers[0], answers[1]);
    world.gatehouse.stop().await;
}

/// A server that always sends a little, and never comes to an end, does not hold us: fetching has a limit of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_trickles_in_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/client", listener.local_addr().unwrap());
    let given_up = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a request");
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n";
        stream.write_all(head).await.expect("a reader");
        let mut every_second = tokio::time::interval(Duration::from_secs(1));
        let mut sent = 0;
        while stream.write_all(b" ").await.is_ok() {
            sent += 1;
            every_second.tick().await;
        }
        sent
    });
    let world = AttackWorld::start_with(AttackSettings {
        variables: vec![("client_document_origin".to_owned(), "http://127.0.0.1:*".to_owned())],
        ..AttackSettings::default()
    })
    .await;
    let before = world.store().await;
    let alice = Person::new("alice");
    let flow = world.flow(&alice).with("client_id", Some(&url));
    assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, "a slow document");
    assert!(given_up.await.expect("a count") <= 16, "nobody gave up after ten seconds");
    assert_only_counted(&world, &before, "a slow document").await;
    world.gatehouse.stop().await;
}

/// Redirects, other clients' documents, too much, and what is not metadata. None of it is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_not_exactly_right_makes_no_client_and_is_not_kept() {
    let documents = Documents::serve(|origin, path| {
        let good = document(&format!("{origin}{path}"));
        let with = |name: &str, value: serde_json::Value| {
            let mut document = good.clone();
            document[name] = value;
            (200, JSON, document.to_string())
        };
        match path {
            "/found" => (302, "location: /good", good.to_string()),
            "/moved" => (307, "location: http://169.254.169.254/latest", String::new()),
            "/missing" => (404, JSON, good.to_string()),
            "/broken" => (500, JSON, good.to_string()),
            "/partial" => (206, JSON, good.to_string()),
            "/page" => (200, "content-type: text/html", good.to_string()),
            "/text" => (200, "content-type: text/plain", good.to_string()),
            "/large" => with("x", "x".repeat(5200).into()),
            "/endless" => with("x", "x".repeat(3_000_000).into()),
            "/other" => with("client_id", format!("{origin}/good").into()),
            "/no-id" => with("client_id", serde_json::Value::Null),
            "/upper" => with("client_id", format!("{origin}{path}").to_uppercase().into()),
            "/secret" => with("client_secret", "x".into()),
            "/secret-method" => with("token_endpoint_auth_method", "client_secret_basic".into()),
            "/no-name" => with("client_name", serde_json::Value::Null),
            "/evil-name" => with("client_name", "a\u{202e}b".into()),
            "/no-redirects" => with("redirect_uris", json!([])),
            "/script" => with("redirect_uris", json!(["javascript:alert(1)"])),
            "/not-json" => (200, JSON, "{".to_owned()),
            "/list" => (200, JSON, "[]".to_owned()),
            _ => (200, JSON, good.to_string()),
        }
    })
    .await;
    let world = world_that_reads_loopback().await;
    let alice = Person::new("alice");
    for path in [
        "/found",
        "/moved",
        "/missing",
        "/broken",
        "/partial",
        "/page",
        "/text",
        "/large",
        "/endless",
        "/other",
        "/no-id",
        "/upper",
        "/secret",
        "/secret-method",
        "/no-name",
        "/evil-name",
        "/no-redirects",
        "/script",
        "/not-json",
        "/list",
    ] {
        let (before, asked) = (world.store().await, documents.asked());
        let flow = world.flow(&alice).with("client_id", Some(&format!("{}{path}", documents.origin)));
        assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, path);
        assert_only_counted(&world, &before, path).await;
        assert_eq!(documents.asked() - asked, 1, "{path}: nothing is followed or asked for again");
        assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, path);
        assert_eq!(documents.asked() - asked, 1, "{path}: it failed a moment ago");
    }
    let client = TestClient::public(&format!("{}/good", documents.origin), "https://client.example/callback");
    world.flow_of(&alice, client, "/mcp").finish().await;
    world.gatehouse.stop().await;
}

/// What the document allows is what counts, and only what it allows.
#[tokio::test(flavor = "multi_thread")]
async fn a_documented_client_gets_its_code_at_its_own_redirect_uris_only() {
    let documents = Documents::good().await;
    let world = world_that_reads_loopback().await;
    let alice = Person::new("alice");
    let id = format!("{}/client", documents.origin);
    let client = TestClient::public(&id, "https://client.example/callback");
    world.flow_of(&alice, client.clone(), "/mcp").finish().await;
    let before = world.store().await;
    for uri in
        ["https://evil.example/callback", "https://client.example/Callback", &id, "https://client.example/callback/"]
    {
        let flow = world.flow_of(&alice, client.clone(), "/mcp").with("redirect_uri", Some(uri));
        assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, uri);
    }
    world.assert_unchanged(&before, "redirect URIs").await;
    // Another spelling of the id is another client, which has no document.
    for other in [
        id.to_uppercase(),
        format!("{id}/../client"),
        format!("{id}#x"),
        id.replace("127.0.0.1", "127.1"),
        id.replace("http://", "http://a@"),
    ] {
        let flow = world.flow_of(&alice, client.clone(), "/mcp").with("client_id", Some(&other));
        assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, &other);
    }
    world.gatehouse.stop().await;
}

/// We may connect to what the operator names, wherever it is: a stranger would reach the inside of a network through us.
#[tokio::test(flavor = "multi_thread")]
async fn no_client_id_and_no_jwks_uri_leads_to_a_host_that_the_operator_named() {
    let elsewhere = Documents::good().await;
    let token_endpoint = format!("{}/token", elsewhere.origin);
    let world = world_that_reads_loopback().await;
    let alice = Person::new("alice");
    // The provider's metadata names another host: known from the first sign-in on.
    world.provider().script(move |script| {
        let token_endpoint = token_endpoint.clone();
        script.metadata(move |metadata| metadata["token_endpoint"] = token_endpoint.clone().into());
    });
    let mut flow = world.flow(&alice);
    flow.to(Step::SentToProvider).await;
    let port = |origin: &str| origin.rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let (upstream, asked) = (world.upstream.requests().len(), world.provider().count(Endpoint::Keys));
    let before = world.store().await;
    let own = [
        port(world.upstream.origin()),
        port(world.provider().origin()),
        port(&world.gatehouse.url),
        port(&elsewhere.origin),
    ];
    for port in &own {
        for host in ["http://127.0.0.1", "https://127.0.0.1", "http://localhost", "https://localhost"] {
            let url = format!("{host}:{port}/keys?confirm=yes");
            let flow = world.flow(&alice).with("client_id", Some(&url));
            assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, &url);
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", url.as_str())];
            let answer = world.post("/token", &pairs).await;
            assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"), "{url}");
        }
    }
    world.assert_unchanged(&before, "hosts of the operator").await;
    // A document elsewhere that says that its keys are there.
    let ports = own.clone();
    let documents = Documents::serve(move |origin, path| {
        let mut document = document(&format!("{origin}{path}"));
        let port = &ports[path.len() - 2];
        document["token_endpoint_auth_method"] = "private_key_jwt".into();
        document["jwks_uri"] = format!("http://127.0.0.1:{port}/jwks.json").into();
        (200, JSON, document.to_string())
    })
    .await;
    for path in ["/a", "/aa", "/aaa"] {
        let flow = world.flow(&alice).with("client_id", Some(&format!("{}{path}", documents.origin)));
        assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, path);
    }
    assert_eq!(documents.asked(), 3);
    assert_only_counted(&world, &before, "keys at hosts of the operator").await;
    assert_eq!(world.upstream.requests().len(), upstream);
    assert_eq!(world.provider().count(Endpoint::Keys), asked);
    assert_eq!(elsewhere.asked(), 0);
    world.gatehouse.stop().await;
}
