//! Who asks: one request after the other on each connection, written and read as bytes, by one thread. It shares the processors
//! with who is asked, and must cost little.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::answer::Reading;

/// No turn takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked, and what must come back.
#[derive(Clone)]
pub(super) struct Target {
    /// `HOST:PORT`.
    pub(super) address: String,
    /// All bytes of the request; where there are several, each connection has the next one.
    pub(super) requests: Vec<Arc<[u8]>>,
    /// The status of the right answer.
    pub(super) status: u16,
    /// What its body holds.
    pub(super) holds: &'static str,
}

/// What a turn came to.
pub(super) struct Turn {
    pub(super) latencies: Vec<Duration>,
    pub(super) elapsed: Duration,
}

impl Turn {
    pub(super) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// When the asking ends.
#[derive(Clone, Copy)]
enum End {
    At(Instant),
    After(usize),
}

impl Target {
    /// A POST of `body` to `path` at `origin` (`http://HOST:PORT`).
    pub(super) fn post(origin: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Self {
        let address = origin.trim_start_matches("http://").to_owned();
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { address, requests: vec![request.into_bytes().into()], status: 200, holds: "\"result\"" }
    }

    /// The same with a request of its own for each connection.
    pub(super) fn of_each_connection(targets: Vec<Self>) -> Self {
        let requests = targets.iter().flat_map(|target| target.requests.clone()).collect();
        let first = targets.into_iter().next().expect("a target");
        Self { requests, ..first }
    }

    /// The same where the right answer is a refusal.
    pub(super) fn refused(mut self) -> Self {
        (self.status, self.holds) = (401, "");
        self
    }

    /// Asks on so many connections at once, until the time is over and every request is answered.
    pub(super) async fn turn(&self, connections: usize, length: Duration) -> Turn {
        self.ask(connections, End::At(Instant::now() + length)).await
    }

    /// Asks so many times on one connection.
    pub(super) async fn times(&self, count: usize) -> Turn {
        self.ask(1, End::After(count)).await
    }

    async fn ask(&self, connections: usize, end: End) -> Turn {
        let target = self.clone();
        let asking = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let started = Instant::now();
                let mut asking = JoinSet::new();
                for request in target.requests.iter().cycle().take(connections) {
                    asking.spawn(ask(target.clone(), Arc::clone(request), end));
                }
                let latencies = tokio::time::timeout(PATIENCE, asking.join_all()).await;
                let latencies = latencies.unwrap_or_else(|_| panic!("{} does not answer", target.address)).concat();
                Turn { latencies, elapsed: started.elapsed() }
            })
        });
        asking.await.expect("every request is answered")
    }
}

async fn ask(target: Target, request: Arc<[u8]>, end: End) -> Vec<Duration> {
    let mut stream = TcpStream::connect(&target.address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let (mut latencies, mut received) = (Vec::new(), Vec::with_capacity(16 * 1024));
    while match end {
        End::At(instant) => Instant::now() < instant,
        End::After(count) => latencies.len() < count,
    } {
        let asked = Instant::now();
        stream.write_all(&request).await.expect("the request is taken");
        received.clear();
        let mut reading = Reading::default();
        let whole = loop {
            let read = stream.read_buf(&mut received).await.expect("an answer");
            assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&received));
            match reading.look(&received) {
                Ok(Some(whole)) => break whole,
                Ok(None) => {}
                Err(problem) => panic!("{problem}: {}", String::from_utf8_lossy(&received)),
            }
        };
        let text = || String::from_utf8_lossy(&received).into_owned();
        assert_eq!((whole.status, whole.end), (target.status, received.len()), "{}", text());
        // The others are like the first.
        if latencies.is_empty() {
            assert!(text().contains(target.holds), "{}", text());
        }
        latencies.push(asked.elapsed());
    }
    latencies
}
