//! A route that accepts the access tokens of another authorization server, which is a real one: `oidc-provider`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_tests::{Answer, AttackSettings, AttackWorld, Program, form, http, text, unique};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

/// For whom the tokens are.
const AUDIENCE: &str = "https://mcp.example";
/// How it signs them.
const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];
/// Seconds for which what a signed token said is kept at most.
const VERIFIED_SECONDS: u64 = 3600;

const ROUTES: &str = r#"
public_url = "{public_url}"

[[token_issuers]]
name = "signed"
issuer = "ISSUER"
types = ["at+jwt"]

[[token_issuers]]
name = "opaque"
issuer = "ISSUER"
introspection = { url = "INTROSPECTION", client_id = "gatehouse", client_secret = { secret = "introspection_secret" } }

[[routes]]
path = "/signed"
url = "{upstream}/inside"
scopes = ["mcp"]
subject_header = "x-subject"
tokens = [{ issuer = "signed", audiences = ["AUDIENCE"] }]

[[routes]]
path = "/opaque"
url = "{upstream}/inside"
scopes = ["mcp"]
subject_header = "x-subject"
tokens = [{ issuer = "opaque", audiences = ["AUDIENCE"] }]

[[routes]]
path = "/either"
url = "{upstream}/inside"
scopes = ["mcp"]
subject_header = "x-subject"
tokens = [{ issuer = "signed", audiences = ["AUDIENCE"] }, { issuer = "opaque", audiences = ["AUDIENCE"] }]
"#;

struct Scene {
    world: AttackWorld,
    program: Program,
    metadata: Value,
    secret: String,
}

impl Scene {
    async fn start() -> Self {
        let secret = unique("secret-");
        let arguments = ["--audience", AUDIENCE, "--client-secret", &secret];
        let (program, issuer) = Program::server("token-issuer.mjs", &arguments, "issuer").await;
        let metadata =
            http().get(format!("{issuer}/.well-known/openid-configuration")).send().await.expect("an answer");
        let metadata = Answer::of(metadata).await.json();
        let document = ROUTES
            .replace("ISSUER", &issuer)
            .replace("INTROSPECTION", &text(&metadata, "introspection_endpoint"))
            .replace("AUDIENCE", AUDIENCE);
        let settings = AttackSettings {
            document: Some(document),
            variables: vec![("introspection_secret".to_owned(), secret.clone())],
            ..AttackSettings::default()
        };
        Self { world: AttackWorld::start_with(settings).await, program, metadata, secret }
    }

    /// Asks an endpoint of the issuer as its client `machine`.
    async fn as_machine(&self, endpoint: &str, pairs: &[(&str, &str)]) -> Answer {
        let request = http().post(text(&self.metadata, endpoint)).basic_auth("machine", Some(&self.secret));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form(pairs));
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// A new access token, signed with this algorithm, or `opaque`.
    async fn token(&self, format: &str) -> String {
        let resource = format!("{AUDIENCE}/{format}");
        let pairs = [("grant_type", "client_credentials"), ("scope", "mcp"), ("resource", &resource)];
        text(&self.as_machine("token_endpoint", &pairs).await.json(), "access_token")
    }

    /// Fails unless the token leads to the server, and this subject with it.
    async fn accepted(&self, path: &str, token: &str, subject: &str, what: &str) {
        let answer = self.world.call(path, token).await;
        let log = self.world.gatehouse.log.lines();
        assert_eq!(answer.status, 200, "{what}: {answer:?}\n{}", log.join("\n"));
        assert_eq!(answer.json()["result"]["subject"], subject, "{what}");
    }

