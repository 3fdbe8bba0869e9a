//! `/readyz`: whether the servers behind the routes can be reached.

use gatehouse_configuration::Configuration;
use gatehouse_gateway::readiness::{self, TIMEOUTS};
use http::{Method, Request};
use shell_store::HostStore;

use crate::clock::HostClock;
use crate::log;
use crate::upstream::transfers::OutboundTransfers;

/// Whether every server gave some answer lately. Where the store does not answer, nothing is ready.
pub(crate) fn is_ready(configuration: &Configuration) -> bool {
    readiness::known(&HostStore, &HostClock, || look(configuration)).unwrap_or_else(|error| {
        log::event("not-ready", None, &error.to_string());
        false
    })
}

/// Asks every server something that does nothing.
fn look(configuration: &Configuration) -> bool {
    let servers = readiness::servers(configuration);
    let mut transfers = OutboundTransfers::default();
    for (_, upstream) in &servers {
        let mut request = Request::new(Vec::new());
        *request.method_mut() = Method::OPTIONS;
        *request.uri_mut() = upstream.url.clone();
        transfers.start(&request, TIMEOUTS);
    }
    readiness::all_answer(&HostClock, &mut transfers, servers.len(), |number, refusal| {
        let path = servers.get(number).map(|(path, _)| *path);
        log::event("not-ready", path, &refusal.reason());
    })
}
