//! How the adapter for wasmCloud finds out which backend the store has (`components/adapter-wasmcloud/src/backend.rs`): NATS alone says of a
//! name that it can have none, and names JetStream. If a host changes that, this fails: counters on NATS would not be exact any more, or
//! those elsewhere would be kept in the way that only NATS needs.

use gatehouse_tests::{AttackWorld, HostKind, StoreKind};
use redis::AsyncCommands as _;

/// Where the adapter keeps what it has found out, and what that begins with.
const ENTRY: &str = "backend.18446744073709551615.counters";
const EXACT: &str = "exact";
const NATS: &str = "root ";

/// Whether what was found out is what the host has; after something was counted. The host's own memory cannot be looked into: there, every
/// other check fails where nothing is found out.
pub(crate) async fn is_found_out(world: &AttackWorld, host: HostKind) {
    let HostKind::Wash(kind) = host else { return };
    let server = world.gatehouse.store_server().expect("the server of the store");
    let (found, expected) = match kind {
        StoreKind::Memory => return,
        StoreKind::Redis | StoreKind::RedisBehindProxy => {
            (server.redis().await.get(format!("default:{ENTRY}")).await.expect("Redis answers"), EXACT)
        }
        StoreKind::Nats => (server.value_in_nats("default", ENTRY).await, NATS),
    };
    let found: Vec<u8> = found.expect("something was found out");
    let found = String::from_utf8_lossy(&found);
    assert!(found.starts_with(expected), "{host:?} was taken for a backend of which `{found}` holds");
}
