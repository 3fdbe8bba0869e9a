//! A real wasmCloud host, where there is one: `wash dev`, with a store of its own.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::held_port::HeldPort;
use crate::listening::is_listened_at;
use crate::paths::tool;
use crate::program::Program;
use crate::redis::Redis;

/// What wasmCloud keeps its key-value store in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WashStore {
    /// The host's own memory, which ends with it.
    Memory,
    /// A Redis.
    Redis,
    /// A NATS with JetStream.
    Nats,
}

impl WashStore {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Redis, Self::Nats];

    /// Its name, and the variable that tells where its server is.
    const fn server(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Memory => None,
            Self::Redis => Some(("redis-server", "GATEHOUSE_TEST_REDIS")),
            Self::Nats => Some(("nats-server", "GATEHOUSE_TEST_NATS")),
        }
    }

    /// As documents name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "Redis",
            Self::Nats => "NATS",
        }
    }
}

/// Whether there is `wash`, and the server of the store. Where one is missing, the tests say so and do nothing else.
pub fn wash_is_installed(store: WashStore) -> bool {
    let programs = [Some(("wash", "GATEHOUSE_TEST_WASH")), store.server()];
    let missing = programs.into_iter().flatten().find(|(name, variable)| !answers(&tool(variable, name)));
    if let Some((name, _)) = missing {
        eprintln!("there is no {name}: nothing was tested on wasmCloud with {}", store.name());
    }
    missing.is_none()
}

fn answers(program: &str) -> bool {
    std::process::Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The server of a store, which keeps its files in a folder.
pub struct StoreServer {
    store: WashStore,
    port: u16,
    folder: PathBuf,
    program: Mutex<Option<Program>>,
}

impl StoreServer {
    /// Starts it at a port of its own, and waits until it listens.
    pub async fn start(store: WashStore, folder: &Path) -> Self {
        let server =
            Self { store, port: HeldPort::take().number(), folder: folder.to_owned(), program: Mutex::new(None) };
        server.start_again().await;
        server
    }

    /// Starts it at the same port as before.
    pub async fn start_again(&self) {
        let Some((name, variable)) = self.store.server() else { return };
        let (port, mut command) = (self.port.to_string(), Command::new(tool(variable, name)));
        match self.store {
            WashStore::Redis => {
                command.args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", &port, "--dir"]);
            }
            WashStore::Memory | WashStore::Nats => {
                command.args(["--jetstream", "--addr", "127.0.0.1", "--port", &port, "--store_dir"]);
            }
        }
        command.arg(&self.folder);
        if let Some(libraries) = std::env::var_os("GATEHOUSE_TEST_REDIS_LIBRARIES") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let mut program = Program::start_with_errors_in(name, command, &self.folder.join(format!("{name}.log")));
        while !is_listened_at(&format!("127.0.0.1:{port}")) {
            if program.has_ended() {
                panic!("{name} ended early:\n{}", program.errors().await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        *self.program.lock().expect("no panic") = Some(program);
    }

    /// Ends it. What Redis held is gone then; NATS has it in files.
    pub async fn stop(&self) {
        let program = self.program.lock().expect("no panic").take();
        if let Some(mut program) = program {
            program.interrupt().await;
        }
    }

    /// Its process; `None` where there is none.
    pub fn process_id(&self) -> Option<u32> {
        self.program.lock().expect("no panic").as_ref().and_then(Program::id)
    }

    /// Every entry of a bucket `default` in Redis, name and value, in order, but for those of Gatehouse's upkeep: a sweep can come after any
    /// request (docs/storage.md).
    pub(crate) async fn entries(&self) -> Vec<(String, Vec<u8>)> {
        assert_eq!(self.store, WashStore::Redis, "only Redis is looked into");
        let mut redis = Redis::connect(self.port).await;
        let mut names = redis.ask(&[b"KEYS", b"default:*"]).await;
        names.sort();
        let mut entries = Vec::new();
        for name in names {
            let value = redis.ask(&[b"GET", &name]).await.concat();
            let name = String::from_utf8(name).expect("a name of ours");
            let name = name.trim_start_matches("default:");
            if !name.starts_with("sweep-") && !name.starts_with("backend.") {
                entries.push((name.to_owned(), value));
            }
        }
        entries
    }

    /// How many connections a Redis has had so far, without this one.
    pub async fn connections(&self) -> u64 {
        let stats = Redis::connect(self.port).await.ask(&[b"INFO", b"stats"]).await.concat();
        let stats = String::from_utf8(stats).expect("text");
        let count = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        count.expect("the number").parse::<u64>().expect("a number") - 1
    }

    /// The key of `.wash/config.yaml` for it, and its URL.
    fn setting(&self) -> Option<(&'static str, String)> {
        match self.store {
            WashStore::Memory => None,
            WashStore::Redis => Some(("wasi_keyvalue_redis_url", format!("redis://127.0.0.1:{}", self.port))),
            WashStore::Nats => Some(("wasi_keyvalue_nats_url", format!("nats://127.0.0.1:{}", self.port))),
        }
    }
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
pub(crate) struct Workload<'a> {
    /// The composed component.
    pub(crate) component: PathBuf,
    /// The configuration, secrets among it.
    pub(crate) configuration: &'a [(String, String)],
    /// Environment variables.
    pub(crate) environment: &'a [(&'static str, String)],
    /// Where it may connect to, as `scheme://host:port`; a port of `*` is any.
    pub(crate) allowed_hosts: &'a [String],
}

/// `wash dev` at a port, in a folder of its own, which serves when this returns.
pub(crate) async fn dev(workload: &Workload<'_>, store: &StoreServer, port: u16, folder: &Path) -> Program {
    let settings = folder.join(".wash");
    std::fs::create_dir_all(&settings).expect("the folder can be written");
    let file = settings.join("config.yaml");
    // All JSON is YAML.
    std::fs::write(&file, document(workload, store, port).to_string()).expect("the folder can be written");
    serve_on_wash(port, folder).await
}

/// `wash dev` in a folder whose `.wash/config.yaml` has this port; it serves when this returns.
pub async fn serve_on_wash(port: u16, folder: &Path) -> Program {
    let mut command = Command::new(tool("GATEHOUSE_TEST_WASH", "wash"));
    // Its caches and settings go below the folder, too.
    command.args(["--non-interactive", "--log-level", "error", "dev"]).current_dir(folder).env("HOME", folder);
    // Room for more requests at once than as it comes: docs/limits.md.
    command.envs(ROOM.map(|variable| (variable, "4000")));
    for variable in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "RUST_LOG"] {
        command.env_remove(variable);
    }
    let mut program = Program::start_with_errors_in("wash", command, &folder.join("wash.log"));
    let url = format!("http://127.0.0.1:{port}/healthz");
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
    if let Some((key, url)) = store.setting() {
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
