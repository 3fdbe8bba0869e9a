//! Event streams: what an idle one holds, how late an event comes, and what many that are not idle cost.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::setup::{Checkout, Setup};
use super::statistics::quantile;
use super::{documents, process, servers};
use crate::AttackSettings;

/// Streams that are silent.
const IDLE: usize = 1_000;
/// Streams with events, and the events a second on all of them together; then on each of them.
const ACTIVE: usize = 200;
const EVENTS_PER_SECOND: u64 = 50;
/// How long the events of many streams are looked at.
const LOOKED_AT: Duration = Duration::from_secs(10);
/// Events whose delay is measured, on one stream.
const EVENTS: usize = 500;
/// Room for so many streams, and for other requests besides.
const LIMITS: [&str; 4] = ["--limit", "concurrent-requests=1300", "--limit", "stream-share=90"];
/// Users: one may have a quarter of all streams.
const USERS: usize = 8;
/// After which silence nothing is on its way any more.
const SETTLED: Duration = Duration::from_secs(2);

/// A server in this process whose streams say something when they are told to.
#[derive(Clone)]
struct Events {
    origin: String,
    streams: Arc<Mutex<Vec<Arc<tokio::sync::Mutex<OwnedWriteHalf>>>>>,
}

/// Measures this checkout, and the base.
pub(super) async fn run(setup: &Setup) -> Value {
    let mut results = Vec::new();
    for (id, checkout) in [("now", Some(setup.now)), ("base", setup.base)] {
        if let Some(checkout) = checkout {
            eprintln!("    streams: {id}");
            results.push(measure(id, &checkout).await);
        }
    }
    results.into()
}

async fn measure(id: &str, checkout: &Checkout) -> Value {
    let events = Events::start().await;
    let (document, arguments) = match id {
        "base" => (documents::streams_of_the_base(IDLE), &[][..]),
        _ => (documents::streams(IDLE), &LIMITS[..]),
    };
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let settings = AttackSettings { arguments, ..AttackSettings::default() };
    let world = servers::gatehouse_with(checkout, &document, &events.origin, settings).await;
    let mut tokens = Vec::new();
    for user in 0..USERS {
        tokens.push(servers::token(&world, &format!("user-{user}")).await);
    }
    let url = world.gatehouse.url.clone();
    let (through, direct) = delays(&events, &url, &tokens[0]).await;
    events.forget();

    let processes = servers::processes(&world);
    let active = open_many(&url, &tokens, ACTIVE).await;
    let readers = read_all(active);
    tokio::time::sleep(SETTLED).await;
    let in_all = share_with_events(&events, &processes, EVENTS_PER_SECOND).await;
    let each = share_with_events(&events, &processes, EVENTS_PER_SECOND * ACTIVE as u64).await;
    drop(readers);
    events.forget();
    tokio::time::sleep(SETTLED).await;

    let before = process::memory(&processes);
    let idle = open_many(&url, &tokens, IDLE).await;
    tokio::time::sleep(2 * SETTLED).await;
    let after = process::memory(&processes);
    let of_a_stream = |after: u64, before: u64| after.saturating_sub(before) as f64 / IDLE as f64;
    drop(idle);
    world.gatehouse.stop().await;
    json!({
        "id": id,
        "idle": IDLE,
        "idle_bytes_each": of_a_stream(after.present, before.present),
        "idle_mapped_bytes_each": of_a_stream(after.mapped, before.mapped),
        "delay": through,
        "direct_delay": direct,
        "active": ACTIVE,
        "events_per_second": EVENTS_PER_SECOND,
        "processor_share_in_all": in_all,
        "processor_share_each": each,
    })
}

