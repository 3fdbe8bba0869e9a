//! What a server learns of who calls. The headers of App Service are read by Microsoft's own code, and assertions verified by what
//! servers use for it, with the published keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_tests::scripted_provider::{GUID_OF_TENANT, Tenant};
use gatehouse_tests::{
    AttackSettings, AttackWorld, ClientAuthentication, Person, Program, ScriptedProvider, TestClient, text,
};
use serde_json::{Value, json};

const P256: &str = include_str!("../../../crates/jose/test-keys/p256.pem");
const ED25519: &str = include_str!("../../../crates/jose/test-keys/ed25519.pem");
const SETTING: &str = "caller_assertion_keys";
const MACHINE: &str = r#"
[[clients]]
client_id = "nightly"
client_name = "Nightly job"
token_endpoint_auth_method = "client_secret_post"
client_secret = { secret = "nightly_secret" }
grant_types = ["client_credentials"]
scopes = ["mcp", "files"]
"#;

struct Setting {
    world: AttackWorld,
    _server: Program,
    /// The server's own address, as the route has it.
    url: String,
}

impl Setting {
    /// Gatehouse before the server that asks who calls, which is told what `table` says.
    async fn start(providers: Vec<ScriptedProvider>, table: &str, keys: &str) -> Self {
        let (server, origin) = Program::server("server-caller.mjs", &[], "url").await;
        let world = AttackWorld::start_with(AttackSettings {
            top: format!("{SETTING} = {{ secret = \"{SETTING}\" }}"),
            tables: MACHINE.to_owned(),
            mcp_lines: format!("identity_headers = {{ {table} }}"),
            variables: vec![(SETTING.to_owned(), keys.to_owned()), ("nightly_secret".to_owned(), "secret".to_owned())],
            upstream_origin: Some(origin.clone()),
            providers,
            ..AttackSettings::default()
        });
        Self { world: world.await, _server: server, url: format!("{origin}/inside") }
    }

    async fn sign_in(&self) -> String {
        let alice = Person::new("alice");
        text(&self.world.flow(&alice).finish().await, "access_token")
    }

