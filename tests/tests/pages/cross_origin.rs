//! Scripts of other origins' pages in a real browser: what it lets them call at a route, and read.

use bytes::Bytes;
use gatehouse_tests::{AttackSettings, AttackWorld, Person, TlsFront, serve};
use http::Response;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::chromium::Chromium;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// An empty page at `https://HOST:PORT`; its origin.
async fn page_at(host: &str) -> String {
    let page = serve(|_| async {
        let page = Bytes::from_static(b"<!doctype html><title>page</title><p>page");
        Response::builder().header(CONTENT_TYPE, "text/html").body(page).ok()
    });
    let front = TlsFront::take(host).await;
    let origin = front.origin.clone();
    front.lead_to(&page.await);
    origin
}

struct Scene {
    world: AttackWorld,
    chromium: Chromium,
    token: String,
}

impl Scene {
    async fn start(cors: &str) -> Self {
        let mcp_lines = format!("cors = {{ {cors} }}");
        let world = AttackWorld::start_with(AttackSettings { mcp_lines, ..AttackSettings::default() }).await;
        let tokens = world.flow(&Person::new("alice")).finish().await;
        let token = tokens["access_token"].as_str().expect("an access token").to_owned();
        Self { world, chromium: Chromium::start_with_names().await, token }
    }

    /// A call of the page that is open, with these headers beside those that every client of MCP sends.
    async fn call(&mut self, method: &str, more: &[(&str, &str)]) -> Value {
        let mut headers = json!({
            "authorization": format!("Bearer {}", self.token), "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        });
        more.iter().for_each(|(name, value)| headers[*name] = json!(value));
        let mut request = json!({ "url": self.world.url("/mcp"), "method": method, "headers": headers });
        if method == "POST" {
            request["body"] = json!(PING);
        }
        self.chromium.fetch(request).await
    }

    fn calls(&self) -> usize {
        self.world.upstream.requests().len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_lets_the_pages_call_that_the_route_allows_and_no_other() {
    let (one, evil, deep) =
        (page_at("one.pages.example").await, page_at("evil.example").await, page_at("a.b.pages.example").await);
    let port = |origin: &str| origin.rsplit(':').next().expect("a port").to_owned();
    let origins = [&one, &deep].map(|origin| format!("\"https://*.pages.example:{}\"", port(origin))).join(", ");
    let mut scene = Scene::start(&format!("origins = [{origins}], exposed_headers = [\"x-request-id\"]")).await;
    scene.chromium.open(&one).await;
    let answer = scene.call("POST", &[("mcp-protocol-version", "2025-06-18")]).await;
    assert_eq!(answer["status"], 200, "{answer}");
    assert!(answer["headers"]["x-request-id"].is_string() && answer["headers"]["ratelimit"].is_null(), "{answer}");
    let calls = scene.calls();
    for page in [&evil, &deep] {
        scene.chromium.open(page).await;
        let answer = scene.call("POST", &[]).await;
        assert_eq!(answer["failed"], "TypeError: Failed to fetch", "{page}: {answer}");
    }
    assert_eq!(scene.calls(), calls, "a page that may not call has called");
    scene.world.gatehouse.stop().await;
}

/// The values of the article *Secure MCP servers on Azure Container Apps*. They do for the older versions of MCP; from 2025-06-18 on, clients send a header that
/// they do not name, and the browser keeps the whole request to itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_holds_a_page_to_the_methods_and_headers_of_the_example_of_container_apps() {
    let page = page_at("vscode.example").await;
    let mut scene = Scene::start(&format!(
        r#"origins = ["{page}"], methods = ["GET", "POST", "OPTIONS"], headers = ["Content-Type", "Authorization", "Mcp-Session-Id"], max_age = 3600"#
    ))
    .await;
    scene.chromium.open(&page).await;
    assert_eq!(scene.call("POST", &[]).await["status"], 200);
    assert_eq!(scene.call("POST", &[("mcp-session-id", "none")]).await["status"], 404);
    let calls = scene.calls();
    for (method, more) in
        [("POST", &[("mcp-protocol-version", "2025-06-18")][..]), ("POST", &[("x-evil", "1")]), ("DELETE", &[])]
    {
        let answer = scene.call(method, more).await;
        assert_eq!(answer["failed"], "TypeError: Failed to fetch", "{method} {more:?}: {answer}");
    }
    assert_eq!(scene.calls(), calls);
    scene.world.gatehouse.stop().await;
}
