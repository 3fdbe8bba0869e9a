//! Which names may stand in attributes: those of the configuration, as far as this request has to do with them.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse_configuration::Route;
use gatehouse_protocol::OwnPath;
use gatehouse_telemetry::{Names, Peer};
use http::Uri;
use serde::Deserialize;

use crate::request::{Event, InProgress};

/// What is read of a line here.
#[derive(Deserialize)]
struct Line {
    route: Option<String>,
}

/// The names that this request may use. Where the configuration cannot be read, they are few.
pub(crate) fn of(request: &InProgress) -> Names {
    let routes = routes(request);
    let paths = OwnPath::ALL.iter().map(|path| path.as_str().to_owned());
    let paths = paths.chain(routes.iter().flat_map(Route::served_paths));
    let tools = routes.iter().map(|route| (route.path.to_string(), route.named_tools().collect()));
    Names::new(paths, peers(request, &routes), tools)
}

/// The routes that lines name: a component names one that the configuration has.
fn routes(request: &InProgress) -> Vec<Route> {
    let named = request.events.iter().filter_map(|event| match event {
        Event::Line { line, .. } => serde_json::from_str::<Line>(line).ok()?.route,
        Event::Store { .. } | Event::Exchanged(_) => None,
    });
    let named: BTreeSet<String> = named.collect();
    named.iter().filter_map(|path| shell_configuration::route(path).ok().flatten()).collect()
}

/// Whom this request has asked. The configuration of identity providers is read only where somebody is no server of these routes.
fn peers(request: &InProgress, routes: &[Route]) -> BTreeMap<(String, u16), Peer> {
    let servers = routes.iter().flat_map(Route::upstreams).filter_map(|upstream| place(&upstream.url));
    let mut peers: BTreeMap<_, _> = servers.map(|place| (place, Peer::Server)).collect();
    let is_known = |peers: &BTreeMap<_, _>, host: &str, port| peers.contains_key(&(host.to_ascii_lowercase(), port));
    if request.exchanges.iter().all(|exchange| is_known(&peers, &exchange.host, exchange.port)) {
        return peers;
    }
    if let Ok(configuration) = shell_configuration::authorization_server() {
        for provider in &configuration.identity_providers {
            let url = provider.metadata_url.as_ref().unwrap_or(&provider.issuer).parse::<Uri>().ok();
            if let Some(place) = url.as_ref().and_then(place) {
                peers.entry(place).or_insert(Peer::IdentityProvider);
            }
        }
    }
    peers
}

fn place(url: &Uri) -> Option<(String, u16)> {
    let default_port = if url.scheme_str() == Some("http") { 80 } else { 443 };
    Some((url.host()?.to_ascii_lowercase(), url.port_u16().unwrap_or(default_port)))
}
