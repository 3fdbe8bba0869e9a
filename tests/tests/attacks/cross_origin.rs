//! Web pages that may not call a route, and what they try (the Fetch standard, section 3.2).

use gatehouse_tests::{Answer, AttackSettings, AttackWorld};
use reqwest::Method;

use crate::from::token;

/// The example of the article *Secure MCP servers on Azure Container Apps*, value by value.
const CONTAINER_APPS: &str = r#"cors = { origins = ["https://vscode.dev", "https://github.dev"],
    methods = ["GET", "POST", "OPTIONS"], headers = ["Content-Type", "Authorization", "Mcp-Session-Id"], max_age = 3600 }"#;

async fn world(mcp_lines: &str) -> AttackWorld {
    let (mcp_lines, top) = (mcp_lines.to_owned(), "allowed_origins = [\"https://every-route.example\"]".to_owned());
    AttackWorld::start_with(AttackSettings { mcp_lines, top, ..AttackSettings::default() }).await
}

async fn preflight(world: &AttackWorld, path: &str, origin: &str, method: &str, headers: &str) -> Answer {
    let request = gatehouse_tests::http().request(Method::OPTIONS, world.url(path)).header("origin", origin);
    let request = request.header("access-control-request-method", method);
    Answer::of(request.header("access-control-request-headers", headers).send().await.unwrap()).await
}

/// A call of a page, as a browser sends it once it was allowed to.
async fn call(world: &AttackWorld, path: &str, method: Method, origin: &str, token: &str) -> Answer {
    let request = gatehouse_tests::http().request(method, world.url(path)).header("origin", origin).bearer_auth(token);
    let request =
        request.header("content-type", "application/json").header("accept", "application/json, text/event-stream");
    Answer::of(request.body(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).send().await.unwrap()).await
}

fn names(answer: &Answer) -> Vec<String> {
    let names = answer.headers.keys().map(|name| name.as_str().to_owned());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_container_apps_means_here_what_it_means_there() {
    let world = world(CONTAINER_APPS).await;
    let token = token(&world).await;
    for origin in ["https://vscode.dev", "https://github.dev"] {
        let answer = preflight(&world, "/mcp", origin, "POST", "authorization,content-type,mcp-session-id").await;
        assert_eq!(answer.status, 204, "{answer:?}");
        for (name, value) in [
            ("access-control-allow-origin", origin),
            ("access-control-allow-methods", "GET, POST, OPTIONS"),
            ("access-control-allow-headers", "Content-Type, Authorization, Mcp-Session-Id"),
            ("access-control-max-age", "3600"),
            ("access-control-allow-credentials", ""),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        let answer = call(&world, "/mcp", Method::POST, origin, &token).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin), "{answer:?}");
        assert!(answer.header("access-control-expose-headers").contains("Mcp-Session-Id"), "{answer:?}");
    }
    // The route has its own pages in place of everybody's, and another route has everybody's.
    for (path, origin, status) in [
        ("/mcp", "https://every-route.example", 403),
        ("/other", "https://every-route.example", 204),
        ("/other", "https://vscode.dev", 403),
    ] {
        assert_eq!(preflight(&world, path, origin, "POST", "authorization").await.status, status, "{path} {origin}");
    }
    // Probes are for no page.
    let probe = gatehouse_tests::http().get(world.url("/healthz")).header("origin", "https://vscode.dev");
    let probe = Answer::of(probe.send().await.unwrap()).await;
    assert_eq!((probe.status, names(&probe)), (200, Vec::new()));
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_but_the_allowed_ones_calls_a_route_or_reads_an_answer() {
    let world =
        world("cors = { origins = [\"https://*.pages.example\", \"https://exact.example:8443\"], credentials = true }")
            .await;
    let token = token(&world).await;
    let (before, calls) = (world.store().await, world.upstream.requests().len());
    for origin in [
        "null",
        "https://pages.example",
        "https://a.b.pages.example",
        "https://.pages.example",
        "https://apages.example",
        "https://a.pages.example.evil.example",
        "https://a.pages.example:8443",
        "https://a.pages.example:443",
        "http://a.pages.example",
        "https://a.pages.example/",
        "https://A.pages.example",
        "https://evil.example/.pages.example",
        "https://evil.example#.pages.example",
        "https://evil@a.pages.example",
        "https://*.pages.example",
        "https://exact.example",
        "https://exact.example:8444",
        "https://exact.example:8443.evil.example",
        "https://evil-exact.example:8443",
        "https://a.pages.example, https://evil.example",
        "https://a.pages.example https://evil.example",
        "file://",
        "https://",
        "",
    ] {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            let answer = call(&world, "/mcp", method.clone(), origin, &token).await;
            assert_eq!((answer.status, names(&answer)), (403, Vec::new()), "{method} {origin}: {answer:?}");
        }
        let answer = preflight(&world, "/mcp", origin, "POST", "authorization").await;
        assert_eq!((answer.status, names(&answer)), (403, Vec::new()), "{origin}: {answer:?}");
    }
    assert_eq!(world.upstream.requests().len(), calls);
    world.assert_unchanged(&before, "calls of foreign pages").await;
    for origin in ["https://a.pages.example", "https://exact.example:8443"] {
        let answer = call(&world, "/mcp", Method::POST, origin, &token).await;
        assert_eq!(answer.status, 200, "{origin}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert_eq!(answer.header("vary"), "Origin");
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_uses_no_method_and_sends_no_header_but_the_allowed_ones() {
    let world = world(CONTAINER_APPS).await;
    let token = token(&world).await;
    let (before, calls) = (world.store().await, world.upstream.requests().len());
    for (method, headers) in [
        ("DELETE", "authorization"),
        ("PUT", "authorization"),
        ("POST", "x-evil"),
        ("POST", "mcp-param-a"),
        ("post", "*"),
    ] {
        let answer = preflight(&world, "/mcp", "https://vscode.dev", method, headers).await;
        let allowed = answer.header("access-control-allow-methods").to_owned();
        assert!(!allowed.contains("DELETE") && !allowed.contains("PUT"), "{answer:?}");
        let allowed = answer.header("access-control-allow-headers").to_ascii_lowercase();
        assert!(!allowed.contains("evil") && !allowed.contains("mcp-param") && !allowed.contains('*'), "{answer:?}");
    }
    // Whoever does not ask before is refused as well.
    let answer = call(&world, "/mcp", Method::DELETE, "https://vscode.dev", &token).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.json()["error"]["message"], "This Origin is not allowed");
    assert_eq!(world.upstream.requests().len(), calls);
    world.assert_unchanged(&before, "methods that are not allowed").await;
    // What is no page, and a page of our own, is not held to it.
    let own = world.gatehouse.url.clone();
    assert_ne!(call(&world, "/mcp", Method::DELETE, &own, &token).await.status, 403);
    world.gatehouse.stop().await;
}
