//! The application of `sandboxes/spin.toml`, and Gatehouse with a route that takes API keys.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::process::Command;

use super::super::servers::{self, Server};
use super::super::setup::Checkout;
use super::client::Client;
use crate::paths::{artefact, repository};
use crate::{AttackSettings, AttackWorld, Gatehouse, HeldPort};

/// What Gatehouse proves itself with to the sandboxes.
const SECRET: &str = "secret-of-the-gateway-0f6b";
/// As many launches as are measured, and none that ends meanwhile.
pub(super) const SETTINGS: &str = "cool_down_seconds = 3600\nenvironments_per_subject = 10000\n";

/// The sandboxes on the embedded host.
pub(super) struct Application {
    server: Server,
}

impl Application {
    /// Starts them, and waits until they listen. Compiled code is in the folder `cache`.
    pub(super) async fn start(checkout: &Checkout, cache: &Path) -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), HeldPort::take().lend());
        let command = up(checkout, port, cache, folder.path());
        Self { server: Server::start("the sandboxes", command, port, folder).await }
    }

    /// A caller without a gateway.
    pub(super) fn direct(&self) -> Client {
        direct(&self.server.origin)
    }

    pub(super) async fn stop(self) {
        self.server.stop().await;
    }

    /// Gatehouse before them.
    pub(super) async fn gateway(&self, checkout: &Checkout) -> AttackWorld {
        gateway(checkout, &self.server.origin).await
    }
}

/// The command that starts the sandboxes.
pub(super) fn up(checkout: &Checkout, port: u16, cache: &Path, folder: &Path) -> Command {
    for name in ["sandbox.wasm", "sandbox-shell.wasm", "sandbox-python.wasm"] {
        let file = artefact(name);
        assert!(file.exists(), "{} is missing; `cargo xtask sandboxes` makes it", file.display());
    }
    let mut command = Command::new(checkout.program());
    command.arg("up").arg("--from").arg(repository().join("sandboxes/spin.toml"));
    command.args(["--listen", &format!("127.0.0.1:{port}")]).arg("--cache-dir").arg(cache);
    command.arg("--state-dir").arg(folder.join("state"));
    for (name, value) in variables() {
        command.args(["--variable", &format!("{name}={value}")]);
    }
    command
}

/// The variables that every host needs.
pub(super) fn variables() -> [(&'static str, String); 3] {
    [
        ("gateway_secret", SECRET.to_owned()),
        ("server_keys", Gatehouse::SERVER_KEYS.to_owned()),
        ("settings", SETTINGS.to_owned()),
    ]
}

/// A caller of the sandboxes at `origin` without a gateway.
pub(super) fn direct(origin: &str) -> Client {
    let fields = vec![("x-sandbox-key", SECRET.to_owned()), ("x-gatehouse-subject", "key:alice".to_owned())];
    Client::new(origin.to_owned(), "/mcp", fields)
}

/// Gatehouse before a server, with a route that takes an API key.
pub(super) async fn gateway(checkout: &Checkout, server: &str) -> AttackWorld {
    let hash = gatehouse_api_keys::digest(&key());
    let hash: String = hash.expose().iter().map(|byte| format!("{byte:02x}")).collect();
    let document = format!(
        "public_url = \"{{public_url}}\"\n{{provider}}\n\
         [[routes]]\npath = \"/code\"\nurl = \"{{upstream}}/mcp\"\nsubject_header = \"x-gatehouse-subject\"\n\
         secret_headers = {{ \"x-sandbox-key\" = {{ secret = \"upstream_secret\" }} }}\n\
         [routes.api_keys]\n[[routes.api_keys.keys]]\nlabel = \"alice\"\nsha256 = \"{hash}\"\n"
    );
    let variables = vec![("upstream_secret".to_owned(), SECRET.to_owned())];
    let settings = AttackSettings { variables, ..AttackSettings::default() };
    servers::gatehouse_on(checkout.host, &document, server, settings).await
}

/// The caller with the key.
pub(super) fn with_key(world: &AttackWorld) -> Client {
    Client::new(world.gatehouse.url.clone(), "/code", vec![("x-ms-apikey", key())])
}

fn key() -> String {
    format!("gatehouse_{}", URL_SAFE_NO_PAD.encode([7; 32]))
}
