//! Gatehouse between scripted providers and a recording upstream: a sign-in takes milliseconds, and every party can
//! misbehave.

use std::collections::BTreeSet;
use std::path::PathBuf;

use gatehouse_storage::Key;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::gatehouse::{Gatehouse, HostKind, Settings};
use crate::held_port::HeldPort;
use crate::http;
use crate::jwt::SigningKey;
use crate::page::Answer;
use crate::recording_upstream::RecordingUpstream;
use crate::scripted_provider::ScriptedProvider;
use crate::text::{form, unique};
use crate::world::CLIENT_SECRET;

/// The path of the first resource. The second is `/other`.
pub(crate) const RESOURCE: &str = "/mcp";

/// What differs from world to world. Everything is text of the configuration document.
#[derive(Clone, Default)]
pub struct AttackSettings {
    /// Keys at the top.
    pub top: String,
    /// Lines for `[lifetimes]`, without `access_token`.
    pub lifetimes: String,
    /// More tables: clients, registration.
    pub tables: String,
    /// Lines for every provider's table.
    pub provider_lines: String,
    /// Lines for the table of `/mcp`.
    pub mcp_lines: String,
    /// The providers; one by the book where there is none.
    pub providers: Vec<ScriptedProvider>,
    /// More variables.
    pub variables: Vec<(String, String)>,
    /// Seconds; 300 where it is 0.
    pub access_token_seconds: u64,
    /// A public URL that differs from where it is reached.
    pub public_url: Option<String>,
    /// A PEM file of certificate authorities that Gatehouse trusts besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The whole document, where it must not hold more than this; `{public_url}`, `{provider}` (the lines of the provider's
    /// table) and `{upstream}` stand for what is known only when everything runs.
    pub document: Option<String>,
    /// On what Gatehouse runs; that of all tests where it is `None`: the embedded host in this process, unless `cargo xtask hosts` asks
    /// for another.
    pub host: Option<HostKind>,
    /// More arguments for `gatehouse up`: of a released host, or of one in a process of its own.
    pub arguments: Vec<String>,
    /// Who gets what the components tell by `wasi:otel`; see [`Settings::otlp`].
    pub otlp: Option<String>,
    /// The origin of the MCP servers; those of a recording upstream where it is `None`.
    pub upstream_origin: Option<String>,
}

/// Everything that runs.
pub struct AttackWorld {
    /// Gatehouse.
    pub gatehouse: Gatehouse,
    /// The providers.
    pub providers: Vec<ScriptedProvider>,
    /// What is behind `/mcp` and `/other`.
    pub upstream: RecordingUpstream,
    http: reqwest::Client,
}

/// A client that a test plays.
#[derive(Clone, Debug)]
pub struct TestClient {
    /// Its id.
    pub client_id: String,
    /// The redirect URI that it names.
    pub redirect_uri: String,
    /// How it authenticates.
    pub authentication: ClientAuthentication,
}

/// How a client authenticates at the token endpoint.
#[derive(Clone, Debug)]
pub enum ClientAuthentication {
    /// `none`.
    None,
    /// `client_secret_basic`, with this secret.
    Basic(String),
    /// `client_secret_post`, with this secret.
    Post(String),
    /// `private_key_jwt`, with this key.
    PrivateKeyJwt(SigningKey),
}

impl TestClient {
    /// A public client.
    pub fn public(client_id: &str, redirect_uri: &str) -> Self {
        let (client_id, redirect_uri) = (client_id.to_owned(), redirect_uri.to_owned());
        Self { client_id, redirect_uri, authentication: ClientAuthentication::None }
    }

    /// The client with this authentication.
    #[must_use]
    pub fn with(self, authentication: ClientAuthentication) -> Self {
        Self { authentication, ..self }
    }
}

impl AttackWorld {
    /// Starts everything as usual.
    pub async fn start() -> Self {
        Self::start_with(AttackSettings::default()).await
    }

    /// Starts everything.
    pub async fn start_with(settings: AttackSettings) -> Self {
        Self::start_at(HeldPort::take(), settings).await
    }

