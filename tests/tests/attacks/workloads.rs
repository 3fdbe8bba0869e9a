//! Machines with a token of their own platform: whose token it is must be right to the letter.

mod acting;
mod exchange;
mod only_machines;

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, HeldPort, Program, TestClient, TestIssuer};
use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::logged::{assert_not_logged, last_refusal};
use crate::parties::{SECRET, pairs};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

const DOCUMENT: &str = r#"
public_url = "{public_url}"

{provider}

[[token_issuers]]
name = "cluster"
issuer = "https://kubernetes.default.svc.cluster.local"
jwks_uri = "CLUSTER/openid/v1/jwks"

[[token_issuers]]
name = "github"
issuer = "GITHUB"

[[token_issuers]]
name = "spire"
issuer = "https://oidc.example.org"
jwks_uri = "SPIRE/openid/v1/jwks"
algorithms = ["ES256"]

[[token_issuers]]
name = "partner"
issuer = "PARTNER"

[[token_issuers]]
name = "asked"
introspection = { url = "PARTNER/introspect", client_id = "gatehouse", client_secret = { secret = "introspection_secret" } }

[[workloads]]
name = "reporter"
issuer = "cluster"
claims = { sub = "system:serviceaccount:agents:reporter", "/kubernetes.io/namespace" = "agents" }
routes = ["/mcp"]
scopes = ["mcp"]

[[workloads]]
name = "deploy"
issuer = "github"
claims = { repository = "acme/site", repository_owner_id = "65", ref = "refs/heads/main" }
routes = ["/mcp", "/other"]
scopes = ["mcp", "files"]
longest_lifetime = 600

[[workloads]]
name = "billing"
issuer = "spire"
claims = { sub = "spiffe://example.org/ns/prod/sa/billing-*" }
routes = ["/mcp"]
scopes = ["mcp"]

[[clients]]
client_id = "frontend"
client_name = "Front end"
token_endpoint_auth_method = "client_secret_basic"
client_secret = { secret = "client_secret_one" }
grant_types = ["urn:ietf:params:oauth:grant-type:token-exchange"]
scopes = ["mcp"]
may_exchange = [{ issuer = "partner", audiences = ["api://frontend"] }, { issuer = "asked", audiences = ["api://frontend"] }]

[[clients]]
client_id = "desk"
client_name = "Desk"
token_endpoint_auth_method = "client_secret_basic"
client_secret = { secret = "client_secret_one" }
grant_types = ["urn:ietf:params:oauth:grant-type:token-exchange"]
scopes = ["mcp"]
may_introspect = true
may_exchange = [{ issuer = "partner", audiences = ["api://frontend"], id_token_audiences = ["desk-at-partner"], granted_scopes = ["mcp"] }]
accepted_actors = [{ issuer = "partner", audiences = ["api://desk"] }, { issuer = "asked", audiences = ["api://desk"] }]

[[clients]]
client_id = "machine"
client_name = "Machine"
token_endpoint_auth_method = "client_secret_basic"
client_secret = { secret = "client_secret_one" }
grant_types = ["client_credentials"]
scopes = ["mcp"]

[[clients]]
client_id = "public"
client_name = "Public client"
redirect_uris = ["https://client.example/callback"]

[[routes]]
path = "/mcp"
url = "{upstream}/inside"
scopes = ["mcp"]
subject_header = "x-subject"
policy = [{ name = "all", scopes = ["mcp"] }, { name = "files", scopes = ["files"] }]

[[routes]]
path = "/mail"
url = "{upstream}/mail-inside"
scopes = ["mcp"]
identity_provider_token_header = "x-user-token"

[[routes]]
path = "/other"
url = "{upstream}/other-inside"
scopes = ["mcp"]
policy = [{ name = "deploy-only", subjects = ["workload:deploy"] }]
"#;

/// Gatehouse, the platforms, and an issuer of access tokens.
struct Scene {
    world: AttackWorld,
    cluster: Program,
    github: Program,
    spire: Program,
    issuer: TestIssuer,
}

impl Scene {
    async fn start() -> Self {
        Self::start_with(DOCUMENT).await
    }

