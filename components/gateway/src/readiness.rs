//! `/readyz`: whether the servers behind the routes can be reached.

use std::collections::BTreeMap;

use gatehouse_configuration::{Configuration, Upstream};
use gatehouse_gateway::readiness::{self as readiness, Next, PATIENCE};
use gatehouse_protocol::OwnPath;
use gatehouse_storage::StoreUnavailable;
use http::{Method, Request, Uri};
use shell_http::outbound::{Arrival, Exchanges, Limits};
use shell_http::{Milliseconds, elapsed, now, wait};
use shell_store::HostStore;

use crate::log_event;

/// How often somebody who waits for the first look asks whether it is over.
const ASK_EVERY: Milliseconds = PATIENCE / 6;
/// For all servers together.
const TIME: Milliseconds = 6_000;
const LIMITS: Limits = Limits { connect_seconds: 5, first_byte_seconds: 5, between_bytes_seconds: 5 };

/// Whether this is the path.
pub(crate) fn is_asked_at(target: &Uri) -> bool {
    target.authority().is_none() && target.path() == OwnPath::Readiness.as_str()
}

/// Whether every server gave some answer, as of at most 20 seconds ago. Where the store does not answer, nothing is
/// ready.
pub(crate) fn is_ready(configuration: &Configuration) -> bool {
    known(configuration).unwrap_or_else(|error| {
        log_event("not-ready", None, &error.to_string());
        false
    })
}

fn known(configuration: &Configuration) -> Result<bool, StoreUnavailable> {
    let (started, mut waited) = (elapsed(), 0);
    loop {
        match readiness::ask(&HostStore, now(), waited)? {
            Next::Answer(is_ready) => return Ok(is_ready),
            Next::Look => {
                let began = now();
                let is_ready = look(configuration);
                readiness::note(&HostStore, began, is_ready)?;
                return Ok(is_ready);
            }
            Next::Wait => {
                wait(ASK_EVERY);
                waited = elapsed().saturating_sub(started).max(1);
            }
        }
    }
}

/// Asks every server something that does nothing. Any answer will do: without credentials it is a refusal.
fn look(configuration: &Configuration) -> bool {
    let upstreams = configuration.routes.iter().flat_map(|route| {
        let path = route.path.as_str();
        route.upstreams().map(move |upstream| (upstream.url.to_string(), (path, upstream)))
    });
    let upstreams: Vec<(&str, &Upstream)> = upstreams.collect::<BTreeMap<_, _>>().into_values().collect();
    let mut exchanges = Exchanges::default();
    for (_, upstream) in &upstreams {
        let mut request = Request::new(Vec::new());
        *request.method_mut() = Method::OPTIONS;
        *request.uri_mut() = upstream.url.clone();
        exchanges.start(&request, LIMITS);
    }
    let (deadline, mut answered) = (elapsed().saturating_add(TIME), vec![false; upstreams.len()]);
    while !exchanges.are_over() && elapsed() < deadline {
        match exchanges.next(deadline.saturating_sub(elapsed())) {
            Arrival::Head(number, _) => {
                exchanges.end(number);
                answered.iter_mut().skip(number).take(1).for_each(|answered| *answered = true);
            }
            Arrival::NoAnswer(number, reason) => {
                let path = upstreams.get(number).map(|(path, _)| *path);
                log_event("not-ready", path, &reason.to_string());
            }
            Arrival::Piece(..) | Arrival::End(_) | Arrival::Broken(_) | Arrival::Tick => {}
        }
    }
    answered.iter().all(|answered| *answered)
}
