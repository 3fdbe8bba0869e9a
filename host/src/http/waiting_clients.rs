//! Connections and requests that wait for their clients, and which of them makes room for others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// All that wait for their clients, in the order in which they began to.
#[derive(Debug, Default)]
pub(crate) struct WaitingClients {
    next: AtomicU64,
    /// Those that are dismissed first have `false` in their key.
    entries: Mutex<BTreeMap<(bool, u64), Arc<Notify>>>,
}

/// One of them, until it is dropped.
pub(crate) struct WaitingEntry {
    waiting: Arc<WaitingClients>,
    key: (bool, u64),
}

impl Drop for WaitingEntry {
    fn drop(&mut self) {
        self.waiting.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl WaitingClients {
    /// One more, behind all others. `dismissed` is notified when it has to make room.
    pub(crate) fn add(self: &Arc<Self>, dismissed: &Arc<Notify>) -> WaitingEntry {
        self.add_with(false, dismissed)
    }

    /// One more, with or without a credential. Those with one are dismissed after all others.
    pub(crate) fn add_with(self: &Arc<Self>, has_credential: bool, dismissed: &Arc<Notify>) -> WaitingEntry {
        let key = (has_credential, self.next.fetch_add(1, Ordering::Relaxed));
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(dismissed));
        WaitingEntry { waiting: Arc::clone(self), key }
    }

    /// Dismisses the one that has waited longest, but for `own`: one without a credential, if there is any, and no other
    /// for an own one without. Whether there was one.
    pub(crate) fn dismiss_longest(&self, own: Option<&WaitingEntry>) -> bool {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let own = own.map(|entry| entry.key);
        let may_go = |key: &(bool, u64)| own.is_none_or(|own| *key != own && key.0 <= own.0);
        let Some(longest) = entries.keys().copied().find(may_go) else { return false };
        if let Some(dismissed) = entries.remove(&longest) {
            dismissed.notify_one();
        }
        true
    }
}
