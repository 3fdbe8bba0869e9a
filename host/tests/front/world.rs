//! A host with a guest that does what the path says (`guest.wat`), and clients that write bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatehouse_host::{Application, CapturedLog, Limits, Options, Running, TlsFiles};
use gatehouse_testing_application::{application_with, component};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Longer than anything that is waited for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<CapturedLog>,
    pub(crate) running: Running,
    _directory: tempfile::TempDir,
}

impl World {
    /// A host with these limits.
    pub(crate) async fn start(limits: Limits) -> Self {
        Self::start_with_upstream(limits, None).await
    }

    /// A host whose guests may ask this server.
    pub(crate) async fn start_with_upstream(limits: Limits, upstream: Option<SocketAddr>) -> Self {
        Self::start_with(limits, upstream, None).await
    }

    /// A host that ends TLS itself, with these files.
    pub(crate) async fn start_with_tls(limits: Limits, upstream: Option<SocketAddr>, tls: TlsFiles) -> Self {
        Self::start_with(limits, upstream, Some(tls)).await
    }

    async fn start_with(limits: Limits, upstream: Option<SocketAddr>, tls: Option<TlsFiles>) -> Self {
        let allowed = upstream.map(|address| format!("\"http://{address}\"")).unwrap_or_default();
        let manifest = format!(
            "spin_manifest_version = 2\n[application]\nname = \"front\"\n[[trigger.http]]\nroute = \"/...\"\n\
             component = \"guest\"\n[component.guest]\nsource = \"guest.wasm\"\nallowed_outbound_hosts = [{allowed}]\n"
        );
        let imports =
            ["http/types", "http/outgoing-handler", "io/streams", "io/poll", "clocks/monotonic-clock", "cli/stdout"];
        let guest = component(include_str!("guest.wat"), &imports);
        Self::load(limits, application_with(&manifest, "guest.wasm", &guest), tls).await
    }

    /// A host of the application in `directory`.
    pub(crate) async fn load(limits: Limits, directory: tempfile::TempDir, tls: Option<TlsFiles>) -> Self {
        let log = Arc::new(CapturedLog::new());
        let mut options = Options::new(directory.path().join("state"));
        options.cache_directory = Some(directory.path().join("cache"));
        options.log = log.clone();
        options.limits = limits;
        options.tls = tls;
        let application = Application::load(directory.path(), options).await.unwrap();
        let running = application.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        Self { address: running.address(), log, running, _directory: directory }
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends `bytes` on a connection of its own.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> Connection {
        let mut connection = self.connect().await;
        connection.send(bytes).await;
        connection
    }

    /// The status of a GET of `path`.
    pub(crate) async fn get(&self, path: &str) -> u16 {
        self.send(head("GET", path, "")).await.status().await
    }

    /// Waits for a line of the log that holds `part`.
    pub(crate) async fn logged(&self, part: &str) -> String {
        let line = self.log.wait_for(|line| line.contains(part));
        tokio::time::timeout(DEADLINE, line)
            .await
            .unwrap_or_else(|_| panic!("no line with {part}: {:?}", self.log.lines()))
    }

    /// Waits until `path` is answered with 200; it is asked again and again.
    pub(crate) async fn until_served(&self, path: &str) {
        let served = async { while self.get(path).await != 200 {} };
        let served = tokio::time::timeout(DEADLINE, served).await;
        assert!(served.is_ok(), "{path} is not served: {:?}", self.log.lines());
    }

    /// Waits until there is no room for a request of `path`.
    pub(crate) async fn until_refused(&self, path: &str) {
        let refused = async { while self.get(path).await == 200 {} };
        assert!(tokio::time::timeout(DEADLINE, refused).await.is_ok(), "{path} is served");
    }
}

/// A request's head, with more header lines that end with a line break each.
pub(crate) fn head(method: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

pub(crate) struct Connection(pub(crate) TcpStream);

impl Connection {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer's head, without the empty line.
    pub(crate) async fn head(&mut self) -> String {
        let reading = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.unwrap());
            }
            String::from_utf8(head).unwrap()
        };
        tokio::time::timeout(DEADLINE, reading).await.unwrap()
    }

    pub(crate) async fn status(&mut self) -> u16 {
        let head = self.head().await;
        head.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap()
    }

    /// All that comes until the host closes the connection; whether it did so properly.
    pub(crate) async fn rest(&mut self) -> (String, bool) {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(DEADLINE, self.0.read_to_end(&mut rest)).await.unwrap();
        (String::from_utf8_lossy(&rest).into_owned(), ended.is_ok())
    }

    /// Waits until something of the answer is there, and takes it.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let mut read = String::new();
        let reading = async {
            while !read.contains(text) {
                read.push(char::from(self.0.read_u8().await.unwrap()));
            }
        };
        tokio::time::timeout(DEADLINE, reading).await.unwrap();
        read
    }
}

/// A server that takes one request and answers when it is told to, or never.
pub(crate) struct Upstream {
    listener: TcpListener,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Waits for a request.
    pub(crate) async fn asked(&self) -> Connection {
        let accepting = async {
            let mut connection = Connection(self.listener.accept().await.unwrap().0);
            connection.head().await;
            connection
        };
        tokio::time::timeout(DEADLINE, accepting).await.unwrap()
    }
}
