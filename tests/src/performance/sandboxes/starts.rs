//! How long it takes from the start of the process to the first answer of `sandbox`, and to the first run of each language.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::super::servers::private_folder;
use super::super::setup::{Checkout, Setup};
use super::super::statistics::median;
use super::client::{Client, python, shell};
use super::scene::{direct, up, variables};
use crate::paths::artefact;
use crate::wash::{self, Workload};
use crate::{HeldPort, HostKind, StoreKind, StoreServer, is_listened_at};

/// How often a start with compiled code is measured; one for the first time is measured once.
const AGAIN: usize = 5;
/// Who does not answer within this time never will.
const PATIENCE: Duration = Duration::from_secs(600);

/// The folder of compiled code, with the folder that it is in.
pub(super) struct Compiled {
    _folder: TempDir,
    path: PathBuf,
}

impl Compiled {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Milliseconds since the process was started.
struct Start {
    answer: f64,
    shell: f64,
    python: f64,
}

/// Measures them on the embedded host, and on wash where it is; and what was compiled.
pub(super) async fn run(setup: &Setup) -> (Vec<Value>, Compiled) {
    let (folder, path) = private_folder();
    let compiled = Compiled { _folder: folder, path };
    let first = on_the_embedded_host(&setup.now, &compiled.path).await;
    let mut again = Vec::new();
    for _ in 0..AGAIN {
        again.push(on_the_embedded_host(&setup.now, &compiled.path).await);
    }
    let mut starts = vec![result("the embedded host", &first, &again)];
    if HostKind::Wash(StoreKind::Redis).is_installed() {
        // What wash keeps is below this folder.
        let folder = tempfile::tempdir().expect("a folder");
        let first = on_wash(folder.path()).await;
        starts.push(result("wash, a host for each component", &first, &[on_wash(folder.path()).await]));
    }
    (starts, compiled)
}

fn result(host: &str, first: &Start, again: &[Start]) -> Value {
    let middle = |of: fn(&Start) -> f64| median(&again.iter().map(of).collect::<Vec<f64>>());
    json!({
        "host": host,
        "first": { "answer_ms": first.answer, "shell_ms": first.shell, "python_ms": first.python },
        "again": {
            "answer_ms": middle(|start| start.answer),
            "shell_ms": middle(|start| start.shell),
            "python_ms": middle(|start| start.python),
        },
    })
}

async fn on_the_embedded_host(checkout: &Checkout, cache: &Path) -> Start {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), HeldPort::take().lend());
    let mut command = up(checkout, port, cache, folder.path());
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().expect("it starts");
    let client = direct(&format!("http://127.0.0.1:{port}"));
    while !is_listened_at(&format!("127.0.0.1:{port}")) {
        assert!(begun.elapsed() < PATIENCE, "the sandboxes do not listen");
        assert!(child.try_wait().is_ok_and(|status| status.is_none()), "the sandboxes ended early");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let environment = client.launch().await.unwrap_or_else(|answer| panic!("no environment: {answer}"));
    let start = runs(&client, &environment, begun, milliseconds(begun)).await;
    let process = child.id().expect("it runs");
    let _sent = Command::new("kill").args(["-INT", &process.to_string()]).status().await;
    let _status = child.wait().await;
    start
}

/// Three workloads, each in a host of its own, which start at the same time, and Redis as the store.
async fn on_wash(folder: &Path) -> Start {
    let store = StoreServer::start(StoreKind::Redis, folder).await;
    let nothing = StoreServer::start(StoreKind::Memory, folder).await;
    let (shell, python, port) = (HeldPort::take().lend(), HeldPort::take().lend(), HeldPort::take().lend());
    let origin = |port: u16| format!("http://127.0.0.1:{port}");
    let nowhere = [origin(1)];
    let interpreter = |name: &str| Workload {
        component: artefact(name),
        configuration: &[],
        environment: &[],
        otlp: None,
        allowed_hosts: &nowhere,
        probe: "/run",
    };
    let urls = [("shell_url", origin(shell)), ("python_url", origin(python))];
    let configuration: Vec<(String, String)> =
        variables().into_iter().chain(urls).map(|(name, value)| (name.to_owned(), value)).collect();
    let interpreters = [origin(shell), origin(python)];
    let server = Workload {
        component: artefact("sandbox-wasmcloud.wasm"),
        configuration: &configuration,
        environment: &[],
        otlp: None,
        allowed_hosts: &interpreters,
        probe: "/mcp",
    };
    let workloads = [interpreter("sandbox-shell.wasm"), interpreter("sandbox-python.wasm")];
    let folders = ["shell", "python", "sandbox"].map(|name| folder.join(name));
    let begun = Instant::now();
    let client = direct(&origin(port));
    let answered = async {
        let program = wash::dev(&server, &store, port, &folders[2]).await;
        let environment = client.launch().await.unwrap_or_else(|answer| panic!("no environment: {answer}"));
        (program, environment, milliseconds(begun))
    };
    let (of_shell, of_python, (program, environment, answer)) = tokio::join!(
        wash::dev(&workloads[0], &nothing, shell, &folders[0]),
        wash::dev(&workloads[1], &nothing, python, &folders[1]),
        answered
    );
    let start = runs(&client, &environment, begun, answer).await;
    for mut program in [program, of_shell, of_python] {
        program.interrupt().await;
    }
    start
}

/// The first run of each language, one after the other.
async fn runs(client: &Client, environment: &str, begun: Instant, answer: f64) -> Start {
    assert_eq!(client.output(shell(environment, "echo hi")).await, "hi\n");
    let shell = milliseconds(begun);
    assert_eq!(client.output(python(environment, "print(6 * 7)")).await, "42\n");
    Start { answer, shell, python: milliseconds(begun) }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
