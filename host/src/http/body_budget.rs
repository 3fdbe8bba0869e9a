//! The memory that all bodies of requests have together, because a guest holds what it has read more than once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body_pace::SMALL_BODY;
use super::body_refusal::Refusal;
use super::concurrency::Caller;
use crate::limits::Limits;

/// The bytes that all bodies together may have, and those without a credential, and those of one credential.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    pub(super) bytes: Arc<Semaphore>,
    anonymous: Arc<Semaphore>,
    most_anonymous: usize,
    per_credential: usize,
    pub(super) shares: Arc<Mutex<HashMap<u64, usize>>>,
}

impl BodyBudget {
    pub(crate) fn new(limits: &Limits) -> Self {
        let most = limits.body_bytes;
        let most_anonymous = most / 2;
        Self {
            bytes: Arc::new(Semaphore::new(most)),
            anonymous: Arc::new(Semaphore::new(most_anonymous)),
            most_anonymous,
            per_credential: (most.saturating_mul(limits.body_share.min(100)) / 100).max(1),
            shares: Arc::default(),
        }
    }

    /// What the body of a request of `caller` takes of it: nothing yet.
    pub(crate) fn allocation(&self, caller: Caller) -> BodyAllocation {
        BodyAllocation { budget: Arc::clone(&self.bytes), owner: self.owner(caller), room: Mutex::default() }
    }

    fn owner(&self, caller: Caller) -> BudgetOwner {
        match caller {
            Caller::Credential(credential) => {
                BudgetOwner::Credential { credential, most: self.per_credential, shares: Arc::clone(&self.shares) }
            }
            Caller::Anonymous | Caller::Probe(_) => {
                BudgetOwner::Anonymous { bytes: Arc::clone(&self.anonymous), most: self.most_anonymous }
            }
        }
    }
}

/// Whose share of the budget a body takes.
#[derive(Debug)]
enum BudgetOwner {
    Credential { credential: u64, most: usize, shares: Arc<Mutex<HashMap<u64, usize>>> },
    Anonymous { bytes: Arc<Semaphore>, most: usize },
}

/// Bytes of a credential's share.
#[derive(Debug)]
struct Share {
    shares: Arc<Mutex<HashMap<u64, usize>>>,
    credential: u64,
    bytes: usize,
}

impl Share {
    fn take(shares: &Arc<Mutex<HashMap<u64, usize>>>, credential: u64, bytes: usize, most: usize) -> Option<Self> {
        let mut held = shares.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = held.get(&credential).copied().unwrap_or(0).saturating_add(bytes);
        if sum > most {
            return None;
        }
        held.insert(credential, sum);
        Some(Self { shares: Arc::clone(shares), credential, bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sum) = held.get_mut(&self.credential) {
            *sum = sum.saturating_sub(self.bytes);
            if *sum == 0 {
                held.remove(&self.credential);
            }
        }
    }
}

/// What one body holds of the budget, until its guest has ended.
#[derive(Debug)]
pub(crate) struct BodyAllocation {
    budget: Arc<Semaphore>,
    owner: BudgetOwner,
    room: Mutex<Allocated>,
}

#[derive(Debug, Default)]
struct Allocated {
    bytes: usize,
    permits: Option<OwnedSemaphorePermit>,
    anonymous: Option<OwnedSemaphorePermit>,
    share: Option<Share>,
}

fn merge(into: &mut Option<OwnedSemaphorePermit>, more: OwnedSemaphorePermit) {
    match into {
        Some(permit) => permit.merge(more),
        none => *none = Some(more),
    }
}

impl BodyAllocation {
    /// The most that its owner may have at once.
    pub(crate) fn most(&self) -> usize {
        match &self.owner {
            BudgetOwner::Credential { most, .. } | BudgetOwner::Anonymous { most, .. } => *most,
        }
    }

    pub(crate) fn has_credential(&self) -> bool {
        matches!(self.owner, BudgetOwner::Credential { .. })
    }

    fn add(
        &self,
        bytes: u32,
        permits: OwnedSemaphorePermit,
        anonymous: Option<OwnedSemaphorePermit>,
        share: Option<Share>,
    ) {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        room.bytes = room.bytes.saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX));
        merge(&mut room.permits, permits);
        if let Some(more) = anonymous {
            merge(&mut room.anonymous, more);
        }
        match (&mut room.share, share) {
            (Some(share), Some(mut more)) => share.bytes = share.bytes.saturating_add(std::mem::take(&mut more.bytes)),
            (none, Some(share)) => *none = Some(share),
            (_, None) => {}
        }
    }

    /// The owner's credential's part of `bytes` more; nothing where there is no credential.
    fn share(&self, bytes: usize) -> Result<Option<Share>, Refusal> {
        match &self.owner {
            BudgetOwner::Anonymous { .. } => Ok(None),
            BudgetOwner::Credential { credential, most, shares } => {
                Share::take(shares, *credential, bytes, *most).map(Some).ok_or(Refusal::CredentialShare)
            }
        }
    }

    /// Takes `bytes` more, if they are free.
    pub(crate) fn try_grow(&self, bytes: usize) -> Result<(), Refusal> {
        let share = self.share(bytes)?;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let anonymous = match &self.owner {
            BudgetOwner::Anonymous { bytes: all, .. } => {
                Some(Arc::clone(all).try_acquire_many_owned(bytes).map_err(|_| Refusal::NoRoom)?)
            }
            BudgetOwner::Credential { .. } => None,
        };
        let permits = Arc::clone(&self.budget).try_acquire_many_owned(bytes).map_err(|_| Refusal::NoRoom)?;
        self.add(bytes, permits, anonymous, share);
        Ok(())
    }

    /// Takes `bytes` more, as soon as they are free.
    pub(crate) async fn grow(&self, bytes: usize) -> Result<(), Refusal> {
        let share = self.share(bytes)?;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let anonymous = match &self.owner {
            BudgetOwner::Anonymous { bytes: all, .. } => {
                Some(Arc::clone(all).acquire_many_owned(bytes).await.map_err(|_| Refusal::NoRoom)?)
            }
            BudgetOwner::Credential { .. } => None,
        };
        let permits = Arc::clone(&self.budget).acquire_many_owned(bytes).await.map_err(|_| Refusal::NoRoom)?;
        self.add(bytes, permits, anonymous, share);
        Ok(())
    }

    /// Gives all of it back.
    pub(crate) fn release(&self) {
        let room = std::mem::take(&mut *self.room.lock().unwrap_or_else(PoisonError::into_inner));
        drop(room);
    }

    /// Gives all of it back where it is little: a guest keeps what it has read of a body until it ends, and may go on for
    /// hours after its answer has begun.
    pub(crate) fn release_small(&self) {
        if self.room.lock().unwrap_or_else(PoisonError::into_inner).bytes <= SMALL_BODY {
            self.release();
        }
    }
}
