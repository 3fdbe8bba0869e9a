//! Servers that are called with a token which Gatehouse gets for them.

use gatehouse_tests::{
    Answer, AttackSettings, AttackWorld, HostKind, Person, Program, Received, SERVICE_SECRET, TokenService, http, text,
    unique,
};
use serde_json::{Value, json};

const ASSERTION_KEY: &str = include_str!("../../../crates/jose/test-keys/p256.pem");

const DOCUMENT: &str = r#"
public_url = "{public_url}"
caller_assertion_keys = { secret = "caller_assertion_keys" }

[lifetimes]
access_token = 3600

[[clients]]
client_id = "public"
client_name = "Public client"
redirect_uris = ["http://127.0.0.1/callback", "https://client.example/callback"]

{provider}

[[token_services]]
name = "apis"
token_endpoint = "SERVICE/token"
client_id = "gatehouse"
client_secret = { secret = "token_service_secret" }

[[token_services]]
name = "azure"
managed_identity = "vm"
token_endpoint = "SERVICE/msi"

[[token_services]]
name = "functions"
managed_identity = "app-service"
token_endpoint = "SERVICE/msi"
identity_header = { secret = "identity_header" }

[[token_services]]
name = "pod"
token = { secret = "workload_token" }

[[routes]]
path = "/behalf"
url = "{upstream}/behalf"
backend_token = { flow = "on-behalf-of", token_service = "apis", scopes = ["api://orders/.default"] }

[[routes]]
path = "/exchange"
url = "{upstream}/exchange"
backend_token = { flow = "token-exchange", token_service = "apis", audience = "invoices", header = "x-backend-token" }

[[routes]]
path = "/own"
url = "{upstream}/own"
backend_token = { flow = "client-credentials", token_service = "apis", audience = "stock", scopes = ["read"] }

[[routes]]
path = "/managed"
url = "{upstream}/managed"
backend_token = { flow = "workload-identity", token_service = "azure", resource = "api://managed" }

[[routes]]
path = "/functions"
url = "{upstream}/functions"
backend_token = { flow = "workload-identity", token_service = "functions", resource = "api://functions" }

[[routes]]
path = "/pod"
url = "{upstream}/pod"
backend_token = { flow = "workload-identity", token_service = "pod" }

[[routes]]
path = "/signed"
url = "{upstream}/signed"
backend_token = { flow = "assertion", audience = "https://signed.example" }

[[routes]]
path = "/all"
[[routes.members]]
url = "{upstream}/first"
backend_token = { flow = "on-behalf-of", token_service = "apis", scopes = ["api://first/.default"] }
[[routes.members]]
prefix = "second"
url = "{upstream}/second"
backend_token = { flow = "client-credentials", token_service = "apis", audience = "second" }

[[routes]]
path = "/mixed"
[[routes.members]]
url = "{upstream}/open"
[[routes.members]]
prefix = "closed"
url = "{upstream}/closed"
backend_token = { flow = "on-behalf-of", token_service = "apis", scopes = ["api://closed/.default"] }
"#;

struct Scene {
    world: AttackWorld,
    service: TokenService,
}

impl Scene {
    async fn start() -> Self {
        let service = TokenService::start().await;
        let variables = [
            ("token_service_secret", SERVICE_SECRET),
            ("identity_header", "identity-header-853b9a84"),
            ("workload_token", "workload.token.of-the-pod\n"),
            ("caller_assertion_keys", ASSERTION_KEY),
        ];
        let settings = AttackSettings {
            document: Some(DOCUMENT.replace("SERVICE", service.origin())),
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            access_token_seconds: 3600,
            ..AttackSettings::default()
        };
        let world = AttackWorld::start_with(settings).await;
        TokenService::trust(world.provider());
        Self { world, service }
    }

    async fn token(&self, person: &str, route: &str) -> String {
        let person = Person::new(person);
        let tokens: Value = self.world.flow_of(&person, self.world.public(), route).finish().await;
        text(&tokens, "access_token")
    }

    /// What the server was sent last.
    async fn called(&self, route: &str, token: &str) -> Received {
        let before = self.world.upstream.requests().len();
        let answer = self.world.call(route, token).await;
        assert_eq!(answer.status, 200, "{route}: {answer:?}");
        let requests = self.world.upstream.requests();
        assert_eq!(requests.len(), before + 1, "{route}");
        requests.last().expect("a request").clone()
    }
}

