//! What all requests of one host share, and how far the host has come.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::application::Loaded;
use crate::connections::Connections;
use crate::request_body::BodyBudget;
use crate::turns::Turns;

/// How far a host has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Serving,
    Draining,
    Ended,
}

/// The stage of a host; one whose [`Running`](crate::Running) was dropped has ended.
#[derive(Clone)]
pub(crate) struct Phase(pub(crate) watch::Receiver<Stage>);

impl Phase {
    /// Waits until no new requests are taken.
    pub(crate) async fn draining(&mut self) {
        // An error: the sender is gone.
        let _ = self.0.wait_for(|stage| *stage != Stage::Serving).await;
    }

    /// Waits until requests are to be ended.
    pub(crate) async fn ended(&mut self) {
        let _ = self.0.wait_for(|stage| *stage == Stage::Ended).await;
    }
}

/// What all requests of one host share.
pub(crate) struct Host {
    pub(crate) application: Arc<Loaded>,
    pub(crate) turns: Turns,
    pub(crate) connections: Connections,
    pub(crate) bodies: BodyBudget,
    /// Guests that run, but for those that only listen.
    pub(crate) at_work: watch::Sender<usize>,
    pub(crate) phase: Phase,
    /// Held by all that must be gone before the host is.
    pub(crate) _alive: mpsc::Sender<Infallible>,
}

impl Host {
    pub(crate) fn phase(&self) -> Phase {
        self.phase.clone()
    }

    /// Counts a guest that works for somebody, until it is dropped.
    pub(crate) fn at_work(self: &Arc<Self>) -> AtWork {
        self.at_work.send_modify(|count| *count += 1);
        AtWork(Arc::clone(self))
    }

    /// Waits until no guest works for anybody.
    pub(crate) async fn rest(&self) {
        // The sender is here, so it cannot be gone.
        let _ = self.at_work.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// See [`Host::at_work`].
pub(crate) struct AtWork(Arc<Host>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.send_modify(|count| *count = count.saturating_sub(1));
    }
}
