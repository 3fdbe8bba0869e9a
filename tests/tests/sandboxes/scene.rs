//! Gatehouse with a route that takes API keys, before the application of `sandboxes/spin.toml` in a process of its own.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_tests::{
    AttackSettings, AttackWorld, Gatehouse, HeldPort, Program, StoreKind, StoreServer, Workload, artefact, dev_on_wash,
    http, repository,
};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

/// What Gatehouse proves itself with to the sandboxes.
const SECRET: &str = "secret-of-the-gateway-0f6b";
/// What Gatehouse proves itself with where operators see the environments.
pub(crate) const ADMINISTRATION: &str = "secret-of-administrators-1c93";
/// The bearer token of the administrator of the session pool.
const ADMINISTRATOR: &str = "token-of-an-administrator-5d1f0c7a";
/// The route.
const ROUTE: &str = "/code";

/// A caller with a key of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    Alice,
    Mallory,
}

impl Caller {
    const ALL: [Self; 2] = [Self::Alice, Self::Mallory];

    fn label(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Mallory => "mallory",
        }
    }

    /// The key.
    pub(crate) fn key(self) -> String {
        format!("gatehouse_{}", URL_SAFE_NO_PAD.encode([self as u8; 32]))
    }
}

/// Everything that runs.
pub(crate) struct Scene {
    pub(crate) world: AttackWorld,
    /// The program that serves all three components, or one for each.
    sandboxes: Vec<Program>,
    state: TempDir,
    origin: String,
    _store: Option<StoreServer>,
    http: reqwest::Client,
}

impl Scene {
    /// With these settings of the sandboxes, whose interpreters the host lets connect to nothing.
    pub(crate) async fn start(settings: &str) -> Self {
        Self::start_before(settings, &[]).await
    }

    /// The same, and the host lets the interpreters connect to these origins.
    pub(crate) async fn start_before(settings: &str, allowed: &[&str]) -> Self {
        let state = tempfile::tempdir().expect("a folder");
        let port = HeldPort::take().lend();
        let sandboxes = vec![sandboxes(port, state.path(), settings, allowed).await];
        Self::before(port, sandboxes, state).await
    }

    /// On wasmCloud: three workloads, each in a host of its own, and Redis as the store. The hosts of the interpreters let them connect to
    /// this origin.
    pub(crate) async fn start_on_wash(settings: &str, allowed: &str) -> Self {
        let state = tempfile::tempdir().expect("a folder");
        let store = StoreServer::start(StoreKind::Redis, state.path()).await;
        let (shell, python, port) = (HeldPort::take().lend(), HeldPort::take().lend(), HeldPort::take().lend());
        let mut sandboxes = Vec::new();
        for (name, port) in [("sandbox-shell.wasm", shell), ("sandbox-python.wasm", python)] {
            let nothing = StoreServer::start(StoreKind::Memory, state.path()).await;
            let workload = Workload {
                component: artefact(name),
                configuration: &[],
                environment: &[],
                otlp: None,
                allowed_hosts: &[allowed.to_owned()],
                probe: "/run",
            };
            sandboxes.push(dev_on_wash(&workload, &nothing, port, &state.path().join(name)).await);
        }
        let origin = |port: u16| format!("http://127.0.0.1:{port}");
        let configuration = [
            ("gateway_secret", SECRET.to_owned()),
            ("administration_secret", ADMINISTRATION.to_owned()),
            ("server_keys", Gatehouse::SERVER_KEYS.to_owned()),
            ("settings", settings.to_owned()),
            ("shell_url", origin(shell)),
            ("python_url", origin(python)),
        ];
        let workload = Workload {
            component: artefact("sandbox-wasmcloud.wasm"),
            configuration: &configuration.map(|(name, value)| (name.to_owned(), value)),
            environment: &[],
            otlp: None,
            allowed_hosts: &[origin(shell), origin(python)],
            probe: "/mcp",
        };
        sandboxes.push(dev_on_wash(&workload, &store, port, &state.path().join("sandbox")).await);
        Self { _store: Some(store), ..Self::before(port, sandboxes, state).await }
    }

    /// Gatehouse before the sandboxes at `port`.
    async fn before(port: u16, sandboxes: Vec<Program>, state: TempDir) -> Self {
        let keys: String = Caller::ALL
            .iter()
            .map(|caller| {
                let hash = gatehouse_api_keys::digest(&caller.key());
                let hash: String = hash.expose().iter().map(|byte| format!("{byte:02x}")).collect();
                format!("[[routes.api_keys.keys]]\nlabel = \"{}\"\nsha256 = \"{hash}\"\n", caller.label())
            })
            .collect();
        let document = format!(
            "public_url = \"{{public_url}}\"\n{{provider}}\n\
             [[routes]]\npath = \"{ROUTE}\"\nurl = \"{{upstream}}/mcp\"\nsubject_header = \"x-gatehouse-subject\"\n\
             secret_headers = {{ \"x-sandbox-key\" = {{ secret = \"upstream_secret\" }} }}\n\
             environments = {{ url = \"{{upstream}}/environments\", secret = \"sandbox_administration\" }}\n\
             [routes.api_keys]\nsession_pool = \"code\"\n\
             administrators = [{{ label = \"operations\", secret = \"administrator_token\" }}]\n{keys}"
        );
        let variables = [
            ("upstream_secret", SECRET),
            ("administrator_token", ADMINISTRATOR),
            ("sandbox_administration", ADMINISTRATION),
        ];
        let settings = AttackSettings {
            document: Some(document),
            provider_lines: "operator_roles = [\"Ops\"]".to_owned(),
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            upstream_origin: Some(format!("http://127.0.0.1:{port}")),
            ..AttackSettings::default()
        };
        let origin = format!("http://127.0.0.1:{port}");
        Self { world: AttackWorld::start_with(settings).await, sandboxes, state, origin, _store: None, http: http() }
    }