    /// The same at a port that the test has told others already.
    pub async fn start_at(held: HeldPort, settings: AttackSettings) -> Self {
        let port = held.number();
        let mut providers = settings.providers;
        if providers.is_empty() {
            providers.push(ScriptedProvider::start("test").await);
        }
        let upstream = RecordingUpstream::start().await;
        let seconds = if settings.access_token_seconds == 0 { 300 } else { settings.access_token_seconds };
        let header = if providers.len() == 1 { "[identity_provider]" } else { "[[identity_providers]]" };
        let provider_tables: String = providers
            .iter()
            .map(|provider| format!("{header}\n{}\n{}\n\n", provider.configuration(), settings.provider_lines))
            .collect();
        let public_url = settings.public_url.unwrap_or_else(|| format!("http://127.0.0.1:{port}"));
        let upstream_origin = settings.upstream_origin.clone().unwrap_or_else(|| upstream.origin().to_owned());
        let usual = format!(
            r#"public_url = "{public_url}"
{top}

[lifetimes]
access_token = {seconds}
{lifetimes}

[[clients]]
client_id = "public"
client_name = "Public client"
redirect_uris = ["http://127.0.0.1/callback", "https://client.example/callback"]

[[clients]]
client_id = "other"
client_name = "Other client"
redirect_uris = ["https://other.example/callback"]

{tables}

{provider_tables}
[[routes]]
path = "{RESOURCE}"
url = "{upstream}/inside"
name = "First server"
scopes = ["mcp", "files"]
scope_descriptions = {{ mcp = "Use the tools of the first server", files = "Read your files" }}
{mcp_lines}

[[routes]]
path = "/other"
url = "{upstream}/other-inside"
name = "Second server"
scopes = ["mcp"]
"#,
            top = settings.top,
            lifetimes = settings.lifetimes,
            tables = settings.tables,
            upstream = upstream_origin,
            mcp_lines = settings.mcp_lines,
        );
        let configuration = settings.document.map_or(usual, |document| {
            document
                .replace("{public_url}", &public_url)
                .replace("{provider}", &provider_tables)
                .replace("{upstream}", &upstream_origin)
        });
        let mut variables = vec![("identity_provider_secret".to_owned(), CLIENT_SECRET.to_owned())];
        variables.extend(settings.variables);
        let host = settings.host.unwrap_or_else(HostKind::of_tests);
        let settings = Settings {
            configuration,
            // Several providers, one place for all of them in the manifest.
            identity_provider: "http://127.0.0.1:*".to_owned(),
            upstream: upstream_origin,
            variables,
            ca_file: settings.ca_file,
            arguments: settings.arguments,
            otlp: settings.otlp,
        };
        let gatehouse = Gatehouse::start(host, held, settings, seconds).await;
        providers.iter().for_each(|provider| provider.follow(&gatehouse.clock));
        Self { gatehouse, providers, upstream, http: http() }
    }

    /// Another instance of the same Gatehouse: the same store, clock and parties.
    pub async fn beside(&self) -> Self {
        self.beside_with(&[]).await
    }

    /// The same with other values of these variables.
    pub async fn beside_with(&self, changed: &[(&str, &str)]) -> Self {
        self.beside_adjusted(changed, |_| {}).await
    }

    /// The same with other options of the host.
    pub async fn beside_adjusted(
        &self,
        changed: &[(&str, &str)],
        adjust: impl FnOnce(&mut gatehouse_host::Options),
    ) -> Self {
        Self {
            gatehouse: self.gatehouse.beside_adjusted(changed, adjust).await,
            providers: self.providers.clone(),
            upstream: self.upstream.clone(),
            http: http(),
        }
    }

    /// Another instance with the same store, in a process of its own: one that a test can kill.
    pub async fn process_beside(&self) -> Self {
        Self {
            gatehouse: self.gatehouse.process_beside().await,
            providers: self.providers.clone(),
            upstream: self.upstream.clone(),
            http: http(),
        }
    }

    /// The first provider.
    pub fn provider(&self) -> &ScriptedProvider {
        &self.providers[0]
    }

    /// The client `public` with its https redirect URI.
    pub fn public(&self) -> TestClient {
        TestClient::public("public", "https://client.example/callback")
    }

    /// The client `other`.
    pub fn other(&self) -> TestClient {
        TestClient::public("other", "https://other.example/callback")
    }

