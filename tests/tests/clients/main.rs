//! Real clients sign in through Gatehouse, call a tool, and go on when their access token has expired; each with every
//! kind of client id that it can have.
//!
//! | Client | registers | document | public id | secret, basic | secret, post | key | machine |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | TypeScript SDK 1.x, 2.x | yes | yes | yes | yes | yes | yes | basic, key |
//! | mcp-remote | yes | yes | yes | yes | yes | no | basic, post |
//! | Inspector | yes | yes | yes | yes | no: it takes basic wherever that is offered | no | no |
//! | Python SDK | yes | yes | yes | yes | yes | no: with a key it is a machine | basic, post, key |
//!
//! “Document” is a client metadata document, “key” one whose client signs (`private_key_jwt`); the ids with secrets and
//! those of machines (`client_credentials`) are in the configuration. “No” means that the client has no such option.

mod api_keys;
mod azure_sample;
mod rest_apis;
mod signing_key;

use gatehouse_tests::{
    ClientDocuments, HostKind, Program, StoreKind, World, WorldSettings, spin_is_installed, wash_is_installed,
};
use serde_json::Value;
use tokio::task::JoinHandle;

use signing_key::SigningKey;

/// The TypeScript SDKs do not encode the secret that they put into the header (RFC 6749, section 2.3.1, wants it), the
/// Python SDK does: only a secret like this one means the same to all.
const SECRET: &str = "cV2x-9sK_4mQ.tB7~wZ1";
/// Each client listens at one of these, at a port of its choice (RFC 8252, section 7.3).
const REDIRECT_URIS: [&str; 2] = ["http://127.0.0.1/callback", "http://127.0.0.1/oauth/callback"];

