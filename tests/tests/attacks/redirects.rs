//! Redirect URIs that are nearly the client's (OAuth 2.1, section 2.3.1; RFC 9700, section 4.1).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use gatehouse_tests::{AttackSettings, AttackWorld, From, Person, Step, TestClient, form, serve};
use http::Response;
use serde_json::json;

use crate::answers::{assert_error, assert_shown};

/// What is not `https://client.example/callback`, though some parser thinks so.
const NEARLY: [&str; 58] = [
    // Somewhere else.
    "https://evil.example/callback",
    "https://client.example.evil.example/callback",
    "https://evilclient.example/callback",
    "https://evil.example/https://client.example/callback",
    "https://evil.example/?https://client.example/callback",
    "https://evil.example#https://client.example/callback",
    // Case and dots.
    "HTTPS://client.example/callback",
    "https://CLIENT.example/callback",
    "https://client.example/Callback",
    "https://client.example./callback",
    "https://client.example/./callback",
    "https://client.example/x/../callback",
    "https://client.example/callback/..",
    "https://client.example/callback/.",
    "https://client.example/callback/",
    "https://client.example//callback",
    "https://client.example/callback;x",
    // Encodings.
    "https://client.example/%63allback",
    "https://client.example/callback%00",
    "https://client.example/callback%20",
    "https://client.example/callback%0d%0aset-cookie:a=b",
    "https://client.example%2fcallback",
    "https://client.example%2eevil.example/callback",
    "https://client.example%00.evil.example/callback",
    "https://client%2eexample/callback",
    // User information.
    "https://client.example@evil.example/callback",
    "https://client.example:443@evil.example/callback",
    "https://user@client.example/callback",
    "https://:@client.example/callback",
    "https://@client.example/callback",
    "https://a@b@client.example/callback",
    // Fragments and queries.
    "https://client.example/callback#",
    "https://client.example/callback#code",
    "https://client.example/callback?",
    "https://client.example/callback?next=https://evil.example",
    // Backslashes and what else browsers read as slashes, or not at all.
    "https:\\\\client.example\\callback",
    "https://evil.example\\@client.example/callback",
    "https://client.example\\.evil.example/callback",
    "https://client.example/\\evil.example",
    "https:client.example/callback",
    "https:/client.example/callback",
    "https:///client.example/callback",
    "//client.example/callback",
    "/callback",
    "ht\ttps://client.example/callback",
    "https://client.example/call\tback",
    " https://client.example/callback",
    "https://client.example/callback ",
    "https://client.example/callback\r\nset-cookie: a=b",
    "https://client.example/callback\0",
    // Unicode hosts: a Cyrillic letter, full-width letters, a full stop that is none, soft hyphen, its own punycode.
    "https://\u{441}lient.example/callback",
    "https://\u{ff43}lient.example/callback",
    "https://client\u{3002}example/callback",
    "https://cl\u{ad}ient.example/callback",
    "https://xn--lient-r8d.example/callback",
    // Schemes.
    "http://client.example/callback",
    "javascript://client.example/callback",
    "https://client.example:443/callback",
];

/// What is not `http://127.0.0.1/callback` on any port (RFC 8252, section 7.3).
const NEARLY_LOOPBACK: [&str; 20] = [
    "http://127.0.0.2/callback",
    "http://127.1/callback",
    "http://0x7f000001/callback",
    "http://2130706433/callback",
    "http://0/callback",
    "http://0.0.0.0/callback",
    "http://[::1]/callback",
    "http://[::ffff:127.0.0.1]/callback",
    "http://localhost/callback",
    "https://127.0.0.1/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.0.0.1:80@evil.example/callback",
    "http://127.0.0.1:4711:80/callback",
    "http://127.0.0.1:99999/callback",
    "http://127.0.0.1:x/callback",
    "http://127.0.0.1:4711/Callback",
    "http://127.0.0.1:4711/callback/",
    "http://127.0.0.1:4711/callback?x",
    "http://127.0.0.1:4711/../callback",
    "http://127.0.0.1:4711\\@evil.example/callback",
];

