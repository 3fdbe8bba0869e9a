//! Tokens with which servers are called: used for another user, route or audience; written by the client; learnt from the log, the store
//! or an answer; kept after their session.

use std::collections::BTreeSet;

use gatehouse_tests::{
    AttackSettings, AttackWorld, Endpoint, Person, SERVICE_SECRET, ScriptedProvider, TestClient, TokenService, raw,
    text,
};
use serde_json::{Value, json};

const TABLES: &str = r#"
[[token_services]]
name = "apis"
token_endpoint = "SERVICE/token"
client_id = "gatehouse"
client_secret = { secret = "token_service_secret" }

[[routes]]
path = "/invoices"
url = "{upstream}/invoices"
scopes = ["mcp"]
backend_token = { flow = "token-exchange", token_service = "apis", audience = "invoices", header = "x-backend-token" }

[[routes]]
path = "/same"
url = "{upstream}/same"
scopes = ["mcp"]
backend_token = { flow = "on-behalf-of", token_service = "apis", scopes = ["api://orders/.default"] }
"#;
const MCP: &str =
    r#"backend_token = { flow = "on-behalf-of", token_service = "apis", scopes = ["api://orders/.default"] }"#;

struct Scene {
    world: AttackWorld,
    service: TokenService,
}

impl Scene {
    async fn start() -> Self {
        let service = TokenService::start().await;
        // The servers are known only when everything runs: the document is whole here.
        let document = format!(
            "public_url = \"{{public_url}}\"\n[lifetimes]\naccess_token = 3600\n[[clients]]\nclient_id = \"public\"\n\
             client_name = \"Public client\"\nredirect_uris = [\"http://127.0.0.1/callback\", \"https://client.example/callback\"]\n\
             {{provider}}\n{}\n[[routes]]\npath = \"/mcp\"\nurl = \"{{upstream}}/inside\"\nscopes = [\"mcp\"]\n{MCP}\n\
             [[clients]]\nclient_id = \"robot\"\nclient_name = \"Robot\"\ngrant_types = [\"client_credentials\"]\n\
             token_endpoint_auth_method = \"client_secret_post\"\nclient_secret = {{ secret = \"robot_secret\" }}\nscopes = [\"mcp\"]\n",
            TABLES.replace("SERVICE", service.origin())
        );
        let world = AttackWorld::start_with(AttackSettings {
            document: Some(document),
            variables: vec![
                ("token_service_secret".to_owned(), SERVICE_SECRET.to_owned()),
                ("robot_secret".to_owned(), "robot-secret-7c1f".repeat(3)),
            ],
            access_token_seconds: 3600,
            ..AttackSettings::default()
        })
        .await;
        TokenService::trust(world.provider());
        Self { world, service }
    }

    async fn signed_in(&self, person: &str, route: &str) -> Value {
        let person = Person::new(person);
        self.world.flow_of(&person, self.world.public(), route).finish().await
    }