fn bearer(received: &Received) -> Value {
    TokenService::claims(received.header("authorization").strip_prefix("Bearer ").expect("a bearer token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_flow_gives_the_server_its_own_token_and_never_the_clients() {
    let scene = Scene::start().await;
    for (route, subject, audience) in [
        ("/behalf", "alice", "api://orders/.default"),
        ("/own", "gatehouse", "stock"),
        ("/managed", "managed-identity", "api://managed"),
        ("/functions", "managed-identity", "api://functions"),
    ] {
        let token = scene.token("alice", route).await;
        let received = scene.called(route, &token).await;
        let claims = bearer(&received);
        assert_eq!((claims["sub"].as_str(), claims["aud"].as_str()), (Some(subject), Some(audience)), "{route}");
        let again = scene.called(route, &token).await;
        assert_eq!(again.header("authorization"), received.header("authorization"), "{route}: it is kept");
        assert!(
            received
                .headers
                .values()
                .all(|value| !value.as_bytes().windows(token.len()).any(|it| it == token.as_bytes()))
        );
    }
    // In a header of its own, and nothing in Authorization.
    let token = scene.token("alice", "/exchange").await;
    let received = scene.called("/exchange", &token).await;
    let claims = TokenService::claims(received.header("x-backend-token"));
    assert_eq!((claims["sub"].as_str(), claims["aud"].as_str()), (Some("alice"), Some("invoices")));
    assert!(!received.headers.contains_key("authorization"));
    // One request for each of the five, and the right ones.
    let asked = scene.service.asked();
    assert_eq!(
        asked.iter().map(|it| it.path.as_str()).collect::<Vec<_>>(),
        ["/token", "/token", "/msi", "/msi", "/token"]
    );
    assert_eq!(asked[1].field("scope").as_deref(), Some("read"));
    assert_eq!(asked[2].parameter("api-version").as_deref(), Some("2018-02-01"));
    assert_eq!(asked[3].header("x-identity-header"), "identity-header-853b9a84");
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_file_and_an_assertion_of_ours_go_to_the_server_without_anybody_being_asked() {
    let scene = Scene::start().await;
    let token = scene.token("alice", "/pod").await;
    let received = scene.called("/pod", &token).await;
    assert_eq!(received.header("authorization"), "Bearer workload.token.of-the-pod");
    let token = scene.token("alice", "/signed").await;
    let claims = bearer(&scene.called("/signed", &token).await);
    assert_eq!(claims["aud"], "https://signed.example");
    assert_eq!(claims["sub"], "test:alice");
    assert_eq!(scene.service.asked().len(), 0);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_member_of_a_route_gets_the_token_of_its_own() {
    let scene = Scene::start().await;
    let token = scene.token("alice", "/all").await;
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
    let request = scene.world.mcp_request("/all").bearer_auth(&token).body(message);
    request.send().await.expect("an answer");
    let audience = |path: &str| {
        let requests = scene.world.upstream.requests();
        let received = requests.iter().find(|it| it.path == path).unwrap_or_else(|| panic!("{path} was not called"));
        bearer(received)["aud"].clone()
    };
    assert_eq!((audience("/first"), audience("/second")), ("api://first/.default".into(), "second".into()));
    scene.world.gatehouse.stop().await;
}

/// A real authorization server: `oidc-provider`.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_provider_gives_the_gateway_a_token_by_client_credentials() {
    let secret = unique("secret-");
    let arguments = ["--audience", "https://orders.example", "--client-secret", &secret];
    let (_issuer, issuer) = Program::server("token-issuer.mjs", &arguments, "issuer").await;
    let metadata: Value = {
        let answer = http().get(format!("{issuer}/.well-known/openid-configuration")).send().await.expect("an answer");
        serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
    };
    let world = AttackWorld::start_with(AttackSettings {
        tables: format!(
            "[[token_services]]\nname = \"real\"\ntoken_endpoint = \"{}\"\nclient_id = \"machine\"\n\
             client_secret = {{ secret = \"machine_secret\" }}\n",
            text(&metadata, "token_endpoint")
        ),
        mcp_lines: "backend_token = { flow = \"client-credentials\", token_service = \"real\", scopes = [\"mcp\"], \
                    resource = \"https://orders.example/RS256\" }"
            .to_owned(),
        variables: vec![("machine_secret".to_owned(), secret)],
        ..AttackSettings::default()
    })
    .await;
    let alice = Person::new("alice");
    let tokens: Value = world.flow(&alice).finish().await;
    for _ in 0..2 {
        let answer = world.call("/mcp", &text(&tokens, "access_token")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let requests = world.upstream.requests();
    let claims = bearer(&requests[0]);
    assert_eq!(
        (claims["iss"].as_str(), claims["aud"].as_str()),
        (Some(issuer.as_str()), Some("https://orders.example"))
    );
    assert_eq!((claims["client_id"].as_str(), claims["scope"].as_str()), (Some("machine"), Some("mcp")));
    assert_eq!(requests[0].header("authorization"), requests[1].header("authorization"));
    world.gatehouse.stop().await;
}

/// Between a minute before its end and its end, a token goes on while somebody gets the next; a token service that is down is noticed only
/// then.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_on_to_its_end_while_the_token_service_is_down() {
    let scene = Scene::start().await;
    scene.service.script(|script| script.seconds = 600);
    let token = scene.token("alice", "/own").await;
    let first = scene.called("/own", &token).await.header("authorization").to_owned();
    scene.service.script(|script| script.failure = Some((503, Value::Null)));
    scene.world.gatehouse.clock.advance(580);
    let begun = std::time::Instant::now();
    for _ in 0..10 {
        assert_eq!(scene.called("/own", &token).await.header("authorization"), first);
    }
    // The first one, and six attempts at once: then a pause of a second, and longer ones.
    let (asked, seconds) = (scene.service.asked().len(), begun.elapsed().as_secs() as usize);
    assert!((7..=7 + seconds + 1).contains(&asked), "{asked} in {seconds} s");
    scene.world.gatehouse.clock.advance(21);
    let answer = scene.world.call("/own", &token).await;
    assert_eq!((answer.status, answer.header("retry-after").is_empty()), (503, false), "{answer:?}");
    scene.service.script(|script| script.failure = None);
    scene.world.gatehouse.clock.advance(31);
    assert_ne!(scene.called("/own", &token).await.header("authorization"), first);
    scene.world.gatehouse.stop().await;
}

/// A member whose token cannot be got has failed; the others answer. What goes to that member alone is refused, and where no member can
/// be called, so is the whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_for_which_there_is_no_token_costs_the_others_nothing() {
    let scene = Scene::start().await;
    let token = scene.token("alice", "/mixed").await;
    scene.service.script(|script| script.failure = Some((400, json!({ "error": "invalid_grant" }))));
    let ask = async |route: &str, method: &str, params: Value| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = scene.world.mcp_request(route).bearer_auth(&token).header("mcp-protocol-version", "2025-11-25");
        let answer = Answer::of(request.body(message.to_string()).send().await.expect("an answer")).await;
        (answer.status, answer.json())
    };
    let (status, listed) = ask("/mixed", "ping", json!({})).await;
    assert_eq!((status, &listed["error"]), (200, &Value::Null), "{listed}");
    let called = |path: &str| scene.world.upstream.requests().iter().filter(|it| it.path == path).count();
    assert_eq!((called("/open"), called("/closed")), (1, 0));
    let lines = scene.world.gatehouse.log.lines();
    let told =
        lines.iter().filter(|line| line.contains("\"event\":\"not-ready\"") && line.contains("\"member\":\"closed\""));
    assert_eq!(told.filter(|line| line.contains("invalid_grant")).count(), 1, "{lines:#?}");
    let (status, refused) = ask("/mixed", "tools/call", json!({ "name": "closed_x" })).await;
    assert_eq!((status, called("/closed")), (403, 0), "{refused}");
    assert!(refused.to_string().contains("closed at /mixed may not be used in your name"), "{refused}");
    let of_all = scene.token("alice", "/all").await;
    let request = scene.world.mcp_request("/all").bearer_auth(&of_all);
    let answer = Answer::of(request.send().await.expect("an answer")).await;
    assert_eq!((answer.status, called("/first"), called("/second")), (403, 0, 0), "{answer:?}");
    // The refusals are over: the token service gives tokens again.
    scene.service.script(|script| script.failure = None);
    scene.world.gatehouse.clock.advance(31);
    let (status, _) = ask("/mixed", "ping", json!({})).await;
    assert_eq!((status, called("/open"), called("/closed")), (200, 2, 1));
    scene.world.gatehouse.stop().await;
}

/// A variable that is a file is read again when the file changes: as Kubernetes replaces the token of a service account.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_a_file_is_read_again_when_the_platform_replaces_it() {
    let settings = AttackSettings {
        document: Some(
            "public_url = \"{public_url}\"\n[[token_services]]\nname = \"pod\"\ntoken = { secret = \"workload_token\" }\n\
             [[routes]]\npath = \"/pod\"\nurl = \"{upstream}/pod\"\nunauthenticated = \"allow\"\n\
             backend_token = { flow = \"workload-identity\", token_service = \"pod\" }\n{provider}"
                .to_owned(),
        ),
        variables: vec![("workload_token".to_owned(), "first.token.of-the-pod\n".to_owned())],
        host: Some(HostKind::EmbeddedProcess),
        ..AttackSettings::default()
    };
    let world = AttackWorld::start_with(settings).await;
    let sent = async || {
        let answer = Answer::of(world.mcp_request("/pod").send().await.expect("an answer")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        world.upstream.requests().last().expect("a request").header("authorization").to_owned()
    };
    assert_eq!(sent().await, "Bearer first.token.of-the-pod");
    let file = world.gatehouse.state_directory().join("workload_token.variable");
    let next = file.with_extension("next");
    std::fs::write(&next, "second.token.of-the-pod\n").expect("the folder can be written");
    std::fs::rename(&next, &file).expect("the folder can be written");
    // It is looked for a change once a second.
    let replaced = std::time::Instant::now();
    while sent().await != "Bearer second.token.of-the-pod" {
        assert!(replaced.elapsed() < std::time::Duration::from_secs(30), "the file is not read again");
    }
    std::fs::remove_file(&file).expect("the folder can be written");
    assert_eq!(sent().await, "Bearer second.token.of-the-pod", "what was read last");
    world.gatehouse.stop().await;
}
