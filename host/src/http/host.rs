//! What all requests of one host share, and how far the host has come.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::body_budget::BodyBudget;
use super::component_call_limits::ComponentCallLimits;
use super::concurrency::ConcurrencyLimits;
use super::connections::Connections;
use super::repeated_failures::RepeatedFailures;
use crate::loaded_application::LoadedApplication;

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
    pub(crate) application: Arc<LoadedApplication>,
    pub(crate) concurrency: ConcurrencyLimits,
    pub(crate) calls: ComponentCallLimits,
    pub(crate) connections: Connections,
    pub(crate) bodies: BodyBudget,
    pub(crate) accept_failures: RepeatedFailures,
    pub(crate) handshake_failures: RepeatedFailures,
    /// Guests that run, but for those that only listen.
    pub(crate) running_guests: watch::Sender<usize>,
    pub(crate) phase: Phase,
    /// Held by all that must be gone before the host is.
    pub(crate) _alive: mpsc::Sender<Infallible>,
}

impl Host {
    pub(crate) fn phase(&self) -> Phase {
        self.phase.clone()
    }

    /// Counts a guest that works for somebody, until it is dropped.
    pub(crate) fn running_guest(self: &Arc<Self>) -> RunningGuest {
        self.running_guests.send_modify(|count| *count += 1);
        RunningGuest(Arc::clone(self))
    }

    /// Waits until no guest works for anybody.
    pub(crate) async fn until_idle(&self) {
        // The sender is here, so it cannot be gone.
        let _ = self.running_guests.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// See [`Host::running_guest`].
pub(crate) struct RunningGuest(Arc<Host>);

impl Drop for RunningGuest {
    fn drop(&mut self) {
        self.0.running_guests.send_modify(|count| *count = count.saturating_sub(1));
    }
}
