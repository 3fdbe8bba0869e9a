//! Addresses from which nothing may be reached, and addresses that ask too often.

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, raw};
use serde_json::json;

use crate::answers::{assert_error, assert_shown};
use crate::from::{from, line_of, ping, token};

async fn world(mcp_lines: &str, top: &str, tables: &str) -> AttackWorld {
    let (mcp_lines, top, tables) = (mcp_lines.to_owned(), top.to_owned(), tables.to_owned());
    AttackWorld::start_with(AttackSettings { mcp_lines, top, tables, ..AttackSettings::default() }).await
}

/// 403, in words that name no range and no address.
fn assert_not_from_there(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 403, "{what}: {answer:?}");
    assert!(!answer.body.contains("127.") && !answer.body.contains('/'), "{what}: {answer:?}");
    assert!(answer.headers.iter().all(|(_, value)| !value.to_str().unwrap_or_default().contains("127.")), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), "", "{what}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_another_address_a_route_cannot_be_reached_with_the_best_of_tokens_and_in_no_way() {
    let world = world("networks = { allow = [\"127.0.0.8/30\"], deny = [\"127.0.0.9\"] }", "", "").await;
    let token = token(&world).await;
    let answer = ping(&world, "127.0.0.8", &token, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(line_of(&world, &answer, "forwarded")["client_address"], "127.0.0.8");
    let (before, calls) = (world.store().await, world.upstream.requests().len());
    for (address, reason) in [
        ("127.0.0.1", "the client's address is in none of the ranges that networks allow"),
        ("127.0.0.12", "the client's address is in none of the ranges that networks allow"),
        ("127.0.0.9", "the client's address is in 127.0.0.9/32, which networks deny"),
    ] {
        let answer = ping(&world, address, &token, &[]).await;
        assert_not_from_there(&answer, address);
        assert_eq!(answer.json()["error"]["message"], "This address is not allowed");
        let line = line_of(&world, &answer, "refused");
        assert_eq!((&line["reason"], &line["client_address"]), (&json!(reason), &json!(address)));
        assert_eq!((&line["subject"], &line["decision"]), (&json!(null), &json!("refused")), "the token was looked at");
        for (method, path) in [
            ("GET", "/mcp"),
            ("DELETE", "/mcp"),
            ("OPTIONS", "/mcp"),
            ("PUT", "/mcp"),
            ("POST", "/mcp/"),
            ("GET", "/mcp/sse"),
            ("POST", "/mcp/message"),
            ("GET", "/.well-known/oauth-protected-resource/mcp"),
            ("GET", "/.well-known/oauth-protected-resource/mcp/sse"),
        ] {
            let what = format!("{method} {path} from {address}");
            let request = from(address).request(method.parse().unwrap(), world.url(path)).bearer_auth(&token);
            assert_not_from_there(&Answer::of(request.send().await.unwrap()).await, &what);
        }
        // Another route, and what people and programs need to sign in, are not this route's.
        let other = from(address).post(world.url("/other")).send().await.unwrap();
        assert_eq!(other.status(), 401);
        assert_eq!(from(address).get(world.url("/sessions")).send().await.unwrap().status(), 200);
    }
    assert_eq!(world.upstream.requests().len(), calls);
    world.assert_unchanged(&before, "requests from other addresses").await;
    world.gatehouse.stop().await;
}

