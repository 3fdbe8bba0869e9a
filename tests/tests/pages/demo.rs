//! A sign-in with the demo identity provider, as everybody tries it first.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehouse_host::{Application, CapturedLog, Options, Running, VariableSources};
use gatehouse_tests::{CHALLENGE, CLIENT_SECRET, Gatehouse, HeldPort, HostKind, Settings, repository};
use tempfile::TempDir;
use url::form_urlencoded;

use crate::chromium::{Chromium, Page};
use crate::inspection::inspect;
use crate::scene::client_page;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_demo_provider_is_for_everybody_too() {
    let demo = Demo::start().await;
    let mut chromium = Chromium::start().await;
    chromium.open(&demo.authorization_url("http://127.0.0.1:1/callback")).await;
    chromium.click("button[value=approve]").await;
    let words = ["For development only", "Sign in", "No password is needed", "gatehouse"];
    inspect(&mut chromium, "en", "demo-sign-in", &[], &words).await;
    demo.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_or_denies_by_clicking_alone() {
    let demo = Demo::start().await;
    let mut chromium = Chromium::start().await;
    let redirect_uri = client_page().await;
    let url = demo.authorization_url(&redirect_uri);
    let came_back = |page: &Page| {
        assert!(page.url.as_str().starts_with(&redirect_uri), "{}", page.url);
        page.url.query_pairs().into_owned().collect::<BTreeMap<_, _>>()
    };

    chromium.open(&url).await;
    let parameters = came_back(&chromium.click("button[value=deny]").await);
    assert_eq!((parameters["error"].as_str(), parameters["state"].as_str()), ("access_denied", "the-state"));

    chromium.open(&url).await;
    chromium.click("button[value=approve]").await.assert_says(&["For development only"]);
    let page = chromium.click("button[name=sample]").await;
    let parameters = came_back(&page);
    assert_eq!((parameters["state"].as_str(), parameters["iss"].as_str()), ("the-state", demo.gatehouse.url.as_str()));
    assert!(!parameters["code"].is_empty());
    page.assert_says(&["You can close this window"]);
    demo.gatehouse.stop().await;
}

/// Gatehouse in front of the demo identity provider.
struct Demo {
    gatehouse: Gatehouse,
    _identity_provider: Running,
    _state_directory: TempDir,
}

impl Demo {
    async fn start() -> Self {
        let (held, provider_held) = (HeldPort::take(), HeldPort::take());
        let (port, provider_port) = (held.number(), provider_held.number());
        // To browsers another site than Gatehouse's, as it mostly is: cookies and forms have to get across.
        let issuer = format!("http://localhost:{provider_port}");
        let state_directory = tempfile::tempdir().expect("a folder for the state");
        let variables = [
            ("issuer", issuer.clone()),
            ("client_secret", CLIENT_SECRET.to_owned()),
            ("redirect_uri", format!("http://127.0.0.1:{port}/callback")),
        ];
        let given = variables.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        let mut options = Options::new(state_directory.path());
        options.variables = VariableSources { given, ..VariableSources::default() };
        options.log = Arc::new(CapturedLog::new());
        let manifest = repository().join("examples/identity-provider/spin.toml");
        let application = Application::load(manifest, options).await.expect("the provider loads");
        let identity_provider = application.serve_on(provider_held.into_listener()).expect("the provider serves");
        let configuration = format!(
            r#"public_url = "http://127.0.0.1:{port}"
[[clients]]
client_id = "native"
client_name = "Visual Studio Code"
redirect_uris = ["http://127.0.0.1:1/callback"]
[identity_provider]
name = "demo"
display_name = "Demo identity provider"
issuer = "{issuer}"
client_id = "gatehouse"
client_secret = {{ secret = "identity_provider_secret" }}
scopes = ["openid", "profile", "email", "offline_access"]
[[routes]]
path = "/mcp"
url = "http://127.0.0.1:9/mcp"
name = "Snippet server"
scopes = ["mcp"]
scope_descriptions = {{ mcp = "Use the tools of this server in your name" }}
"#
        );
        let settings = Settings {
            configuration,
            identity_provider: issuer,
            upstream: "http://127.0.0.1:9".to_owned(),
            variables: vec![("identity_provider_secret".to_owned(), CLIENT_SECRET.to_owned())],
            ca_file: None,
            arguments: Vec::new(),
            otlp: None,
        };
        let gatehouse = Gatehouse::start(HostKind::Embedded, held, settings, 300).await;
        Self { gatehouse, _identity_provider: identity_provider, _state_directory: state_directory }
    }

    /// Where a client sends the user.
    fn authorization_url(&self, redirect_uri: &str) -> String {
        let query = [
            ("response_type", "code"),
            ("client_id", "native"),
            ("redirect_uri", redirect_uri),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "the-state"),
        ];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{}/authorize?{query}", self.gatehouse.url)
    }
}
