//! A route that accepts access tokens of Microsoft Entra ID, of both versions: of `oidc-provider` in Entra's shape.

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, Program, TENANT, form, http, text, unique};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

/// Another tenant of the same Entra ID.
const OTHER_TENANT: &str = "5c3e7a10-2b4d-4e6f-8a91-b2c3d4e5f607";
/// For whom the tokens are: the application id URI of the MCP server's registration in version 1, its application id in version 2.
const API: &str = "api://mcp";
const API_ID: &str = "2f6a3c1e-94b7-4a0d-8f25-6b1d0c9e7a34";
/// The application that may get them, and one that may not.
const APPLICATION: &str = "aebc6443-996d-45c2-90f0-388ff96faa56";
const OTHER_APPLICATION: &str = "11111111-2222-4333-8444-555555555555";
/// Seconds for which what a token said is kept at most.
const VERIFIED_SECONDS: u64 = 3600;

const ROUTES: &str = r#"
public_url = "{public_url}"

[[token_issuers]]
name = "entra"
profile = "entra"
tenant = "TENANT"
authority = "AUTHORITY"

[[token_issuers]]
name = "second"
profile = "entra"
tenant = "OTHER"
authority = "AUTHORITY"
versions = ["2.0"]

[[token_issuers]]
name = "several"
profile = "entra"
tenant = "organizations"
tenants = ["TENANT"]
authority = "AUTHORITY"

[[routes]]
path = "/mcp"
url = "{upstream}/inside"
scopes = ["user_impersonation"]
subject_header = "x-subject"
tokens = [{ issuer = "entra", audiences = ["api://mcp", "API_ID"], client_application_ids = ["APPLICATION"] }]

[[routes]]
path = "/machines"
url = "{upstream}/inside"
scopes = ["user_impersonation"]
subject_header = "x-subject"
tokens = [{ issuer = "entra", audiences = ["api://mcp", "API_ID"], required_claims = [{ name = "roles", values = ["Mcp.Call"] }], granted_scopes = ["user_impersonation"] }]

[[routes]]
path = "/second"
url = "{upstream}/inside"
scopes = ["user_impersonation"]
subject_header = "x-subject"
tokens = [{ issuer = "second", audiences = ["api://mcp", "API_ID"] }]

[[routes]]
path = "/several"
url = "{upstream}/inside"
scopes = ["user_impersonation"]
subject_header = "x-subject"
tokens = [{ issuer = "several", audiences = ["api://mcp", "API_ID"] }]
"#;

/// The versions of Entra's tokens, by what the path of their metadata has for them.
const VERSIONS: [Version; 2] = [Version { path: "", ver: "1.0" }, Version { path: "/v2.0", ver: "2.0" }];

#[derive(Clone, Copy)]
struct Version {
    path: &'static str,
    ver: &'static str,
}

struct Scene {
    world: AttackWorld,
    program: Program,
    authority: String,
    secret: String,
}

impl Scene {
    async fn start() -> Self {
        let secret = unique("secret-");
        let (program, authority) = Program::server("entra.mjs", &["--client-secret", &secret], "authority").await;
        let mut document = ROUTES.replace("AUTHORITY", &authority);
        for (name, value) in
            [("TENANT", TENANT), ("OTHER", OTHER_TENANT), ("API_ID", API_ID), ("APPLICATION", APPLICATION)]
        {
            document = document.replace(name, value);
        }
        let settings = AttackSettings { document: Some(document), ..AttackSettings::default() };
        Self { world: AttackWorld::start_with(settings).await, program, authority, secret }
    }

    /// What the token endpoint of the version answers this application in the tenant.
    async fn tokens(&self, tenant: &str, version: Version, application: &str, pairs: &[(&str, &str)]) -> Value {
        let place = format!("{}/{tenant}{}/.well-known/openid-configuration", self.authority, version.path);
        let metadata = Answer::of(http().get(place).send().await.expect("an answer")).await.json();
        let request = http().post(text(&metadata, "token_endpoint")).basic_auth(application, Some(&self.secret));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form(pairs));
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Alice's tokens, for an application, with an id_token.
    async fn of_alice(&self, tenant: &str, version: Version, application: &str) -> Value {
        self.signed_by(tenant, version, application, API).await
    }

