//! One of the threads that serve connections, as what runs on it sees it.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::host::Host;
use crate::outbound::OutboundSender;

/// A thread that serves connections, for what runs on it.
pub(crate) struct Worker {
    pub(crate) host: Arc<Host>,
    /// Sends guests' requests over connections of this thread.
    pub(crate) sender: OutboundSender,
    /// Held by all that must be gone before the thread is.
    _alive: mpsc::Sender<Infallible>,
}

impl Worker {
    /// The thread that ends when nobody holds `alive` any more.
    pub(crate) fn new(host: Arc<Host>, alive: mpsc::Sender<Infallible>) -> Self {
        let sender = host.application.outbound.sender();
        Self { host, sender, _alive: alive }
    }
}