/// Spin's header in the hand of a client, in every spelling, doubled, and as one that the connection is to forget.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_says_himself_who_has_connected() {
    let world = world("networks = { allow = [\"127.0.0.8\"] }", "", "").await;
    let token = token(&world).await;
    let before = world.store().await;
    let own = "spin-client-addr: 127.0.0.8:1\r\n";
    for forged in [
        own.to_owned(),
        format!("{own}{own}"),
        format!("{own}connection: spin-client-addr\r\n"),
        "Spin-Client-Addr: 127.0.0.8:1\r\n".to_owned(),
        "SPIN-CLIENT-ADDR: 127.0.0.8\r\n".to_owned(),
        "spin_client_addr: 127.0.0.8:1\r\n".to_owned(),
        "x-client-addr: 127.0.0.8:1\r\n".to_owned(),
        "x-real-ip: 127.0.0.8\r\n".to_owned(),
        "x-forwarded-for: 127.0.0.8\r\n".to_owned(),
        "forwarded: for=127.0.0.8\r\n".to_owned(),
        "true-client-ip: 127.0.0.8\r\nx-azure-clientip: 127.0.0.8\r\nx-envoy-external-address: 127.0.0.8\r\n"
            .to_owned(),
    ] {
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{forged}\
             accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
             content-length: 40\r\n\r\n{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}}"
        );
        let answer = raw(&world.gatehouse.url, request.as_bytes()).await;
        assert_eq!(answer.status, Some(403), "{forged}: {}", answer.text);
    }
    assert_eq!(ping(&world, "127.0.0.8", &token, &[("spin-client-addr", "127.0.0.1:1")]).await.status, 200);
    world.assert_unchanged(&before, "forged peers").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_endpoints_and_probes_have_networks_of_their_own() {
    let tables = r#"
        [networks]
        pages = { allow = ["127.0.0.8"] }
        endpoints = { allow = ["127.0.0.9"] }
        probes = { allow = ["127.0.0.10"] }
    "#;
    let world = world("", "", tables).await;
    let before = world.store().await;
    let ask = async |address: &str, method: &str, path: &str| {
        let request = from(address).request(method.parse().unwrap(), world.url(path)).header("accept", "text/html");
        Answer::of(request.send().await.unwrap()).await
    };
    let pages = [
        ("GET", "/authorize"),
        ("GET", "/sessions"),
        ("GET", "/callback"),
        ("POST", "/consent"),
        ("POST", "/choose"),
        ("GET", "/"),
        ("GET", "/nothing"),
        ("GET", "/access-token"),
        ("POST", "/sign-in"),
    ];
    let endpoints = [
        ("POST", "/register"),
        ("POST", "/token"),
        ("POST", "/revoke"),
        ("POST", "/introspect"),
        ("GET", "/.well-known/oauth-authorization-server"),
    ];
    let probes = [("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/readyz/mcp")];
    for (method, path) in pages {
        let answer = ask("127.0.0.9", method, path).await;
        assert_shown(&answer, 403, path);
        assert!(
            answer.body.contains("This page cannot be reached from here") && !answer.body.contains("127.0.0.8"),
            "{answer:?}"
        );
        let line = line_of(&world, &answer, "refused");
        assert_eq!(line["client_address"], "127.0.0.9");
        assert_ne!(ask("127.0.0.8", method, path).await.header("x-request-id"), "");
    }
    for (method, path) in endpoints {
        let answer = ask("127.0.0.8", method, path).await;
        assert_error(&answer, 403, "access_denied", path);
        assert_not_from_there(&answer, path);
        assert_eq!(line_of(&world, &answer, "refused")["client_address"], "127.0.0.8");
        assert_ne!(ask("127.0.0.9", method, path).await.status, 403, "{path}");
    }
    for (method, path) in probes {
        let answer = ask("127.0.0.8", method, path).await;
        assert_eq!((answer.status, answer.body.as_str()), (403, r#"{"status":"forbidden"}"#), "{path}");
        assert_ne!(ask("127.0.0.10", method, path).await.status, 403, "{path}");
    }
    // Routes have networks of their own, and this one none.
    assert_eq!(ping(&world, "127.0.0.11", "none", &[]).await.status, 401);
    let changes = world.changes_since(&before).await;
    assert!(changes.iter().all(|name| name.starts_with("readiness") || name.starts_with("probe")), "{changes:?}");
    world.gatehouse.stop().await;
}

/// Guessing tokens: the address has no more tries than the operator gives it, whatever it says of itself, and a right token is no exception.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_guesses_no_more_tokens_than_it_may_and_others_go_on() {
    let world = world("rates = [{ per = \"address\", requests = 5, seconds = 3600 }]", "", "").await;
    let token = token(&world).await;
    let forged = format!("{}{}", token.get(..8).unwrap(), "A".repeat(token.len() - 8));
    let before = world.store().await;
    for number in 0..5 {
        let spoofed = format!("192.0.2.{number}");
        let headers = [
            ("x-forwarded-for", spoofed.as_str()),
            ("forwarded", &format!("for={spoofed}")),
            ("spin-client-addr", "192.0.2.9:1"),
        ];
        let answer = ping(&world, "127.0.0.8", &forged, &headers).await;
        assert_eq!(answer.status, 401, "{number}: {answer:?}");
    }
    let counted = world.store().await;
    for tried in [forged.as_str(), token.as_str()] {
        let answer = ping(&world, "127.0.0.8", tried, &[("x-forwarded-for", "192.0.2.77")]).await;
        assert_eq!((answer.status, answer.header("ratelimit-policy")), (429, "\"address\";q=5;w=3600"), "{answer:?}");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
        let line = line_of(&world, &answer, "refused");
        assert_eq!(
            (&line["reason"], &line["client_address"], &line["subject"]),
            (&json!("a rate is exceeded"), &json!("127.0.0.8"), &json!(null))
        );
    }
    // What is refused is given back: the sums grow, and no entry comes.
    assert_eq!(world.store().await.len(), counted.len());
    world.assert_only_changed(&before, &["requests"], "guessing").await;
    assert!(world.changes_since(&before).await.len() <= 2, "one window and the one before");
    // What costs nothing is not counted, and others are not touched.
    let without = from("127.0.0.8").post(world.url("/mcp")).send().await.unwrap();
    assert_eq!(without.status(), 401);
    assert_eq!(ping(&world, "127.0.0.9", &token, &[]).await.status, 200);
    world.gatehouse.clock.advance(2 * 3_600);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_calls_the_authorization_server_no_more_often_than_it_may() {
    let world = world("", "rates = [{ per = \"address\", requests = 4, seconds = 60 }]", "").await;
    let before = world.store().await;
    let register = async |address: &str| {
        let request = from(address).post(world.url("/register")).header("content-type", "application/json");
        Answer::of(request.body("{}").send().await.unwrap()).await
    };
    for path in ["/authorize?client_id=none", "/sessions", "/sessions"] {
        assert_ne!(from("127.0.0.8").get(world.url(path)).send().await.unwrap().status(), 429);
    }
    assert_error(&register("127.0.0.8").await, 400, "invalid_redirect_uri", "the fourth");
    let answer = register("127.0.0.8").await;
    assert_error(&answer, 429, "temporarily_unavailable", "the fifth");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(line_of(&world, &answer, "refused")["client_address"], "127.0.0.8");
    let page = Answer::of(from("127.0.0.8").get(world.url("/authorize?client_id=none")).send().await.unwrap()).await;
    assert_shown(&page, 429, "a page");
    assert!(page.header("retry-after").parse::<u64>().unwrap() > 0, "{page:?}");
    // Metadata costs nothing; another address, and the routes, have their own.
    for _ in 0..6 {
        let metadata =
            from("127.0.0.8").get(world.url("/.well-known/oauth-authorization-server")).send().await.unwrap();
        assert_eq!(metadata.status(), 200);
        assert_eq!(ping(&world, "127.0.0.8", "none", &[]).await.status, 401);
    }
    assert_error(&register("127.0.0.9").await, 400, "invalid_redirect_uri", "another address");
    world.assert_only_changed(&before, &["requests"], "calls of one address").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_is_in_the_log_where_the_operator_wants_none() {
    let world = world("networks = { deny = [\"127.0.0.9\"] }", "log_addresses = false", "").await;
    let token = token(&world).await;
    assert_eq!(ping(&world, "127.0.0.8", &token, &[("x-forwarded-for", "127.0.0.8")]).await.status, 200);
    assert_eq!(ping(&world, "127.0.0.9", &token, &[]).await.status, 403);
    let lines = world.gatehouse.log.lines();
    assert!(
        lines.iter().any(|line| line.contains("forwarded")) && !lines.iter().any(|line| line.contains("127.0.0.8"))
    );
    assert!(!lines.iter().any(|line| line.contains("client_address")));
    world.gatehouse.stop().await;
}
