//! What is asked, each a process of its own: nginx, the bare forwarder and Gatehouse. (What others have made is in `peers`.)

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use super::load::Target;
use super::setup::{Checkout, Setup};
use super::{documents, process};
use crate::jwt::SigningKey;
use crate::paths::{artefact, repository};
use crate::wash::{self, Workload};
use crate::{AttackSettings, AttackWorld, HeldPort, HostKind, Person, Program, StoreKind, StoreServer, is_listened_at};

/// What the MCP server always answers to the call that is measured: 78 bytes.
pub(super) const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}"#;
/// The call.
pub(super) const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}"#;
/// The protocol version of the call.
pub(super) const VERSION: (&str, &str) = ("MCP-Protocol-Version", "2025-11-25");

/// A program that listens, with the folder that it writes to.
pub(super) struct Server {
    pub(super) origin: String,
    program: Program,
    /// Its process, and those that it had begun when it was ready.
    processes: Vec<u32>,
    _folder: TempDir,
}

impl Server {
    /// Starts `command`, which has told `port` to listen at and may write to `folder`, and waits until it does.
    pub(super) async fn start(name: &str, command: Command, port: u16, folder: TempDir) -> Self {
        let log = folder.path().join("log");
        let mut program = Program::start_with_errors_in(name, command, &log);
        let address = format!("127.0.0.1:{port}");
        while !is_listened_at(&address) {
            if program.id().is_none() || program.has_ended() {
                panic!("{name} ended early:\n{}", program.errors().await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self::running(program, port, folder)
    }

    /// A program that listens already.
    fn running(program: Program, port: u16, folder: TempDir) -> Self {
        let processes = process::tree(program.id().expect("it runs"));
        Self { origin: format!("http://127.0.0.1:{port}"), program, processes, _folder: folder }
    }

    pub(super) fn processes(&self) -> &[u32] {
        &self.processes
    }

    pub(super) async fn stop(mut self) {
        self.program.interrupt().await;
        self.processes.clear();
    }
}

impl Drop for Server {
    /// Where something failed, the program is killed, and cannot end what it has begun: so this is done here.
    fn drop(&mut self) {
        let begun = self.processes.iter().skip(1).filter_map(|id| Pid::from_raw(i32::try_from(*id).ok()?));
        for process in begun {
            let _gone = kill_process(process, Signal::TERM);
        }
    }
}

/// nginx as the MCP server, which answers at once and always the same.
pub(super) async fn static_server(setup: &Setup) -> Server {
    nginx(setup, &format!("default_type application/json; return 200 '{ANSWER}';"), "").await
}

/// nginx as a plain reverse proxy in front of a server.
pub(super) async fn reverse_proxy(setup: &Setup, server: &str) -> Server {
    let upstream = format!("upstream server {{ server {}; keepalive 64; }}", server.trim_start_matches("http://"));
    let location = "proxy_pass http://server; proxy_http_version 1.1; proxy_set_header Connection \"\";";
    nginx(setup, location, &upstream).await
}

/// nginx in one process, without a log of its requests.
async fn nginx(setup: &Setup, location: &str, upstream: &str) -> Server {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), HeldPort::take().lend());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {}/{name};\n", folder.path().display()))
        .collect();
    let configuration = format!(
        "daemon off; master_process off; pid {path}/pid; error_log stderr;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; keepalive_requests 100000000;\n{temporary}{upstream}\n\
         server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }} }}\n",
        path = folder.path().display()
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, configuration).expect("the folder can be written");
    let mut command = Command::new(setup.nginx.as_ref().expect("nginx is there"));
    command.arg("-p").arg(folder.path()).arg("-c").arg(file);
    if let Some(libraries) = &setup.nginx_libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    Server::start("nginx", command, port, folder).await
}

/// The bare forwarder on a checkout's host, in front of a server.
pub(super) async fn forwarder(checkout: &Checkout, server: &str) -> Server {
    forwarder_by(Command::new(checkout.program()), server).await
}

/// The bare forwarder on Spin.
pub(super) async fn forwarder_on_spin(server: &str) -> Server {
    forwarder_by(Command::new("spin"), server).await
}

/// The bare forwarder on wasmCloud.
pub(super) async fn forwarder_on_wash(server: &str) -> Server {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), HeldPort::take().lend());
    let workload = Workload {
        component: artefact("forwarder-wasmcloud.wasm"),
        configuration: &[],
        environment: &[("SERVER", format!("{server}/mcp"))],
        allowed_hosts: &[server.to_owned()],
        probe: "/healthz",
        otlp: None,
    };
    let store = StoreServer::start(StoreKind::Memory, folder.path()).await;
    let program = wash::dev(&workload, &store, port, folder.path()).await;
    Server::running(program, port, folder)
}

