//! `examples/azure`, the policies of API Management in one file, with only addresses changed: the parts behind them run here.

use std::fs;

use gatehouse_tests::rest_double::RestDouble;
use gatehouse_tests::{
    Answer, AttackSettings, AttackWorld, From, Person, Program, ScriptedProvider, TENANT, TokenService, form, http,
    repository, text, unique,
};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

const FUNCTION_KEY: &str = "fk-9aT2-test-only";
/// The application that the example lets in.
const APPLICATION: &str = "aebc6443-996d-45c2-90f0-388ff96faa56";

struct Scene {
    world: AttackWorld,
    /// Entra, for clients that bring its tokens; and the secret of the applications there.
    entra: (Program, String, String),
    /// The function app; it runs as long as this.
    _functions: Program,
    /// The managed identity's endpoint.
    identity: TokenService,
    /// The service behind the connection.
    service: ScriptedProvider,
    /// The REST API.
    api: RestDouble,
}

/// Replaces what stands there once.
fn replaced(document: &str, there: &str, here: &str) -> String {
    assert_eq!(document.matches(there).count(), 1, "{there}");
    document.replace(there, here)
}

impl Scene {
    async fn start() -> Self {
        let secret = unique("secret-");
        let (entra, authority) = Program::server("entra.mjs", &["--client-secret", &secret], "authority").await;
        let (functions, server) = Program::server("functions-server.mjs", &["--key", FUNCTION_KEY], "url").await;
        let (identity, service) = (TokenService::start().await, ScriptedProvider::start("github").await);
        let description = json!({
            "openapi": "3.0.3", "info": { "title": "Repositories", "version": "1" },
            "paths": { "/repos/{name}": { "get": {
                "operationId": "repos/get",
                "parameters": [{ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } }],
                "responses": { "200": { "description": "ok", "content": { "application/json": {} } } },
            } } },
        });
        let api = RestDouble::start(&description).await;
        let example = fs::read_to_string(repository().join("examples/azure/gatehouse.toml")).expect("the example");
        let (before, provider) = example.split_once("[identity_provider]").expect("the provider's table");
        let (_, after) = provider.split_once("\n\n").expect("more tables");
        let clients = "[[clients]]\nclient_id = \"public\"\nclient_name = \"Public client\"\nredirect_uris = [\"https://client.example/callback\"]\n";
        let mut document = format!("{before}{clients}{{provider}}\n{after}");
        for (there, here) in [
            ("https://gateway.example.com", "{public_url}".to_owned()),
            (&format!("tenant = \"{TENANT}\""), format!("tenant = \"{TENANT}\"\nauthority = \"{authority}\"")),
            ("http://localhost:42356/msi/token", format!("{}/msi", identity.origin())),
            ("preset = \"github\"", format!("issuer = \"{}\"", service.issuer())),
            ("https://snippets.azurewebsites.net/runtime/webhooks/mcp/sse", server),
            ("https://orders.internal.example", "{upstream}".to_owned()),
            ("https://api.github.com", api.origin().to_owned()),
            (
                "https://raw.githubusercontent.com/github/rest-api-description/main/descriptions/api.github.com/api.github.com.json",
                format!("{}/openapi.json", api.origin()),
            ),
        ] {
            document = replaced(&document, there, &here);
        }
        let variables = [
            ("upstream_secret", FUNCTION_KEY),
            ("identity_header", "identity-header-7c21"),
            ("github_secret", "the secret of the connection"),
        ];
        let settings = AttackSettings {
            document: Some(document),
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..AttackSettings::default()
        };
        let world = AttackWorld::start_with(settings).await;
        service.follow(&world.gatehouse.clock);
        Self { world, entra: (entra, authority, secret), _functions: functions, identity, service, api }
    }

    /// What Entra gives this application for the API.
    async fn entra_token(&self, application: &str) -> String {
        let (_, authority, secret) = &self.entra;
        let place = format!("{authority}/{TENANT}/v2.0/.well-known/openid-configuration");
        let metadata = Answer::of(http().get(place).send().await.expect("an answer")).await.json();
        let pairs = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", "any"),
            ("scope", "openid"),
            ("resource", "api://mcp"),
        ];
        let request = http().post(text(&metadata, "token_endpoint")).basic_auth(application, Some(secret));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form(&pairs));
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        text(&answer.json(), "access_token")
    }

    /// Gatehouse's own token for a route.
    async fn own_token(&self, person: &Person, route: &str) -> String {
        text(&self.world.flow_of(person, self.world.public(), route).finish().await, "access_token")
    }

    async fn open(&self, person: &Person, path: &str) -> Answer {
        person.open(&self.world.url(path).parse().expect("a URL"), From::Nowhere).await
    }

    /// Links the account of `person` at `/connections`.
    async fn link(&self, person: &Person) {
        let page = self.open(person, "/connections").await;
        let sign_in = page.form("/sign-in").expect("a way to sign in").pressed("provider", "test");
        let sent = person.submit(&self.world.gatehouse.url, "/sign-in", &sign_in).await;
        let returned = person.open(&sent.location().expect("the provider"), From::OtherSite).await;
        person.open(&returned.location().expect("the callback"), From::OtherSite).await;
        let page = self.open(person, "/connections").await;
        let link = page.form("/connections").expect("a way to link").pressed("link", "github");
        let sent = person.submit(&self.world.gatehouse.url, "/connections", &link).await;
        let returned = person.open(&sent.location().expect("the service"), From::OtherSite).await;
        let linked = person.open(&returned.location().expect("the callback"), From::OtherSite).await;
        assert_eq!(linked.location().expect("our page").path(), "/connections", "{linked:?}");
    }

    async fn asked(&self, path: &str, token: &str, method: &str, params: Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self.world.mcp_request(path).bearer_auth(token).header("mcp-protocol-version", "2025-11-25");
        Answer::of(request.body(message.to_string()).send().await.expect("an answer")).await.json()
    }
}

