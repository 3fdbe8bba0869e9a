//! Client ids that are URLs: what they would have us fetch (server-side request forgery).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatehouse_tests::{AttackSettings, AttackWorld, From, Person};
use tokio::net::TcpListener;

use crate::answers::assert_shown;

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
        variables: vec![("client_document_origin".to_owned(), "*://*:*".to_owned())],
        ..AttackSettings::default()
    })
    .await;
    let alice = Person::new("alice");
    let mut answers = Vec::new();
    for port in [open, 1] {
        let url = format!("https://127.0.0.1:{port}/client");
        let flow = world.flow(&alice).with("client_id", Some(&url));
        answers.push(alice.open(&flow.authorization_url(), From::Nowhere).await.without_date());
    }
    assert_eq!(answers[0], answers[1]);
    world.gatehouse.stop().await;
}