    /// Fails unless the token is refused as any wrong one is, and the server hears nothing of it.
    async fn refused(&self, path: &str, token: &str, what: &str) {
        let asked = self.world.upstream.requests().len();
        let answer = self.world.call(path, token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with(r#"Bearer error="invalid_token""#), "{what}: {challenge}");
        assert_eq!(self.world.upstream.requests().len(), asked, "{what}: the server was asked");
    }
}

/// What a signed token says of its signature.
fn header_of(token: &str) -> Value {
    let (header, _) = token.split_once('.').expect("a signed token");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64url")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_a_real_issuer_signs_in_five_ways_are_accepted_and_its_opaque_ones_are_not() {
    let scene = Scene::start().await;
    for algorithm in ALGORITHMS {
        let token = scene.token(algorithm).await;
        assert_eq!(header_of(&token), json!({ "alg": algorithm, "typ": "at+jwt", "kid": format!("{algorithm}-1") }));
        scene.accepted("/signed", &token, "signed:machine", algorithm).await;
        // The issuer is asked about it, and answers 400: it tells nothing of signed ones.
        scene.refused("/opaque", &token, algorithm).await;
    }
    let opaque = scene.token("opaque").await;
    scene.refused("/signed", &opaque, "an opaque one").await;
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_real_issuer_replaces_its_keys_new_tokens_work_at_once_and_old_ones_no_longer() {
    let mut scene = Scene::start().await;
    let (mut seen, mut kept, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
    for algorithm in ALGORITHMS {
        seen.push(scene.token(algorithm).await);
        kept.push(scene.token(algorithm).await);
        unseen.push(scene.token(algorithm).await);
        scene.accepted("/signed", &seen[seen.len() - 1], "signed:machine", algorithm).await;
    }
    scene.program.say("rotate").await;
    assert_eq!(scene.program.step("rotated").await, json!({ "step": "rotated" }));
    for token in &kept {
        scene.accepted("/signed", token, "signed:machine", "the former keys are still kept").await;
    }
    let mut renewed = Vec::new();
    for algorithm in ALGORITHMS {
        renewed.push(scene.token(algorithm).await);
        scene.accepted("/signed", &renewed[renewed.len() - 1], "signed:machine", algorithm).await;
    }
    for ((algorithm, seen), unseen) in ALGORITHMS.into_iter().zip(&seen).zip(&unseen) {
        scene.refused("/signed", unseen, algorithm).await;
        scene.accepted("/signed", seen, "signed:machine", "what was verified counts for an hour").await;
    }
    scene.world.gatehouse.clock.advance(VERIFIED_SECONDS);
    for ((algorithm, seen), renewed) in ALGORITHMS.into_iter().zip(&seen).zip(&renewed) {
        scene.refused("/signed", seen, algorithm).await;
        scene.accepted("/signed", renewed, "signed:machine", "its key is still published").await;
    }
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_that_is_revoked_at_a_real_issuer_is_refused_a_minute_after_it_was_asked_about() {
    let scene = Scene::start().await;
    let (token, other) = (scene.token("opaque").await, scene.token("opaque").await);
    for token in [&token, &other] {
        scene.accepted("/opaque", token, "opaque:machine", "an opaque token").await;
    }
    scene.as_machine("revocation_endpoint", &[("token", &token)]).await;
    scene.accepted("/opaque", &token, "opaque:machine", "what was said is kept").await;
    scene.world.gatehouse.clock.advance(30);
    scene.accepted("/opaque", &token, "opaque:machine", "what was said is kept for a minute").await;
    scene.world.gatehouse.clock.advance(30);
    scene.refused("/opaque", &token, "a revoked one").await;
    scene.accepted("/opaque", &other, "opaque:machine", "one that is not revoked").await;
    scene.refused("/opaque", &unique("no-token-"), "a token that the issuer does not know").await;
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_and_opaque_tokens_of_one_real_issuer_come_in_at_one_route_each_in_its_own_way() {
    let scene = Scene::start().await;
    let (signed, opaque) = (scene.token("ES256").await, scene.token("opaque").await);
    scene.accepted("/either", &signed, "signed:machine", "a signed one is verified").await;
    scene.accepted("/either", &opaque, "opaque:machine", "the issuer is asked about an opaque one").await;
    scene.refused("/either", &unique("no-token-"), "a token that the issuer does not know").await;
    let (message, _) = signed.rsplit_once('.').expect("a signed token");
    // It names the issuer that is verified: nobody is asked about it.
    scene.refused("/either", &format!("{message}.{}", "A".repeat(86)), "a forged one").await;
    let metadata = scene.world.get("/.well-known/oauth-protected-resource/either").await.json();
    assert_eq!(metadata["authorization_servers"], json!([text(&scene.metadata, "issuer")]), "clients are told once");
    scene.world.gatehouse.stop().await;
}