/// The share of a processor that the processes have while so many events a second come, one stream after the other. Where the
/// machine cannot make so many, the share is that of those which it made, and so too small: then it is not told.
async fn share_with_events(events: &Events, processes: &[u32], per_second: u64) -> Option<f64> {
    let before = process::processor_time(processes);
    let mut pace = interval(Duration::from_millis(10));
    let (begun, mut sent) = (Instant::now(), 0);
    while begun.elapsed() < LOOKED_AT {
        pace.tick().await;
        let due = (begun.elapsed().as_secs_f64() * per_second as f64) as usize;
        while sent < due {
            events.say(sent % ACTIVE).await;
            sent += 1;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let share = (process::processor_time(processes) - before).as_secs_f64() / seconds;
    (sent as f64 >= 0.95 * per_second as f64 * seconds).then_some(share)
}

/// The delays of events through Gatehouse, and of events without it, by turns.
async fn delays(events: &Events, url: &str, token: &str) -> (Value, Value) {
    let mut streams = [open(url, token).await, open(&events.origin, "").await];
    let mut delays = [Vec::new(), Vec::new()];
    let mut pace = interval(Duration::from_millis(5));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut buffer = Vec::with_capacity(4096);
    for number in 0..2 * EVENTS {
        pace.tick().await;
        let which = number % 2;
        let sent = Instant::now();
        events.say(which).await;
        buffer.clear();
        while !buffer.windows(EVENT_END.len()).any(|end| end == EVENT_END) {
            let read = streams[which].read_buf(&mut buffer).await.expect("an event");
            assert!(read > 0, "the stream ended");
        }
        delays[which].push(sent.elapsed().as_secs_f64() * 1e3);
    }
    let [through, direct] =
        delays.map(|delays| json!({ "p50_ms": quantile(&delays, 0.5), "p99_ms": quantile(&delays, 0.99) }));
    (through, direct)
}

/// Opens so many streams, a few at a time.
async fn open_many(url: &str, tokens: &[String], count: usize) -> Vec<OwnedReadHalf> {
    let mut streams = Vec::new();
    let mut opening = JoinSet::new();
    for number in 0..count {
        if opening.len() >= 16 {
            streams.extend(opening.join_next().await.map(|stream| stream.expect("a stream")));
        }
        let (url, token) = (url.to_owned(), tokens[number % tokens.len()].clone());
        opening.spawn(async move { open(&url, &token).await });
    }
    streams.extend(opening.join_all().await);
    streams
}

/// Opens a stream and waits for its head; the half for writing is kept with it, so that the connection stays.
async fn open(origin: &str, token: &str) -> OwnedReadHalf {
    let address = origin.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let (mut reading, mut writing) = stream.into_split();
    let request = format!(
        "GET /mcp HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n{}: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
        servers::VERSION.0,
        servers::VERSION.1
    );
    writing.write_all(request.as_bytes()).await.expect("the request is taken");
    writing.forget();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(reading.read_u8().await.expect("a head"));
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    reading
}

/// Reads all streams and forgets what comes, until this is dropped.
fn read_all(streams: Vec<OwnedReadHalf>) -> JoinSet<()> {
    let mut reading = JoinSet::new();
    for mut stream in streams {
        reading.spawn(async move {
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        });
    }
    reading
}

/// An event, as a chunk.
const EVENT: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"hello\"}}\n\n";
/// The end of an event.
const EVENT_END: &[u8] = b"\n\n";

impl Events {
    /// Serves until the runtime ends.
    async fn start() -> Self {
        let listener = servers::listener().await;
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let events = Self { origin, streams: Arc::default() };
        let serving = events.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        events
    }

    async fn serve(&self, stream: TcpStream) {
        let _set = stream.set_nodelay(true);
        let (mut reading, mut writing) = stream.into_split();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match reading.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        if writing.write_all(answer.as_bytes()).await.is_ok() {
            self.streams.lock().expect("no panic").push(Arc::new(tokio::sync::Mutex::new(writing)));
        }
        // Until the other side goes.
        let mut buffer = [0; 64];
        while reading.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    }

    /// Says something on the stream with this number. One that was closed says nothing any more.
    async fn say(&self, number: usize) {
        let stream = loop {
            let stream = self.streams.lock().expect("no panic").get(number).cloned();
            match stream {
                Some(stream) => break stream,
                None => tokio::task::yield_now().await,
            }
        };
        let chunk = format!("{:x}\r\n{EVENT}\r\n", EVENT.len());
        let _gone = stream.lock().await.write_all(chunk.as_bytes()).await;
    }

    /// Forgets the streams that were opened so far, which ends them.
    fn forget(&self) {
        self.streams.lock().expect("no panic").clear();
    }
}
