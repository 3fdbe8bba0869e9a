//! What the component exports.

use std::cell::RefCell;

use gatehouse_telemetry::Moment;
use wasip2::http::types::{IncomingRequest, Method};

use crate::bindings::exports::gatehouse::host::store::{Error, Guest as Store, Key, KeyPage};
use crate::bindings::exports::gatehouse::host::telemetry::{Failure, Guest as Telemetry, Request};
use crate::bindings::exports::gatehouse::telemetry::requests::Guest as Requests;
use crate::bindings::gatehouse::host::{store, telemetry};
use crate::export;
use crate::request::{Event, Exchange, InProgress, now};

/// Everything that the component is.
pub(crate) struct Plug;

thread_local! {
    static UNDER_WAY: RefCell<Option<InProgress>> = const { RefCell::new(None) };
}

/// Keeps something with the request, if there is one.
fn with<T>(keep: impl FnOnce(&mut InProgress) -> T) -> Option<T> {
    UNDER_WAY.with_borrow_mut(|request| request.as_mut().map(keep))
}

impl Requests for Plug {
    fn began(request: &IncomingRequest) {
        let target = request.path_with_query().unwrap_or_default();
        let mut parents = request.headers().get("traceparent").into_iter();
        // Who sends two of them names none.
        let only = parents.next().filter(|_| parents.next().is_none());
        let begins = InProgress {
            began: now(),
            method: method(request.method()),
            path: target.split('?').next().unwrap_or_default().to_owned(),
            traceparent: only.and_then(|value| String::from_utf8(value).ok()),
            status: None,
            events: Vec::new(),
            exchanges: Vec::new(),
        };
        UNDER_WAY.set(Some(begins));
    }

    fn ended() {
        if let Some(request) = UNDER_WAY.take() {
            export::export(request);
        }
    }
}

impl Telemetry for Plug {
    fn log(line: String) {
        telemetry::log(&line);
        with(|request| request.happened(Event::Line { at: now(), line }));
    }

    fn answered(status: u16) {
        with(|request| request.status = Some(status));
    }

    fn sent(request: Request) -> u32 {
        let Request { method, host, port, traceparent } = request;
        let exchange = Exchange { method, host, port, traceparent, began: now(), ended: None };
        let number = with(|request| request.sent(exchange)).unwrap_or(usize::MAX);
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    fn arrived(number: u32, answer: Result<u16, Failure>) {
        let answer = answer.map_err(|failure| match failure {
            Failure::Timeout => "timeout",
            Failure::Denied => "denied",
            Failure::Failed => "failed",
        });
        with(|request| request.arrived(usize::try_from(number).unwrap_or(usize::MAX), answer));
    }
}

/// Asks the store, and keeps how long that took.
fn timed<T>(operation: &'static str, ask: impl FnOnce() -> Result<T, store::Error>) -> Result<T, Error> {
    let began = now();
    let answer = ask();
    let ended: Moment = now();
    with(|request| request.happened(Event::Store { operation, began, ended, failed: answer.is_err() }));
    answer.map_err(|error| match error {
        store::Error::Unavailable(reason) => Error::Unavailable(reason),
        store::Error::InvalidKey(reason) => Error::InvalidKey(reason),
    })
}

fn to_host(key: Key) -> store::Key {
    store::Key { kind: key.kind, id: key.id, expires_at: key.expires_at }
}

fn from_host(key: store::Key) -> Key {
    Key { kind: key.kind, id: key.id, expires_at: key.expires_at }
}

impl Store for Plug {
    fn get(key: Key) -> Result<Option<Vec<u8>>, Error> {
        timed("get", || store::get(&to_host(key)))
    }

    fn get_many(keys: Vec<Key>) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let keys: Vec<_> = keys.into_iter().map(to_host).collect();
        timed("get_many", || store::get_many(&keys))
    }

    fn put(key: Key, value: Vec<u8>) -> Result<(), Error> {
        timed("set", || store::put(&to_host(key), &value))
    }

    fn delete(key: Key) -> Result<(), Error> {
        timed("delete", || store::delete(&to_host(key)))
    }

    fn increment(key: Key, delta: u64) -> Result<u64, Error> {
        timed("increment", || store::increment(&to_host(key), delta))
    }

    fn list_keys(cursor: Option<String>) -> Result<KeyPage, Error> {
        let page = timed("list_keys", || store::list_keys(cursor.as_deref()))?;
        Ok(KeyPage { keys: page.keys.into_iter().map(from_host).collect(), next: page.next })
    }
}

fn method(method: Method) -> String {
    match method {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(name) => name,
    }
}