/// A program, and in which era it speaks.
type Client = (&'static str, &'static [&'static str]);

const SDK_LEGACY: Client = ("sdk-legacy.mjs", &[]);
const SDK_AUTO: Client = ("sdk-modern.mjs", &["--negotiation", "auto"]);
const SDK_MODERN: Client = ("sdk-modern.mjs", &["--negotiation", "modern"]);
const MCP_REMOTE: Client = ("mcp-remote.mjs", &["--protocol", "auto"]);
const INSPECTOR_LEGACY: Client = ("inspector.mjs", &["--era", "legacy"]);
const INSPECTOR_MODERN: Client = ("inspector.mjs", &["--era", "modern"]);
const PYTHON_AUTO: Client = ("python_sdk.py", &["--mode", "auto"]);
const PYTHON_MODERN: Client = ("python_sdk.py", &["--mode", "modern"]);

/// Before a server of 2025-11-25.
const CLIENTS: [Client; 5] = [SDK_LEGACY, SDK_AUTO, MCP_REMOTE, INSPECTOR_LEGACY, PYTHON_AUTO];
/// Before a server of both eras.
const MODERN_CLIENTS: [Client; 3] = [SDK_MODERN, INSPECTOR_MODERN, PYTHON_MODERN];

/// Each of them waits most of the time, and another test may run beside this one.
const AT_ONCE: usize = 4;

/// Who a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// It registers.
    Registers,
    /// The URL of a document.
    Document,
    /// The URL of a document with a key.
    SigningDocument,
    /// A public id of the configuration.
    Public,
    /// An id of the configuration that has a secret.
    SecretBasic,
    /// The same; the secret goes into the body.
    SecretPost,
    /// A machine with a secret.
    MachineBasic,
    /// The same; the secret goes into the body.
    MachinePost,
    /// A machine with a key.
    MachineKey,
}

/// The clients that act for themselves.
const MACHINES: [(Client, Identity); 9] = [
    (SDK_LEGACY, Identity::MachineBasic),
    (SDK_LEGACY, Identity::MachineKey),
    (SDK_AUTO, Identity::MachineBasic),
    (SDK_AUTO, Identity::MachineKey),
    (MCP_REMOTE, Identity::MachineBasic),
    (MCP_REMOTE, Identity::MachinePost),
    (PYTHON_AUTO, Identity::MachineBasic),
    (PYTHON_AUTO, Identity::MachinePost),
    (PYTHON_AUTO, Identity::MachineKey),
];

/// The clients that a user signs in to and that prove who they are.
const CONFIDENTIAL: [(Client, Identity); 11] = [
    (SDK_LEGACY, Identity::SecretBasic),
    (SDK_LEGACY, Identity::SecretPost),
    (SDK_LEGACY, Identity::SigningDocument),
    (SDK_AUTO, Identity::SecretBasic),
    (SDK_AUTO, Identity::SecretPost),
    (SDK_AUTO, Identity::SigningDocument),
    (MCP_REMOTE, Identity::SecretBasic),
    (MCP_REMOTE, Identity::SecretPost),
    (INSPECTOR_LEGACY, Identity::SecretBasic),
    (PYTHON_AUTO, Identity::SecretBasic),
    (PYTHON_AUTO, Identity::SecretPost),
];

/// Gatehouse before one upstream, and all that its clients need to be somebody.
struct Setting {
    world: World,
    host: HostKind,
    key: SigningKey,
    documents: ClientDocuments,
    /// The tool to call; the upstreams have no common one.
    tool: &'static str,
}

impl Setting {
    async fn start(host: HostKind, upstream: &'static [&'static str], tool: &'static str) -> Self {
        let key = SigningKey::generate();
        let documents = ClientDocuments::serve(&REDIRECT_URIS, &key.jwks()).await;
        // Spin and wasmCloud have the system's authorities only: no document of ours can be read there.
        let ca_file = (host == HostKind::Embedded).then(|| documents.ca_file());
        let world = World::start(WorldSettings {
            host,
            upstream,
            // Short on Spin and wasmCloud, whose clocks a test cannot move. Elsewhere the clients' own clocks stay behind by as much for
            // each group: the assertions that they sign, for five minutes, must not have expired when they are made.
            access_token_seconds: if host == HostKind::Embedded { 60 } else { 10 },
            tables: clients_of_the_configuration(&key),
            variables: vec![
                ("client_document_origin".to_owned(), documents.origin.clone()),
                ("client_secret".to_owned(), SECRET.to_owned()),
            ],
            ca_file,
            ..WorldSettings::default()
        });
        Self { world: world.await, host, key, documents, tool }
    }

    /// What tells a program who it is, and the client id that it then has, if it is known beforehand.
    fn arguments(&self, identity: Identity) -> (Vec<String>, Option<String>) {
        let owned = |arguments: &[&str]| arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let configured =
            |id: &str, more: &[&str]| (owned(&[["--client-id", id].as_slice(), more].concat()), Some(id.to_owned()));
        let document = |path: &str, more: &[&str]| {
            let url = self.documents.client_id(path);
            (owned(&[["--client-metadata-url", &url].as_slice(), more].concat()), Some(url))
        };
        let basic = ["--client-secret", SECRET];
        let post = ["--client-secret", SECRET, "--auth-method", "client_secret_post"];
        let machine = |id: &str, more: &[&str]| configured(id, &[["--client-credentials"].as_slice(), more].concat());
        // PEM begins like an option.
        let key = format!("--private-key={}", self.key.private_pem());
        match identity {
            Identity::Registers => (Vec::new(), None),
            Identity::Document => document("/client.json", &[]),
            Identity::SigningDocument => document("/signing-client.json", &[&key]),
            Identity::Public => configured("public", &[]),
            Identity::SecretBasic => configured("with-basic", &basic),
            Identity::SecretPost => configured("with-post", &post),
            Identity::MachineBasic => machine("machine-with-basic", &basic),
            Identity::MachinePost => machine("machine-with-post", &post),
            Identity::MachineKey => machine("machine-with-key", &[&key]),
        }
    }

    /// Takes the clients through their lives, several at once. They wait for each other before their tokens expire: they
    /// share a clock.
    async fn every_one_works(&self, clients: impl IntoIterator<Item = (Client, Identity)>) {
        let clients: Vec<_> = clients.into_iter().collect();
        for group in clients.chunks(AT_ONCE) {
            let beginning: Vec<_> = group.iter().map(|client| self.begin(*client)).collect();
            let lives = all(group, beginning).await;
            self.world.gatehouse.expire_access_tokens().await;
            all(group, lives.into_iter().map(|life| tokio::spawn(life.end())).collect()).await;
        }
    }

    fn begin(&self, ((program, era), identity): (Client, Identity)) -> JoinHandle<Life> {
        let (who, client_id) = self.arguments(identity);
        let mut arguments = vec![self.world.mcp_url(), "--tool".to_owned(), self.tool.to_owned()];
        arguments.extend(era.iter().map(|argument| (*argument).to_owned()));
        arguments.extend(who);
        tokio::spawn(Life::begin(program, arguments, client_id))
    }
}

