//! How many requests of components to other components run at the same time, and for whom.
//!
//! A guest that asks another component keeps its own permit while it waits. So nobody waits for a permit here: where there is none, the
//! guest is told at once. And each step of a chain has permits of its own: those who wait for the next step never hold what it
//! needs, however many they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::concurrency::Caller;
use crate::limits::Limits;

/// The longest chain of components that call each other has so many calls.
const STEPS: usize = 4;

/// The permits of one host for calls of components.
pub(crate) struct ComponentCallLimits {
    steps: Vec<Step>,
    memories: Arc<Semaphore>,
    per_credential: usize,
    per_anonymous: usize,
    /// Memories of the pool that calls may take, all together.
    room: usize,
}

/// The permits of the first calls of chains, or the second ones, and so on.
struct Step {
    permits: Arc<Semaphore>,
    held: Arc<Mutex<HashMap<Caller, usize>>>,
}

/// Allocated for one guest that was called, for as long as it is held.
pub(crate) struct ComponentCallPermit {
    _permits: [OwnedSemaphorePermit; 2],
    _share: Share,
}

/// One of a caller's permits.
struct Share {
    held: Arc<Mutex<HashMap<Caller, usize>>>,
    caller: Caller,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.remove(&self.caller);
            }
        }
    }
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ComponentCallRefusal {
    /// All are taken.
    #[error("too many such requests are under way")]
    Full,
    /// The client for whom the chain runs has its share already.
    #[error("too many such requests are under way for one credential, or for clients without any")]
    Share,
    /// The chain is too long.
    #[error("a chain of components has {STEPS} requests at most")]
    TooLong,
}

impl ComponentCallLimits {
    /// `pool` memories are in the process's pool altogether, of which a guest that is called takes at most `per_guest`; `None`: no
    /// component may call another.
    pub(crate) fn new(limits: &Limits, memories: Arc<Semaphore>, pool: usize, per_guest: Option<u32>) -> Self {
        let one = per_guest.map_or(1, |memories| usize::try_from(memories).unwrap_or(usize::MAX)).max(1);
        // Half of the pool at most: the other is for clients.
        let most = (pool / 2).checked_div(one.saturating_mul(STEPS)).unwrap_or(0);
        let each = if per_guest.is_some() { limits.component_calls.min(most).max(1) } else { 0 };
        let share = |per_cent: usize| (each.saturating_mul(per_cent.min(100)) / 100).max(1);
        let step = |_| Step { permits: Arc::new(Semaphore::new(each)), held: Arc::default() };
        Self {
            steps: (0..STEPS).map(step).collect(),
            memories,
            per_credential: share(limits.credential_share),
            per_anonymous: share(limits.anonymous_share),
            room: each.saturating_mul(STEPS).saturating_mul(one).min(pool / 2),
        }
    }

    /// Memories of the pool that are kept for calls.
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// A permit for the call number `step` of a chain, from 0, that a request of `caller` began. The guest takes `memories` of the pool.
    ///
    /// # Errors
    /// Why there is none now.
    pub(crate) fn take(
        &self,
        step: usize,
        caller: Caller,
        memories: u32,
    ) -> Result<ComponentCallPermit, ComponentCallRefusal> {
        let step = self.steps.get(step).ok_or(ComponentCallRefusal::TooLong)?;
        let share = self.share(step, caller)?;
        let permit = Arc::clone(&step.permits).try_acquire_owned().map_err(|_| ComponentCallRefusal::Full)?;
        let memories =
            Arc::clone(&self.memories).try_acquire_many_owned(memories).map_err(|_| ComponentCallRefusal::Full)?;
        Ok(ComponentCallPermit { _permits: [permit, memories], _share: share })
    }

    fn share(&self, step: &Step, caller: Caller) -> Result<Share, ComponentCallRefusal> {
        let most = match caller {
            Caller::Credential(_) => self.per_credential,
            Caller::Anonymous => self.per_anonymous,
            // These are few, and the host's own.
            Caller::Probe(_) => usize::MAX,
        };
        let mut held = step.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(caller).or_default();
        if *count >= most {
            return Err(ComponentCallRefusal::Share);
        }
        *count += 1;
        Ok(Share { held: Arc::clone(&step.held), caller })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(component_calls: usize, pool: usize, per_guest: Option<u32>) -> ComponentCallLimits {
        let settings = Limits { component_calls, ..Limits::default() };
        ComponentCallLimits::new(&settings, Arc::new(Semaphore::new(pool)), pool, per_guest)
    }

    fn refusal(limits: &ComponentCallLimits, step: usize, caller: Caller) -> Option<ComponentCallRefusal> {
        limits.take(step, caller, 1).err()
    }

    #[test]
    fn each_step_has_permits_of_its_own_and_a_chain_has_an_end() {
        let limits = limits(8, 1000, Some(1));
        let mut held = Vec::new();
        for step in 0..STEPS {
            for credential in 0..8 {
                held.push(limits.take(step, Caller::Credential(credential), 1).unwrap());
            }
            assert_eq!(refusal(&limits, step, Caller::Credential(9)), Some(ComponentCallRefusal::Full), "{step}");
        }
        assert_eq!(refusal(&limits, STEPS, Caller::Credential(9)), Some(ComponentCallRefusal::TooLong));
        held.pop();
        assert_eq!(refusal(&limits, STEPS - 1, Caller::Credential(9)), None);
        assert_eq!(refusal(&limits, 0, Caller::Credential(9)), Some(ComponentCallRefusal::Full));
    }

    #[test]
    fn a_credential_has_a_quarter_of_a_step_and_clients_without_one_have_half() {
        let limits = limits(8, 1000, Some(1));
        for (caller, most) in [(Caller::Credential(1), 2), (Caller::Anonymous, 4)] {
            let mut held: Vec<_> = (0..most).map(|_| limits.take(0, caller, 1).unwrap()).collect();
            assert_eq!(refusal(&limits, 0, caller), Some(ComponentCallRefusal::Share));
            assert_eq!(refusal(&limits, 1, caller), None);
            held.pop();
            assert_eq!(refusal(&limits, 0, caller), None);
        }
    }

    #[test]
    fn calls_have_half_of_the_pool_at_most_and_nothing_where_there_are_none() {
        for (wanted, pool, per_guest, room) in
            [(32, 4000, Some(3), 384), (1000, 4000, Some(3), 1992), (8, 4000, Some(4000), 2000), (32, 4000, None, 0)]
        {
            assert_eq!(limits(wanted, pool, per_guest).room(), room, "{wanted} of {pool} by {per_guest:?}");
        }
        // What is larger than the pool never runs.
        assert_eq!(limits(8, 4, Some(5)).take(0, Caller::Anonymous, 5).err(), Some(ComponentCallRefusal::Full));
        assert_eq!(refusal(&limits(8, 4, None), 0, Caller::Anonymous), Some(ComponentCallRefusal::Full));
    }
}
