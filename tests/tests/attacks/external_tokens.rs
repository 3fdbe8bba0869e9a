//! Tokens of other issuers, at routes that trust those: forged, foreign, in the wrong place, at the wrong time.

mod clients;
mod groups;
mod issuers;
mod opaque;
mod unknown;
mod wrong_tokens;

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::{Answer, AttackSettings, AttackWorld, TENANT, TestIssuer};
use serde_json::{Value, json};

use crate::logged::{assert_not_logged, last_refusal};

/// The application that gets tokens.
const APPLICATION: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
/// A user of the tenant.
const OBJECT: &str = "00000000-aaaa-4bbb-8ccc-000000000001";
/// What no log may hold: the subject of signed tokens is no secret, their signature is.
const ROUTES: &str = r#"
public_url = "{public_url}"

{provider}

[[clients]]
client_id = "public"
client_name = "Public client"
redirect_uris = ["http://127.0.0.1/callback", "https://client.example/callback"]

[[token_issuers]]
name = "partner"
issuer = "PARTNER"

[[token_issuers]]
name = "second"
issuer = "https://second.example"
jwks_uri = "PARTNER/jwks"
types = ["at+jwt"]

[[token_issuers]]
name = "entra"
profile = "entra"
tenant = "TENANT"
authority = "PARTNER"

[[token_issuers]]
name = "asked"
introspection = { url = "PARTNER/introspect", client_id = "gatehouse", client_secret = { secret = "introspection_secret" } }

[[routes]]
path = "/partner"
url = "{upstream}/inside"
scopes = ["mcp"]
subject_header = "x-subject"
tokens = [{ issuer = "partner", audiences = ["api://one"], published_scopes = ["api://one/mcp"] }]

[[routes]]
path = "/second"
url = "{upstream}/inside"
scopes = ["mcp"]
tokens = [{ issuer = "second", audiences = ["api://two"] }]

[[routes]]
path = "/entra"
url = "{upstream}/inside"
subject_header = "x-subject"
tokens = [{ issuer = "entra", audiences = ["api://mcp"], client_application_ids = ["APPLICATION"], required_claims = [{ name = "roles", values = ["Mcp.Admin", "Mcp.User"], match = "any" }], failed_status = "403", failed_message = "Sign in with your work account" }]

[[routes]]
path = "/asked"
url = "{upstream}/inside"
scopes = ["mcp"]
subject_header = "x-subject"
tokens = [{ issuer = "asked", audiences = ["api://one"] }]

[[routes]]
path = "/both"
url = "{upstream}/inside"
scopes = ["mcp"]
subject_header = "x-subject"
own_tokens = true
tokens = [{ issuer = "partner", audiences = ["api://one"] }, { issuer = "asked", audiences = ["api://one"] }]

[[routes]]
path = "/header"
url = "{upstream}/inside"
scopes = ["mcp"]
tokens = [{ issuer = "partner", audiences = ["api://one"], header_name = "x-token", scheme = "" }]

[[routes]]
path = "/listed"
url = "{upstream}/inside"
scopes = ["mcp"]
allowed_clients = ["public", "gatehouse:browser", "gatehouse:access-token-page", "gatehouse:nobody", "workload:deploy", "key:robot", "an-app", "partner:an-app"]
tokens = [{ issuer = "partner", audiences = ["api://one"] }, { issuer = "second", audiences = ["api://two"] }]

[[routes]]
path = "/ruled"
url = "{upstream}/inside"
scopes = ["mcp"]
policy = [{ name = "named", clients = ["public", "gatehouse:browser", "gatehouse:access-token-page", "gatehouse:nobody", "workload:deploy", "key:robot", "partner:an-app"] }]
tokens = [{ issuer = "partner", audiences = ["api://one"] }]

[[routes]]
path = "/own"
url = "{upstream}/inside"
scopes = ["mcp"]
"#;

/// Gatehouse, and the issuer of all these tokens.
struct Scene {
    world: AttackWorld,
    issuer: TestIssuer,
}

impl Scene {
    async fn start() -> Self {
        let issuer = TestIssuer::start().await;
        let document =
            ROUTES.replace("PARTNER", issuer.origin()).replace("TENANT", TENANT).replace("APPLICATION", APPLICATION);
        let settings = AttackSettings {
            document: Some(document),
            variables: vec![("introspection_secret".to_owned(), "an-introspection-secret".to_owned())],
            ..AttackSettings::default()
        };
        Self { world: AttackWorld::start_with(settings).await, issuer }
    }

    /// The claims of a good access token for `/partner`.
    fn claims(&self) -> Value {
        let now = self.world.now();
        json!({
            "iss": self.issuer.origin(), "sub": "alice", "aud": "api://one", "client_id": "an-app", "scope": "mcp files",
            "iat": now, "exp": now + 600,
        })
    }

    /// Those with another value in place of one.
    fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    /// A good access token for `/second`.
    fn second(&self) -> String {
        let mut claims = self.claims_with("aud", json!("api://two"));
        claims["iss"] = json!("https://second.example");
        SigningKey::P256.sign_under(&header("ES256", "p256", "at+jwt"), &claims)
    }

    /// The claims of a good access token of Entra, of version 2.
    fn entra_claims(&self) -> Value {
        let now = self.world.now();
        json!({
            "iss": format!("{}/{TENANT}/v2.0", self.issuer.origin()), "tid": TENANT, "oid": OBJECT, "sub": "pairwise",
            "aud": "api://mcp", "azp": APPLICATION, "scp": "user_impersonation", "roles": ["Mcp.User"], "ver": "2.0",
            "iat": now, "exp": now + 600,
        })
    }

    /// The same of version 1.
    fn entra_v1_claims(&self) -> Value {
        let mut claims = self.entra_claims();
        claims["iss"] = json!(format!("https://sts.windows.net/{TENANT}/"));
        claims["ver"] = json!("1.0");
        claims["appid"] = claims["azp"].take();
        claims
    }

    /// Fails unless the route refuses the token as it refuses any, nobody behind it hears of it, nothing is kept, and the log does not
    /// hold it.
    async fn refused(&self, path: &str, token: &str, what: &str) -> Answer {
        let (before, asked) = (self.world.store().await, self.world.upstream.requests().len());
        let answer = self.world.call(path, token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        let challenge = answer.header("www-authenticate").to_owned();
        assert!(challenge.starts_with(r#"Bearer error="invalid_token""#), "{what}: {challenge}");
        // What an issuer says of itself may be kept, and that it was asked; nothing of the token.
        let kinds = ["provider-metadata", "provider-keys", "document-fetch", "document-failures"];
        self.world.assert_only_changed(&before, &kinds, what).await;
        assert_eq!(self.world.upstream.requests().len(), asked, "{what}: the server was asked");
        self.is_not_logged(token, what);
        answer
    }

    fn is_not_logged(&self, token: &str, what: &str) {
        assert_not_logged(&self.world, token, what);
    }

    fn reason(&self) -> String {
        last_refusal(&self.world)
    }
}

fn header(alg: &str, kid: &str, typ: &str) -> Value {
    json!({ "alg": alg, "kid": kid, "typ": typ })
}
