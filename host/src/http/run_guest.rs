//! Answering a client's request with a fresh instance.

use std::sync::{Arc, Mutex, PoisonError};

use gatehouse_telemetry::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::body_refusal::Refusal;
use super::component_calls::ComponentCalls;
use super::concurrency::{Caller, ConcurrencyRefusal, RequestPermit};
use super::host::Host;
use super::own_answer::{answer, at_capacity, refuse};
use super::request_body::RequestBody;
use super::request_log::RequestLog;
use super::response_body::{MeasuredBody, ResponseBody, SubscriptionStream};
use super::started_guest::{GuestEnd, StartedGuest, start_guest};
use super::worker::Worker;
use crate::instance::LoadedComponent;
use crate::telemetry::{ListingReader, OpenStream};

/// Answers `request` of `caller` with an instance of `component`, which holds `permit` until it ends.
pub(crate) async fn run_guest(
    worker: &Arc<Worker>,
    component: &Arc<LoadedComponent>,
    request: Request<RequestBody<Incoming>>,
    permit: RequestPermit,
    caller: Caller,
    log: RequestLog,
) -> Response<ResponseBody> {
    let host = &worker.host;
    let id = log.id;
    let (held, refused) = (Arc::clone(&request.body().held), request.body().refused.clone());
    let purpose = StreamPurpose::of(&request);
    let scheme = if host.application.tls.is_some() { Scheme::Https } else { Scheme::Http };
    let request = request.map(BodyExt::boxed_unsync);
    let running_guest = Arc::new(Mutex::new(Some(host.running_guest())));
    let ended = {
        let (held, refused, running_guest) = (Arc::clone(&held), refused.clone(), Arc::clone(&running_guest));
        move |end| {
            if end == GuestEnd::NoRoom {
                refused.set(Refusal::NoRoom);
            }
            held.release();
            drop((permit, running_guest));
        }
    };
    let calls = ComponentCalls::of_client(worker, component, caller, id);
    let StartedGuest { answer: response, failed, client } = start_guest(calls.into_guest(), scheme, request, ended);

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
