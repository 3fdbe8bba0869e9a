//! Answering one request with a fresh instance of the component that its route leads to.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::connection_state::Connection;
use super::http2_request::to_http1_form;
use super::own_answer::{answer, at_capacity, no_room_on_connection, refuse, unavailable};
use super::request_body::RequestBody;
use super::request_log::RequestLog;
use super::response_body::ResponseBody;
use super::run_guest::run_guest;
use super::spin_headers::for_guest;
use super::worker::Worker;
use crate::log::{LogSink, LogState, Unlogged, X_REQUEST_ID};
use crate::outbound::is_in_domain;

/// Spin's own path for probes. `/.well-known/spin/` never reaches a guest, here as there.
const HEALTH: &str = "/.well-known/spin/health";

/// Answers a request. Whatever goes wrong becomes a status. Every answer says the id under which the log has its request,
/// also where a guest said another.
pub(crate) async fn respond(
    worker: &Arc<Worker>,
    connection: &Arc<Connection>,
    client: SocketAddr,
    request: Request<Incoming>,
    log: RequestLog,
) -> Response<ResponseBody> {
    let mut in_progress = connection.begin();
    let mut response = if in_progress.has_room(&worker.host.connections).await {
        answer_to(worker, connection, client, request, log).await
    } else {
        no_room_on_connection(log)
    };
    response.body_mut().hold_connection(in_progress);
    let id = response.body().request_id().to_header_value();
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

async fn answer_to(
    worker: &Arc<Worker>,
    connection: &Arc<Connection>,
    client: SocketAddr,
    request: Request<Incoming>,
    mut log: RequestLog,
) -> Response<ResponseBody> {
    let host = &worker.host;
    let limits = &host.application.limits;
    let has_body = !request.body().is_end_stream();
    let caller = host.concurrency.caller(request.method(), request.uri().path(), request.headers(), has_body);
    let mut request = request.map(|body| RequestBody::new(body, limits, &host.bodies, connection, caller));
    let health = request.uri().path() == HEALTH;
    if let Some(text) = why_unlogged(&*log.log, health) {
        // Of what cannot be logged there is no line: the log counts it.
        log.log = Arc::new(Unlogged);
        if let Some(measuring) = &host.application.measuring {
            measuring.limit_reached("log");
        }
        return unavailable(text, log);
    }
    if health {
        return answer(StatusCode::OK, "OK", log);
    }
    if request.method() == Method::CONNECT {
        return answer(StatusCode::METHOD_NOT_ALLOWED, "", log);
    }
    if request.version() == Version::HTTP_2
        && let Err(status) = to_http1_form(&mut request)
    {
        return answer(status, "", log);
    }
    if request.version() == Version::HTTP_10 && !request.headers().contains_key(header::HOST) {
        // HTTP/1.0 knew no Host, and checks of proxies still speak it (haproxy's `option httpchk`).
        request.headers_mut().insert(header::HOST, HeaderValue::from_static(""));
    }
    if !has_one_authority(&request) {
        return answer(StatusCode::BAD_REQUEST, "", log);
    }
    if names_component(&request) {
        return answer(StatusCode::MISDIRECTED_REQUEST, "", log);
    }
    let Some((route, component)) = host.application.route(request.uri().path()) else {
        return answer(StatusCode::NOT_FOUND, "", log);
    };
    log.component = Some(component.grants.component.clone());

    if has_body {
        let gathered = request.body_mut().gather(limits, &host.connections).await;
        if let Err(refusal) = gathered {
            return refuse(refusal, log);
        }
    }
    let permit = match host.concurrency.take(caller, component.permits).await {
        Ok(permit) => permit,
        Err(reason) => return at_capacity(reason, log),
    };
    let request = for_guest(request, route, client, host.application.scheme());
    run_guest(worker, component, request, permit, caller, log).await
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
fn has_one_authority<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next(), request.uri().authority()) {
        (Some(host), None, _) => {
            host.to_str().is_ok_and(|host| host.is_empty() || host.parse::<http::uri::Authority>().is_ok())
        }
        (None, None, authority) => authority.is_some(),
        _ => false,
    }
}

/// Whether a client asks for a component by the name that only other components have for it. The path alone decides who answers, but
/// no guest shall take it for a request of another component.
fn names_component<B>(request: &Request<B>) -> bool {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    [authority, host].into_iter().flatten().any(|named| {
        let named = named.rsplit_once('@').map_or(named, |(_, host)| host);
        let host = named.split(':').next().unwrap_or_default();
        is_in_domain(&host.to_ascii_lowercase())
    })
}