/// Waits for all of them; a failure names its client.
async fn all<T>(clients: &[(Client, Identity)], tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for (client, task) in clients.iter().zip(tasks) {
        results.push(task.await.unwrap_or_else(|error| panic!("{client:?}: {error}")));
    }
    results
}

/// The life of a client, halfway.
struct Life {
    program: Program,
    listed: Value,
    called: Value,
}

impl Life {
    /// As far as its tokens expire.
    async fn begin(program: &str, arguments: Vec<String>, client_id: Option<String>) -> Self {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut program = Program::client(program, &arguments);
        let signed_in = program.step("signed-in").await;
        let used = signed_in["client_id"].as_str().unwrap_or_default();
        match client_id {
            Some(known) => assert_eq!(used, known),
            None => assert!(!used.is_empty() && !used.starts_with("https://"), "{used}"),
        }
        let listed = program.step("listed").await;
        assert!(listed["tools"].as_u64().is_some_and(|tools| tools > 0), "{listed}");
        let called = program.step("called").await;
        assert_ne!(called["text"], "", "{called}");
        program.step("expire").await;
        Self { program, listed, called }
    }

    /// From there to its end.
    async fn end(mut self) {
        self.program.say("continue").await;
        let refreshed = self.program.step("refreshed").await;
        let same = (&refreshed["tools"], &refreshed["text"]);
        assert_eq!(same, (&self.listed["tools"], &self.called["text"]));
        self.program.step("done").await;
        self.program.finish().await;
    }
}

/// The ids that are in the configuration.
fn clients_of_the_configuration(key: &SigningKey) -> String {
    format!(
        r#"
[[clients]]
client_id = "public"
client_name = "Public client"
redirect_uris = {REDIRECT_URIS:?}

[[clients]]
client_id = "with-basic"
client_name = "Client with a secret in the header"
redirect_uris = {REDIRECT_URIS:?}
token_endpoint_auth_method = "client_secret_basic"
client_secret = {{ secret = "client_secret" }}

[[clients]]
client_id = "with-post"
client_name = "Client with a secret in the body"
redirect_uris = {REDIRECT_URIS:?}
token_endpoint_auth_method = "client_secret_post"
client_secret = {{ secret = "client_secret" }}

[[clients]]
client_id = "machine-with-basic"
client_name = "Machine with a secret in the header"
token_endpoint_auth_method = "client_secret_basic"
client_secret = {{ secret = "client_secret" }}
grant_types = ["client_credentials"]
scopes = ["mcp"]

[[clients]]
client_id = "machine-with-post"
client_name = "Machine with a secret in the body"
token_endpoint_auth_method = "client_secret_post"
client_secret = {{ secret = "client_secret" }}
grant_types = ["client_credentials"]
scopes = ["mcp"]

[[clients]]
client_id = "machine-with-key"
client_name = "Machine with a key"
token_endpoint_auth_method = "private_key_jwt"
jwks = '{jwks}'
grant_types = ["client_credentials"]
scopes = ["mcp"]
"#,
        jwks = key.jwks(),
    )
}

