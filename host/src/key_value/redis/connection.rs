//! The one connection that all operations share: opened when it is needed, and given up when it does not answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;

use super::failure::failure;
use super::server::Server;
use crate::key_value::outcome::KeyValueError;

/// How long one attempt to connect may take, with TLS and the login.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Where the server is not the one to ask, another one is looked for no more often than this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The connection to a server, or what to connect with.
pub(super) struct SharedConnection {
    state: Arc<State>,
    /// Where connections live, however short the lives of those are who ask.
    runtime: Handle,
    /// Held by the attempt to connect; why the last attempt failed, and when.
    connecting: Arc<AsyncMutex<Option<(Instant, KeyValueError)>>>,
}

struct State {
    server: Server,
    current: Mutex<Option<Live>>,
}

/// A connection that was alive a moment ago.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: MultiplexedConnection,
    has_ended: Arc<AtomicBool>,
    since: Instant,
}

impl Live {
    /// Whether another connection may lead to another server.
    pub(super) fn is_worth_replacing(&self) -> bool {
        self.since.elapsed() >= LOOK_EVERY
    }
}

impl SharedConnection {
    /// Must be called within a tokio runtime, which the connections belong to.
    pub(super) fn new(server: Server) -> Self {
        let state = Arc::new(State { server, current: Mutex::new(None) });
        Self { state, runtime: Handle::current(), connecting: Arc::default() }
    }

    /// Where it leads to.
    pub(super) fn server(&self) -> &Server {
        &self.state.server
    }

    /// The connection; a new one where there is none. Of those who wait for an attempt that fails, nobody makes another one.
    pub(super) async fn get(&self) -> Result<Live, KeyValueError> {
        if let Some(live) = self.state.live() {
            return Ok(live);
        }
        let asked = Instant::now();
        let mut last_failure = Arc::clone(&self.connecting).lock_owned().await;
        if let Some(live) = self.state.live() {
            return Ok(live);
        }
        if let Some((when, error)) = &*last_failure
            && *when >= asked
        {
            return Err(error.clone());
        }
        // Whoever asks may not wait until it is there; the next one finds it. The attempt itself holds the lock, so that there is never
        // a second one beside it.
        let (state, runtime) = (Arc::clone(&self.state), self.runtime.clone());
        let attempt = self.runtime.spawn(async move {
            let connected = connect(state, runtime).await;
            *last_failure = connected.as_ref().err().map(|error| (Instant::now(), error.clone()));
            connected
        });
        attempt.await.unwrap_or_else(|error| Err(KeyValueError::Database(error.to_string())))
    }

    /// Gives `live` up: the next operation connects anew.
    pub(super) fn give_up(&self, live: &Live) {
        let mut current = self.state.lock();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.has_ended, &live.has_ended)) {
            *current = None;
        }
    }
}

impl State {
    fn live(&self) -> Option<Live> {
        self.lock().as_ref().filter(|live| !live.has_ended.load(Ordering::Acquire)).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Live>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(state: Arc<State>, runtime: Handle) -> Result<Live, KeyValueError> {
    let (connection, conversation) = match timeout(CONNECT_WITHIN, state.server.connect()).await {
        Ok(Ok(connected)) => connected,
        Ok(Err(error)) => return Err(failure(&error)),
        Err(_) => return Err(KeyValueError::TimedOut),
    };
    let has_ended = Arc::new(AtomicBool::new(false));
    let live = Live { connection, has_ended: Arc::clone(&has_ended), since: Instant::now() };
    // It ends when the server closes it, or when nobody has the connection any more.
    runtime.spawn(async move {
        conversation.await;
        has_ended.store(true, Ordering::Release);
    });
    *state.lock() = Some(live.clone());
    Ok(live)
}
