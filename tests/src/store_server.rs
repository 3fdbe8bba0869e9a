//! The servers that hosts keep their stores in, as programs of their own: Redis and NATS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse_host::{CapturedLog, KeyValueStore, RedisUrl, StoreLimits, SystemWallClock};
use redis::AsyncCommands as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::held_port::HeldPort;
use crate::nats;
use crate::paths::tool;
use crate::program::Program;
use crate::tcp_proxy::TcpProxy;

/// One attempt to get an answer of a server that has just been started.
const ATTEMPT: Duration = Duration::from_secs(1);

/// What a host keeps its key-value store in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreKind {
    /// The host's own memory, which ends with it.
    Memory,
    /// A Redis.
    Redis,
    /// A Redis behind a proxy that can be told to fail: [`StoreServer::proxy`].
    RedisBehindProxy,
    /// A NATS with JetStream.
    Nats,
}

impl StoreKind {
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

/// Whether there is the server of the store. Where it is missing, the tests say so and do nothing else.
pub fn store_is_installed(store: StoreKind) -> bool {
    let missing = store.server().filter(|(name, variable)| !says_its_version(&tool(variable, name)));
    if let Some((name, _)) = missing {
        eprintln!("there is no {name}: nothing was tested with {}", store.name());
    }
    missing.is_none()
}

/// Whether the program can say its version.
pub(crate) fn says_its_version(program: &str) -> bool {
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
    kind: StoreKind,
    port: u16,
    folder: PathBuf,
    program: Mutex<Option<Program>>,
    proxy: Option<TcpProxy>,
}

impl StoreServer {
    /// Starts it at a port of its own, and waits until it answers.
    pub async fn start(kind: StoreKind, folder: &Path) -> Self {
        let port = HeldPort::take().lend();
        let proxy = match kind {
            StoreKind::RedisBehindProxy => Some(TcpProxy::start(port).await),
            StoreKind::Memory | StoreKind::Redis | StoreKind::Nats => None,
        };
        let server = Self { kind, port, folder: folder.to_owned(), program: Mutex::new(None), proxy };
        server.start_again().await;
        server
    }

    /// What it is.
    pub(crate) fn kind(&self) -> StoreKind {
        self.kind
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What stands before it; `None` where it is reached directly.
    pub fn proxy(&self) -> Option<&TcpProxy> {
        self.proxy.as_ref()
    }

    /// Starts it at the same port as before, and waits until it answers.
    pub async fn start_again(&self) {
        let Some((name, variable)) = self.kind.server() else { return };
        let (port, mut command) = (self.port.to_string(), Command::new(tool(variable, name)));
        match self.kind {
            StoreKind::Redis | StoreKind::RedisBehindProxy => {
                command.args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", &port, "--dir"]);
            }
            StoreKind::Memory | StoreKind::Nats => {
                command.args(["--jetstream", "--addr", "127.0.0.1", "--port", &port, "--store_dir"]);
            }
        }
        command.arg(&self.folder);
        command.envs(libraries());
        let mut program = Program::start_with_errors_in(name, command, &self.folder.join(format!("{name}.log")));
        while !self.answers().await {
            if program.has_ended() {
                panic!("{name} ended early:\n{}", program.errors().await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        *self.program.lock().expect("no panic") = Some(program);
    }

    /// Whether it answers as one of its kind: where it alone listened, a process that another test starts in this moment could still hold
    /// the port that was let go.
    async fn answers(&self) -> bool {
        let (question, answer) = match self.kind {
            StoreKind::Redis | StoreKind::RedisBehindProxy => ("PING\r\n", "+PONG"),
            // NATS speaks first.
            StoreKind::Memory | StoreKind::Nats => ("", "INFO "),
        };
        let asked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(question.as_bytes()).await?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).await?;
            std::io::Result::Ok(line)
        };
        timeout(ATTEMPT, asked).await.is_ok_and(|line| line.is_ok_and(|line| line.starts_with(answer)))
    }

    /// Ends it. What Redis held is gone then; NATS has it in files.
    pub async fn stop(&self) {
        let program = self.program.lock().expect("no panic").take();
        if let Some(mut program) = program {
            program.interrupt().await;
        }
    }

    /// Stops it in the middle of what it does, as SIGSTOP does: it holds its connections, and says nothing.
    pub fn pause(&self) {
        self.send(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.send(Signal::CONT);
    }

    fn send(&self, signal: Signal) {
        let id = self.process_id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a process");
        kill_process(id, signal).expect("it is our own");
    }

    /// Its process; `None` where there is none.
    pub fn process_id(&self) -> Option<u32> {
        self.program.lock().expect("no panic").as_ref().and_then(Program::id)
    }

    /// Every entry of a bucket `default` in Redis, name and value, in order, but for those of Gatehouse's upkeep: a sweep can come after any
    /// request (docs/storage.md).
    pub(crate) async fn entries(&self) -> Vec<(String, Vec<u8>)> {
        assert_eq!(self.kind, StoreKind::Redis, "only Redis is looked into");
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

    /// The name of every entry in Redis, with the seconds for which Redis keeps it yet; `None`: for ever.
    pub(crate) async fn times_to_live(&self) -> BTreeMap<String, Option<u64>> {
        let (mut redis, mut entries, mut cursor) = (self.redis().await, BTreeMap::new(), 0_u64);
        loop {
            let scan = redis::cmd("SCAN").arg(cursor).arg("COUNT").arg(1_000).to_owned();
            let (next, names): (u64, Vec<String>) = scan.query_async(&mut redis).await.expect("Redis answers");
            let mut questions = redis::pipe();
            for name in &names {
                questions.cmd("TTL").arg(name);
            }
            // The crate refuses to ask nothing.
            let left: Vec<i64> = match names.is_empty() {
                true => Vec::new(),
                false => questions.query_async(&mut redis).await.expect("Redis answers"),
            };
            // -2: it has gone since.
            let there = names.into_iter().zip(left).filter(|(_, left)| *left != -2);
            entries.extend(there.map(|(name, left)| (name, u64::try_from(left).ok())));
            cursor = next;
            if cursor == 0 {
                return entries;
            }
        }
    }

    /// How many connections a Redis has had so far, without this one.
    pub async fn connections(&self) -> u64 {
        let asked = redis::cmd("INFO").arg("stats").query_async(&mut self.redis().await).await;
        let stats: redis::InfoDict = asked.expect("Redis answers");
        stats.get::<u64>("total_connections_received").expect("the number") - 1
    }

    /// The value of a key in a bucket of a NATS; `None` where it has none.
    pub async fn value_in_nats(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        assert_eq!(self.kind, StoreKind::Nats, "only NATS has buckets");
        nats::value(self.port, bucket, key).await
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
}
