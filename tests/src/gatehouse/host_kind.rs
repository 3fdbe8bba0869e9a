//! On what tests run Gatehouse.

use std::path::Path;

use crate::spin_is_installed;
use crate::store_server::{StoreKind, store_is_installed};
use crate::wash_is_installed;

/// Names the host of those tests that do not say theirs.
const HOST: &str = "GATEHOUSE_TEST_HOST";

/// On what Gatehouse runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// Our own host, in this process.
    Embedded,
    /// The same with a Redis of its own.
    EmbeddedRedis,
    /// The same with a proxy before the Redis, which can be told to fail: [`StoreServer::proxy`].
    EmbeddedRedisBehindProxy,
    /// Our own host as it is shipped: `gatehouse up`, in a process of its own.
    EmbeddedProcess,
    /// `gatehouse up`, started by this program with these first arguments. `STATE_DIRECTORY` is set for it.
    EmbeddedProcessUnder(&'static [&'static str]),
    /// The same of a checkout in this folder, as it is released: with the profile `native`, and that checkout's artefact.
    Released(&'static Path),
    /// `spin up`, with a store of its own.
    Spin,
    /// The same with a Redis of its own.
    SpinRedis,
    /// `wash dev`, with this store.
    Wash(StoreKind),
}

impl HostKind {
    /// Whether it is on this machine, with its store's server.
    pub fn is_installed(self) -> bool {
        match self {
            Self::Embedded | Self::EmbeddedProcess | Self::EmbeddedProcessUnder(_) | Self::Released(_) => true,
            Self::EmbeddedRedis | Self::EmbeddedRedisBehindProxy => store_is_installed(StoreKind::Redis),
            Self::Spin => spin_is_installed(),
            Self::SpinRedis => spin_is_installed() && store_is_installed(StoreKind::Redis),
            Self::Wash(store) => wash_is_installed(store),
        }
    }

    /// On what tests run that do not say it: the embedded host, or what `cargo xtask hosts` names in [`HOST`].
    pub(crate) fn of_tests() -> Self {
        match std::env::var(HOST).as_deref() {
            Ok("wash-redis") => Self::Wash(StoreKind::Redis),
            Ok(other) => panic!("{HOST}: there is no host `{other}`"),
            Err(_) => Self::Embedded,
        }
    }
}
