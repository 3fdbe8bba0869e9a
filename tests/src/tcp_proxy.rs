//! A TCP proxy that can be told to delay, to cut, and to lead to another server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// No answer is cut.
const NEVER: u32 = u32::MAX;

/// The proxy; it ends with the test's runtime.
pub struct TcpProxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    /// Where it leads.
    target: AtomicU16,
    /// How long each piece of an answer is held back, in milliseconds.
    delay: AtomicU64,
    /// How many more pieces of answers pass before the connection of the next one is cut; [`NEVER`] otherwise.
    answers_left: AtomicU32,
    /// Ends all connections.
    cut: Notify,
}

impl TcpProxy {
    /// Listens at a port of its own of 127.0.0.1, and leads to that port there.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State {
            target: AtomicU16::new(target),
            delay: AtomicU64::new(0),
            answers_left: AtomicU32::new(NEVER),
            cut: Notify::new(),
        });
        let of_connections = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, Arc::clone(&of_connections)));
            }
        });
        Self { port, state }
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads to another port from now on, and cuts the connections to the one before.
    pub fn lead_to(&self, target: u16) {
        self.state.target.store(target, Ordering::SeqCst);
        self.state.cut.notify_waiters();
    }

    /// Holds each piece of an answer back for so long from now on.
    pub fn delay(&self, time: Duration) {
        self.state.delay.store(u64::try_from(time.as_millis()).expect("a short time"), Ordering::SeqCst);
    }

    /// Lets so many more pieces of answers pass. In place of the next one the connection is cut, and then all is well again.
    pub fn cut_after(&self, answers: u32) {
        self.state.answers_left.store(answers, Ordering::SeqCst);
    }

    /// Cuts nothing any more. Whether what [`TcpProxy::cut_after`] asked for has happened.
    pub fn has_cut(&self) -> bool {
        self.state.answers_left.swap(NEVER, Ordering::SeqCst) == NEVER
    }
}

async fn carry(client: TcpStream, state: Arc<State>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", state.target.load(Ordering::SeqCst))).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = requests(from_client, to_server) => {}
        () = answers(from_server, to_client, &state) => {}
        () = state.cut.notified() => {}
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    // Who closes, or is cut off, ends the connection on both sides.
    let _ended = tokio::io::copy(&mut from, &mut to).await;
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State) {
    let mut piece = [0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let delay = state.delay.load(Ordering::SeqCst);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        let left = |left| if left == NEVER { None } else { Some(u32::checked_sub(left, 1).unwrap_or(NEVER)) };
        let is_cut = state.answers_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left) == Ok(0);
        let Some(piece) = piece.get(..length) else { return };
        if is_cut || to.write_all(piece).await.is_err() {
            return;
        }
    }
}
