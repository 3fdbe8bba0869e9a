//! Ways that lead a browser to ourselves (issue 9, row S1): whatever we send it to could send it on to our authorization
//! endpoint, for another client than the user has in mind.

use gatehouse_tests::{AttackSettings, AttackWorld, ClientDocuments, From, Person, Step, TestClient};
use serde_json::json;

use crate::answers::{assert_error, assert_shown, links};
use crate::document_site::assert_only_counted;

/// What an attacker would have the browser ask of us.
const LURE: &str = "/authorize?response_type=code&client_id=public&redirect_uri=http%3A%2F%2F127.0.0.1%3A31337%2Fcallback\
                    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&scope=mcp";

/// Names and numbers under which this machine is reached from itself.
const LOOPBACK: [&str; 21] = [
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "0x7f.1",
    "0x7f000001",
    "017700000001",
    "2130706433",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "loc%61lhost",
    "x.localhost",
    "0.0.0.0",
    "0",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
];

async fn assert_no_client(world: &AttackWorld, uri: &str) {
    for uris in [json!([uri]), json!(["https://client.example/", uri])] {
        let answer = world.register(&json!({ "client_name": "Evil", "redirect_uris": uris })).await;
        assert_error(&answer, 400, "invalid_redirect_uri", uri);
    }
}

