//! Answering one request with a fresh instance of the component that its route leads to.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
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
use super::worker::Worker;
use crate::connection_headers::remove_named_by_connection;
use crate::log::{LogSink, LogState, Unlogged, X_REQUEST_ID};
use crate::manifest::Route;

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
    run_guest(worker, component, for_guest(request, route, client, host.application.scheme()), permit, log).await
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

/// Gives the request the headers that Spin gives it. A client's own of those names are lies.
fn for_guest<B>(mut request: Request<B>, route: &Route, client: SocketAddr, scheme: &str) -> Request<B> {
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
        ("spin-full-url", format!("{scheme}://{authority}{target}")),
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
