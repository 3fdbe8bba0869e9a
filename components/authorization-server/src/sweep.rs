//! Removing what has expired, where neither the backend nor the host does it.

use gatehouse_storage::sweep_in_turn;
use shell_store::HostStore;

use crate::log::RequestLog;

/// The environment variable that says `true` where the host, or something that the operator runs, removes expired entries.
const SWEPT_BY_HOST: &str = "GATEHOUSE_STORE_SWEPT_BY_HOST";

/// Sweeps a piece where it is its turn. It runs after the answer has been sent.
pub(crate) fn in_turn(log: &RequestLog) {
    if std::env::var(SWEPT_BY_HOST).is_ok_and(|value| value == "true") {
        return;
    }
    if let Err(error) = sweep_in_turn(&HostStore, shell_http::now()) {
        log.failed("sweep", None, error);
    }
}
