//! Gatehouse between an identity provider and an upstream.

use std::path::PathBuf;

use serde_json::Value;
use url::Url;

use crate::gatehouse::{Gatehouse, HostKind, Settings};
use crate::held_port::HeldPort;
use crate::program::Program;

/// Gatehouse's secret at the identity provider. It holds what a form has to encode.
pub const CLIENT_SECRET: &str = "gatehouse secret & 100% +more";

/// What differs from world to world.
#[derive(Clone, Debug)]
pub struct WorldSettings {
    /// On what Gatehouse runs.
    pub host: HostKind,
    /// The upstream's program under `tests/clients`, with its arguments.
    pub upstream: &'static [&'static str],
    /// Seconds.
    pub access_token_seconds: u64,
    /// More lines at the top of the configuration.
    pub configuration_head: String,
    /// More tables, such as `[[clients]]`.
    pub tables: String,
    /// More lines for the route's table, and more routes; `{upstream}` in it is the upstream's URL.
    pub upstream_lines: String,
    /// More variables.
    pub variables: Vec<(String, String)>,
    /// A PEM file of certificate authorities that Gatehouse trusts besides the system's; only for the embedded host.
    pub ca_file: Option<PathBuf>,
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self {
            host: HostKind::of_tests(),
            upstream: &["everything.mjs"],
            access_token_seconds: 300,
            configuration_head: String::new(),
            tables: String::new(),
            upstream_lines: String::new(),
            variables: Vec::new(),
            ca_file: None,
        }
    }
}

/// Everything that runs.
pub struct World {
    /// Gatehouse.
    pub gatehouse: Gatehouse,
    /// The upstream's own URL, to compare with.
    pub upstream_url: String,
    /// The identity provider's issuer.
    pub issuer: String,
    _upstream: Program,
    _identity_provider: Program,
}

impl World {
    /// Starts everything.
    pub async fn start(settings: WorldSettings) -> Self {
        let held = HeldPort::take();
        let port = held.number();
        let callback = format!("http://127.0.0.1:{port}/callback");
        let arguments = ["--redirect-uri", &callback, "--client-secret", CLIENT_SECRET];
        let (identity_provider, issuer) = Program::server("identity-provider.mjs", &arguments, "issuer").await;
        let (program, arguments) = settings.upstream.split_first().expect("an upstream");
        let (upstream, upstream_url) = Program::server(program, arguments, "url").await;
        let configuration = format!(
            r#"public_url = "http://127.0.0.1:{port}"
{head}
[lifetimes]
access_token = {access_token}

[[clients]]
client_id = "conformance"
client_name = "Conformance runner"
redirect_uris = ["http://127.0.0.1:19311/callback"]

{tables}
[identity_provider]
name = "test"
display_name = "Test provider"
issuer = "{issuer}"
client_id = "gateway"
client_secret = {{ secret = "identity_provider_secret" }}
scopes = ["openid", "profile", "email", "offline_access"]

[[routes]]
path = "/mcp"
url = "{upstream_url}"
name = "Test server"
scopes = ["mcp"]
scope_descriptions = {{ mcp = "Use the tools of the test server in your name" }}
{upstream_lines}
"#,
            head = settings.configuration_head,
            tables = settings.tables,
            access_token = settings.access_token_seconds,
            upstream_lines = settings.upstream_lines.replace("{upstream}", &upstream_url),
        );
        let mut variables = vec![("identity_provider_secret".to_owned(), CLIENT_SECRET.to_owned())];
        variables.extend(settings.variables);
        let settings_of_gatehouse = Settings {
            configuration,
            identity_provider: issuer.clone(),
            upstream: Url::parse(&upstream_url).expect("a URL").origin().ascii_serialization(),
            variables,
            ca_file: settings.ca_file,
            arguments: Vec::new(),
            otlp: None,
        };
        let seconds = settings.access_token_seconds;
        let gatehouse = Gatehouse::start(settings.host, held, settings_of_gatehouse, seconds).await;
        Self { gatehouse, upstream_url, issuer, _upstream: upstream, _identity_provider: identity_provider }
    }

    /// The URL of the MCP server behind the gateway.
    pub fn mcp_url(&self) -> String {
        format!("{}/mcp", self.gatehouse.url)
    }

    /// Registers a client and signs `user` in: the token answer, with `client_id`.
    pub async fn sign_in(&self, user: &str) -> Value {
        self.sign_in_at("/mcp", user).await
    }

    /// The same at another route.
    pub async fn sign_in_at(&self, path: &str, user: &str) -> Value {
        let mut program = Program::client("token.mjs", &[&format!("{}{path}", self.gatehouse.url), "--user", user]);
        let tokens = program.json().await;
        program.finish().await;
        tokens
    }

    /// An access token of `user`.
    pub async fn access_token(&self, user: &str) -> String {
        self.access_token_at("/mcp", user).await
    }

    /// The same at another route.
    pub async fn access_token_at(&self, path: &str, user: &str) -> String {
        self.sign_in_at(path, user).await["access_token"].as_str().expect("an access token").to_owned()
    }
}