    /// A path of Gatehouse as a URL.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.gatehouse.url)
    }

    /// Registers a client (RFC 7591).
    pub async fn register(&self, metadata: &Value) -> Answer {
        let request = self.http.post(self.url("/register")).header(CONTENT_TYPE, "application/json");
        Answer::of(request.body(metadata.to_string()).send().await.expect("an answer")).await
    }

    /// A public client that has just registered with this redirect URI.
    pub async fn registered(&self, redirect_uri: &str) -> TestClient {
        let answer = self.register(&json!({ "client_name": "Registered", "redirect_uris": [redirect_uri] })).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        TestClient::public(answer.json()["client_id"].as_str().expect("an id"), redirect_uri)
    }

    /// A token request by `client`, which authenticates as it does.
    pub async fn token(&self, client: &TestClient, pairs: &[(String, String)]) -> Answer {
        self.as_client(client, "/token", pairs).await
    }

    /// Refreshes.
    pub async fn refresh(&self, client: &TestClient, refresh_token: &str) -> Answer {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.token(client, &pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))).await
    }

    /// Posts a form to `path` as `client`.
    pub async fn as_client(&self, client: &TestClient, path: &str, pairs: &[(String, String)]) -> Answer {
        let mut pairs = pairs.to_vec();
        let mut request = self.http.post(self.url(path)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut add = |name: &str, value: &str| pairs.push((name.to_owned(), value.to_owned()));
        match &client.authentication {
            ClientAuthentication::None => add("client_id", &client.client_id),
            // RFC 6749, section 2.3.1: both are form-encoded before they are joined.
            ClientAuthentication::Basic(secret) => {
                let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                request = request.basic_auth(encoded(&client.client_id), Some(encoded(secret)));
            }
            ClientAuthentication::Post(secret) => {
                add("client_id", &client.client_id);
                add("client_secret", secret);
            }
            ClientAuthentication::PrivateKeyJwt(key) => {
                add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                add("client_assertion", &key.sign(&self.client_assertion(&client.client_id)));
            }
        }
        Answer::of(request.body(form(&pairs)).send().await.expect("an answer")).await
    }

    /// The claims of a good client assertion (RFC 7523, section 3).
    pub fn client_assertion(&self, client_id: &str) -> Value {
        let now = self.now();
        json!({
            "iss": client_id, "sub": client_id, "aud": self.gatehouse.url, "jti": unique("jti-"),
            "iat": now, "exp": now + 60,
        })
    }

    /// Posts a form to `path` as it is.
    pub async fn post(&self, path: &str, pairs: &[(impl AsRef<str>, impl AsRef<str>)]) -> Answer {
        Answer::of(self.form(path, pairs).send().await.expect("an answer")).await
    }

    /// A form for `path`, not sent yet.
    pub fn form(&self, path: &str, pairs: &[(impl AsRef<str>, impl AsRef<str>)]) -> reqwest::RequestBuilder {
        let request = self.http.post(self.url(path)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(form(pairs))
    }

    /// Asks for `path` without a browser.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.http.get(self.url(path)).send().await.expect("an answer")).await
    }

    /// An MCP request with this token.
    pub async fn call(&self, path: &str, access_token: &str) -> Answer {
        let request = self.mcp_request(path).bearer_auth(access_token);
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// The id of a session at `/mcp`, as the client with this token sees it.
    pub async fn mcp_session(&self, access_token: &str) -> String {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {} });
        let request = self.mcp_request(RESOURCE).bearer_auth(access_token).body(message.to_string());
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.header("mcp-session-id").to_owned()
    }

    /// An MCP request without a token.
    pub fn mcp_request(&self, path: &str) -> reqwest::RequestBuilder {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        let request = self.http.post(self.url(path)).header(CONTENT_TYPE, "application/json");
        request.header(ACCEPT, "application/json, text/event-stream").body(message.to_string())
    }

    /// Seconds since the Unix epoch, by Gatehouse's clock.
    pub fn now(&self) -> u64 {
        use gatehouse_host::WallClock as _;
        self.gatehouse.clock.now().as_secs()
    }

    /// What is in the store now.
    pub async fn store(&self) -> Vec<(String, Vec<u8>)> {
        self.gatehouse.store().await
    }

    /// The names of the entries that came, went or changed since `before`. What had expired may go: the host sweeps.
    pub async fn changes_since(&self, before: &[(String, Vec<u8>)]) -> BTreeSet<String> {
        let (after, now) = (self.store().await, self.now());
        let expired = |name: &str| Key::parse(name).is_some_and(|key| key.expires_at().seconds() <= now);
        let gone = before.iter().filter(|entry| !after.contains(entry) && !expired(&entry.0));
        gone.chain(after.iter().filter(|entry| !before.contains(entry))).map(|(name, _)| name.clone()).collect()
    }

    /// Fails where anything but entries of these kinds came, went or changed since `before`.
    pub async fn assert_only_changed(&self, before: &[(String, Vec<u8>)], kinds: &[&str], after_what: &str) {
        let changes = self.changes_since(before).await;
        let is_other = |name: &&String| !kinds.contains(&name.split('.').next().unwrap_or_default());
        let others: BTreeSet<_> = changes.iter().filter(is_other).collect();
        assert_eq!(others, BTreeSet::new(), "{after_what}: the store changed");
    }

    /// Fails where something came, went or changed since `before`.
    pub async fn assert_unchanged(&self, before: &[(String, Vec<u8>)], after_what: &str) {
        assert_eq!(self.changes_since(before).await, BTreeSet::new(), "{after_what}: the store changed");
    }
}
