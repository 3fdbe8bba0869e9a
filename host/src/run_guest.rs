//! Running a fresh instance for one request, until it ends, or has to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::oneshot;
use wasmtime::{PoolConcurrencyLimitError, WasmBacktrace};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use crate::application::{LoadedComponent, OutOfCompute};
use crate::client::{ClientPresence, client};
use crate::compute_meter::Metered;
use crate::error::one_line;
use crate::host::Host;
use crate::log::{Level, LogRecord};
use crate::own_answer::{answer, no_turn, refuse};
use crate::request_body::{Refusal, RequestBody};
use crate::request_id::RequestId;
use crate::request_log::RequestLog;
use crate::response_body::{Listening, ResponseBody};
use crate::turns::{NoTurn, Turn};

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

/// Answers `request` with an instance of `component`, which holds `turn` until it ends.
pub(crate) async fn run_guest(
    host: &Arc<Host>,
    component: &Arc<LoadedComponent>,
    request: Request<RequestBody<Incoming>>,
    turn: Turn,
    log: RequestLog,
) -> Response<ResponseBody> {
    let (respond, response) = oneshot::channel();
    let id = log.id;
    let failed = Arc::new(AtomicBool::new(false));
    let (client_waits, client) = client(host.application.limits.client_gone);
    let (held, refused) = (Arc::clone(&request.body().held), request.body().refused.clone());
    let listens = listens(&request);
    let request = request.map(BodyExt::boxed_unsync);
    let at_work = Arc::new(Mutex::new(Some(host.at_work())));
    // A task of its own: when the client goes away, the guest may be in the middle of something that must not be lost,
    // like a rotated refresh token (`client`).
    let guest = {
        let (host, component, failed) = (Arc::clone(host), Arc::clone(component), Arc::clone(&failed));
        let (held, refused, at_work) = (Arc::clone(&held), refused.clone(), Arc::clone(&at_work));
        async move {
            let mut phase = host.phase();
            let running = run_instance(&host, &component, id, request, respond, failed, client.clone());
            let mut client = client;
            let outcome = tokio::select! {
                outcome = running => outcome,
                () = phase.ended() => Err(Stopped::WithTheHost.into()),
                () = client.guest_must_end() => Err(Stopped::WithoutClient.into()),
            };
            if let Err(error) = outcome {
                if error.is::<PoolConcurrencyLimitError>() {
                    refused.set(Refusal::NoRoom);
                }
                let message = explain(&error);
                host.application.log.record(&LogRecord::about(id, Level::Error, Some(&component.id), message));
            }
            held.release();
            drop((turn, at_work));
        }
    };
    tokio::spawn(guest);

    let answered = tokio::select! {
        biased;
        refusal = refused.wait() => Err(refusal),
        answered = response => Ok(answered),
    };
    held.release_small();
    let answered = match answered {
        // It ended without an answer because there was no room for it.
        Ok(Err(_)) => refused.get().map_or(Ok(None), Err),
        Ok(Ok(answered)) => Ok(Some(answered)),
        Err(refusal) => Err(refusal),
    };
    match answered {
        Ok(Some(Ok(response))) => {
            let (parts, body) = response.into_parts();
            let listening = if is_event_stream(&parts.headers) { listens.room(host) } else { Ok(None) };
            let listening = match listening {
                Ok(listening) => listening,
                // Its guest sees the client leave, and ends.
                Err(reason) => return no_turn(reason, log),
            };
            if listening.is_some() {
                // It only listens: a host that stops need not wait for it.
                drop(at_work.lock().unwrap_or_else(PoisonError::into_inner).take());
            }
            let body = ResponseBody::of_guest(body, parts.status, &parts.headers, log, failed, client_waits, listening);
            Response::from_parts(parts, body)
        }
        Ok(Some(Err(code))) => {
            log.error(format!("the component answered with an error instead of a response: {code}"));
            answer(StatusCode::INTERNAL_SERVER_ERROR, "", log)
        }
        // It trapped or returned without a response; the reason is logged by its task.
        Ok(None) => answer(StatusCode::INTERNAL_SERVER_ERROR, "", log),
        Err(refusal) => refuse(refusal, log),
    }
}

/// Whether a stream of events that answers a request waits for what others do, so that nothing is lost when it ends between
/// two events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listens {
    /// The events are the answer to the request.
    No,
    /// Others' requests may be answered on the stream (MCP of 2024-11-05): it ends after those.
    ForAnswers,
    /// For news only.
    ForNews,
}

fn listens<B>(request: &Request<B>) -> Listens {
    let headers = request.headers();
    let listens = headers.get("mcp-method").is_some_and(|method| method == "subscriptions/listen");
    let is_streamable = headers.contains_key("mcp-session-id") || headers.contains_key("mcp-protocol-version");
    match *request.method() {
        Method::GET if is_streamable => Listens::ForNews,
        Method::GET => Listens::ForAnswers,
        Method::POST if listens => Listens::ForNews,
        _ => Listens::No,
    }
}

impl Listens {
    /// Room for such a stream; nothing where it is none.
    fn room(self, host: &Arc<Host>) -> Result<Option<Listening>, NoTurn> {
        if self == Self::No {
            return Ok(None);
        }
        let room = host.turns.stream()?;
        let (host, mut phase) = (Arc::clone(host), host.phase());
        let over = Box::pin(async move {
            phase.draining().await;
            if self == Self::ForAnswers {
                host.rest().await;
            }
        });
        Ok(Some(Listening { over, _room: room }))
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
}

/// Why the host stopped a guest that had done nothing wrong.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("the host was stopped")]
    WithTheHost,
    #[error("it went on for too long after its client had gone")]
    WithoutClient,
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
    host: &Host,
    component: &Arc<LoadedComponent>,
    id: RequestId,
    request: Request<WasiBody>,
    respond: Respond,
    failed: Arc<AtomicBool>,
    client: ClientPresence,
) -> wasmtime::Result<()> {
    let (mut store, meter) = component.new_store(&host.application.engine.engine, id, client);
    // Dropped before the store, and so before the response's body ends.
    let mut unfinished = Unfinished { failed, finished: false };
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
    let outparam = store.data_mut().http().new_response_outparam(respond)?;
    let guest = async {
        let proxy = component.pre.instantiate_async(&mut store).await?;
        proxy.wasi_http_incoming_handler().call_handle(&mut store, request, outparam).await
    };
    Metered::new(guest, meter).await?;
    unfinished.finished = true;
    Ok(())
}