    /// The same, signed with the key that is for this resource.
    async fn signed_by(&self, tenant: &str, version: Version, application: &str, resource: &str) -> Value {
        let pairs = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", "any"),
            ("scope", "openid"),
            ("resource", resource),
        ];
        self.tokens(tenant, version, application, &pairs).await
    }

    /// Alice's access token, for the application that may have it.
    async fn access_token(&self, tenant: &str, version: Version) -> String {
        text(&self.of_alice(tenant, version, APPLICATION).await, "access_token")
    }

    /// An application's own access token.
    async fn of_machine(&self, version: Version) -> String {
        let pairs = [("grant_type", "client_credentials"), ("resource", API)];
        text(&self.tokens(TENANT, version, APPLICATION, &pairs).await, "access_token")
    }

    /// The subject that the server learns of the bearer.
    async fn accepted(&self, path: &str, token: &str, what: &str) -> String {
        let answer = self.world.call(path, token).await;
        assert_eq!(answer.status, 200, "{what}: {answer:?}\n{}", self.world.gatehouse.log.lines().join("\n"));
        text(&answer.json()["result"], "subject")
    }

    /// Fails unless the token is refused as any wrong one is, the log says why, the server hears nothing of it, and nothing of it is kept.
    async fn refused(&self, path: &str, token: &str, reason: &str, what: &str) {
        let (before, asked) = (self.world.store().await, self.world.upstream.requests().len());
        let answer = self.world.call(path, token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with(r#"Bearer error="invalid_token""#), "{what}: {challenge}");
        let last = self.last_refusal();
        assert!(last.contains(reason), "{what}: {last}");
        let kinds = ["provider-metadata", "provider-keys", "document-fetch", "document-failures"];
        self.world.assert_only_changed(&before, &kinds, what).await;
        assert_eq!(self.world.upstream.requests().len(), asked, "{what}: the server was asked");
    }

    /// Why the last request was refused.
    fn last_refusal(&self) -> String {
        let lines = self.world.gatehouse.log.lines();
        let mut read = lines.iter().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let refused = read.find(|line| line["event"] == "refused").expect("a refusal in the log");
        text(&refused, "reason")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entra_tokens_of_both_versions_are_accepted_and_a_person_is_one_subject_in_both() {
    let scene = Scene::start().await;
    let mut subjects = Vec::new();
    for version in VERSIONS {
        let token = scene.access_token(TENANT, version).await;
        let subject = scene.accepted("/mcp", &token, version.ver).await;
        assert!(subject.starts_with(&format!("entra:{TENANT}.")), "{subject}");
        // The endpoint for several tenants has a template in its metadata, and the same keys.
        let of_several = scene.accepted("/several", &token, version.ver).await;
        assert_eq!(of_several, subject.replacen("entra", "several", 1));
        subjects.push(subject);
    }
    assert_eq!(subjects[0], subjects[1]);
    let of_other = scene.access_token(OTHER_TENANT, VERSIONS[1]).await;
    let subject = scene.accepted("/second", &of_other, "the other tenant, where that one counts").await;
    assert!(subject.starts_with(&format!("second:{OTHER_TENANT}.")), "{subject}");
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entra_application_without_a_user_comes_by_its_role_and_only_where_that_is_enough() {
    let scene = Scene::start().await;
    for version in VERSIONS {
        let machine = scene.of_machine(version).await;
        let subject = scene.accepted("/machines", &machine, version.ver).await;
        assert!(subject.starts_with(&format!("entra:{TENANT}.")), "{subject}");
        let asked = scene.world.upstream.requests().len();
        let answer = scene.world.call("/mcp", &machine).await;
        assert_eq!(answer.status, 403, "it has no scope: {answer:?}");
        assert!(answer.header("www-authenticate").contains("insufficient_scope"), "{answer:?}");
        assert_eq!(scene.world.upstream.requests().len(), asked, "the server was asked");
        let person = scene.access_token(TENANT, version).await;
        scene.refused("/machines", &person, "roles", "a person has no such role").await;
    }
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entra_tokens_of_another_tenant_version_application_kind_or_key_are_refused() {
    const OTHER_ISSUER: &str = "an issuer whose tokens the route does not accept";
    let scene = Scene::start().await;
    for (version, client) in VERSIONS.into_iter().zip(["appid", "azp"]) {
        let what = |what: &str| format!("{what}, version {}", version.ver);
        let of_other_tenant = scene.access_token(OTHER_TENANT, version).await;
        for path in ["/mcp", "/several"] {
            scene.refused(path, &of_other_tenant, OTHER_ISSUER, &what("another tenant")).await;
        }
        let of_other = text(&scene.of_alice(TENANT, version, OTHER_APPLICATION).await, "access_token");
        scene.refused("/mcp", &of_other, "client_application_ids", &what("another application")).await;
        scene.accepted("/several", &of_other, &what("any application, where none is named")).await;
        // The server's own registration signs users in as well: then the audience is that of access tokens of version 2.
        let of_sign_in = scene.of_alice(TENANT, version, API_ID).await;
        for path in ["/mcp", "/several"] {
            let id_token = text(&of_sign_in, "id_token");
            scene.refused(path, &id_token, &format!("lacks {client}"), &what("an id_token")).await;
        }
        let resource = format!("{API}/consumers");
        let of_consumers = scene.signed_by(TENANT, version, APPLICATION, &resource).await;
        let token = text(&of_consumers, "access_token");
        for path in ["/mcp", "/several"] {
            scene.refused(path, &token, "key", &what("the key for personal accounts")).await;
        }
    }
    let v1 = scene.access_token(OTHER_TENANT, VERSIONS[0]).await;
    scene.refused("/second", &v1, OTHER_ISSUER, "version 1 where only 2 counts").await;
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_entra_replaces_its_keys_new_tokens_work_at_once_and_old_ones_no_longer() {
    let mut scene = Scene::start().await;
    let (mut seen, mut unseen) = (Vec::new(), Vec::new());
    for version in VERSIONS {
        seen.push(scene.access_token(TENANT, version).await);
        unseen.push(scene.access_token(TENANT, version).await);
        scene.accepted("/mcp", &seen[seen.len() - 1], version.ver).await;
    }
    scene.program.say("rotate").await;
    assert_eq!(scene.program.step("rotated").await, json!({ "step": "rotated" }));
    let mut renewed = Vec::new();
    for version in VERSIONS {
        renewed.push(scene.access_token(TENANT, version).await);
        scene.accepted("/mcp", &renewed[renewed.len() - 1], "a new key").await;
    }
    for (seen, unseen) in seen.iter().zip(&unseen) {
        scene.refused("/mcp", unseen, "key", "a token of the former key that nobody has verified").await;
        scene.accepted("/mcp", seen, "what was verified counts for an hour").await;
    }
    scene.world.gatehouse.clock.advance(VERIFIED_SECONDS);
    for (seen, renewed) in seen.iter().zip(&renewed) {
        scene.refused("/mcp", seen, "key", "a token of the former key after an hour").await;
        scene.accepted("/mcp", renewed, "its key is still published").await;
    }
    scene.world.gatehouse.stop().await;
}
