//! Running a fresh instance for one request, until it ends, or has to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use tokio::sync::oneshot;
use wasmtime::{PoolConcurrencyLimitError, WasmBacktrace};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use super::worker::Worker;
use crate::error::one_line;
use crate::instance::{
    ClientGuard, ClientPresence, Components, LoadedComponent, Metered, OutOfCompute, client_presence,
};
use crate::log::{Level, LogRecord, RequestId};

/// The longest reason of a trap that is logged, in characters.
const LONGEST_REASON: usize = 2000;

/// Says that the guest did not get to its end, unless it is told that it did.
struct Unfinished {
    failed: Arc<AtomicBool>,
    finished: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            self.failed.store(true, Ordering::Release);
        }
    }
}

/// A guest that is to run.
pub(crate) struct NewGuest {
    pub(crate) worker: Arc<Worker>,
    pub(crate) component: Arc<LoadedComponent>,
    /// The request of the client for whom it runs.
    pub(crate) id: RequestId,
    /// The components that it may ask.
    pub(crate) components: Arc<dyn Components>,
    /// Whether another component asks it.
    pub(crate) for_component: bool,
}

/// A guest that runs in a task of its own.
pub(crate) struct StartedGuest {
    /// Its answer, or that it ended without one.
    pub(crate) answer: oneshot::Receiver<Result<Response<WasiBody>, ErrorCode>>,
    /// Set before the answer's body ends, where the guest did not get to its end.
    pub(crate) failed: Arc<AtomicBool>,
    /// Whoever waits for the answer.
    pub(crate) client: ClientGuard,
}

/// How a guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GuestEnd {
    /// It returned.
    Finished,
    /// It failed, or was stopped.
    Failed,
    /// There was no room for it, so it never ran.
    NoRoom,
}

/// Starts a guest for `request`; `ended` is called when it has ended.
///
/// The guest has a task of its own: when whoever asked goes away, it may be in the middle of something that must not be lost, like
/// a rotated refresh token (`client_presence`).
pub(crate) fn start_guest(
    guest: NewGuest,
    scheme: Scheme,
    request: Request<WasiBody>,
    ended: impl FnOnce(GuestEnd) + Send + 'static,
) -> StartedGuest {
    let (respond, answer) = oneshot::channel();
    let failed = Arc::new(AtomicBool::new(false));
    let (client, mut presence) = client_presence(guest.worker.host.application.limits.client_gone, guest.for_component);
    let (is_failed, of_guest) = (Arc::clone(&failed), presence.clone());
    tokio::spawn(async move {
        let (id, worker, component) = (guest.id, Arc::clone(&guest.worker), Arc::clone(&guest.component));
        let mut phase = worker.host.phase();
        let outcome = tokio::select! {
            outcome = run_instance(guest, scheme, request, respond, is_failed, of_guest) => outcome,
            () = phase.ended() => Err(Stopped::WithTheHost.into()),
            () = presence.guest_must_end() => {
                Err(if presence.ends_at_once() { Stopped::WithItsCaller } else { Stopped::WithoutClient }.into())
            }
        };
        ended(match outcome {
            Ok(()) => GuestEnd::Finished,
            Err(error) => {
                let message = explain(&error);
                let log = &worker.host.application.log;
                log.record(&LogRecord::about(id, Level::Error, Some(&component.grants.component), message));
                if error.is::<PoolConcurrencyLimitError>() { GuestEnd::NoRoom } else { GuestEnd::Failed }
            }
        });
    });
    StartedGuest { answer, failed, client }
}

/// Why the host stopped a guest that had done nothing wrong.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("the host was stopped")]
    WithTheHost,
    #[error("it went on for too long after its client had gone")]
    WithoutClient,
    #[error("the component that had asked it waits no longer")]
    WithItsCaller,
}

/// How a guest ended that did not get to its end.
fn explain(error: &wasmtime::Error) -> String {
    if error.is::<OutOfCompute>() || error.is::<Stopped>() {
        return format!("the component was stopped: {}", reason(error));
    }
    format!("the component failed: {}", reason(error))
}

/// Why a guest failed: the cause first, then the functions on its stack that have a name.
fn reason(error: &wasmtime::Error) -> String {
    let functions = error.downcast_ref::<WasmBacktrace>().map_or_else(Vec::new, |backtrace| {
        backtrace.frames().iter().filter_map(|frame| frame.func_name().map(|name| name.to_owned())).collect()
    });
    let stack = if functions.is_empty() { String::new() } else { format!(", in {}", functions.join(", called by ")) };
    let text = format!("{:#}{stack}", error.root_cause());
    one_line(&text).chars().take(LONGEST_REASON).collect()
}

type Respond = oneshot::Sender<Result<Response<WasiBody>, ErrorCode>>;

async fn run_instance(
    guest: NewGuest,
    scheme: Scheme,
    request: Request<WasiBody>,
    respond: Respond,
    failed: Arc<AtomicBool>,
    client: ClientPresence,
) -> wasmtime::Result<()> {
    let NewGuest { worker, component, id, components, for_component } = guest;
    let engine = &worker.host.application.engine.engine;
    let (mut store, meter) = component.new_store(engine, &worker.sender, components, id, client, for_component);
    // Dropped before the store, and so before the response's body ends.
    let mut unfinished = Unfinished { failed, finished: false };
    let request = store.data_mut().http().new_incoming_request(scheme, request)?;
    let outparam = store.data_mut().http().new_response_outparam(respond)?;
    let guest = async {
        let proxy = component.pre.instantiate_async(&mut store).await?;
        proxy.wasi_http_incoming_handler().call_handle(&mut store, request, outparam).await
    };
    Metered::new(guest, meter).await?;
    unfinished.finished = true;
    Ok(())
}
