//! The connections of one host: how many there are, and which of them wait for their clients.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::waiting_clients::WaitingClients;

/// After this time another one is asked to make room.
const TIME_TO_MAKE_ROOM: Duration = Duration::from_millis(100);

/// The connections of one host.
pub(crate) struct Connections {
    slots: Arc<Semaphore>,
    /// For requests on connections of HTTP/2 that have one already: as many as there may be connections.
    requests: Arc<Semaphore>,
    /// Connections between two requests, or with half a head.
    pub(crate) idle: Arc<WaitingClients>,
    /// Requests whose bodies are not there yet; no guest runs for them.
    pub(crate) bodies: Arc<WaitingClients>,
    pub(crate) heads: Arc<IncompleteHeads>,
}

/// The bytes of heads that are not complete.
#[derive(Debug)]
pub(crate) struct IncompleteHeads {
    pub(crate) bytes: AtomicUsize,
    pub(crate) most: usize,
}

impl Connections {
    /// At most `most` connections, and `head_bytes` of incomplete heads on all of them together.
    pub(crate) fn new(most: usize, head_bytes: usize) -> Self {
        let heads = IncompleteHeads { bytes: AtomicUsize::new(0), most: head_bytes };
        Self {
            slots: Arc::new(Semaphore::new(most)),
            requests: Arc::new(Semaphore::new(most)),
            idle: Arc::default(),
            bodies: Arc::default(),
            heads: Arc::new(heads),
        }
    }

    /// Whether there are as many as there may be.
    pub(crate) fn are_full(&self) -> bool {
        self.slots.available_permits() == 0
    }

    /// Allocated for one connection more. Where there is none, the one that has been idle longest makes room; where none is
    /// idle, the request that has waited longest for its body.
    pub(crate) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(slot);
        }
        loop {
            if !self.idle.dismiss_longest(None) {
                self.bodies.dismiss_longest(None);
            }
            if let Ok(slot) = timeout(TIME_TO_MAKE_ROOM, Arc::clone(&self.slots).acquire_owned()).await {
                // Never closed, so this is a slot.
                return slot.ok();
            }
        }
    }

    /// Room for one request more on a connection that has one already. Where there is none, the request that has waited longest
    /// for its body makes room, if it does so soon.
    pub(crate) async fn room_for_request(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(room) = Arc::clone(&self.requests).try_acquire_owned() {
            return Some(room);
        }
        self.bodies.dismiss_longest(None);
        timeout(TIME_TO_MAKE_ROOM, Arc::clone(&self.requests).acquire_owned()).await.ok()?.ok()
    }
}
