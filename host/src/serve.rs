//! Listening, and the two steps of stopping: first no new requests, then no requests.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::application::Loaded;
use crate::error::StartError;
use crate::log::{Level, LogRecord};
use crate::request::respond;

/// A request's head may have this many bytes and headers: room for a large cookie or token, not for an attack.
const HEAD_BYTES: usize = 64 * 1024;
const HEAD_FIELDS: usize = 128;

/// A host that serves an application. Dropping it ends everything at once.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    phase: watch::Sender<Stage>,
    /// Ends when every connection and every guest is gone.
    alive: mpsc::Receiver<Infallible>,
}

impl Running {
    /// The address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets running requests and streams end for up to `grace`, then ends them. Returns whether all
    /// ended by themselves.
    pub async fn shutdown(mut self, grace: Duration) -> bool {
        self.phase.send_replace(Stage::Draining);
        if timeout(grace, self.alive.recv()).await.is_ok() {
            return true;
        }
        self.phase.send_replace(Stage::Ended);
        self.alive.recv().await;
        false
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    Draining,
    Ended,
}

/// How far a host has come. A [`Running`] that was dropped has ended.
#[derive(Clone)]
pub(crate) struct Phase(watch::Receiver<Stage>);

impl Phase {
    async fn draining(&mut self) {
        // An error: the sender is gone.
        let _ = self.0.wait_for(|stage| *stage != Stage::Serving).await;
    }

    /// Waits until requests are to be ended.
    pub(crate) async fn ended(&mut self) {
        let _ = self.0.wait_for(|stage| *stage == Stage::Ended).await;
    }
}

/// What all requests of one host share.
pub(crate) struct Host {
    pub(crate) application: Arc<Loaded>,
    pub(crate) turns: Arc<Semaphore>,
    phase: Phase,
    /// Held by all that must be gone before the host is.
    _alive: mpsc::Sender<Infallible>,
}

impl Host {
    pub(crate) fn phase(&self) -> Phase {
        self.phase.clone()
    }
}

pub(crate) async fn serve(application: Arc<Loaded>, listen: SocketAddr) -> Result<Running, StartError> {
    check(&application, listen)?;
    let listener = TcpListener::bind(listen).await.map_err(|error| failed(listen, &error))?;
    start(application, listener, listen)
}

pub(crate) fn serve_on(application: Arc<Loaded>, listener: std::net::TcpListener) -> Result<Running, StartError> {
    let listen = listener.local_addr().map_err(|error| failed((Ipv4Addr::UNSPECIFIED, 0).into(), &error))?;
    check(&application, listen)?;
    listener.set_nonblocking(true).map_err(|error| failed(listen, &error))?;
    let listener = TcpListener::from_std(listener).map_err(|error| failed(listen, &error))?;
    start(application, listener, listen)
}

fn check(application: &Loaded, listen: SocketAddr) -> Result<(), StartError> {
    if application.loopback_only && !listen.ip().is_loopback() {
        let message = format!(
            "{} allows loopback addresses only (listen = \"loopback\"), such as 127.0.0.1:{}",
            application.manifest_path().display(),
            listen.port(),
        );
        return Err(StartError::Listen { address: listen, message });
    }
    Ok(())
}

fn start(application: Arc<Loaded>, listener: TcpListener, listen: SocketAddr) -> Result<Running, StartError> {
    let address = listener.local_addr().map_err(|error| failed(listen, &error))?;
    let (phase, stage) = watch::channel(Stage::Serving);
    let (keep_alive, alive) = mpsc::channel(1);
    let turns = Arc::new(Semaphore::new(application.limits.concurrent_requests));
    let host = Host { application, turns, phase: Phase(stage), _alive: keep_alive };
    tokio::spawn(accept(listener, Arc::new(host)));
    Ok(Running { address, phase, alive })
}

fn failed(listen: SocketAddr, error: &io::Error) -> StartError {
    StartError::Listen { address: listen, message: explain(error) }
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port; stop it, or choose another with --listen (port 0 picks a free one)"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need more rights; choose another with --listen".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        _ => error.to_string(),
    }
}

async fn accept(listener: TcpListener, host: Arc<Host>) {
    let connections = Arc::new(Semaphore::new(host.application.limits.connections));
    let mut phase = host.phase();
    loop {
        let next = async {
            // Never closed, so there is always a permit in the end.
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = phase.draining() => return,
        };
        match accepted {
            (permit, Ok((stream, client))) => {
                let host = Arc::clone(&host);
                tokio::spawn(async move {
                    serve_connection(stream, client, host).await;
                    drop(permit);
                });
            }
            (_, Err(error)) => {
                let message = format!("cannot accept a connection: {error}");
                host.application.log.record(&LogRecord::host(Level::Warn, None, message));
                // Out of file descriptors, most likely: time for others to end.
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, client: SocketAddr, host: Arc<Host>) {
    // Without it, the parts of a streamed response wait for the client's acknowledgements, 40 ms each.
    let _ = stream.set_nodelay(true);
    let mut phase = host.phase();
    let header_read = host.application.limits.header_read;
    let used = Arc::new(AtomicBool::new(false));
    let service = {
        let used = Arc::clone(&used);
        service_fn(move |request| {
            used.store(true, Ordering::Relaxed);
            let host = Arc::clone(&host);
            async move { Ok::<_, Infallible>(respond(&host, client, request).await) }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_read)
        .max_header_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // What fails on a connection is the client's doing, or is logged where it happens.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = phase.draining() => {}
    }
    if !used.load(Ordering::Relaxed) {
        return;
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection.as_mut() => {}
        () = phase.ended() => {}
    }
}
