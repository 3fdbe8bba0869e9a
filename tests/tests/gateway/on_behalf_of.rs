//! On-behalf-of at the identity provider's own token endpoint: users sign in at `oidc-provider` in Entra's shape, and their tokens become
//! tokens for another API there.

use gatehouse_tests::{
    AttackSettings, AttackWorld, CLIENT_SECRET, From, HeldPort, Person, Program, Step, TENANT, TokenService, text,
};

/// Gatehouse's own registration, which exposes an API: the audience of its users' tokens.
const API_ID: &str = "2f6a3c1e-94b7-4a0d-8f25-6b1d0c9e7a34";
const DOCUMENT: &str = r#"
public_url = "{public_url}"

[[clients]]
client_id = "public"
client_name = "Public client"
redirect_uris = ["https://client.example/callback"]

[identity_provider]
name = "staff"
display_name = "Staff"
profile = "entra"
tenant = "TENANT"
authority = "AUTHORITY"
client_id = "API_ID"
client_secret = { secret = "identity_provider_secret" }
scopes = ["openid", "profile", "offline_access", "api://mcp/user_impersonation"]

[[routes]]
path = "/orders"
url = "{upstream}/orders"
backend_token = { flow = "on-behalf-of", scopes = ["api://orders/.default"] }
"#;

struct Scene {
    world: AttackWorld,
    _entra: Program,
}

impl Scene {
    async fn start() -> Self {
        let held = HeldPort::take();
        let callback = format!("http://127.0.0.1:{}/callback", held.number());
        let arguments = ["--client-secret", CLIENT_SECRET, "--redirect-uri", &callback];
        let (entra, authority) = Program::server("entra.mjs", &arguments, "authority").await;
        let document = DOCUMENT.replace("TENANT", TENANT).replace("AUTHORITY", &authority).replace("API_ID", API_ID);
        let settings =
            AttackSettings { document: Some(document), access_token_seconds: 3600, ..AttackSettings::default() };
        Self { world: AttackWorld::start_at(held, settings).await, _entra: entra }
    }

    /// Signs in, with the redirects of Entra's own pages.
    async fn token(&self, person: &Person) -> String {
        let mut flow = self.world.flow_of(person, self.world.public(), "/orders");
        flow.to(Step::SentToProvider).await;
        let mut url = flow.provider_url.clone().expect("the provider");
        let callback = self.world.url("/callback");
        while !url.as_str().starts_with(&callback) {
            let answer = person.open(&url, From::OtherSite).await;
            url = answer.location().unwrap_or_else(|| panic!("{url}: {answer:?}"));
        }
        flow.return_to(url);
        text(&flow.finish().await, "access_token")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_token_of_the_sign_in_provider_becomes_one_for_another_api_there() {
    let scene = Scene::start().await;
    let mut sent = Vec::new();
    for name in ["alice", "bob"] {
        let token = scene.token(&Person::new(name)).await;
        for _ in 0..2 {
            assert_eq!(
                scene.world.call("/orders", &token).await.status,
                200,
                "{}",
                scene.world.gatehouse.log.lines().join("\n")
            );
        }
        let requests = scene.world.upstream.requests();
        let [.., first, second] = requests.as_slice() else { panic!("two requests") };
        assert_eq!(first.header("authorization"), second.header("authorization"), "it is kept");
        let backend = first.header("authorization").strip_prefix("Bearer ").expect("a bearer token").to_owned();
        let claims = TokenService::claims(&backend);
        let said =
            ["aud", "name", "azp", "scp", "ver"].map(|claim| claims[claim].as_str().unwrap_or_default().to_owned());
        assert_eq!(said, ["api://orders", name, API_ID, "user_impersonation", "2.0"], "{claims}");
        sent.push(backend);
    }
    assert_ne!(sent[0], sent[1]);
    scene.world.gatehouse.stop().await;
}

/// A claims challenge is for whoever signs in at the provider, and not for MCP clients: the text says what to do, and the challenge stays here.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_must_do_something_else_first_is_told_so_and_the_challenge_is_not_passed_on() {
    let scene = Scene::start().await;
    let token = scene.token(&Person::new("mallory")).await;
    let refused = scene.world.call("/orders", &token).await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (403, ""), "{refused:?}");
    assert!(refused.body.contains("until you sign in anew, or consent, at your organization"), "{refused:?}");
    assert!(!refused.body.contains("acrs"), "{refused:?}");
    assert!(scene.world.upstream.requests().is_empty());
    let log = scene.world.gatehouse.log.lines().join("\n");
    assert!(log.contains("interaction_required") && !log.contains("acrs"), "{log}");
    scene.world.gatehouse.stop().await;
}