/// CVE-2025-4143: Cloudflare's provider did not check the redirect URI at the authorization endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn an_unregistered_redirect_uri_is_shown_to_the_user_and_never_redirected_to() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let before = world.store().await;
    for uri in NEARLY.iter().chain(&NEARLY_LOOPBACK) {
        let flow = world.flow(&alice).with("redirect_uri", Some(uri));
        let answer = alice.open(&flow.authorization_url(), From::Nowhere).await;
        assert_shown(&answer, 400, uri);
        assert!(answer.forms().is_empty(), "{uri}: {answer:?}");
    }
    for (name, value) in [("redirect_uri", None), ("client_id", None), ("client_id", Some("unknown"))] {
        let flow = world.flow(&alice).with(name, value);
        assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, name);
    }
    // Another client's URI is no better.
    let flow = world.flow(&alice).with("client_id", Some("other"));
    assert_shown(&alice.open(&flow.authorization_url(), From::Nowhere).await, 400, "another client's");
    world.assert_unchanged(&before, "redirect URIs").await;
    world.gatehouse.stop().await;
}

/// The one liberty that there is: a native application's port.
#[tokio::test(flavor = "multi_thread")]
async fn a_loopback_redirect_uri_may_have_any_port_and_the_code_goes_to_that_port_only() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice).with("redirect_uri", Some("http://127.0.0.1:4711/callback"));
    flow.to(Step::Answered).await;
    let before = world.store().await;
    assert_eq!(flow.client_url.as_ref().unwrap().port(), Some(4711));
    // A program on another port of the same machine presents the code as its own.
    let mut pairs = flow.redemption();
    pairs.retain(|(name, _)| name != "redirect_uri");
    pairs.push(("redirect_uri".to_owned(), "http://127.0.0.1:4712/callback".to_owned()));
    assert_error(&world.token(&flow.client, &pairs).await, 400, "invalid_grant", "another port");
    world.assert_unchanged(&before, "another port").await;
    assert_eq!(flow.redeem().await.status, 200);
    world.gatehouse.stop().await;
}

/// cloudflare/workers-oauth-provider#92 and #97: the scheme filter that `JaVaScRiPt:`, tabs and `https:evil` pass.
/// geelen/mcp-remote CVE-2025-6514 is the same at the other end.
#[tokio::test(flavor = "multi_thread")]
async fn no_client_registers_a_redirect_uri_that_a_browser_would_run_or_read_otherwise() {
    let world = AttackWorld::start().await;
    let before = world.store().await;
    for uri in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "\u{1}javascript:alert(1)",
        " javascript:alert(1)",
        "javascript://client.example/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "blob:https://client.example/uuid",
        "file:///etc/passwd",
        "about:blank",
        "view-source:https://client.example/",
        "https:evil.example",
        "https:/evil.example",
        "https:\\\\evil.example",
        "ws://client.example/",
        "ftp://client.example/",
        "urn:ietf:wg:oauth:2.0:oob",
        "http://client.example/callback",
        "http://192.168.0.1/callback",
        "http://127.0.0.1.evil.example/",
        "https://known.example@evil.example/",
        "https://client.example/#fragment",
        "https://",
        "https://?",
        "",
        "callback",
        "https://client.example/\r\nset-cookie: a=b",
        "https://\u{441}lient.example/",
        "https://client.example/\u{202e}",
    ] {
        let answer = world.register(&json!({ "client_name": "Evil", "redirect_uris": [uri] })).await;
        assert_error(&answer, 400, "invalid_redirect_uri", uri);
        // Nor beside a good one.
        let both = json!({ "client_name": "Evil", "redirect_uris": ["https://client.example/", uri] });
        assert_error(&world.register(&both).await, 400, "invalid_redirect_uri", uri);
    }
    world.assert_unchanged(&before, "registrations").await;
    world.gatehouse.stop().await;
}

