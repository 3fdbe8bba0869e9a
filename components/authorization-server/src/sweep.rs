//! Removing what has expired: no backend does it for us.

use gatehouse_protocol::Entropy as _;
use gatehouse_storage::sweep;
use host_imports::HostStore;
use http_shell::SystemEntropy;

use crate::log;

/// One request in so many sweeps.
const ONE_IN: u8 = 32;
/// The most entries that one sweep removes: it holds an instance meanwhile.
const AT_MOST: usize = 500;

/// Sweeps, now and then. It runs after the answer has been sent.
pub(crate) fn sometimes() {
    let [die] = SystemEntropy.bytes::<1>();
    if die % ONE_IN == 0
        && let Err(error) = sweep(&HostStore, http_shell::now(), AT_MOST)
    {
        log::failed("sweep", error);
    }
}
