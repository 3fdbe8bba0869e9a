//! What comes down: each load keeps its number up until the storm is over, but for documents, which are named once each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::upstream::SLOW_TOOL;
use crate::text::{challenge_of, form, unique};
use crate::{AttackWorld, http};

/// Authorization requests that name a document at the same time.
pub(super) const DOCUMENTS_AT_ONCE: usize = 100;
/// Between two bytes of a slow body.
const PAUSE: Duration = Duration::from_secs(3);
/// The storm rises in this time, in so many steps: whoever storms shares the processors with who is stormed, and the work
/// of opening thousands of connections at once would be measured, and not what they do.
const RISE: Duration = Duration::from_secs(5);
const STEPS: u32 = 50;
/// Who was refused, or cut off, comes again after this.
const AGAIN: Duration = Duration::from_secs(10);

/// How often which answer came: a status, or a connection's end without one.
#[derive(Debug, Default)]
pub(super) struct Answers(BTreeMap<String, usize>);

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(|(answer, count)| format!("{count} × {answer}")).collect();
        f.write_str(&parts.join(", "))
    }
}

/// A load that runs.
pub(super) struct Load {
    tasks: JoinSet<()>,
    answers: Arc<Mutex<Answers>>,
}

impl Load {
    /// Waits until it has ended: what it was told.
    pub(super) async fn ended(self) -> Answers {
        self.tasks.join_all().await;
        std::mem::take(&mut *self.answers.lock().expect("no panic"))
    }
}

/// Each of these does its work again and again until the storm is over, and notes what came of it.
struct Crowd<'a> {
    load: Load,
    stopped: &'a Receiver<bool>,
    /// How many there are.
    count: u32,
}

impl<'a> Crowd<'a> {
    fn new(stopped: &'a Receiver<bool>) -> Self {
        Self { load: Load { tasks: JoinSet::new(), answers: Arc::default() }, stopped, count: 0 }
    }

    /// One more, again and again. `work` gives the answer, or why there was none.
    fn add<Work, Done>(&mut self, work: Work)
    where
        Work: Fn() -> Done + Send + Sync + 'static,
        Done: Future<Output = String> + Send,
    {
        let start = RISE * (self.count % STEPS) / STEPS;
        self.count += 1;
        let answers = Arc::clone(&self.load.answers);
        self.spawn(async move {
            sleep(start).await;
            loop {
                note(&answers, work().await);
                sleep(AGAIN).await;
            }
        });
    }

    /// One more, once.
    fn add_once(&mut self, work: impl Future<Output = String> + Send + 'static) {
        let answers = Arc::clone(&self.load.answers);
        self.spawn(async move { note(&answers, work.await) });
    }

    fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let mut stopped = self.stopped.clone();
        self.load.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        });
    }
}

fn note(answers: &Mutex<Answers>, answer: String) {
    *answers.lock().expect("no panic").0.entry(answer).or_default() += 1;
}

/// Connections that send half a head, and then nothing.
pub(super) fn half_heads(origin: &str, count: usize, stopped: &Receiver<bool>) -> Load {
    let mut crowd = Crowd::new(stopped);
    for _ in 0..count {
        let origin = origin.to_owned();
        crowd.add(move || {
            let origin = origin.clone();
            async move { answered(half_head(&origin).await) }
        });
    }
    crowd.load
}

async fn half_head(origin: &str) -> std::io::Result<Option<String>> {
    let mut stream = TcpStream::connect(origin).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127").await?;
    status_line(&mut stream).await
}

/// Connections that announce a form of 100 bytes to `/token`, and send a byte now and then.
pub(super) fn slow_bodies(origin: &str, count: usize, stopped: &Receiver<bool>) -> Load {
    let mut crowd = Crowd::new(stopped);
    for _ in 0..count {
        let origin = origin.to_owned();
        crowd.add(move || {
            let origin = origin.clone();
            async move { answered(slow_body(&origin).await) }
        });
    }
    crowd.load
}

async fn slow_body(origin: &str) -> std::io::Result<Option<String>> {
    let mut stream = TcpStream::connect(origin).await?;
    let head = format!(
        "POST /token HTTP/1.1\r\nhost: {origin}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    loop {
        tokio::select! {
            line = status_line(&mut stream) => return line,
            () = sleep(PAUSE) => {}
        }
        stream.write_all(b"a").await?;
    }
}

/// The first line of an answer; `None` where the connection was closed without one.
async fn status_line(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut line = [0; 12];
    match stream.read_exact(&mut line).await {
        Ok(_) => Ok(Some(String::from_utf8_lossy(&line).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn answered(line: std::io::Result<Option<String>>) -> String {
    match line {
        Ok(Some(line)) => line.rsplit(' ').next().unwrap_or_default().to_owned(),
        Ok(None) => "closed".to_owned(),
        Err(error) => error.kind().to_string(),
    }
}

/// Calls of one user of a tool that never answers.
pub(super) fn slow_calls(world: &AttackWorld, token: &str, count: usize, stopped: &Receiver<bool>) -> Load {
    let mut crowd = Crowd::new(stopped);
    let body = message("tools/call", &json!({ "name": SLOW_TOOL, "arguments": {} }));
    for _ in 0..count {
        let request = world.mcp_request("/mcp").bearer_auth(token).body(body.clone());
        crowd.add(move || told(request.try_clone().expect("a body in memory")));
    }
    crowd.load
}

/// Silent event streams, so many for each of these users.
pub(super) fn streams(world: &AttackWorld, tokens: &[String], each: usize, stopped: &Receiver<bool>) -> Load {
    let mut crowd = Crowd::new(stopped);
    for token in tokens {
        for _ in 0..each {
            let request = http().get(world.url("/mcp")).bearer_auth(token).header("accept", "text/event-stream");
            crowd.add(move || told(request.try_clone().expect("no body")));
        }
    }
    crowd.load
}

/// Authorization requests for clients whose documents are at these hosts, each document another one.
pub(super) fn documents(world: &AttackWorld, hosts: &[String], count: usize, stopped: &Receiver<bool>) -> Load {
    let mut crowd = Crowd::new(stopped);
    let turns = Arc::new(Semaphore::new(DOCUMENTS_AT_ONCE));
    for (number, host) in hosts.iter().cycle().take(count).enumerate() {
        let client_id = format!("{host}/client-{number}.json");
        let pairs = [
            ("response_type", "code"),
            ("client_id", &client_id),
            ("redirect_uri", "https://client.example/callback"),
            ("code_challenge", &challenge_of(&unique("verifier-"))),
            ("code_challenge_method", "S256"),
            ("resource", &world.url("/mcp")),
        ];
        let request = http().get(world.url(&format!("/authorize?{}", form(&pairs))));
        let turns = Arc::clone(&turns);
        crowd.add_once(async move {
            let _turn = turns.acquire().await.expect("it is never closed");
            told(request).await
        });
    }
    crowd.load
}

/// The status of the answer, once all of it has come.
async fn told(request: reqwest::RequestBuilder) -> String {
    match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_str().to_owned();
            match answer.bytes().await {
                Ok(_) => status,
                Err(_) => format!("{status} cut off"),
            }
        }
        Err(error) if error.is_connect() => "no connection".to_owned(),
        Err(_) => "no answer".to_owned(),
    }
}

/// A message of 2025-11-25.
pub(super) fn message(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}