/// Every client as whoever it can be without a proof.
async fn every_client_works(setting: Setting, clients: &[Client]) {
    let as_a = |identity| clients.iter().map(move |client| (*client, identity));
    setting.every_one_works(as_a(Identity::Registers)).await;
    if setting.host == HostKind::Embedded {
        // Until the first has signed in, the document is read by one at a time; the others come in a later group.
        let mut documented = as_a(Identity::Document);
        let first = documented.next().into_iter();
        setting.every_one_works(first.chain(as_a(Identity::Public)).chain(documented)).await;
        assert!(setting.documents.reads("/client.json") > 0);
    }
    setting.world.gatehouse.stop().await;
}

async fn every_client_works_before_server_everything(host: HostKind) {
    every_client_works(Setting::start(host, &["everything.mjs"], "echo").await, &CLIENTS).await;
}

async fn every_modern_client_works(host: HostKind) {
    let setting = Setting::start(host, &["conformance-upstream.mjs"], "test_simple_text").await;
    every_client_works(setting, &MODERN_CLIENTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_signs_in_and_refreshes_before_server_everything_on_the_embedded_host() {
    every_client_works_before_server_everything(HostKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_modern_client_signs_in_and_refreshes_before_a_dual_era_server_on_the_embedded_host() {
    every_modern_client_works(HostKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_that_can_prove_who_it_is_signs_in_and_refreshes() {
    let setting = Setting::start(HostKind::Embedded, &["everything.mjs"], "echo").await;
    setting.every_one_works(CONFIDENTIAL).await;
    assert!(setting.documents.reads("/signing-client.json") > 0);
    setting.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_that_can_act_for_itself_gets_tokens_without_a_user_and_new_ones() {
    let setting = Setting::start(HostKind::Embedded, &["everything.mjs"], "echo").await;
    setting.every_one_works(MACHINES).await;
    setting.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_signs_in_and_refreshes_before_server_everything_on_spin() {
    if spin_is_installed() {
        every_client_works_before_server_everything(HostKind::Spin).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_modern_client_signs_in_and_refreshes_before_a_dual_era_server_on_spin() {
    if spin_is_installed() {
        every_modern_client_works(HostKind::Spin).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_signs_in_and_refreshes_before_server_everything_on_wasmcloud_with_redis() {
    if wash_is_installed(StoreKind::Redis) {
        every_client_works_before_server_everything(HostKind::Wash(StoreKind::Redis)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_an_id_of_the_configuration_works_on_spin() {
    if spin_is_installed() {
        let setting = Setting::start(HostKind::Spin, &["everything.mjs"], "echo").await;
        let identities = [
            Identity::Public,
            Identity::SecretBasic,
            Identity::SecretPost,
            Identity::MachineBasic,
            Identity::MachineKey,
        ];
        setting.every_one_works(identities.map(|identity| (SDK_AUTO, identity))).await;
        setting.world.gatehouse.stop().await;
        eprintln!("no client metadata document was tested on Spin: it cannot be told of a certificate authority");
    }
}

/// The Python SDK answers every 401 with the browser, and refreshes only when its own clock says that the token has ended: a token
/// that is refused any earlier than announced costs a sign-in. Both clocks are the machine's here.
#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_outlives_three_access_tokens_with_one_sign_in() {
    const LIFETIME: u64 = 3;
    let world = World::start(WorldSettings {
        host: HostKind::EmbeddedProcess,
        access_token_seconds: LIFETIME,
        ..WorldSettings::default()
    })
    .await;
    let seconds = (3 * LIFETIME + 2).to_string();
    let url = world.mcp_url();
    let mut client = Program::client("python_sdk.py", &[&url, "--calls-for", &seconds]);
    for step in ["signed-in", "listed", "called"] {
        client.step(step).await;
    }
    let outlived = client.step("outlived").await;
    assert_eq!(outlived["authorizations"], 1, "{outlived}");
    assert!(outlived["refreshes"].as_u64().is_some_and(|refreshes| refreshes >= 3), "{outlived}");
    assert!(outlived["calls"].as_u64().is_some_and(|calls| calls > 10), "{outlived}");
    client.step("done").await;
    client.finish().await;
    world.gatehouse.stop().await;
}
