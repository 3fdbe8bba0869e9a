//! SubscriptionStream, and the two steps of stopping: first no new requests, then no requests.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::body_budget::BodyBudget;
use super::component_call_limits::ComponentCallLimits;
use super::concurrency::ConcurrencyLimits;
use super::connections::Connections;
use super::host::{Host, Phase, Stage};
use super::open_files::{connections_within, raise_limit};
use super::repeated_failures::RepeatedFailures;
use super::workers::Workers;
use crate::error::StartError;
use crate::instance::POOL_MEMORIES;
use crate::loaded_application::LoadedApplication;
use crate::log::{Level, LogRecord};

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

    /// Stops accepting, ends streams on which nothing is due, lets running requests end for up to `grace`, then ends them.
    /// Returns whether all ended by themselves.
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

pub(crate) async fn serve(application: Arc<LoadedApplication>, listen: SocketAddr) -> Result<Running, StartError> {
    check(&application, listen)?;
    let listener = TcpListener::bind(listen).await.map_err(|error| failed(listen, &error))?;
    start(application, listener, listen)
}

pub(crate) fn serve_on(
    application: Arc<LoadedApplication>,
    listener: std::net::TcpListener,
) -> Result<Running, StartError> {
    let listen = listener.local_addr().map_err(|error| failed((Ipv4Addr::UNSPECIFIED, 0).into(), &error))?;
    check(&application, listen)?;
    listener.set_nonblocking(true).map_err(|error| failed(listen, &error))?;
    let listener = TcpListener::from_std(listener).map_err(|error| failed(listen, &error))?;
    start(application, listener, listen)
}

fn check(application: &LoadedApplication, listen: SocketAddr) -> Result<(), StartError> {
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

fn start(
    application: Arc<LoadedApplication>,
    listener: TcpListener,
    listen: SocketAddr,
) -> Result<Running, StartError> {
    let address = listener.local_addr().map_err(|error| failed(listen, &error))?;
    let (phase, stage) = watch::channel(Stage::Serving);
    let (keep_alive, alive) = mpsc::channel(1);
    let limits = application.limits;
    let memories = &application.engine.memories;
    let pool = usize::try_from(POOL_MEMORIES).unwrap_or(usize::MAX);
    let calls = ComponentCallLimits::new(&limits, Arc::clone(memories), pool, application.largest_callee());
    let concurrency = ConcurrencyLimits::new(
        &limits,
        &application.probe_paths,
        Arc::clone(memories),
        pool.saturating_sub(calls.room()),
        application.largest_guest(),
    );
    let files = raise_limit();
    let connections = connections_within(files, limits.connections);
    let say = |message: String| application.log.record(&LogRecord::host(Level::Warn, None, message));
    if concurrency.total() < limits.concurrent_requests {
        say(format!(
            "the pool has room for {} of {} requests at the same time; more are answered with 503",
            concurrency.total(),
            limits.concurrent_requests
        ));
    }
    if connections < limits.connections {
        say(format!(
            "{connections} of {} connections can be open at the same time: the process may open {} files (ulimit -n)",
            limits.connections,
            files.unwrap_or(u64::MAX)
        ));
    }
    let host = Host {
        concurrency,
        calls,
        connections: Connections::new(connections, limits.head_bytes),
        bodies: BodyBudget::new(&limits),
        accept_failures: RepeatedFailures::new("cannot accept a connection", Duration::from_secs(1)),
        // Whoever scans the internet makes some.
        handshake_failures: RepeatedFailures::new("the TLS handshake of a client failed", Duration::from_secs(10)),
        running_guests: watch::Sender::new(0),
        application,
        phase: Phase(stage),
        _alive: keep_alive,
    };
    let host = Arc::new(host);
    let workers = Workers::start(&host).map_err(|error| failed(listen, &error))?;
    tokio::spawn(accept(listener, host, workers));
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

async fn accept(listener: TcpListener, host: Arc<Host>, mut workers: Workers) {
    let mut phase = host.phase();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = phase.draining() => return,
        };
        let given = match accepted {
            Ok((stream, client)) => {
                // One more than there may be, until another has made room.
                if let (true, Some(measuring)) = (host.connections.are_full(), &host.application.measuring) {
                    measuring.limit_reached("connections");
                }
                let slot = tokio::select! {
                    slot = host.connections.room() => slot,
                    () = phase.draining() => return,
                };
                workers.serve(stream, client, slot)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = given {
            host.accept_failures.log(&*host.application.log, &error);
            // Out of file descriptors, most likely: time for others to end.
            sleep(Duration::from_millis(50)).await;
        }
    }
}
