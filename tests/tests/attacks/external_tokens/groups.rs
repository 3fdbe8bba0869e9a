//! Tokens of Entra that do not hold their bearer's groups: Microsoft Graph is asked, and where it does not say, nobody comes in.

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::{Answer, AttackSettings, AttackWorld, GRAPH_SECRET, TENANT, TestIssuer};
use serde_json::{Value, json};

use super::{APPLICATION, OBJECT};

const GROUP: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const OTHER_GROUP: &str = "aaaaaaaa-bbbb-4ccc-8ddd-ffffffffffff";
const ROUTES: &str = r#"
public_url = "{public_url}"
{provider}

[[token_issuers]]
name = "entra"
profile = "entra"
tenant = "TENANT"
authority = "ENTRA"
group_lookup = { client_id = "lookup", client_secret = { secret = "group_lookup_secret" }, graph = "ENTRA" }

[[routes]]
path = "/grouped"
url = "{upstream}/inside"
tokens = [{ issuer = "entra", audiences = ["api://mcp"] }]
policy = [{ name = "members", providers = ["entra"], groups = ["GROUP"] }]

[[routes]]
path = "/everybody"
url = "{upstream}/inside"
tokens = [{ issuer = "entra", audiences = ["api://mcp"] }]
"#;

struct Scene {
    world: AttackWorld,
    entra: TestIssuer,
}

impl Scene {
    async fn start() -> Self {
        let entra = TestIssuer::start().await;
        let document = ROUTES.replace("TENANT", TENANT).replace("ENTRA", entra.origin()).replace("GROUP", GROUP);
        let settings = AttackSettings {
            document: Some(document),
            variables: vec![("group_lookup_secret".to_owned(), GRAPH_SECRET.to_owned())],
            ..AttackSettings::default()
        };
        Self { world: AttackWorld::start_with(settings).await, entra }
    }

    /// A token that says of the groups only that there are too many; where they are is an attacker's, were it believed.
    fn token(&self, number: u32) -> String {
        let now = self.world.now();
        SigningKey::Rsa.sign(&json!({
            "iss": format!("{}/{TENANT}/v2.0", self.entra.origin()), "tid": TENANT, "oid": OBJECT, "sub": "pairwise",
            "aud": "api://mcp", "azp": APPLICATION, "scp": "user_impersonation", "ver": "2.0", "uti": number,
            "iat": now, "exp": now + 600, "_claim_names": { "groups": "src1" },
            "_claim_sources": { "src1": { "endpoint": "https://evil.example/getMemberObjects" } },
        }))
    }

    async fn call(&self, path: &str, token: &str) -> Answer {
        let request = self.world.mcp_request(path).bearer_auth(token);
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "x" } });
        Answer::of(request.body(message.to_string()).send().await.expect("an answer")).await
    }

    /// What Graph was asked for since this was last called.
    fn asked(&self) -> Vec<String> {
        self.entra.asked().into_iter().filter(|path| path.starts_with("/v1.0/")).collect()
    }

    fn is_in(&self, groups: &[&str]) {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        self.entra.script(|script| drop(script.groups.insert(OBJECT.to_owned(), groups)));
    }

    fn reached(&self) -> usize {
        self.world.upstream.requests().len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_tells_the_groups_that_a_token_of_entra_has_no_room_for() {
    let scene = Scene::start().await;
    let lookup = format!("/v1.0/users/{OBJECT}/checkMemberGroups");
    scene.is_in(&[OTHER_GROUP]);
    let outside = scene.token(1);
    let denied = scene.call("/grouped", &outside).await;
    assert_eq!(denied.status, 200, "{denied:?}\n{}", scene.world.gatehouse.log.lines().join("\n"));
    assert!(denied.json()["error"].is_object(), "{denied:?}");
    assert_eq!((scene.asked(), scene.reached()), (vec![lookup.clone()], 0), "asked, and denied");
    scene.is_in(&[OTHER_GROUP, GROUP]);
    let inside = scene.token(2);
    for _ in 0..3 {
        let answer = scene.call("/grouped", &inside).await;
        assert_eq!((answer.status, answer.json()["error"].clone()), (200, Value::Null), "{answer:?}");
    }
    assert_eq!(scene.asked(), [lookup], "what it said counts for as long as the token is kept");
    let denied = scene.call("/grouped", &outside).await;
    assert!(denied.json()["error"].is_object(), "for the other token, the former answer counts: {denied:?}");
    assert_eq!(scene.call("/everybody", &scene.token(3)).await.status, 200);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_graph_does_not_say_nobody_comes_in_and_nothing_is_kept_of_the_token() {
    let scene = Scene::start().await;
    scene.is_in(&[GROUP]);
    // What the issuer says of itself is kept.
    assert_eq!(scene.call("/grouped", &scene.token(1)).await.status, 200);
    let (reached, before) = (scene.reached(), scene.world.store().await);
    scene.entra.script(|script| script.is_down = true);
    let token = scene.token(2);
    let answer = scene.call("/grouped", &token).await;
    assert_eq!((answer.status, scene.reached()), (503, reached), "{answer:?}");
    scene.world.assert_only_changed(&before, &["document-fetch", "document-failures"], "Graph is down").await;
    scene.entra.script(|script| script.is_down = false);
    assert_eq!(scene.call("/grouped", &token).await.status, 200, "it is not the token's fault");
    scene.world.gatehouse.stop().await;
}
