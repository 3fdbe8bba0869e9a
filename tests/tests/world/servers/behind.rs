//! Gatehouse before the servers.

use gatehouse_tests::{World, WorldSettings};

/// Gatehouse with these routes. Every address of this machine may be asked: the manifest has three places for them.
pub(crate) async fn gatehouse_with(routes: String) -> World {
    let anywhere = |name: &str, origin: &str| (name.to_owned(), origin.to_owned());
    let variables =
        vec![anywhere("client_document_origin", "http://127.0.0.1:*"), anywhere("graph_origin", "http://localhost:*")];
    World::start(WorldSettings { upstream_lines: routes, variables, ..WorldSettings::default() }).await
}
