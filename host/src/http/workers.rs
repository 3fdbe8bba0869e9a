//! Threads that serve connections, one for each core.
//!
//! A connection stays on its thread, with everything that its requests need: the guests, their requests to servers, and the reads
//! of the store. A thread that hands work to another one costs both a switch, and the other one's caches; with a pool of threads
//! that take each other's work, switching was a third of what a small request cost.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::connection::serve_connection;
use super::host::Host;
use super::worker::Worker;
use crate::telemetry::OpenConnection;

/// The threads of one host.
pub(crate) struct Workers {
    workers: Vec<WorkerHandle>,
    /// Where the search for the one with the fewest connections begins.
    next: usize,
}

struct WorkerHandle {
    accepted: mpsc::UnboundedSender<Accepted>,
    connections: Arc<AtomicUsize>,
}

/// A connection on its way to its thread.
struct Accepted {
    stream: std::net::TcpStream,
    client: SocketAddr,
    slot: Option<OwnedSemaphorePermit>,
    connections: Counted,
}

/// Counts a connection, until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn one_of(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connections))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Workers {
    /// Starts the threads. They end when this is dropped and nothing runs on them any more.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn start(host: &Arc<Host>) -> io::Result<Self> {
        let number = thread::available_parallelism().map_or(1, usize::from);
        let workers = (0..number).map(|_| start_one(Arc::clone(host))).collect::<io::Result<_>>()?;
        Ok(Self { workers, next: 0 })
    }

    /// Gives a connection to the thread that has the fewest.
    ///
    /// # Errors
    /// The socket cannot be handed over.
    pub(crate) fn serve(
        &mut self,
        stream: TcpStream,
        client: SocketAddr,
        slot: Option<OwnedSemaphorePermit>,
    ) -> io::Result<()> {
        let stream = stream.into_std()?;
        self.next = self.next.wrapping_add(1);
        let (before, from) = self.workers.split_at(self.next.checked_rem(self.workers.len()).unwrap_or(0));
        let fewest = from.iter().chain(before).min_by_key(|worker| worker.connections.load(Ordering::Relaxed));
        let Some(worker) = fewest else { return Err(io::Error::other("there is no thread for it")) };
        let connections = Counted::one_of(&worker.connections);
        let accepted = Accepted { stream, client, slot, connections };
        worker.accepted.send(accepted).map_err(|_| io::Error::other("its thread has ended"))
    }
}

fn start_one(host: Arc<Host>) -> io::Result<WorkerHandle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (accepted, to_serve) = mpsc::unbounded_channel();
    thread::Builder::new().name("requests".to_owned()).spawn(move || {
        runtime.block_on(serve(host, to_serve));
        // A read of the key-value store that still runs has nobody to answer to.
        runtime.shutdown_background();
    })?;
    Ok(WorkerHandle { accepted, connections: Arc::default() })
}

/// Serves what is accepted, until nothing more is and nothing runs any more.
async fn serve(host: Arc<Host>, mut to_serve: mpsc::UnboundedReceiver<Accepted>) {
    let (keep_alive, mut alive) = mpsc::channel(1);
    let worker = Arc::new(Worker::new(host, keep_alive));
    while let Some(accepted) = to_serve.recv().await {
        let worker = Arc::clone(&worker);
        tokio::spawn(async move {
            let Accepted { stream, client, slot, connections } = accepted;
            match TcpStream::from_std(stream) {
                Ok(stream) => {
                    let _open = worker.host.application.measuring.as_ref().map(OpenConnection::new);
                    serve_connection(stream, client, worker).await;
                }
                Err(error) => worker.host.accept_failures.log(&*worker.host.application.log, &error),
            }
            drop((slot, connections));
        });
    }
    drop(worker);
    alive.recv().await;
}
