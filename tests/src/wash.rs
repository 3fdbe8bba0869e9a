//! A real wasmCloud host, where there is one: `wash dev`, with a store of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse_host::{CapturedLog, KeyValueStore, RedisUrl, StoreLimits, SystemWallClock};
use redis::AsyncCommands as _;
use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::held_port::HeldPort;
use crate::listening::is_listened_at;
use crate::paths::tool;
use crate::program::Program;
use crate::tcp_proxy::TcpProxy;

/// What wasmCloud keeps its key-value store in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WashStore {
    /// The host's own memory, which ends with it.
    Memory,
    /// A Redis.
    Redis,
    /// A Redis behind a proxy that can be told to fail: [`StoreServer::proxy`].
    RedisBehindProxy,
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
            Self::Redis | Self::RedisBehindProxy => Some(("redis-server", "GATEHOUSE_TEST_REDIS")),
            Self::Nats => Some(("nats-server", "GATEHOUSE_TEST_NATS")),
        }
    }

    /// As documents name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "Redis",
            Self::RedisBehindProxy => "Redis behind a proxy",
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

/// Whether there is the server of the store. Where it is missing, the tests say so and do nothing else.
pub fn store_is_installed(store: WashStore) -> bool {
    let missing = store.server().filter(|(name, variable)| !answers(&tool(variable, name)));
    if let Some((name, _)) = missing {
        eprintln!("there is no {name}: nothing was tested with {}", store.name());
    }
    missing.is_none()
}

fn answers(program: &str) -> bool {
    let mut command = std::process::Command::new(program);
    command.arg("--version").envs(libraries());
    command.output().is_ok_and(|output| output.status.success())
}

/// Where an unpacked Redis has its libraries, for the environment of a program.
fn libraries() -> Option<(&'static str, std::ffi::OsString)> {
    std::env::var_os("GATEHOUSE_TEST_REDIS_LIBRARIES").map(|libraries| ("LD_LIBRARY_PATH", libraries))
}

/// The server of a store, which keeps its files in a folder.
pub struct StoreServer {
    store: WashStore,
    port: u16,
    folder: PathBuf,
    program: Mutex<Option<Program>>,
    proxy: Option<TcpProxy>,
}

impl StoreServer {
    /// Starts it at a port of its own, and waits until it listens.
    pub async fn start(store: WashStore, folder: &Path) -> Self {
        let port = HeldPort::take().number();
        let proxy = match store {
            WashStore::RedisBehindProxy => Some(TcpProxy::start(port).await),
            WashStore::Memory | WashStore::Redis | WashStore::Nats => None,
        };
        let server = Self { store, port, folder: folder.to_owned(), program: Mutex::new(None), proxy };
        server.start_again().await;
        server
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What stands before it; `None` where it is reached directly.
    pub fn proxy(&self) -> Option<&TcpProxy> {
        self.proxy.as_ref()
    }

    /// Starts it at the same port as before.
    pub async fn start_again(&self) {
        let Some((name, variable)) = self.store.server() else { return };
        let (port, mut command) = (self.port.to_string(), Command::new(tool(variable, name)));
        match self.store {
            WashStore::Redis | WashStore::RedisBehindProxy => {
                command.args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", &port, "--dir"]);
            }
            WashStore::Memory | WashStore::Nats => {
                command.args(["--jetstream", "--addr", "127.0.0.1", "--port", &port, "--store_dir"]);
            }
        }
        command.arg(&self.folder);
        command.envs(libraries());
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
        let mut redis = self.redis().await;
        let mut names: Vec<String> = redis.keys("default:*").await.expect("Redis answers");
        names.sort();
        let mut entries = Vec::new();
        for name in names {
            let value = redis.get(&name).await.expect("Redis answers");
            let name = name.trim_start_matches("default:");
            if !name.starts_with("sweep-") && !name.starts_with("backend.") {
                entries.push((name.to_owned(), value));
            }
        }
        entries
    }

    /// How many connections a Redis has had so far, without this one.
    pub async fn connections(&self) -> u64 {
        let asked = redis::cmd("INFO").arg("stats").query_async(&mut self.redis().await).await;
        let stats: redis::InfoDict = asked.expect("Redis answers");
        stats.get::<u64>("total_connections_received").expect("the number") - 1
    }

    /// The store in a Redis, as the embedded host opens it.
    pub fn open(&self) -> KeyValueStore {
        self.open_with(StoreLimits::default())
    }

    /// The same with limits of one's own.
    pub fn open_with(&self, limits: StoreLimits) -> KeyValueStore {
        let url = RedisUrl::parse(&self.redis_url()).expect("a URL");
        let tls = gatehouse_host::tls(None, &CapturedLog::new()).expect("TLS");
        KeyValueStore::in_redis(url, limits, Arc::new(SystemWallClock), tls)
    }

    /// A connection of one's own to a Redis, for its commands.
    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.redis_url()).expect("a URL");
        // A busy machine can take longer than the half of a second that is usual.
        let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        client.get_multiplexed_async_connection_with_config(&patient).await.expect("Redis answers")
    }

    /// The URL of a Redis; of the proxy before it, if there is one.
    pub fn redis_url(&self) -> String {
        let port = self.proxy.as_ref().map_or(self.port, TcpProxy::port);
        format!("redis://127.0.0.1:{port}")
    }

    /// The key of `.wash/config.yaml` for it, and its URL.
    fn setting(&self) -> Option<(&'static str, String)> {
        match self.store {
            WashStore::Memory => None,
            WashStore::Redis | WashStore::RedisBehindProxy => Some(("wasi_keyvalue_redis_url", self.redis_url())),
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