/// RFC 9700, section 4.11: no open redirector. Whatever the request, the browser goes to a registered place, the
/// provider, or nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_turns_an_endpoint_into_an_open_redirector() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let evil = "https://evil.example/";
    let before = world.store().await;
    let names = [
        "redirect_uri",
        "redirect",
        "redirect_url",
        "return_to",
        "returnTo",
        "next",
        "rd",
        "url",
        "target",
        "state",
        "iss",
        "post_logout_redirect_uri",
        "RelayState",
        "request_uri",
        "error_uri",
        "code",
    ];
    let pairs = names.map(|name| (name, evil));
    for path in [
        "/",
        "/authorize",
        "/callback",
        "/consent",
        "/token",
        "/register",
        "/choose",
        "/sessions",
        "/sign-in",
        "/sign-out",
        "/revoke",
        "/login",
        "/logout",
        "/mcp",
        "/healthz",
    ] {
        let url = world.url(&format!("{path}?{}", form(&pairs)));
        let answer = alice.open(&url.parse().unwrap(), From::OtherSite).await;
        assert_eq!(answer.header("location"), "", "{path}: {answer:?}");
        assert!((400..500).contains(&answer.status) || path == "/healthz" || path == "/sessions", "{path}: {answer:?}");
        let answer = alice.post(&url, &form(&pairs), From::OtherSite, Some("https://evil.example")).await;
        assert_eq!(answer.header("location"), "", "{path}: {answer:?}");
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
    }
    world.assert_unchanged(&before, "redirections").await;
    world.gatehouse.stop().await;
}

/// RFC 9700, section 4.11.2: anybody can register a place and make a link of ours lead there.
#[tokio::test(flavor = "multi_thread")]
async fn no_error_sends_a_user_to_a_place_that_nobody_vouches_for() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let strange = world.registered("https://phishing.example/callback").await;
    let native = world.registered("http://127.0.0.1:33418/callback").await;
    let before = world.store().await;
    for (client, redirects) in [(world.public(), true), (native, true), (strange, false)] {
        for (name, value) in [("scope", "admin"), ("resource", "https://evil.example"), ("prompt", "none")] {
            let flow = world.flow_of(&alice, client.clone(), "/mcp").with(name, Some(value));
            let answer = alice.open(&flow.authorization_url(), From::Nowhere).await;
            if redirects {
                assert_eq!(answer.status, 303, "{answer:?}");
                assert!(answer.location().unwrap().as_str().starts_with(&client.redirect_uri), "{answer:?}");
            } else {
                assert_shown(&answer, 400, name);
                assert!(answer.body.contains("https://phishing.example/callback?error="), "{answer:?}");
            }
        }
    }
    world.assert_unchanged(&before, "requests that cannot be granted").await;
    world.gatehouse.stop().await;
}