    /// Where clients connect to.
    pub(crate) fn url(&self) -> String {
        format!("{}{ROUTE}", self.world.gatehouse.url)
    }

    /// Where the sandboxes themselves are.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Where the sandboxes keep what they keep.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    /// A request to the session pool's administration, as `az rest` makes it.
    pub(crate) async fn administer(&self, action: &str) -> String {
        let path = format!(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/sessionPools/code/{action}?api-version=2025-02-02-preview"
        );
        let request = self.http.post(format!("{}{path}", self.world.gatehouse.url)).bearer_auth(ADMINISTRATOR);
        let answer = request.send().await.expect("an answer").text().await.expect("a body");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        answer["apiKey"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The status of a launch with a key, or with a bearer token where it is `None`.
    pub(crate) async fn status_with(&self, key: Option<&str>) -> u16 {
        let request = self.http.post(self.url()).header(CONTENT_TYPE, "application/json");
        let request = request.header(ACCEPT, "application/json, text/event-stream");
        let request = match key {
            Some(key) => request.header("x-ms-apikey", key),
            None => request.header(AUTHORIZATION, "Bearer some-token"),
        };
        let launch = json!({ "name": "launchShell", "arguments": {} });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": launch });
        request.body(body.to_string()).send().await.expect("an answer").status().as_u16()
    }

    /// A message of MCP 2025-11-25; the result.
    pub(crate) async fn ask(&self, caller: Caller, method: &str, parameters: &Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters });
        let request = self.http.post(self.url()).header(CONTENT_TYPE, "application/json");
        let request = request.header(ACCEPT, "application/json, text/event-stream");
        let request = request.header("mcp-protocol-version", "2025-11-25").header("x-ms-apikey", caller.key());
        let answer = request.body(body.to_string()).send().await.expect("an answer");
        let (status, text) = (answer.status(), answer.text().await.expect("a body"));
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status}: {text:?}: {error}"));
        answer
    }

    /// Calls a tool; its result.
    pub(crate) async fn call(&self, caller: Caller, tool: &str, arguments: &Value) -> Value {
        let answer = self.ask(caller, "tools/call", &json!({ "name": tool, "arguments": arguments })).await;
        assert!(answer["result"].is_object(), "{tool}: {answer}");
        answer["result"].clone()
    }

    /// Launches an environment; its id.
    pub(crate) async fn launch(&self, caller: Caller) -> String {
        let result = self.call(caller, "launchShell", &json!({})).await;
        let id = result["structuredContent"]["environmentId"].as_str();
        id.unwrap_or_else(|| panic!("{result}")).to_owned()
    }

    /// Runs a command of the shell; the result.
    pub(crate) async fn shell(&self, caller: Caller, id: &str, command: &str) -> Value {
        let arguments = json!({ "environmentId": id, "shellCommand": command });
        self.call(caller, "runShellCommandInRemoteEnvironment", &arguments).await
    }

    /// Runs Python; the result.
    pub(crate) async fn python(&self, caller: Caller, id: &str, code: &str) -> Value {
        let arguments = json!({ "environmentId": id, "pythonCode": code });
        self.call(caller, "runPythonCodeInRemoteEnvironment", &arguments).await
    }

    /// Ends everything.
    pub(crate) async fn stop(self) {
        self.stop_and_read_log().await;
    }

    /// Ends everything; what the sandboxes have logged.
    pub(crate) async fn stop_and_read_log(mut self) -> String {
        self.world.gatehouse.stop().await;
        for program in &mut self.sandboxes {
            program.interrupt().await;
        }
        std::fs::read_to_string(self.state.path().join("log")).unwrap_or_default()
    }
}

/// What a run wrote to standard output; it must have succeeded.
pub(crate) fn stdout(result: &Value) -> &str {
    let content = &result["structuredContent"];
    assert!(result["isError"] != true && content["exitCode"] == 0, "{result}");
    content["stdout"].as_str().expect("a text")
}

/// `gatehouse up` with the application of the repository.
async fn sandboxes(port: u16, state: &Path, settings: &str, allowed: &[&str]) -> Program {
    for name in ["sandbox.wasm", "sandbox-shell.wasm", "sandbox-python.wasm"] {
        let file = artefact(name);
        assert!(file.exists(), "{} is missing; `cargo xtask sandboxes` makes it", file.display());
    }
    let file = state.join("settings.toml");
    std::fs::write(&file, settings).expect("the folder can be written");
    let mut command = Command::new(artefact("debug/gatehouse"));
    let mut manifest = repository().join("sandboxes/spin.toml");
    if !allowed.is_empty() {
        let text = std::fs::read_to_string(&manifest).expect("the manifest");
        let closed = "allowed_outbound_hosts = []";
        assert_eq!(text.matches(closed).count(), 2, "each interpreter has a list");
        let text = text.replace(closed, &format!("allowed_outbound_hosts = {allowed:?}"));
        manifest = state.join("spin.toml");
        std::fs::write(&manifest, text.replace("../target", &artefact("").display().to_string())).expect("a folder");
    }
    command.arg("up").arg("--from").arg(manifest);
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--variable", &format!("gateway_secret={SECRET}")]);
    command.args(["--variable", &format!("administration_secret={ADMINISTRATION}")]);
    command.args(["--variable", &format!("server_keys={}", Gatehouse::SERVER_KEYS)]);
    command.args(["--variable", &format!("settings=@{}", file.display())]).arg("--state-dir").arg(state.join("state"));
    let mut program = Program::start_with_errors_in("the sandboxes", command, &state.join("log"));
    while !program.line().await.contains("Serving http://") {}
    program
}
