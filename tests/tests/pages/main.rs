//! What people see, in a real Chromium that runs no scripts. The screenshots are in `target/screenshots/`.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use gatehouse_host::{Application, CapturedLog, Options, Running, VariableSources};
use gatehouse_tests::{
    CHALLENGE, CLIENT_SECRET, Gatehouse, HeldPort, HostKind, Program, Settings, http, repository, tool,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::{Url, form_urlencoded};

/// WCAG 2.2, 1.4.3: what text of normal size must have at least.
const READABLE: f64 = 4.5;
const LONG_NAME: &str = "Averylongnamewithoutanyspacetobreakitat";

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
        let issuer = format!("http://127.0.0.1:{provider_port}");
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
[[upstreams]]
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
        };
        let gatehouse = Gatehouse::start(HostKind::Embedded, held, settings, 300).await;
        Self { gatehouse, _identity_provider: identity_provider, _state_directory: state_directory }
    }

    /// Where a client sends the user.
    fn authorization_url(&self, client_id: &str, redirect_uri: &str) -> String {
        let query = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "the-state"),
        ];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{}/authorize?{query}", self.gatehouse.url)
    }

    async fn register(&self, name: &str, redirect_uri: &str) -> String {
        let body = json!({ "client_name": name, "redirect_uris": [redirect_uri] }).to_string();
        let request =
            http().post(format!("{}/register", self.gatehouse.url)).header("content-type", "application/json");
        let answer = request.body(body).send().await.expect("an answer").text().await.expect("text");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        answer["client_id"].as_str().expect("a client").to_owned()
    }
}

/// A browser that answers each command with what it then sees.
struct Chromium {
    program: Program,
    _profile: TempDir,
}

impl Chromium {
    fn start() -> Self {
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let browser = tool("GATEHOUSE_TEST_BROWSER", "/usr/bin/chromium");
        let folder = profile.path().to_str().expect("a path in UTF-8").to_owned();
        let program = Program::client("chromium.mjs", &["--profile", &folder, "--browser", &browser]);
        Self { program, _profile: profile }
    }

    async fn run(&mut self, command: Value) -> Value {
        self.program.say(&command.to_string()).await;
        self.program.json().await
    }

    async fn open(&mut self, url: &str, look: Look) -> Value {
        let (width, height) = if look.phone { (390, 844) } else { (1280, 800) };
        let page = self
            .run(json!({ "open": url, "width": width, "height": height, "phone": look.phone, "dark": look.dark }))
            .await;
        assert_eq!(page["width"], width, "{}", page["url"]);
        page
    }

    async fn screenshot(&mut self, name: &str) {
        let folder: PathBuf = repository().join("target/screenshots");
        fs::create_dir_all(&folder).expect("a folder");
        self.run(json!({ "screenshot": folder.join(format!("{name}.png")) })).await;
    }
}

/// How a page is looked at.
#[derive(Clone, Copy)]
struct Look {
    phone: bool,
    dark: bool,
}

const DESK: Look = Look { phone: false, dark: false };

fn text(page: &Value) -> &str {
    page["html"].as_str().expect("text")
}

fn assert_readable(name: &str, page: &Value, words: &[&str]) {
    for word in words {
        assert!(text(page).contains(word), "{name} has no {word:?}:\n{}", text(page));
    }
    assert!(!text(page).contains("<script") && !text(page).contains(" onclick"), "{name} has a script");
    assert!(text(page).contains("name=\"viewport\""), "{name} does not care for phones");
    assert_eq!(page["overflow"], 0, "{name} is wider than its window");
    assert!(
        page["contrast"].as_f64().is_some_and(|contrast| contrast >= READABLE),
        "{name}: contrast {}",
        page["contrast"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_readable_without_scripts_at_a_desk_on_a_phone_and_in_the_dark() {
    let demo = Demo::start().await;
    let mut chromium = Chromium::start();
    let unknown = demo.register("Notes & <b>more</b>", "https://notes.example/callback").await;
    let long = demo.register(&LONG_NAME.repeat(3), "https://notes.example/callback").await;
    for phone in [false, true] {
        for dark in [false, true] {
            let look = Look { phone, dark };
            let suffix = format!("{}-{}", if phone { "phone" } else { "desk" }, if dark { "dark" } else { "light" });
            let native = demo.authorization_url("native", "http://127.0.0.1:1/callback");
            let asked = [
                "Allow and sign in",
                "Deny",
                "Snippet server",
                "Use the tools of this server in your name",
                "Demo identity provider",
            ];
            let cases = [
                ("consent-native", native, &["Visual Studio Code", "127.0.0.1:1", "this computer"][..]),
                (
                    "consent-web",
                    demo.authorization_url(&unknown, "https://notes.example/callback"),
                    &["notes.example", "nobody has checked it", "&lt;b&gt;more"],
                ),
                ("consent-long", demo.authorization_url(&long, "https://notes.example/callback"), &[LONG_NAME]),
            ];
            for (name, url, words) in cases {
                let page = chromium.open(&url, look).await;
                assert_readable(name, &page, &[&asked, words].concat());
                chromium.screenshot(&format!("{name}-{suffix}")).await;
            }

            let page = chromium.open(&demo.authorization_url("native", "https://evil.example/"), look).await;
            assert_readable("error", &page, &["This sign-in link does not work"]);
            chromium.screenshot(&format!("error-{suffix}")).await;

            chromium.open(&demo.authorization_url("native", "http://127.0.0.1:1/callback"), look).await;
            let page = chromium.run(json!({ "click": "button[value=approve]" })).await;
            assert_readable("login", &page, &["For development only", "Sign in", "No password is needed", "gatehouse"]);
            chromium.screenshot(&format!("login-{suffix}")).await;
        }
    }
    demo.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_or_denies_by_clicking_alone() {
    let demo = Demo::start().await;
    let mut chromium = Chromium::start();
    let client = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let redirect_uri = format!("http://{}/callback", client.local_addr().expect("an address"));
    tokio::spawn(welcome(client));
    let url = demo.authorization_url("native", &redirect_uri);

    chromium.open(&url, DESK).await;
    let page = chromium.run(json!({ "click": "button[value=deny]" })).await;
    let came_back = |page: &Value| {
        let url = Url::parse(page["url"].as_str().expect("text")).expect("a URL");
        assert!(url.as_str().starts_with(&redirect_uri), "{url}");
        url.query_pairs().into_owned().collect::<std::collections::BTreeMap<_, _>>()
    };
    let parameters = came_back(&page);
    assert_eq!((parameters["error"].as_str(), parameters["state"].as_str()), ("access_denied", "the-state"));

    chromium.open(&url, DESK).await;
    let page = chromium.run(json!({ "click": "button[value=approve]" })).await;
    assert!(text(&page).contains("For development only"), "{page}");
    let page = chromium.run(json!({ "click": "button[name=sample]" })).await;
    let parameters = came_back(&page);
    assert_eq!((parameters["state"].as_str(), parameters["iss"].as_str()), ("the-state", demo.gatehouse.url.as_str()));
    assert!(!parameters["code"].is_empty() && text(&page).contains("You can close this window"));
    demo.gatehouse.stop().await;
}

/// The client's own page.
async fn welcome(listener: tokio::net::TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                head.push(byte);
            }
            let page =
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\nYou can close this window.";
            let _gone = stream.write_all(page.as_bytes()).await;
        });
    }
}