/// A client's metadata may name URLs for its logo, its terms and much else (RFC 7591, section 2; OpenID Connect). None of
/// them is asked for, linked to or sent to.
#[tokio::test(flavor = "multi_thread")]
async fn urls_that_a_client_names_of_itself_lead_nowhere() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let origin = serve(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        async { Response::builder().body(Bytes::new()).ok() }
    });
    let origin = origin.await;
    // So that the host would let us ask.
    let variables = vec![("client_document_origin".to_owned(), "*://*:*".to_owned())];
    let world = AttackWorld::start_with(AttackSettings { variables, ..AttackSettings::default() }).await;
    let alice = Person::new("alice");
    let redirect_uri = "https://evil.example/callback";
    let mut metadata = json!({ "client_name": "Evil", "redirect_uris": [redirect_uri] });
    for name in [
        "client_uri",
        "logo_uri",
        "tos_uri",
        "policy_uri",
        "jwks_uri",
        "sector_identifier_uri",
        "initiate_login_uri",
        "backchannel_logout_uri",
        "frontchannel_logout_uri",
        "software_statement",
    ] {
        metadata[name] = format!("{origin}/{name}").into();
    }
    metadata["post_logout_redirect_uris"] = json!([format!("{origin}/post-logout")]);
    metadata["request_uris"] = json!([format!("{origin}/request")]);
    let registered = world.register(&metadata).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let client = TestClient::public(registered.json()["client_id"].as_str().unwrap(), redirect_uri);
    let mut flow = world.flow_of(&alice, client.clone(), "/mcp");
    flow.to(Step::Asked).await;
    let asking = flow.page.as_ref().unwrap().clone();
    flow.to(Step::Redeemed).await;
    let wrong = world.flow_of(&alice, client, "/mcp").with("response_mode", Some("fragment"));
    let wrong = alice.open(&wrong.authorization_url(), From::Nowhere).await;
    assert_shown(&wrong, 400, "a wrong request");
    for shown in [&registered, &asking, &wrong] {
        assert!(!shown.body.contains(&origin), "{shown:?}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0, "we asked for one of them");
    world.gatehouse.stop().await;
}

/// Response splitting, and parameters smuggled into the authorization response: `state` is returned as it came, encoded.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_the_request_adds_a_header_or_a_parameter_to_a_redirect() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    for state in [
        "a\r\nset-cookie: evil=1\r\n\r\n<html>",
        "a&code=evil&iss=evil",
        "a#b",
        "%0d%0aset-cookie:%20evil=1",
        "\u{e9}\u{2028}\0",
    ] {
        let mut flow = world.flow(&alice).with("state", Some(state));
        flow.to(Step::Asked).await;
        let answer = flow.decide("deny").await;
        assert_eq!(answer.status, 303);
        let cookies: Vec<_> = answer
            .headers
            .get_all("set-cookie")
            .iter()
            .filter(|value| value.to_str().unwrap().contains("evil"))
            .collect();
        assert!(cookies.is_empty() && answer.body.is_empty(), "{answer:?}");
        let location = answer.location().unwrap();
        let names: Vec<_> = location.query_pairs().map(|(name, _)| name.into_owned()).collect();
        assert_eq!(names, ["error", "error_description", "state", "iss"], "{location}");
        assert_eq!(location.query_pairs().find(|(name, _)| name == "state").unwrap().1, state);
        assert_eq!(location.fragment(), None);
    }
    world.gatehouse.stop().await;
}

/// HTTP parameter pollution: what is there twice is refused, whichever of the two another reader would take.
#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_comes_twice_is_refused_wherever_it_comes() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    let before = world.store().await;
    for (name, value) in flow.request.clone() {
        let mut doubled = world.flow(&alice);
        doubled.request.push((name.clone(), if name == "resource" { world.url("/other") } else { value }));
        let answer = alice.open(&doubled.authorization_url(), From::Nowhere).await;
        match name.as_str() {
            "client_id" | "redirect_uri" => assert_shown(&answer, 400, &name),
            _ => {
                let location = answer.location().unwrap_or_else(|| panic!("{name}: {answer:?}"));
                let error = if name == "resource" { "invalid_target" } else { "invalid_request" };
                assert!(
                    location.as_str().starts_with(&format!("https://client.example/callback?error={error}&")),
                    "{location}"
                );
            }
        }
    }
    for (name, value) in flow.redemption().into_iter().chain([("client_id".to_owned(), "other".to_owned())]) {
        let doubled = [flow.redemption(), vec![(name.clone(), value)]].concat();
        let answer = world.token(&flow.client, &doubled).await;
        assert!(
            answer.status >= 400 && ["invalid_request", "invalid_client"].contains(&answer.error().as_str()),
            "{name}: {answer:?}"
        );
    }
    world.assert_unchanged(&before, "doubled parameters").await;
    assert_eq!(flow.redeem().await.status, 200);
    world.gatehouse.stop().await;
}
