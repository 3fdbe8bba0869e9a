//! Removing what has expired, where neither the backend nor the host does it (docs/storage.md, "Removing what has expired").

use gatehouse_storage::{Store, sweep_in_turn};

use crate::host::Host;
use crate::log::{self, Ids, Line};
use crate::sandbox::Sandbox;

/// The environment variable that says `true` where the host, or something that the operator runs, removes expired entries.
const SWEPT_BY_HOST: &str = "GATEHOUSE_STORE_SWEPT_BY_HOST";

impl<H: Host, S: Store> Sandbox<'_, H, S> {
    /// Sweeps a piece where it is its turn, after a request that has written. Call it when the answer has been sent.
    pub fn sweep(&self) {
        let is_swept_by_host = || std::env::var(SWEPT_BY_HOST).is_ok_and(|value| value == "true");
        if !self.has_written.get() || is_swept_by_host() {
            return;
        }
        if let Err(error) = sweep_in_turn(self.store, self.host.now()) {
            let reason = error.to_string();
            let line = Line { event: "sweep", decision: "failed", reason: Some(&reason), ..Line::default() };
            self.host.log(&log::written(self.host.now_in_milliseconds(), &Ids::default(), &line));
        }
    }
}
