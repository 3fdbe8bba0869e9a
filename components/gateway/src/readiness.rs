//! `/readyz`: whether the servers behind the routes can be reached.

use std::collections::BTreeMap;

use gatehouse_configuration::{Configuration, Upstream};
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Periods, Store as _, StoreUnavailable};
use host_imports::HostStore;
use http::{Method, Request, Uri};
use http_shell::outbound::{Arrival, Exchanges, Limits};
use http_shell::{Milliseconds, elapsed, now};

use crate::log_event;

/// A counter for each period: who increments it to 1 looks, and adds what it saw.
const READINESS: Kind = "readiness";
/// Seconds. Anybody may ask; the servers are asked once in this time at most.
const PERIODS: Periods = Periods::of_seconds(10);
/// What is added for "all can be reached", and for "not all". Far more than anybody asks in a period, and far apart.
const READY: i64 = 1 << 32;
const NOT_READY: i64 = 1 << 48;
/// For all servers together.
const TIME: Milliseconds = 6_000;
const LIMITS: Limits = Limits { connect_seconds: 5, first_byte_seconds: 5, between_bytes_seconds: 5 };

/// Whether this is the path.
pub(crate) fn is_asked_at(target: &Uri) -> bool {
    target.authority().is_none() && target.path() == "/readyz"
}

/// Whether every server gave some answer, as of at most 20 seconds ago. Where the store does not answer, nothing is
/// ready.
pub(crate) fn is_ready(configuration: &Configuration) -> bool {
    looked_up(configuration, now()).unwrap_or_else(|error| {
        log_event("not-ready", None, &error.to_string());
        false
    })
}

fn looked_up(configuration: &Configuration, now: UnixTime) -> Result<bool, StoreUnavailable> {
    let [this, previous] = PERIODS.possible_ends(now).map(|end| Key::new(READINESS, "all", end));
    let (this, previous) = (this?, previous?);
    let count = HostStore.increment(&this, 1)?;
    if let Some(known) = known(count) {
        return Ok(known);
    }
    if count > 1 {
        // Somebody else is looking. Until then the previous answer holds; without one we are not known to be ready.
        return Ok(known(HostStore.increment(&previous, 0)?).unwrap_or(false));
    }
    let is_ready = look(configuration);
    HostStore.increment(&this, if is_ready { READY } else { NOT_READY })?;
    Ok(is_ready)
}

fn known(count: i64) -> Option<bool> {
    match count {
        NOT_READY.. => Some(false),
        READY.. => Some(true),
        _ => None,
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