async fn forwarder_by(mut command: Command, server: &str) -> Server {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), HeldPort::take().lend());
    command.arg("up").arg("--from").arg(repository().join("examples/forwarder/spin.toml"));
    command.arg("--listen").arg(format!("127.0.0.1:{port}")).arg("--state-dir").arg(folder.path().join("state"));
    command
        .arg("--variable")
        .arg(format!("server={server}/mcp"))
        .arg("--variable")
        .arg(format!("server_origin={server}"));
    Server::start("the forwarder", command, port, folder).await
}

/// Gatehouse of a checkout, in front of a server.
pub(super) async fn gatehouse(checkout: &Checkout, document: &str, server: &str) -> AttackWorld {
    gatehouse_with(checkout, document, server, AttackSettings::default()).await
}

/// The same with more settings.
pub(super) async fn gatehouse_with(
    checkout: &Checkout,
    document: &str,
    server: &str,
    settings: AttackSettings,
) -> AttackWorld {
    gatehouse_on(checkout.host, document, server, settings).await
}

/// Gatehouse on any host.
pub(super) async fn gatehouse_on(
    host: HostKind,
    document: &str,
    server: &str,
    settings: AttackSettings,
) -> AttackWorld {
    AttackWorld::start_with(AttackSettings {
        document: Some(document.to_owned()),
        upstream_origin: Some(server.to_owned()),
        access_token_seconds: 3600,
        host: Some(host),
        ..settings
    })
    .await
}

/// An access token of this person for `/mcp`.
pub(super) async fn token(world: &AttackWorld, person: &str) -> String {
    let person = Person::new(person);
    let tokens = world.flow_of(&person, world.public(), "/mcp").finish().await;
    tokens["access_token"].as_str().expect("an access token").to_owned()
}

/// An access token of the issuer of [`documents::other_issuer`], with the claims that RFC 9068 has.
pub(super) fn other_token(world: &AttackWorld) -> String {
    let now = world.now();
    SigningKey::Rsa.sign(&json!({
        "iss": documents::OTHER_ISSUER, "aud": documents::OTHER_AUDIENCE, "sub": "alice", "client_id": "an-application",
        "scope": "mcp", "jti": crate::unique("token-"), "iat": now, "nbf": now, "exp": now + 24 * 3600,
    }))
}

/// The call at a server that needs no token.
pub(super) fn plain(server: &Server) -> Target {
    Target::post(&server.origin, "/mcp", &[VERSION], CALL)
}

/// The call that is measured, with this token.
pub(super) fn call(origin: &str, token: &str) -> Target {
    message(origin, token, CALL)
}

/// Another message with this token.
pub(super) fn message(origin: &str, token: &str, message: &str) -> Target {
    Target::post(origin, "/mcp", &[VERSION, ("Authorization", &format!("Bearer {token}"))], message)
}

/// The processes of a Gatehouse, with that of the store, where it has one.
pub(super) fn processes(world: &AttackWorld) -> Vec<u32> {
    let mut processes = process::tree(world.gatehouse.process_id().expect("it runs in a process of its own"));
    processes.extend(world.gatehouse.store_server().and_then(StoreServer::process_id));
    processes
}

/// A folder below `target/` that is removed at the end: where a cache directory may be, which must be ours alone.
pub(super) fn private_folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("private");
    (folder, path)
}

/// A listener for servers in this process.
pub(super) async fn listener() -> tokio::net::TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    tokio::net::TcpListener::from_std(listener).expect("a runtime")
}