    async fn start_with(document: &str) -> Self {
        let held = HeldPort::take();
        let audience = format!("http://127.0.0.1:{}", held.number());
        let platform = async |name: &str, issuer: Option<&str>| {
            let mut arguments = vec!["--platform", name, "--audience", &audience];
            arguments.extend(issuer.map(|issuer| ["--issuer", issuer]).into_iter().flatten());
            Program::server("platform.mjs", &arguments, "origin").await
        };
        let cluster = platform("kubernetes", Some("https://kubernetes.default.svc.cluster.local")).await;
        let (github, spire) =
            (platform("github", None).await, platform("spiffe", Some("https://oidc.example.org")).await);
        let issuer = TestIssuer::start().await;
        let document = document.replace("CLUSTER", &cluster.1).replace("GITHUB", &github.1);
        let document = document.replace("SPIRE", &spire.1).replace("PARTNER", issuer.origin());
        let variables = [("client_secret_one", SECRET), ("introspection_secret", "an-introspection-secret")];
        let settings = AttackSettings {
            document: Some(document),
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..AttackSettings::default()
        };
        let world = AttackWorld::start_at(held, settings).await;
        Self { world, cluster: cluster.0, github: github.0, spire: spire.0, issuer }
    }

    /// A token that the platform makes.
    async fn token(&mut self, of: fn(&mut Self) -> &mut Program, mut request: Value) -> String {
        request["now"] = json!(self.world.now());
        let platform = of(self);
        platform.say(&request.to_string()).await;
        platform.json().await["token"].as_str().expect("a token").to_owned()
    }

    async fn present(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let form = [pairs(&[("grant_type", JWT_BEARER), ("assertion", token)]), pairs(more)].concat();
        self.world.post("/token", &form).await
    }

    /// Fails unless the request is refused with this error, nothing is kept but what issuers say of themselves, and the log does not
    /// hold the token.
    async fn refused(&self, token: &str, more: &[(&str, &str)], error: &str, what: &str) {
        let before = self.world.store().await;
        let answer = self.present(token, more).await;
        assert_error(&answer, 400, error, what);
        self.nothing_came_of_it(&before, token, what).await;
    }

    async fn nothing_came_of_it(&self, before: &[(String, Vec<u8>)], token: &str, what: &str) {
        let kinds =
            ["provider-metadata", "provider-keys", "document-fetch", "document-failures", "introspection-unknown"];
        self.world.assert_only_changed(before, &kinds, what).await;
        self.is_not_logged(token, what);
    }

    fn is_not_logged(&self, token: &str, what: &str) {
        assert_not_logged(&self.world, token, what);
    }

    fn reason(&self) -> String {
        last_refusal(&self.world)
    }
}

const CLUSTER: fn(&mut Scene) -> &mut Program = |scene| &mut scene.cluster;
const GITHUB: fn(&mut Scene) -> &mut Program = |scene| &mut scene.github;
const SPIRE: fn(&mut Scene) -> &mut Program = |scene| &mut scene.spire;