/// The sample: no token, no way in; with one, the function app answers, who gets the host's key and never the client's token.
#[tokio::test(flavor = "multi_thread")]
async fn the_policies_of_the_sample_let_in_whoever_has_a_session_and_add_the_key_of_the_function_app() {
    let scene = Scene::start().await;
    let events = scene.world.url("/mcp/sse");
    assert_eq!(http().get(&events).send().await.expect("an answer").status(), 401);
    let token = scene.own_token(&Person::new("alice"), "/mcp").await;
    let mut stream = http().get(&events).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(stream.status(), 200);
    let first = stream.chunk().await.expect("a piece").expect("an event");
    assert!(String::from_utf8_lossy(&first).contains("event: endpoint"), "{first:?}");
    drop(stream);
    scene.world.gatehouse.stop().await;
}

/// "Secure inbound access", and for the server a token of Gatehouse's own identity.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_entra_come_in_and_the_server_gets_one_of_the_managed_identity() {
    let scene = Scene::start().await;
    let refused = scene.world.call("/orders", &scene.entra_token("11111111-2222-4333-8444-555555555555").await).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    assert!(refused.body.contains("Unauthorized. Access token is missing or invalid."), "{refused:?}");
    assert!(scene.world.upstream.requests().is_empty(), "another application's call reached the server");
    let token = scene.entra_token(APPLICATION).await;
    let called = scene.world.call("/orders", &token).await;
    assert_eq!(called.status, 200, "{called:?}");
    let requests = scene.world.upstream.requests();
    let sent = requests.last().expect("a request").header("authorization").to_owned();
    let claims = TokenService::claims(sent.strip_prefix("Bearer ").expect("a bearer token"));
    assert_eq!(claims["aud"], "api://orders-backend");
    assert!(!sent.contains(&token));
    assert_eq!(scene.identity.asked().last().expect("a request").header("x-identity-header"), "identity-header-7c21");
    scene.world.gatehouse.stop().await;
}

/// "Secure outbound access": the credential manager before a REST API.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_called_in_the_account_that_its_user_has_linked() {
    let scene = Scene::start().await;
    let alice = Person::new("alice");
    let token = scene.own_token(&alice, "/repositories").await;
    let listed = scene.asked("/repositories", &token, "tools/list", json!({})).await;
    let tool = listed["result"]["tools"][0]["name"].as_str().expect("a tool").to_owned();
    let call = json!({ "name": tool, "arguments": { "name": "gatehouse" } });
    let told = scene.asked("/repositories", &token, "tools/call", call.clone()).await;
    assert_eq!(told["error"]["code"], -32042, "{told}");
    assert!(scene.api.calls().is_empty(), "the API was called without an account");
    scene.link(&alice).await;
    let called = scene.asked("/repositories", &token, "tools/call", call).await;
    assert_eq!(called["result"]["isError"], Value::Null, "{called}");
    let calls = scene.api.calls();
    let sent = calls.last().expect("a call");
    assert_eq!(sent.path, "/repos/gatehouse");
    assert_eq!(sent.header("authorization"), format!("Bearer {}", scene.service.last_access_token()));
    scene.world.gatehouse.stop().await;
}