/// Issue 9, row S1, and sooperset/mcp-atlassian#1533, where it was the callback: a client whose redirect URI is ours.
#[tokio::test(flavor = "multi_thread")]
async fn no_client_registers_a_place_of_our_own_in_any_spelling() {
    let world = AttackWorld::start().await;
    let before = world.store().await;
    let port = world.gatehouse.url.rsplit(':').next().unwrap().to_owned();
    for host in LOOPBACK {
        for scheme in ["http", "https"] {
            for path in ["", "/", "/callback", LURE, "/sessions", "/anything"] {
                assert_no_client(&world, &format!("{scheme}://{host}:{port}{path}")).await;
            }
        }
    }
    let own = &world.gatehouse.url;
    for uri in [
        own.replace("http:", "HTTP:"),
        format!("{own}?x=y"),
        format!("{own}/x/../callback"),
        format!("{own}/%2e/callback"),
        format!("http://127.0.0.1:0{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://evil.example@127.0.0.1:{port}/"),
        format!("http:\\\\127.0.0.1:{port}\\authorize"),
        format!("http:/127.0.0.1:{port}/"),
        format!("http:127.0.0.1:{port}/"),
        format!("http:///127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!("http://127.0.0.1\t:{port}/"),
        format!("http://127.0.\n0.1:{port}/"),
        format!("http://127\u{3002}0\u{3002}0\u{3002}1:{port}/"),
        format!("http://\u{2460}27.0.0.1:{port}/"),
    ] {
        assert_no_client(&world, &uri).await;
    }
    world.assert_unchanged(&before, "registrations").await;
    // The neighbour is not we.
    world.registered(&format!("http://localhost:{}/callback", port.parse::<u16>().unwrap() ^ 1)).await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_registers_a_public_place_of_our_own_in_any_spelling() {
    let public_url = Some("https://b\u{fc}cher.example".to_owned());
    let world = AttackWorld::start_with(AttackSettings { public_url, ..AttackSettings::default() }).await;
    let before = world.store().await;
    for authority in [
        "xn--bcher-kva.example",
        "XN--BCHER-KVA.Example",
        "xn--bcher-kva.example:443",
        "xn--bcher-kva.example:0443",
        "xn--bcher-kva.example:",
        "xn--bcher-kva.example:80",
        "xn--bcher-kva.example.",
        "xn--bcher-kva.example.:443",
        "xn--bcher-kva%2eexample",
        "%78n--bcher-kva.example",
        "b%C3%BCcher.example",
        "B%C3%9CCHER.example",
        "bu%CC%88cher.example",
        "b%C3%BCcher%E3%80%82example",
        "b%C3%BC%C2%ADcher.example",
        "%EF%BD%82%C3%BCcher.example",
        "b\u{fc}cher.example",
        "user@xn--bcher-kva.example",
        "evil.example:443@xn--bcher-kva.example",
        "evil.example\\@xn--bcher-kva.example",
        "\\xn--bcher-kva.example",
        "/xn--bcher-kva.example",
        "xn--bcher-kva.ex\tample",
    ] {
        for scheme in ["https", "HTTPS", "http"] {
            assert_no_client(&world, &format!("{scheme}://{authority}{LURE}")).await;
        }
    }
    world.assert_unchanged(&before, "registrations").await;
    world.gatehouse.stop().await;
}

/// RFC 8252, section 7.3 lets the port of a loopback redirect URI vary: it must not become ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_loopback_client_cannot_choose_our_own_port_under_any_name() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let port = world.gatehouse.url.rsplit(':').next().unwrap().to_owned();
    for (host, path) in
        [("127.0.0.1", "/callback"), ("127.0.0.1", LURE), ("127.0.0.2", LURE), ("localhost", LURE), ("[::1]", LURE)]
    {
        let client = world.registered(&format!("http://{host}{path}")).await;
        let before = world.store().await;
        for port in [port.clone(), format!("0{port}")] {
            let uri = format!("http://{host}:{port}{path}");
            for (name, value) in [("response_type", "code"), ("response_mode", "fragment"), ("scope", "none-such")] {
                let flow = world.flow_of(&alice, client.clone(), "/mcp");
                let flow = flow.with("redirect_uri", Some(&uri)).with(name, Some(value));
                let answer = alice.open(&flow.authorization_url(), From::Nowhere).await;
                assert_shown(&answer, 400, &uri);
                assert_eq!((links(&answer), answer.forms()), (vec!["/sessions"], vec![]), "{uri}: {answer:?}");
            }
        }
        world.assert_unchanged(&before, "our own port").await;
        let elsewhere = format!("http://{host}:31337{path}");
        let mut flow = world.flow_of(&alice, client, "/mcp").with("redirect_uri", Some(&elsewhere));
        flow.to(Step::Asked).await;
    }
    world.gatehouse.stop().await;
}

/// A client that registered before we had this name, or before this was refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_uri_that_has_become_our_own_gets_nothing_any_more() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let uri = format!("https://gateway.example{LURE}");
    let client = world.registered(&uri).await;
    let configuration = world.gatehouse.variable("config");
    let moved = configuration.replace(&format!("\"{}\"", world.gatehouse.url), "\"https://gateway.example\"");
    assert_ne!(moved, configuration);
    let moved = world.beside_with(&[("config", &moved)]).await;
    let before = world.store().await;
    for (name, value) in [("response_type", "code"), ("response_mode", "fragment"), ("prompt", "none")] {
        let flow = moved.flow_of(&alice, client.clone(), "/mcp").with(name, Some(value));
        let flow = flow.with("resource", Some("https://gateway.example/mcp"));
        let answer = alice.open(&flow.authorization_url(), From::Nowhere).await;
        assert_shown(&answer, 400, name);
        assert_eq!((links(&answer), answer.forms()), (vec!["/sessions"], vec![]), "{answer:?}");
    }
    world.assert_unchanged(&before, "a client from before").await;
    moved.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_document_with_a_place_of_our_own_makes_no_client() {
    const PUBLIC_URL: &str = "http://127.0.0.1:4999";
    for own in ["http://127.0.0.1:4999/", "http://localhost:4999/", "http://[::1]:4999/", "https://x.localhost:4999/"] {
        let uri = format!("{}{LURE}", own.trim_end_matches('/'));
        let uris = ["https://client.example/callback", uri.as_str()];
        let documents = ClientDocuments::serve(&uris, &json!({ "keys": [] })).await;
        let settings = AttackSettings {
            public_url: Some(PUBLIC_URL.to_owned()),
            ca_file: Some(documents.ca_file()),
            variables: vec![("client_document_origin".to_owned(), "https://localhost:*".to_owned())],
            ..AttackSettings::default()
        };
        let world = AttackWorld::start_with(settings).await;
        let alice = Person::new("alice");
        let before = world.store().await;
        for uri in uris {
            let client = TestClient::public(&documents.client_id("/client.json"), uri);
            let flow = world.flow_of(&alice, client, "/mcp").with("response_mode", Some("fragment"));
            let answer = alice.open(&flow.authorization_url(), From::Nowhere).await;
            assert_shown(&answer, 400, uri);
            assert_eq!(links(&answer), ["/sessions"], "{answer:?}");
        }
        assert!(documents.reads("/client.json") > 0, "it was refused unread");
        assert_only_counted(&world, &before, own).await;
        world.gatehouse.stop().await;
    }
}

/// What a provider names as its authorization endpoint, browsers are sent to.
#[tokio::test(flavor = "multi_thread")]
async fn no_provider_sends_a_user_to_our_own_authorization_endpoint() {
    for (member, host) in [
        ("authorization_endpoint", "127.0.0.1"),
        ("authorization_endpoint", "localhost"),
        ("authorization_endpoint", "[::1]"),
        ("token_endpoint", "127.0.0.1"),
        ("jwks_uri", "localhost"),
    ] {
        let world = AttackWorld::start().await;
        let alice = Person::new("alice");
        let own = format!("{}{LURE}", world.gatehouse.url.replace("127.0.0.1", host));
        let named = own.clone();
        world.provider().script(move |script| script.metadata(move |metadata| metadata[member] = named.clone().into()));
        let mut flow = world.flow(&alice);
        flow.to(Step::Asked).await;
        let before = world.store().await;
        let answer = flow.decide("approve").await;
        let location = answer.location().unwrap_or_else(|| panic!("{member}: {answer:?}"));
        assert!(location.as_str().starts_with("https://client.example/callback?error="), "{own}: {location}");
        world.assert_only_changed(&before, &["logins", "document-failures"], &own).await;
        world.gatehouse.stop().await;
    }
}
