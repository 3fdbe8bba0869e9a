//! How each host is started with a manifest, its variables and its store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatehouse_host::{Application, CapturedLog, Options, Running, VariableSources};
use tokio::process::Command;

use crate::clock::TestClock;
use crate::held_port::HeldPort;
use crate::paths::artefact;
use crate::program::Program;
use crate::spin;
use crate::store_server::StoreServer;
use crate::wash::{self, Workload};

/// The manifest that ships with the checkout; with more variables where a test has secrets that it does not declare, as its comments ask
/// operators to.
pub(super) fn manifest(checkout: &Path, variables: &[(String, String)], folder: &Path) -> PathBuf {
    let artefact = checkout.join("target/gatehouse.wasm");
    assert!(artefact.exists(), "{} is missing; `cargo xtask build` makes it", artefact.display());
    let shipped = checkout.join("spin.toml");
    let mut text = std::fs::read_to_string(&shipped).expect("the manifest");
    let undeclared: Vec<_> = variables
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !text.contains(&format!("\n{name} = {{")))
        .cloned()
        .collect();
    if undeclared.is_empty() {
        return shipped;
    }
    for name in undeclared {
        text = text
            .replace("\n[[trigger.http]]", &format!("{name} = {{ default = \"\", secret = true }}\n\n[[trigger.http]]"))
            .replace(
                "\n[component.gatehouse.build]",
                &format!("{name} = \"{{{{ {name} }}}}\"\n\n[component.gatehouse.build]"),
            );
    }
    let text = text.replace("\"target/gatehouse.wasm\"", &format!("{:?}", artefact.display().to_string()));
    let path = folder.join("spin.toml");
    std::fs::write(&path, text).expect("the folder can be written");
    path
}

/// The same manifest with the artefact that has telemetry.
pub(super) fn with_telemetry(manifest: &Path, folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(manifest).expect("the manifest");
    let lines = text.lines().map(|line| match line.starts_with("source = ") {
        true => format!("source = {:?}", artefact("gatehouse-otel.wasm").display().to_string()),
        false => line.to_owned(),
    });
    let path = folder.join("spin.toml");
    std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("the folder can be written");
    path
}

pub(super) fn options(
    variables: &[(String, String)],
    ca_file: &Option<PathBuf>,
    folder: &Path,
    clock: &Arc<TestClock>,
    log: &Arc<CapturedLog>,
) -> Options {
    let mut options = Options::new(folder);
    options.variables = VariableSources { given: variables.iter().cloned().collect(), ..VariableSources::default() };
    // As `gatehouse up` does it. Spin, and those who clear this, give the document as it is.
    let compiled = |document: &str| gatehouse_configuration::compile(document).ok();
    options.variables.prepared.insert(gatehouse_configuration::SETTING.to_owned(), compiled);
    options.ca_file = ca_file.clone();
    options.wall_clock = Arc::clone(clock) as _;
    options.log = Arc::clone(log) as _;
    // Tests compare the store before and after; the host's own sweeps have tests of their own.
    options.sweep_every = Duration::from_secs(60 * 60);
    options
}

/// `gatehouse up`, which `starter` starts where there is one; over this Redis, if one is given.
pub(super) fn embedded_process(
    starter: &[&str],
    ca_file: &Option<PathBuf>,
    state_directory: &Path,
    store: Option<&StoreServer>,
) -> Command {
    let program = artefact("debug/gatehouse");
    let mut command = match starter.split_first() {
        None => Command::new(program),
        Some((first, arguments)) => {
            let mut command = Command::new(first);
            command.args(arguments).arg(program).env("STATE_DIRECTORY", state_directory);
            command
        }
    };
    command.arg("up");
    if let Some(file) = ca_file {
        command.arg("--ca-file").arg(file);
    }
    if let Some(store) = store {
        command.arg("--runtime-config-file").arg(runtime_config(store, state_directory));
    }
    command
}

/// `spin up` over this Redis, with its own files in `folder`.
pub(super) async fn spin_over(
    store: &StoreServer,
    manifest: &Path,
    port: u16,
    folder: &Path,
    variables: &[(String, String)],
) -> Program {
    let mut command = spin::command(folder);
    command.arg("--runtime-config-file").arg(runtime_config(store, folder));
    up(command, manifest, port, folder, variables).await
}

/// A file of Spin's runtime configuration that leads to this Redis.
pub(super) fn runtime_config(store: &StoreServer, folder: &Path) -> PathBuf {
    let path = folder.join("runtime-config.toml");
    let text = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", store.redis_url());
    std::fs::write(&path, text).expect("the folder can be written");
    path
}

/// Runs the manifest with `command`, `spin up` or one that takes the same flags, and waits until it serves.
pub(super) async fn up(
    mut command: Command,
    manifest: &Path,
    port: u16,
    state_directory: &Path,
    variables: &[(String, String)],
) -> Program {
    prepare_up(&mut command, manifest, port, state_directory, variables);
    serving(Program::start("up", command)).await
}

/// Adds the flags.
pub(super) fn prepare_up(
    command: &mut Command,
    manifest: &Path,
    port: u16,
    state_directory: &Path,
    variables: &[(String, String)],
) {
    command.arg("--from").arg(manifest).arg("--listen").arg(format!("127.0.0.1:{port}"));
    command.arg("--state-dir").arg(state_directory);
    for (name, value) in variables {
        // A document can be longer than an argument may be.
        let file = state_directory.join(format!("{name}.variable"));
        std::fs::write(&file, value).expect("the folder can be written");
        command.arg("--variable").arg(format!("{name}=@{}", file.display()));
    }
}

/// The artefact for wasmCloud on `wash dev`, with the same variables: some of them are origins that `spin.toml` allows, and the others
/// are the configuration. With a receiver of OTLP, it is the artefact with telemetry.
pub(super) async fn on_wash(
    store: &StoreServer,
    port: u16,
    variables: &[(String, String)],
    folder: &Path,
    otlp: Option<&str>,
) -> Program {
    let (origins, mut configuration): (Vec<_>, Vec<_>) =
        variables.iter().cloned().partition(|(name, _)| name.ends_with("_origin"));
    // As docs/hosts.md advises.
    for (_, value) in configuration.iter_mut().filter(|(name, _)| name == gatehouse_configuration::SETTING) {
        *value = gatehouse_configuration::compile(value).unwrap_or_else(|_| value.clone());
    }
    let workload = Workload {
        component: artefact(if otlp.is_some() { "gatehouse-wasmcloud-otel.wasm" } else { "gatehouse-wasmcloud.wasm" }),
        configuration: &configuration,
        environment: &[],
        otlp,
        allowed_hosts: &origins.into_iter().map(|(_, origin)| origin).collect::<Vec<_>>(),
        probe: "/healthz",
    };
    wash::dev(&workload, store, port, folder).await
}

/// Waits until it serves.
pub(super) async fn serving(mut program: Program) -> Program {
    while !program.line().await.contains("Serving http://") {}
    program
}

/// Serves a manifest on the embedded host.
pub(super) async fn serve(manifest: &Path, options: Options, held: HeldPort) -> Running {
    let application = Application::load(manifest, options).await.expect("the application loads");
    application.serve_on(held.into_listener()).expect("the application serves")
}
