//! `/readyz`: whether the servers behind the routes can be reached.

use gatehouse_audit_log::Event;
use gatehouse_configuration::gateway::Server;
use gatehouse_gateway::readiness::{self, TIMEOUTS};
use http::{Method, Request};
use shell_store::HostStore;

use crate::clock::HostClock;
use crate::log;
use crate::upstream::transfers::OutboundTransfers;

/// Whether every server gave some answer lately. Where the store does not answer, nothing is ready.
pub(crate) fn is_ready(servers: &[Server]) -> bool {
    readiness::known(&HostStore, &HostClock, || look(servers)).unwrap_or_else(|error| {
        log::event(Event::NotReady, None, &error.to_string());
        false
    })
}

/// Asks every server something that does nothing.
fn look(servers: &[Server]) -> bool {
    let mut transfers = OutboundTransfers::default();
    for server in servers {
        let mut request = Request::new(Vec::new());
        *request.method_mut() = Method::OPTIONS;
        *request.uri_mut() = server.url.clone();
        transfers.start(request, TIMEOUTS);
    }
    readiness::all_answer(&HostClock, &mut transfers, servers.len(), |number, refusal| {
        let path = servers.get(number).map(|server| server.route.as_str());
        log::event(Event::NotReady, path, &refusal.reason());
    })
}
