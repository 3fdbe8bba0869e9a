//! The host's clocks.

use gatehouse_gateway::{Clock, Milliseconds};
use gatehouse_protocol::UnixTime;

/// The clocks of the host.
pub(crate) struct HostClock;

impl Clock for HostClock {
    fn now(&self) -> UnixTime {
        shell_http::now()
    }

    fn elapsed(&self) -> Milliseconds {
        shell_http::elapsed()
    }

    fn wait(&self, time: Milliseconds) {
        shell_http::wait(time);
    }
}
