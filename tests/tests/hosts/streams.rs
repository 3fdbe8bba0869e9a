//! Silent streams that stay open, while probes and others are served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gatehouse_tests::{AttackWorld, HostKind, Person, http, text};
use reqwest::Response;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The route whose server says nothing on its streams.
const PATH: &str = "/silent";
/// How many streams a user has, and what the document must allow.
const OF_A_USER: usize = 22;
/// How long a stream is listened to, to see that it has not ended.
const LISTENED: Duration = Duration::from_millis(5);
/// For so long the probe goes on while all streams are open.
const WATCHED: Duration = Duration::from_secs(5);

/// How many streams there are on this host.
fn number(host: HostKind) -> usize {
    match host {
        HostKind::Wash(_) => 110,
        _ => 300,
    }
}

/// A key at the top of the document.
pub(crate) fn top(host: HostKind) -> String {
    format!("limits = {{ long_requests = {} }}", number(host) + 10)
}

/// The route, before a server that is silent.
pub(crate) fn route(server: &str, host: HostKind) -> String {
    let limits = format!("streams_per_subject = {OF_A_USER}, streams_per_route = {}", number(host) + 10);
    format!("[[routes]]\npath = \"{PATH}\"\nurl = \"{server}/inside\"\nscopes = [\"mcp\"]\nlimits = {{ {limits} }}\n")
}

/// Opens them all, and looks at what others get meanwhile.
pub(crate) async fn stay_open(world: &AttackWorld, host: HostKind) -> String {
    let number = number(host);
    let probes = Probes::start(world.url("/healthz"));
    let mut streams = Vec::new();
    while streams.len() < number {
        let person = Person::new(&format!("listener-{}", streams.len()));
        let tokens = world.flow_of(&person, world.public(), PATH).finish().await;
        let token = text(&tokens, "access_token");
        let mut opened = JoinSet::new();
        for _ in 0..OF_A_USER.min(number - streams.len()) {
            let request = http().get(world.url(PATH)).bearer_auth(&token).header("accept", "text/event-stream");
            opened.spawn(async move { request.send().await.expect("an answer") });
        }
        streams.extend(opened.join_all().await);
    }
    let refused: Vec<_> =
        streams.iter().map(|stream| stream.status().as_u16()).filter(|status| *status != 200).collect();
    assert_eq!(refused, [0; 0], "of {number} streams");
    // Others come in, and are served.
    let tokens = world.flow_of(&Person::new("somebody-else"), world.public(), "/other").finish().await;
    for _ in 0..10 {
        assert_eq!(world.call("/other", &text(&tokens, "access_token")).await.status, 200);
    }
    tokio::time::sleep(WATCHED).await;
    for stream in &mut streams {
        assert!(is_open(stream).await, "a stream has ended");
    }
    let (asked, others) = probes.stop().await;
    assert!(asked > 10 && others == 0, "of {asked} probes, {others} were not answered with 200");
    drop(streams);
    format!("{number}; `/healthz` says 200 each time")
}

/// What it says to keep the connection is read, too.
async fn is_open(stream: &mut Response) -> bool {
    loop {
        match timeout(LISTENED, stream.chunk()).await {
            Err(_) => return true,
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None) | Err(_)) => return false,
        }
    }
}

/// Asks for a URL, again and again.
struct Probes {
    stopped: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    others: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Probes {
    fn start(url: String) -> Self {
        let (stopped, asked, others) = (Arc::default(), Arc::default(), Arc::default());
        let (until, count, failed): (Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>) =
            (Arc::clone(&stopped), Arc::clone(&asked), Arc::clone(&others));
        let task = tokio::spawn(async move {
            while !until.load(Ordering::SeqCst) {
                let is_well = http().get(&url).send().await.is_ok_and(|answer| answer.status() == 200);
                count.fetch_add(1, Ordering::SeqCst);
                failed.fetch_add(usize::from(!is_well), Ordering::SeqCst);
            }
        });
        Self { stopped, asked, others, task }
    }

    /// How many were sent, and how many were not answered with 200.
    async fn stop(self) -> (usize, usize) {
        self.stopped.store(true, Ordering::SeqCst);
        self.task.await.expect("no panic");
        (self.asked.load(Ordering::SeqCst), self.others.load(Ordering::SeqCst))
    }
}