    /// The claims of the token that the server gets.
    async fn claims(&self, route: &str, token: &str) -> Value {
        let answer = self.world.call(route, token).await;
        assert_eq!(answer.status, 200, "{route}: {answer:?}");
        let requests = self.world.upstream.requests();
        let received = requests.last().expect("a request");
        let value = match received.header("x-backend-token") {
            "" => received.header("authorization").strip_prefix("Bearer ").expect("a bearer token"),
            value => value,
        };
        TokenService::claims(value)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_never_used_for_another_user_session_route_or_audience() {
    let scene = Scene::start().await;
    let mut seen = BTreeSet::new();
    for round in 0..2 {
        for person in ["alice", "mallory"] {
            for route in ["/mcp", "/same", "/invoices"] {
                for _session in 0..2 {
                    let token = text(&scene.signed_in(person, route).await, "access_token");
                    let claims = scene.claims(route, &token).await;
                    assert_eq!(claims["sub"], person, "{round}: {route}");
                    let audience = if route == "/invoices" { "invoices" } else { "api://orders/.default" };
                    assert_eq!(claims["aud"], audience);
                    assert!(seen.insert(claims["jti"].to_string()), "a token was used twice: {person} at {route}");
                    assert_eq!(scene.claims(route, &token).await["jti"], claims["jti"]);
                }
            }
        }
    }
    // A token of one route opens nothing at another.
    let token = text(&scene.signed_in("alice", "/mcp").await, "access_token");
    scene.service.asked();
    let before = scene.world.store().await;
    assert_eq!(scene.world.call("/invoices", &token).await.status, 401);
    scene.world.assert_unchanged(&before, "a token of another route").await;
    assert_eq!(scene.service.asked().len(), 0);
    scene.world.gatehouse.stop().await;
}

/// In every spelling that a server could read as the header; and in the tokens of the token service.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_write_the_header_nor_can_a_token_break_out_of_it() {
    let scene = Scene::start().await;
    let token = text(&scene.signed_in("alice", "/invoices").await, "access_token");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for name in ["x-backend-token", "X-Backend-Token", "X_BACKEND_TOKEN", "x.backend.token", "x_backend-token"] {
        let head = format!(
            "POST /invoices HTTP/1.1\r\nhost: gatehouse\r\nauthorization: Bearer {token}\r\n{name}: forged-by-client\r\n\
             accept: application/json, text/event-stream\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = raw(&scene.world.gatehouse.url, head.as_bytes()).await;
        assert_eq!(answer.status, Some(200), "{name}: {answer:?}");
        let requests = scene.world.upstream.requests();
        let received = requests.last().expect("a request");
        let written = format!("{:?}", received.headers);
        assert!(!written.contains("forged-by-client"), "{name}: {written}");
        assert_eq!(TokenService::claims(received.header("x-backend-token"))["sub"], "alice");
    }
    // What cannot stand in a header is sent nowhere.
    let before = scene.world.upstream.requests().len();
    scene.service.script(|script| {
        script.answer = std::sync::Arc::new(|answer| answer["access_token"] = json!("evil\r\nx-admin: true"));
    });
    let token = text(&scene.signed_in("bob", "/invoices").await, "access_token");
    let answer = scene.world.call("/invoices", &token).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(!answer.body.contains("evil"), "{answer:?}");
    assert_eq!(scene.world.upstream.requests().len(), before);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_session_ends_its_tokens_are_gone_and_no_request_brings_them_back() {
    let scene = Scene::start().await;
    let kinds =
        |store: &[(String, Vec<u8>)]| store.iter().filter(|(name, _)| name.starts_with("backend-token.")).count();
    let of_mallory = scene.signed_in("mallory", "/mcp").await;
    scene.claims("/mcp", &text(&of_mallory, "access_token")).await;
    let tokens = scene.signed_in("alice", "/mcp").await;
    scene.claims("/mcp", &text(&tokens, "access_token")).await;
    assert_eq!(kinds(&scene.world.store().await), 2);
    let refresh_token = text(&tokens, "refresh_token");
    let ended = scene.world.post("/revoke", &[("token", refresh_token.as_str()), ("client_id", "public")]).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert_eq!(kinds(&scene.world.store().await), 1);
    scene.service.asked();
    let before = scene.world.store().await;
    assert_eq!(scene.world.call("/mcp", &text(&tokens, "access_token")).await.status, 401);
    scene.world.assert_unchanged(&before, "a token of a session that has ended").await;
    assert_eq!(scene.service.asked().len(), 0);
    assert_eq!(scene.claims("/mcp", &text(&of_mallory, "access_token")).await["sub"], "mallory");
    scene.world.gatehouse.stop().await;
}

/// The provider no longer takes the session's refresh token: it ends, and with it the tokens that came of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_removed_at_the_provider_loses_the_tokens_of_servers_too() {
    let scene = Scene::start().await;
    scene.service.script(|script| script.seconds = 60);
    scene.world.provider().script(|script| script.access_token_seconds = 120);
    let tokens = scene.signed_in("alice", "/mcp").await;
    scene.claims("/mcp", &text(&tokens, "access_token")).await;
    scene.world.provider().script(|script| {
        script.failures.insert(
            Endpoint::Token,
            gatehouse_tests::scripted_provider::Failure::Body(json!({ "error": "invalid_grant" }).to_string()),
        );
    });
    scene.world.gatehouse.clock.advance(121);
    assert_eq!(scene.world.call("/mcp", &text(&tokens, "access_token")).await.status, 401);
    let store = scene.world.store().await;
    assert!(store.iter().all(|(name, _)| !name.starts_with("backend-token.")), "a token is left");
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_token_service_refuses_is_told_as_nobodys_fault_and_not_asked_for_again_at_once() {
    for (failure, status, says) in [
        (
            (400, json!({ "error": "invalid_grant", "error_description": "alice@example.com is disabled" })),
            403,
            "in your name",
        ),
        (
            (400, json!({ "error": "interaction_required", "claims": "{}", "error_codes": [50076] })),
            403,
            "sign in anew",
        ),
        (
            (400, json!({ "error": "invalid_grant", "suberror": "consent_required", "error_codes": [65001] })),
            403,
            "consent",
        ),
        ((401, json!({ "error": "invalid_client" })), 502, "gets no credentials"),
        ((400, json!({ "error": "invalid_scope" })), 502, "gets no credentials"),
        ((200, json!({ "token_type": "Bearer" })), 502, "gets no credentials"),
    ] {
        let scene = Scene::start().await;
        let tokens = scene.signed_in("alice", "/mcp").await;
        let token = text(&tokens, "access_token");
        scene.service.script(|script| script.failure = Some(failure.clone()));
        for _ in 0..20 {
            let answer = scene.world.call("/mcp", &token).await;
            assert_eq!(answer.status, status, "{failure:?}: {answer:?}");
            assert!(answer.header("www-authenticate").is_empty(), "{failure:?}: {answer:?}");
            assert!(answer.body.contains(says) && !answer.body.contains("alice"), "{failure:?}: {answer:?}");
            assert!(!answer.body.contains("invalid_") && !answer.body.contains("AADSTS"), "{failure:?}: {answer:?}");
        }
        assert_eq!(scene.service.asked().len(), 1, "{failure:?}");
        assert_eq!(scene.world.upstream.requests().len(), 0, "{failure:?}");
        let log = scene.world.gatehouse.log.lines().join("\n");
        let error = failure.1["error"].as_str().unwrap_or("lacks access_token");
        assert!(log.contains(error) && log.contains("backend-token"), "{log}");
        assert!(!log.contains("disabled"), "a description is in the log");
        // The session goes on, and later somebody asks again.
        scene.service.script(|script| script.failure = None);
        scene.world.gatehouse.clock.advance(31);
        assert_eq!(scene.claims("/mcp", &token).await["sub"], "alice", "{failure:?}");
        scene.world.gatehouse.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_503_and_a_token_service_that_is_down_is_left_in_peace() {
    let scene = Scene::start().await;
    let token = text(&scene.signed_in("alice", "/mcp").await, "access_token");
    scene.service.script(|script| script.failure = Some((503, json!({ "error": "temporarily_unavailable" }))));
    for _ in 0..30 {
        let answer = scene.world.call("/mcp", &token).await;
        assert_eq!((answer.status, answer.header("retry-after").is_empty()), (503, false), "{answer:?}");
    }
    let asked = scene.service.asked().len();
    // By the test's own clock, which stands but for what the test takes.
    assert!((6..=9).contains(&asked), "{asked}");
    scene.service.script(|script| script.failure = None);
    scene.world.gatehouse.clock.advance(31);
    assert_eq!(scene.claims("/mcp", &token).await["sub"], "alice");
    scene.world.gatehouse.stop().await;
}

/// Who has no session with a user's token gets none, and the token service hears nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_gets_no_token_of_a_user() {
    let scene = Scene::start().await;
    let robot = TestClient::public("robot", "")
        .with(gatehouse_tests::ClientAuthentication::Post("robot-secret-7c1f".repeat(3)));
    let pairs = [("grant_type", "client_credentials"), ("resource", &scene.world.url("/mcp"))];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let tokens = scene.world.token(&robot, &pairs).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let answer = scene.world.call("/mcp", &text(&tokens.json(), "access_token")).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!((scene.service.asked().len(), scene.world.upstream.requests().len()), (0, 0));
    scene.world.gatehouse.stop().await;
}

/// The token service is one of two identity providers, and the user has signed in at the other one.
#[tokio::test(flavor = "multi_thread")]
async fn no_identity_provider_is_shown_the_token_of_another_one() {
    let (first, second) = (ScriptedProvider::start("first").await, ScriptedProvider::start("second").await);
    let settings = AttackSettings {
        providers: vec![first, second],
        tables: "[[token_services]]\nname = \"apis\"\nidentity_provider = \"first\"\n".to_owned(),
        mcp_lines: "backend_token = { flow = \"token-exchange\", token_service = \"apis\", audience = \"orders\" }"
            .to_owned(),
        ..AttackSettings::default()
    };
    let world = AttackWorld::start_with(settings).await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.provider = Some("second".to_owned());
    let tokens = flow.finish().await;
    for attempt in ["at once", "again"] {
        let answer = world.call("/mcp", &text(&tokens, "access_token")).await;
        assert_eq!(answer.status, 403, "{attempt}: {answer:?}");
    }
    assert_eq!(world.providers[0].count(Endpoint::Token), 0, "the first provider was asked");
    assert!(world.upstream.requests().is_empty(), "the server was asked");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_of_it_is_in_the_log_the_store_or_an_answer() {
    let scene = Scene::start().await;
    let mut answers = String::new();
    for route in ["/mcp", "/invoices"] {
        let token = text(&scene.signed_in("alice", route).await, "access_token");
        scene.claims(route, &token).await;
        let answer = scene.world.call(route, &token).await;
        answers.push_str(&format!("{answer:?}"));
    }
    let mut secrets = scene.service.given();
    assert_eq!(secrets.len(), 2);
    for received in scene.service.asked() {
        secrets.extend(["assertion", "subject_token"].iter().filter_map(|name| received.field(name)));
        secrets.push(received.header("authorization").trim_start_matches("Basic ").to_owned());
    }
    secrets.push(SERVICE_SECRET.to_owned());
    let log = scene.world.gatehouse.log.lines().join("\n");
    let store = scene.world.store().await;
    for secret in &secrets {
        assert!(secret.len() > 8);
        assert!(
            !log.contains(secret.as_str()) && !answers.contains(secret.as_str()),
            "{secret} is in the log or an answer"
        );
        let is_in = |value: &[u8]| value.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(
            !store.iter().any(|(name, value)| name.contains(secret.as_str()) || is_in(value)),
            "{secret} is in the store"
        );
    }
    scene.world.gatehouse.stop().await;
}