    async fn machine(&self) -> String {
        let client = TestClient::public("nightly", "").with(ClientAuthentication::Post("secret".to_owned()));
        let resource = format!("{}/mcp", self.world.gatehouse.url);
        let pairs = [("grant_type", "client_credentials"), ("resource", &resource)];
        let answer = self.world.token(&client, &pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        text(&answer.json(), "access_token")
    }

    /// What the server made of a call.
    async fn told(&self, world: &AttackWorld, token: &str) -> Value {
        let answer = world.call("/mcp", token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["result"].clone()
    }

    /// Somebody who verifies assertions with the keys that `world` publishes.
    fn verifier(&self, program: &str, world: &AttackWorld, audience: &str) -> Program {
        let keys = world.url("/.well-known/jwks.json");
        let issuer = &self.world.gatehouse.url;
        Program::client(program, &["--keys", &keys, "--issuer", issuer, "--audience", audience])
    }
}

/// The values of the claims of a type.
fn claims<'a>(user: &'a Value, typ: &str) -> Vec<&'a str> {
    let all = user["claimsPrincipalData"]["claims"].as_array().expect("claims");
    all.iter().filter(|claim| claim["typ"] == typ).map(|claim| claim["val"].as_str().expect("a text")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_own_code_reads_a_user_of_entra_as_behind_app_service() {
    let provider = ScriptedProvider::start_entra("staff", Tenant::Guid).await;
    provider.script(|script| {
        script.claims(|claims| {
            claims["groups"] = json!(["aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "11111111-2222-4333-8444-555555555555"]);
            claims["roles"] = json!(["Mcp.User"]);
            claims["name"] = json!("Álice Example");
            claims["xms_edov"] = json!(true);
        });
    });
    let object = provider.claims("alice", None)["oid"].as_str().expect("an object id").to_owned();
    let setting = Setting::start(vec![provider], "app_service = true, names = true", P256).await;
    let told = setting.told(&setting.world, &setting.sign_in().await).await;
    let user = &told["user"];
    assert_eq!((&user["type"], &user["identityProvider"]), (&json!("AppService"), &json!("aad")), "{told}");
    assert_eq!((&user["id"], &user["username"]), (&json!(object), &json!("alice@example.test")));
    let principal = &user["claimsPrincipalData"];
    assert_eq!((&principal["auth_typ"], &principal["role_typ"]), (&json!("aad"), &json!("roles")));
    for (typ, values) in [
        ("http://schemas.microsoft.com/identity/claims/objectidentifier", vec![object.as_str()]),
        ("http://schemas.microsoft.com/identity/claims/tenantid", vec![GUID_OF_TENANT]),
        ("http://schemas.microsoft.com/identity/claims/scope", vec!["mcp files"]),
        ("groups", vec!["aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "11111111-2222-4333-8444-555555555555"]),
        (principal["role_typ"].as_str().unwrap(), vec!["Mcp.User"]),
        (principal["name_typ"].as_str().unwrap(), vec!["alice@example.test"]),
        ("name", vec!["Álice Example"]),
        ("azp", vec!["public"]),
    ] {
        assert_eq!(claims(user, typ), values, "{typ}");
    }
    setting.world.gatehouse.stop().await;
}

/// Users of other providers, machines, and everybody of whom no name may be told: `@azure/functions` throws where a header is missing.
#[tokio::test(flavor = "multi_thread")]
async fn microsofts_own_code_reads_everybody_else_too_and_no_name_that_may_not_be_told() {
    let setting = Setting::start(Vec::new(), "app_service = true", P256).await;
    for (token, id, provider) in
        [(setting.sign_in().await, "alice", "test"), (setting.machine().await, "nightly", "client")]
    {
        let told = setting.told(&setting.world, &token).await;
        let user = &told["user"];
        assert_eq!((&user["type"], &user["identityProvider"]), (&json!("AppService"), &json!(provider)), "{told}");
        assert_eq!((&user["id"], &user["username"]), (&json!(id), &json!(id)));
        let sub = claims(user, "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier");
        assert_eq!(sub, [id]);
        assert!(!told.to_string().contains("example.test") && !told.to_string().contains("Example"), "{told}");
        let raw = STANDARD.decode(told["headers"]["x-ms-client-principal"].as_str().unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&raw).unwrap(), user["claimsPrincipalData"]);
    }
    setting.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_claim_is_told_in_the_header_that_the_operator_chose() {
    let table = "names = true, claims = { x-sub = \"subject\", x-idp = \"provider\", x-client = \"client_id\", x-for = \"resource\", \
                 x-scopes = \"scopes\", x-tenant = \"tenant\", x-groups = \"groups\", x-roles = \"roles\", x-name = \"name\", \
                 x-login = \"preferred_username\", x-mail = \"email\" }";
    let setting = Setting::start(Vec::new(), table, P256).await;
    setting.world.provider().script(|script| script.claims(|claims| claims["groups"] = json!(["a,b", "Bücher"])));
    let told = setting.told(&setting.world, &setting.sign_in().await).await;
    let resource = format!("{}/mcp", setting.world.gatehouse.url);
    for (name, value) in [
        ("x-sub", Some("test:alice")),
        ("x-idp", Some("test")),
        ("x-client", Some("public")),
        ("x-for", Some(resource.as_str())),
        ("x-scopes", Some("mcp files")),
        ("x-tenant", None),
        ("x-groups", Some(r#"["a,b","B\u00fccher"]"#)),
        ("x-roles", Some("[]")),
        ("x-name", Some("Alice Example")),
        ("x-login", Some("alice")),
        ("x-mail", Some("alice@example.test")),
    ] {
        assert_eq!(told["headers"].get(name), value.map(|value| json!(value)).as_ref(), "{name}");
    }
    assert_eq!(told.get("user"), Some(&Value::Null), "no header of App Service");
    let told = setting.told(&setting.world, &setting.machine().await).await;
    assert_eq!(told["headers"]["x-sub"], "client:nightly");
    for name in ["x-tenant", "x-name", "x-login", "x-mail"] {
        assert_eq!(told["headers"].get(name), None, "{name} of a machine");
    }
    setting.world.gatehouse.stop().await;
}

/// Entra lists up to 200 groups in a token, others many more.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_in_a_thousand_groups_is_refused_and_told_why_and_the_server_hears_nothing() {
    let groups: Vec<_> = (0..1_000).map(|number| format!("00000000-0000-0000-0000-{number:012}")).collect();
    let world = AttackWorld::start_with(AttackSettings {
        mcp_lines: "identity_headers = { claims = { x-groups = \"groups\" } }".to_owned(),
        ..AttackSettings::default()
    });
    let world = world.await;
    world.provider().script(move |script| script.claims(move |claims| claims["groups"] = json!(groups)));
    let alice = Person::new("alice");
    let token = text(&world.flow(&alice).finish().await, "access_token");
    let store = world.store().await;
    let answer = world.call("/mcp", &token).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(
        answer.body.contains("too many groups or roles") && answer.header("www-authenticate").is_empty(),
        "{answer:?}"
    );
    assert!(world.upstream.requests().is_empty());
    world.assert_unchanged(&store, "a refusal").await;
    world.gatehouse.stop().await;
}

/// What a server verifies with the keys that are published, while they are turned.
#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_verified_by_what_servers_use_through_a_rotation() {
    let setting = Setting::start(Vec::new(), "assertion_header = \"x-caller\"", P256).await;
    let (old, both, turned) = (&setting.world, format!("{P256}\n{ED25519}"), format!("{ED25519}\n{P256}"));
    let both = old.beside_with(&[(SETTING, &both)]).await;
    let turned = old.beside_with(&[(SETTING, &turned)]).await;
    let token = setting.sign_in().await;
    let assertion = |told: &Value| told["headers"]["x-caller"].as_str().expect("an assertion").to_owned();
    for program in ["assertion.mjs", "assertion.py"] {
        // With the old key set alone, what the new key signs is refused; that is why it is published first.
        for (world, verifies_new) in [(old, false), (&both, true), (&turned, true)] {
            let mut verifier = setting.verifier(program, world, &setting.url);
            verifier.say(&assertion(&setting.told(old, &token).await)).await;
            let verified = verifier.json().await;
            let said = &verified["claims"];
            assert_eq!(
                (&said["sub"], &said["act"]),
                (&json!("test:alice"), &json!({ "sub": "public" })),
                "{program}: {verified}"
            );
            assert_eq!((&said["scope"], &said["client_id"]), (&json!("mcp files"), &json!("public")));
            assert_eq!(said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(), 60);
            verifier.say(&assertion(&setting.told(&turned, &token).await)).await;
            let verified = verifier.json().await;
            assert_eq!(verified["claims"]["sub"] == "test:alice", verifies_new, "{program}: {verified}");
            // Our own access token is none.
            verifier.say(&token).await;
            assert!(verifier.json().await.get("error").is_some(), "{program}");
        }
        let mut another = setting.verifier(program, old, "https://another.example/mcp");
        another.say(&assertion(&setting.told(old, &token).await)).await;
        assert!(another.json().await.get("error").is_some(), "{program}: an assertion for another server");
    }
    let machine = assertion(&setting.told(old, &setting.machine().await).await);
    let mut verifier = setting.verifier("assertion.mjs", old, &setting.url);
    verifier.say(&machine).await;
    let verified = verifier.json().await;
    assert_eq!((&verified["claims"]["sub"], verified["claims"].get("act")), (&json!("client:nightly"), None));
    for world in [turned, both] {
        world.gatehouse.stop().await;
    }
    setting.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_are_published_where_there_are_any_and_no_metadata_calls_them_those_of_our_tokens() {
    let without = AttackWorld::start().await;
    assert_eq!(without.get("/.well-known/jwks.json").await.status, 404);
    without.gatehouse.stop().await;
    let setting = Setting::start(Vec::new(), "assertion_header = \"x-caller\"", P256).await;
    let keys = setting.world.get("/.well-known/jwks.json").await;
    assert_eq!((keys.status, keys.header("cache-control")), (200, "public, max-age=300"));
    assert_eq!(keys.json()["keys"].as_array().map(Vec::len), Some(1));
    assert!(!keys.body.contains(r#""d""#), "{keys:?}");
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"] {
        assert!(!setting.world.get(path).await.body.contains("jwks"), "{path}");
    }
    setting.world.gatehouse.stop().await;
}
