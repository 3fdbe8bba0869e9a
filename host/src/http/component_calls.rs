//! Requests of components to other components of the application, which are answered in this process (Spin's local service chaining).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiBody};

use super::callee_body::CalleeBody;
use super::concurrency::Caller;
use super::spin_headers::for_guest;
use super::started_guest::{GuestEnd, NewGuest, StartedGuest, start_guest};
use super::worker::Worker;
use crate::instance::{Answering, Components, LoadedComponent};
use crate::log::{Level, LogRecord, RequestId};
use crate::manifest::Route;
use crate::outbound::component_of;

/// The limit, as `--limit` names it.
const LIMIT: &str = "component-calls";

/// What Spin says for the client's address.
const NO_CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A chain of components, of which each but the last waits for the next one, and what the last one may do.
#[derive(Clone)]
pub(crate) struct ComponentCalls {
    worker: Arc<Worker>,
    /// The request of the client for whom all of them run.
    id: RequestId,
    caller: Caller,
    /// Those that wait.
    waiting: Vec<Arc<LoadedComponent>>,
    last: Arc<LoadedComponent>,
}

impl ComponentCalls {
    /// A chain of the one component that a client asks.
    pub(crate) fn of_client(
        worker: &Arc<Worker>,
        component: &Arc<LoadedComponent>,
        caller: Caller,
        id: RequestId,
    ) -> Self {
        Self { worker: Arc::clone(worker), id, caller, waiting: Vec::new(), last: Arc::clone(component) }
    }

    /// The last component, to run with what the chain may do.
    pub(crate) fn into_guest(self) -> NewGuest {
        let (worker, component, id) = (Arc::clone(&self.worker), Arc::clone(&self.last), self.id);
        let for_component = !self.waiting.is_empty();
        NewGuest { worker, component, id, components: Arc::new(self), for_component }
    }

    /// The same, one component longer.
    fn then(&self, component: &Arc<LoadedComponent>) -> Self {
        let mut longer = self.clone();
        longer.waiting.push(std::mem::replace(&mut longer.last, Arc::clone(component)));
        longer
    }

    fn warn(&self, limit: Option<&'static str>, message: String) {
        let record = LogRecord::about(self.id, Level::Warn, Some(&self.last.grants.component), message);
        self.worker.host.application.log.record(&match limit {
            Some(limit) => record.at_limit(limit),
            None => record,
        });
    }

    async fn answer(&self, request: Request<WasiBody>) -> Result<Response<WasiBody>, Error> {
        let host = &self.worker.host;
        let name = request.uri().host().unwrap_or_default().to_ascii_lowercase();
        let name = component_of(&name).unwrap_or_default();
        let Some(callee) = host.application.component(name) else {
            self.warn(None, format!("there is no component `{name}`"));
            return Err(Error::HttpRequestDenied);
        };
        if request.method() == Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        let chain = self.then(callee);
        let ids = || chain.waiting.iter().map(|waiting| waiting.grants.component.as_str()).collect::<Vec<_>>();
        if ids().contains(&name) {
            self.warn(
                None,
                format!("the request to component `{name}` makes a circle: {} -> {name}", ids().join(" -> ")),
            );
            return Err(Error::LoopDetected);
        }
        let permit = host.calls.take(self.waiting.len(), self.caller, callee.permits).map_err(|refusal| {
            self.warn(Some(LIMIT), format!("the request to component `{name}` was refused: {refusal}"));
            Error::ConnectionLimitReached
        })?;
        let is_head = request.method() == Method::HEAD;
        let end = Arc::new(Mutex::new(None));
        let ended = {
            let end = Arc::clone(&end);
            move |how| {
                *end.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
                drop(permit);
            }
        };
        let StartedGuest { answer, failed, client } =
            start_guest(chain.into_guest(), Scheme::Http, of_component(request), ended);
        match answer.await {
            Ok(Ok(response)) => {
                let (parts, body) = response.into_parts();
                let body = CalleeBody::new(body, &parts, is_head, failed, client);
                Ok(Response::from_parts(parts, body.boxed_unsync()))
            }
            Ok(Err(code)) => {
                self.warn(None, format!("component `{name}` answered with an error instead of a response: {code}"));
                Ok(internal_error())
            }
            // It trapped or returned without a response; the reason is logged by its task.
            Err(_) => match *end.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(GuestEnd::NoRoom) => Err(Error::ConnectionLimitReached),
                _ => Ok(internal_error()),
            },
        }
    }
}

impl Components for ComponentCalls {
    fn call(&self, request: Request<WasiBody>) -> Answering {
        let chain = self.clone();
        Box::pin(async move { chain.answer(request).await })
    }
}

/// The request with the headers that Spin gives it; a component's own of those names are lies as a client's are.
fn of_component(mut request: Request<WasiBody>) -> Request<WasiBody> {
    if let Some(Ok(host)) = request.uri().authority().map(|authority| HeaderValue::from_str(authority.as_str())) {
        request.headers_mut().insert(header::HOST, host);
    }
    for_guest(request, &Route::Wildcard(String::new()), NO_CLIENT, "http")
}

/// What Spin answers for a component that failed.
fn internal_error() -> Response<WasiBody> {
    let mut response = Response::new(Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
