//! A real wasmCloud host, where there is one: `wash dev`, with a store of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::paths::tool;
use crate::program::Program;
use crate::store_server::{StoreKind, StoreServer, says_its_version, store_is_installed};

/// Whether there is `wash`, and the server of the store. Where one is missing, the tests say so and do nothing else.
pub fn wash_is_installed(store: StoreKind) -> bool {
    if says_its_version(&tool("GATEHOUSE_TEST_WASH", "wash")) {
        return store_is_installed(store);
    }
    eprintln!("there is no wash: nothing was tested on wasmCloud with {}", store.name());
    false
}

/// What limits how many requests wash serves at once. Each needs nine core instances, three memories and some tables; there are a
/// thousand of all as it comes.
const ROOM: [&str; 4] = [
    "WASMTIME_POOLING_TOTAL_CORE_INSTANCES",
    "WASMTIME_POOLING_TOTAL_COMPONENT_INSTANCES",
    "WASMTIME_POOLING_TOTAL_MEMORIES",
    "WASMTIME_POOLING_TOTAL_TABLES",
];

/// What a component gets on wasmCloud.
pub struct Workload<'a> {
    /// The composed component.
    pub component: PathBuf,
    /// The configuration, secrets among it.
    pub configuration: &'a [(String, String)],
    /// Environment variables.
    pub environment: &'a [(&'static str, String)],
    /// Who gets what it tells by `wasi:otel`: a receiver of OTLP by gRPC.
    pub otlp: Option<&'a str>,
    /// Where it may connect to, as `scheme://host:port`; a port of `*` is any.
    pub allowed_hosts: &'a [String],
    /// A path at which it answers with something else than 404.
    pub probe: &'static str,
}

/// `wash dev` at a port, in a folder of its own, which serves when this returns.
pub async fn dev(workload: &Workload<'_>, store: &StoreServer, port: u16, folder: &Path) -> Program {
    let settings = folder.join(".wash");
    std::fs::create_dir_all(&settings).expect("the folder can be written");
    let file = settings.join("config.yaml");
    // All JSON is YAML.
    std::fs::write(&file, document(workload, store, port).to_string()).expect("the folder can be written");
    let otlp = workload.otlp.map(|receiver| ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver));
    // It waits for five seconds as it comes.
    let soon = otlp.map(|_| ("OTEL_BSP_SCHEDULE_DELAY", "100"));
    serve_with(otlp.into_iter().chain(soon), port, workload.probe, folder).await
}

/// `wash dev` in a folder whose `.wash/config.yaml` has this port; it serves when this returns. The component answers at the path `probe` with
/// something else than 404.
pub async fn serve_on_wash(port: u16, probe: &str, folder: &Path) -> Program {
    serve_with([], port, probe, folder).await
}

/// The same with these environment variables.
async fn serve_with<'a>(
    environment: impl IntoIterator<Item = (&'static str, &'a str)>,
    port: u16,
    probe: &str,
    folder: &Path,
) -> Program {
    let mut command = Command::new(tool("GATEHOUSE_TEST_WASH", "wash"));
    // Its caches and settings go below the folder, too.
    command.args(["--non-interactive", "--log-level", "error", "dev"]).current_dir(folder).env("HOME", folder);
    // Room for more requests at once than as it comes: docs/limits.md.
    command.envs(ROOM.map(|variable| (variable, "4000"))).envs(environment);
    for variable in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "RUST_LOG"] {
        command.env_remove(variable);
    }
    let mut program = Program::start_with_errors_in("wash", command, &folder.join("wash.log"));
    let url = format!("http://127.0.0.1:{port}{probe}");
    // It listens before it has compiled the component, and answers with 404 until then.
    while !crate::http().get(&url).send().await.is_ok_and(|answer| answer.status() != 404) {
        if program.has_ended() {
            panic!("wash ended early:\n{}", program.errors().await);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    program
}

fn document(workload: &Workload<'_>, store: &StoreServer, port: u16) -> Value {
    let mut dev = Map::new();
    dev.insert("address".to_owned(), format!("127.0.0.1:{port}").into());
    // As docs/limits.md advises.
    dev.insert("max_outbound_http_connections_per_workload".to_owned(), 1_000.into());
    if workload.otlp.is_some() {
        dev.insert("wasi_otel".to_owned(), true.into());
    }
    if let Some((key, url)) = place_of(store) {
        dev.insert(key.to_owned(), url.into());
    }
    let configuration: Map<String, Value> =
        workload.configuration.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let environment: Map<String, Value> =
        workload.environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    // Any port is what a host has that comes without scheme and port.
    let allowed = workload.allowed_hosts.iter().map(|origin| {
        let any_port = origin.strip_suffix(":*").and_then(|origin| origin.split_once("://"));
        any_port.map_or(origin.as_str(), |(_, host)| host)
    });
    let allowed: Vec<&str> = allowed.collect();
    json!({
        "build": { "command": "true", "component_path": workload.component },
        "dev": dev,
        "workload": {
            "config": configuration,
            "environment": { "config": environment },
            "allowedHosts": allowed,
        },
    })
}

/// The key of `.wash/config.yaml` for a store, and its URL.
fn place_of(store: &StoreServer) -> Option<(&'static str, String)> {
    match store.kind() {
        StoreKind::Memory => None,
        StoreKind::Redis | StoreKind::RedisBehindProxy => Some(("wasi_keyvalue_redis_url", store.redis_url())),
        StoreKind::Nats => Some(("wasi_keyvalue_nats_url", format!("nats://127.0.0.1:{}", store.port()))),
    }
}