/// A pod, a job and a SPIFFE workload get a short token each, which is for one resource, and call a tool with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_a_job_and_a_spiffe_workload_come_in_with_the_token_of_their_platform() {
    let mut scene = Scene::start().await;
    let (mcp, other) = (scene.world.url("/mcp"), scene.world.url("/other"));
    for (of, name, resource, scope) in [
        (CLUSTER, "reporter", None, "mcp"),
        (GITHUB, "deploy", Some(&mcp), "mcp files"),
        (SPIRE, "billing", Some(&mcp), "mcp"),
    ] {
        let token = scene.token(of, json!({})).await;
        let more: Vec<_> = resource.map(|resource| ("resource", resource.as_str())).into_iter().collect();
        let answer = scene.present(&token, &more).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?} {}", scene.reason());
        let tokens = answer.json();
        assert_eq!((tokens["scope"].as_str(), tokens["token_type"].as_str()), (Some(scope), Some("Bearer")), "{name}");
        assert!(tokens.get("refresh_token").is_none() && tokens.get("issued_token_type").is_none(), "{tokens}");
        // A second can pass between the token of the platform and ours.
        assert!((298..=300).contains(&tokens["expires_in"].as_u64().unwrap()), "{tokens}");
        let access_token = tokens["access_token"].as_str().unwrap();
        assert_eq!(scene.world.call("/mcp", access_token).await.status, 200, "{name}");
        let seen = scene.world.upstream.requests();
        assert_eq!(seen.last().unwrap().header("x-subject"), format!("workload:{name}"));
        // It is for one resource.
        assert_eq!(scene.world.call("/other", access_token).await.status, 401, "{name}");
        // A pod reads the same token from its file for an hour.
        assert_eq!(scene.present(&token, &more).await.status, 200, "{name}, once more");
        scene.is_not_logged(&token, name);
        let log = scene.world.gatehouse.log.lines().join("\n");
        assert!(log.contains(&format!(r#""subject":"workload:{name}""#)), "{name}: {log}");
    }
    // A policy knows the workload by its subject, and scopes are narrowed.
    let token = scene.token(GITHUB, json!({})).await;
    let narrow = scene.present(&token, &[("resource", &other), ("scope", "mcp")]).await.json();
    assert_eq!(narrow["scope"], "mcp");
    assert_eq!(scene.world.call("/other", narrow["access_token"].as_str().unwrap()).await.status, 200);
    let metadata = scene.world.get("/.well-known/oauth-authorization-server").await.json();
    let grants = metadata["grant_types_supported"].as_array().unwrap();
    for grant in [JWT_BEARER, exchange::TOKEN_EXCHANGE] {
        assert!(grants.contains(&json!(grant)), "{metadata}");
    }
    scene.world.gatehouse.stop().await;
}

/// One character of a claim, or of the audience, makes it another machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_platform_that_is_wrong_in_any_claim_lets_nobody_in() {
    let mut scene = Scene::start().await;
    let now = scene.world.now();
    let (mcp, us) = (scene.world.url("/mcp"), scene.world.gatehouse.url.clone());
    let set = |name: &str, value: Value| json!({ "set": { name: value } });
    let sub = "system:serviceaccount:agents:reporter";
    let namespace = |name: &str| json!({ "set": { "kubernetes.io": { "namespace": name } } });
    let mut wrong = vec![
        (CLUSTER, "another audience", set("aud", json!(["https://kubernetes.default.svc"]))),
        (CLUSTER, "us among others", set("aud", json!([us, "https://kubernetes.default.svc"]))),
        (CLUSTER, "an audience that begins like us", set("aud", json!(format!("{us}.evil.example")))),
        (CLUSTER, "an audience with a slash", set("aud", json!(format!("{us}/")))),
        (CLUSTER, "our resource as the audience", set("aud", json!(mcp))),
        (CLUSTER, "no audience", json!({ "unset": ["aud"] })),
        (CLUSTER, "another issuer", set("iss", json!("https://kubernetes.default.svc.cluster.locak"))),
        (CLUSTER, "no issuer", json!({ "unset": ["iss"] })),
        (CLUSTER, "the issuer of another platform", set("iss", json!("https://oidc.example.org"))),
        (CLUSTER, "another key", json!({ "key": "other" })),
        (CLUSTER, "an access token", json!({ "header": { "typ": "at+jwt" } })),
        (CLUSTER, "an id_token of a sign-in", set("nonce", json!("n"))),
        (CLUSTER, "for who has a key", set("cnf", json!({ "jkt": "x" }))),
        (CLUSTER, "another namespace", namespace("agentz")),
        (CLUSTER, "a namespace that begins the same", namespace("agents-2")),
        (CLUSTER, "no namespace", json!({ "unset": ["kubernetes.io"] })),
        (CLUSTER, "the namespace in a list", set("kubernetes.io", json!({ "namespace": ["agents"] }))),
        (CLUSTER, "sub in a list", set("sub", json!([sub]))),
        (CLUSTER, "no sub", json!({ "unset": ["sub"] })),
        (CLUSTER, "expired", json!({ "set": { "iat": now - 7200, "nbf": now - 7200, "exp": now - 120 } })),
        (CLUSTER, "no end", json!({ "unset": ["exp"] })),
        (CLUSTER, "too long-lived", set("exp", json!(now + 365 * 86_400))),
        (CLUSTER, "made long ago", json!({ "set": { "iat": now - 364 * 86_400, "exp": now + 3600 } })),
        (CLUSTER, "from the future", set("iat", json!(now + 3600))),
        (CLUSTER, "not valid yet", set("nbf", json!(now + 3600))),
        (GITHUB, "another branch", set("ref", json!("refs/heads/main2"))),
        (GITHUB, "another spelling", set("repository", json!("Acme/site"))),
        (GITHUB, "another repository", set("repository", json!("acme/site.evil"))),
        (GITHUB, "a repository in front", set("repository", json!("evil/acme/site"))),
        (GITHUB, "another owner of the name", set("repository_owner_id", json!("66"))),
        (GITHUB, "longer than the workload allows", set("exp", json!(now + 3600))),
        (SPIRE, "another trust domain", set("sub", json!("spiffe://example.com/ns/prod/sa/billing-eu"))),
        (SPIRE, "another namespace", set("sub", json!("spiffe://example.org/ns/test/sa/billing-eu"))),
        (SPIRE, "a longer trust domain", set("sub", json!("spiffe://example.org.evil/ns/prod/sa/billing-eu"))),
        (SPIRE, "something in front", set("sub", json!("xspiffe://example.org/ns/prod/sa/billing-eu"))),
        (SPIRE, "less than the pattern", set("sub", json!("spiffe://example.org/ns/prod/sa/billing"))),
    ];
    for place in 0..sub.len() {
        let mut changed = sub.to_owned();
        let other = if &sub[place..=place] == "x" { "y" } else { "x" };
        changed.replace_range(place..=place, other);
        wrong.push((CLUSTER, "one character of sub", set("sub", json!(changed))));
    }
    for changed in [format!("{sub}2"), format!(" {sub}"), format!("{sub}\n"), sub.to_uppercase(), sub[1..].to_owned()] {
        wrong.push((CLUSTER, "more or less than sub", set("sub", json!(changed))));
    }
    for (of, what, request) in wrong {
        let token = scene.token(of, request).await;
        scene.refused(&token, &[("resource", &mcp)], "invalid_grant", what).await;
    }
    // What is right, and asks for more.
    let token = scene.token(CLUSTER, json!({})).await;
    for (more, error) in [
        (vec![("scope", "mcp files")], "invalid_scope"),
        (vec![("scope", "admin")], "invalid_scope"),
        (vec![("resource", "https://evil.example/mcp")], "invalid_target"),
        (vec![("resource", scene.world.url("/other").as_str())], "invalid_target"),
        (vec![("resource", mcp.as_str()), ("resource", scene.world.url("/other").as_str())], "invalid_target"),
    ] {
        scene.refused(&token, &more, error, &format!("{more:?}")).await;
    }
    // A token of one platform is for the workloads of that one, whatever it says.
    let foreign = json!({ "set": { "sub": sub, "kubernetes.io": { "namespace": "agents" } } });
    let token = scene.token(GITHUB, foreign).await;
    assert_eq!(scene.present(&token, &[("resource", &mcp)]).await.status, 200, "it is that of the job");
    let log = scene.world.gatehouse.log.lines().join("\n");
    assert!(!log.contains(r#""subject":"workload:reporter""#), "{log}");
    scene.world.gatehouse.stop().await;
}

/// What the one says is no token for the other: the kinds of assertions are told apart by their type, and by whether there is a client.
#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_of_one_kind_is_never_taken_for_one_of_another() {
    let mut scene = Scene::start().await;
    let before = scene.world.store().await;
    let token = scene.token(CLUSTER, json!({})).await;
    let form = pairs(&[("grant_type", JWT_BEARER), ("assertion", token.as_str())]);
    // Whoever says which client it is gets no further than that client may.
    let machine = TestClient::public("machine", "");
    let authenticated = machine.clone().with(gatehouse_tests::ClientAuthentication::Basic(SECRET.to_owned()));
    assert_error(&scene.world.token(&authenticated, &form).await, 400, "unauthorized_client", "a machine");
    assert_error(&scene.world.token(&machine, &form).await, 401, "invalid_client", "no proof");
    assert_error(&scene.world.token(&scene.world.public(), &form).await, 400, "unauthorized_client", "a public client");
    let named = TestClient::public("workload:reporter", "");
    assert_error(&scene.world.token(&named, &form).await, 401, "invalid_client", "the name of a workload");
    for more in [("client_secret", "x"), ("client_assertion", token.as_str()), ("client_id", "")] {
        let answer = scene.present(&token, &[more]).await;
        assert!([400, 401].contains(&answer.status), "{}: {answer:?}", more.0);
    }
    // An identity assertion has a client, or is nothing.
    let assertion = scene.token(CLUSTER, json!({ "header": { "typ": "oauth-id-jag+jwt" } })).await;
    assert_error(&scene.present(&assertion, &[]).await, 400, "invalid_request", "an identity assertion");
    for (text, what) in [("x", "no token"), ("a.b.c", "three parts"), ("", "nothing")] {
        let answer = scene.present(text, &[]).await;
        assert!(["invalid_grant", "invalid_request"].contains(&answer.error().as_str()), "{what}: {answer:?}");
    }
    let long = format!("{token}{}", "A".repeat(17_000));
    assert_error(&scene.present(&long, &[]).await, 400, "invalid_grant", "too long");
    // The session of a user, and the id_token behind it, are no token of a platform.
    let id_token = gatehouse_tests::jwt::SigningKey::Rsa.sign(&scene.world.provider().claims("alice", None));
    assert_error(&scene.present(&id_token, &[]).await, 400, "invalid_grant", "an id_token of our provider");
    let own = scene.present(&token, &[]).await.json()["access_token"].as_str().unwrap().to_owned();
    let after = scene.world.store().await;
    assert_error(&scene.present(&own, &[]).await, 400, "invalid_grant", "a token of ours");
    scene.nothing_came_of_it(&after, &own, "a token of ours").await;
    drop(before);
    scene.world.gatehouse.stop().await;
}

/// The list counts before a token is made, and not only when one is shown.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_the_route_does_not_list_gets_no_token_for_it() {
    let allowed = "path = \"/mcp\"\nallowed_clients = [\"machine\", \"workload:billing\", \"reporter\"]\n";
    let mut scene = Scene::start_with(&DOCUMENT.replace("path = \"/mcp\"\n", allowed)).await;
    let (mcp, other) = (scene.world.url("/mcp"), scene.world.url("/other"));
    for of in [CLUSTER, GITHUB] {
        let token = scene.token(of, json!({})).await;
        scene.refused(&token, &[("resource", &mcp)], "unauthorized_client", "a workload").await;
        assert!(scene.reason().contains("allowed_clients"), "{}", scene.reason());
    }
    let token = scene.token(GITHUB, json!({})).await;
    assert_eq!(scene.present(&token, &[("resource", &other)]).await.status, 200, "another route: {}", scene.reason());
    let listed = scene.token(SPIRE, json!({})).await;
    assert_eq!(scene.present(&listed, &[("resource", &mcp)]).await.status, 200, "{}", scene.reason());
    let confidential =
        |id: &str| TestClient::public(id, "").with(gatehouse_tests::ClientAuthentication::Basic(SECRET.to_owned()));
    let before = scene.world.store().await;
    let users = exchange::sign(&scene.subject());
    let answer = scene.exchange(&confidential("frontend"), &users, &[]).await;
    assert_error(&answer, 400, "unauthorized_client", "a client that exchanges a token");
    scene.nothing_came_of_it(&before, &users, "a client that exchanges a token").await;
    let machine = pairs(&[("grant_type", "client_credentials"), ("resource", &mcp)]);
    assert_eq!(scene.world.token(&confidential("machine"), &machine).await.status, 200, "{}", scene.reason());
    scene.world.gatehouse.stop().await;
}
