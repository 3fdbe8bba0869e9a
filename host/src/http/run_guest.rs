//! Running a fresh instance for one request, until it ends, or has to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gatehouse_telemetry::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::oneshot;
use wasmtime::{PoolConcurrencyLimitError, WasmBacktrace};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use super::body_refusal::Refusal;
use super::concurrency::{ConcurrencyRefusal, RequestPermit};
use super::host::Host;
use super::own_answer::{answer, at_capacity, refuse};
use super::request_body::RequestBody;
use super::request_log::RequestLog;
use super::response_body::{MeasuredBody, ResponseBody, SubscriptionStream};
use super::worker::Worker;
use crate::error::one_line;
use crate::instance::{ClientPresence, LoadedComponent, Metered, OutOfCompute, client_presence};
use crate::log::RequestId;
use crate::log::{Level, LogRecord};
use crate::telemetry::{ListingReader, OpenStream};

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

/// Answers `request` with an instance of `component`, which holds `permit` until it ends.
pub(crate) async fn run_guest(
    worker: &Arc<Worker>,
    component: &Arc<LoadedComponent>,
    request: Request<RequestBody<Incoming>>,
    permit: RequestPermit,
    log: RequestLog,
) -> Response<ResponseBody> {
    let host = &worker.host;
    let (respond, response) = oneshot::channel();
    let id = log.id;
    let failed = Arc::new(AtomicBool::new(false));
    let (client, presence) = client_presence(host.application.limits.client_gone);
    let (held, refused) = (Arc::clone(&request.body().held), request.body().refused.clone());
    let purpose = StreamPurpose::of(&request);
    let request = request.map(BodyExt::boxed_unsync);
    let running_guest = Arc::new(Mutex::new(Some(host.running_guest())));
    // A task of its own: when the client goes away, the guest may be in the middle of something that must not be lost,
    // like a rotated refresh token (`client_presence`).
    let guest = {
        let (worker, component, failed) = (Arc::clone(worker), Arc::clone(component), Arc::clone(&failed));
        let (held, refused, running_guest) = (Arc::clone(&held), refused.clone(), Arc::clone(&running_guest));
        async move {
            let host = &worker.host;
            let mut phase = host.phase();
            let running = run_instance(&worker, &component, id, request, respond, failed, presence.clone());
            let mut presence = presence;
            let outcome = tokio::select! {
                outcome = running => outcome,
                () = phase.ended() => Err(Stopped::WithTheHost.into()),
                () = presence.guest_must_end() => Err(Stopped::WithoutClient.into()),
            };
            if let Err(error) = outcome {
                if error.is::<PoolConcurrencyLimitError>() {
                    refused.set(Refusal::NoRoom);
                }
                let message = explain(&error);
                host.application.log.record(&LogRecord::about(
                    id,
                    Level::Error,
                    Some(&component.grants.component),
                    message,
                ));
            }
            held.release();
            drop((permit, running_guest));
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
            let streams = is_event_stream(&parts.headers);
            let subscription = if streams { purpose.subscription(host) } else { Ok(None) };
            let subscription = match subscription {
                Ok(subscription) => subscription,
                // Its guest sees the client leave, and ends.
                Err(reason) => return at_capacity(reason, log),
            };
            if subscription.is_some() {
                // It only listens: a host that stops need not wait for it.
                drop(running_guest.lock().unwrap_or_else(PoisonError::into_inner).take());
            }
            let stream = if subscription.is_some() { Stream::Subscription } else { Stream::Answer };
            let measuring = host.application.measuring.as_ref();
            let measured = MeasuredBody {
                _stream: measuring.filter(|_| streams).map(|measuring| OpenStream::new(measuring, stream)),
                listing: measuring.and_then(|measuring| ListingReader::of(measuring, id)),
            };
            let body = ResponseBody::of_guest(body, parts.status, &parts.headers, log, failed, client, subscription);
            Response::from_parts(parts, body.measured(measured))
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

/// What a stream of events that answers a request is for. One that waits for what others do loses nothing when it ends
/// between two events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamPurpose {
    /// The events are the answer to the request.
    Answer,
    /// Others' requests may be answered on the stream (MCP of 2024-11-05): it ends after those.
    OtherAnswers,
    /// For notifications only.
    Notifications,
}

impl StreamPurpose {
    fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let listens = headers.get("mcp-method").is_some_and(|method| method == "subscriptions/listen");
        let is_streamable = headers.contains_key("mcp-session-id") || headers.contains_key("mcp-protocol-version");
        match *request.method() {
            Method::GET if is_streamable => Self::Notifications,
            Method::GET => Self::OtherAnswers,
            Method::POST if listens => Self::Notifications,
            _ => Self::Answer,
        }
    }

    /// Room for a stream that only waits; nothing where it is none.
    fn subscription(self, host: &Arc<Host>) -> Result<Option<SubscriptionStream>, ConcurrencyRefusal> {
        if self == Self::Answer {
            return Ok(None);
        }
        let permit = host.concurrency.stream()?;
        let (host, mut phase) = (Arc::clone(host), host.phase());
        let end = Box::pin(async move {
            phase.draining().await;
            if self == Self::OtherAnswers {
                host.until_idle().await;
            }
        });
        Ok(Some(SubscriptionStream { end, _permit: permit }))
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
    worker: &Worker,
    component: &Arc<LoadedComponent>,
    id: RequestId,
    request: Request<WasiBody>,
    respond: Respond,
    failed: Arc<AtomicBool>,
    client: ClientPresence,
) -> wasmtime::Result<()> {
    let (mut store, meter) = component.new_store(&worker.host.application.engine.engine, &worker.sender, id, client);
    // Dropped before the store, and so before the response's body ends.
    let mut unfinished = Unfinished { failed, finished: false };
    let scheme = if worker.host.application.tls.is_some() { Scheme::Https } else { Scheme::Http };
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
