//! Answering one request with a fresh instance of the component that its route leads to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;
use wasmtime::WasmBacktrace;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use crate::application::{LoadedComponent, OutOfCompute};
use crate::compute_meter::Metered;
use crate::connection_headers::remove_named_by_connection;
use crate::error::one_line;
use crate::log::{Level, LogRecord, LogSink, LogState, Unlogged};
use crate::request_id::RequestId;
use crate::request_log::RequestLog;
use crate::response_body::ResponseBody;
use crate::route::Route;
use crate::serve::Host;
use crate::timed_body::TimedBody;

/// Spin's own path for probes. `/.well-known/spin/` never reaches a guest, here as there.
const HEALTH: &str = "/.well-known/spin/health";

/// The longest reason of a trap that is logged, in characters.
const LONGEST_REASON: usize = 2000;

/// Answers a request. Whatever goes wrong becomes a status.
pub(crate) async fn respond(
    host: &Arc<Host>,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let mut log = RequestLog::begin(&host.application.log, request.method(), request.uri().path());
    let health = request.uri().path() == HEALTH;
    if let Some(text) = why_unlogged(&*log.log, health) {
        // Of what cannot be logged there is no line: the log counts it.
        log.log = Arc::new(Unlogged);
        return unavailable(text, log);
    }
    if health {
        return answer(StatusCode::OK, "OK", log);
    }
    if request.method() == Method::CONNECT {
        return answer(StatusCode::METHOD_NOT_ALLOWED, "", log);
    }
    if !has_one_authority(&request) {
        return answer(StatusCode::BAD_REQUEST, "", log);
    }
    let Some((route, component)) = host.application.route(request.uri().path()) else {
        return answer(StatusCode::NOT_FOUND, "", log);
    };
    log.component = Some(component.id.clone());
    let Some(permits) = take_turn(host, component).await else {
        log.warn("the request was refused: too many are running".to_owned());
        return unavailable("", log);
    };
    let request = for_guest(request, route, client);
    run_guest(host, component, request, permits, log).await
}

fn answer(status: StatusCode, text: &'static str, log: RequestLog) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::of_host(text, status, log));
    *response.status_mut() = status;
    response
}

fn unavailable(text: &'static str, log: RequestLog) -> Response<ResponseBody> {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, text, log);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Why a request is not even begun, with what to answer: nobody would read what becomes of it, and the operator wants
/// no request without that. Where the operator wants requests to go on, the host's own `health` alone tells of a log
/// that is closed: whoever probes it can start a host that has one, and the application's probes still say whether the
/// application works.
fn why_unlogged(log: &dyn LogSink, health: bool) -> Option<&'static str> {
    match log.state() {
        LogState::Open => None,
        LogState::Full if health => Some("the log is full"),
        LogState::Closed if health => Some("the log is closed"),
        LogState::Full | LogState::Closed => (!log.admits_request()).then_some(""),
    }
}

/// Whether it is beyond doubt which host the request is for (RFC 9112, section 3.2): proxies and guests that take
/// different ones could be played off against each other.
fn has_one_authority(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next(), request.uri().authority()) {
        (Some(host), None, _) => {
            host.to_str().is_ok_and(|host| host.is_empty() || host.parse::<http::uri::Authority>().is_ok())
        }
        (None, None, authority) => authority.is_some(),
        _ => false,
    }
}

/// Room for one instance: in this host's limit and in the process's pool.
type Permits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

async fn take_turn(host: &Arc<Host>, component: &LoadedComponent) -> Option<Permits> {
    let room = async {
        let turn = Arc::clone(&host.turns).acquire_owned().await.ok()?;
        let memories =
            Arc::clone(&host.application.engine.memories).acquire_many_owned(component.permits).await.ok()?;
        Some((turn, memories))
    };
    timeout(host.application.limits.turn_wait, room).await.ok().flatten()
}

/// Gives the request the headers that Spin gives it. A client's own of those names are lies.
fn for_guest(mut request: Request<Incoming>, route: &Route, client: SocketAddr) -> Request<Incoming> {
    let own: Vec<HeaderName> =
        request.headers().keys().filter(|name| name.as_str().starts_with("spin-")).cloned().collect();
    for name in own {
        request.headers_mut().remove(name);
    }
    remove_named_by_connection(request.headers_mut());
    let path = request.uri().path().to_owned();
    let authority = (request.uri().authority().map(|authority| authority.as_str().to_owned()))
        .or_else(|| Some(request.headers().get(header::HOST)?.to_str().ok()?.to_owned()))
        .unwrap_or_default();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let values = [
        ("spin-full-url", format!("http://{authority}{target}")),
        ("spin-path-info", route.path_info(&path).to_owned()),
        ("spin-matched-route", route.to_string()),
        ("spin-raw-component-route", route.to_string()),
        ("spin-component-route", route.base().to_owned()),
        ("spin-base-path", "/".to_owned()),
        ("spin-client-addr", client.to_string()),
    ];
    let headers: &mut HeaderMap = request.headers_mut();
    for (name, value) in values {
        // Parts of a request line are header characters too.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    request
}

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

async fn run_guest(
    host: &Arc<Host>,
    component: &Arc<LoadedComponent>,
    request: Request<Incoming>,
    permits: Permits,
    log: RequestLog,
) -> Response<ResponseBody> {
    let (respond, response) = oneshot::channel();
    let id = log.id;
    let failed = Arc::new(AtomicBool::new(false));
    let body_idle = host.application.limits.request_body_idle;
    let request = request.map(|body| TimedBody::new(body, body_idle).boxed_unsync());
    // A task of its own: when the client goes away before the response's head, the guest goes on. It may be in the
    // middle of something that must not be lost, like a rotated refresh token. When it streams, it sees that the
    // client left.
    let guest = {
        let (host, component, failed) = (Arc::clone(host), Arc::clone(component), Arc::clone(&failed));
        async move {
            let mut phase = host.phase();
            let running = run_instance(&host, &component, id, request, respond, failed);
            let outcome = tokio::select! {
                outcome = running => outcome,
                () = phase.ended() => Err(Stopped.into()),
            };
            if let Err(error) = outcome {
                let message = explain(&error);
                host.application.log.record(&LogRecord::about(id, Level::Error, Some(&component.id), message));
            }
            drop(permits);
        }
    };
    tokio::spawn(guest);

    match response.await {
        Ok(Ok(response)) => {
            let (parts, body) = response.into_parts();
            let body = ResponseBody::of_guest(body, parts.status, &parts.headers, log, failed);
            Response::from_parts(parts, body)
        }
        Ok(Err(code)) => {
            log.error(format!("the component answered with an error instead of a response: {code}"));
            answer(StatusCode::INTERNAL_SERVER_ERROR, "", log)
        }
        // It trapped or returned without a response; the reason is logged by its task.
        Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR, "", log),
    }
}

/// How a guest ended that did not get to its end.
fn explain(error: &wasmtime::Error) -> String {
    if error.is::<OutOfCompute>() || error.is::<Stopped>() {
        return format!("the component was stopped: {}", reason(error));
    }
    format!("the component failed: {}", reason(error))
}

/// The host ended while a guest ran.
#[derive(Debug, thiserror::Error)]
#[error("the host was stopped")]
struct Stopped;

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
) -> wasmtime::Result<()> {
    let (mut store, meter) = component.new_store(&host.application.engine.engine, id);
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
