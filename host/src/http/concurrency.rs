//! How many requests run at the same time, and whose.
//!
//! A permit is room for one guest, in the host's own limit and in the process's pool. Some are kept for probes; one
//! credential, and all requests without any, get only a share of the others. So no single user, and no flood without
//! tokens, fills the host.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::limits::Limits;

/// The permits of one host.
pub(crate) struct ConcurrencyLimits {
    general: Arc<Semaphore>,
    anonymous: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    memories: Arc<Semaphore>,
    probes: Vec<(String, Arc<Semaphore>)>,
    per_credential: usize,
    /// What each credential holds. Its key is a hash under a key of this process: what a credential is cannot be read from
    /// it, and nobody can make two that collide.
    held: Arc<Mutex<HashMap<u64, usize>>>,
    hash_key: RandomState,
    wait: Duration,
    total: usize,
    /// The probes' part of the pool.
    _reserved: Option<OwnedSemaphorePermit>,
}

/// Allocated for one guest, for as long as it is held.
pub(crate) struct RequestPermit {
    _permits: Vec<OwnedSemaphorePermit>,
    _share: Option<Share>,
}

/// One of a credential's permits.
struct Share {
    held: Arc<Mutex<HashMap<u64, usize>>>,
    credential: u64,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.credential) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.remove(&self.credential);
            }
        }
    }
}

/// For whom a permit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// A probe, by its index among the probe paths.
    Probe(usize),
    /// Whoever sent this `Authorization`, as a hash.
    Credential(u64),
    /// Somebody who sent none.
    Anonymous,
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConcurrencyRefusal {
    /// All are taken.
    Full,
    /// The credential has its share already.
    CredentialShare,
    /// Streams have their share already.
    StreamShare,
}

impl ConcurrencyLimits {
    /// `pool` memories are in the process's pool altogether, of which a guest takes at most `per_guest`.
    pub(crate) fn new(
        limits: &Limits,
        probe_paths: &[String],
        memories: Arc<Semaphore>,
        pool: usize,
        per_guest: u32,
    ) -> Self {
        let one = usize::try_from(per_guest).unwrap_or(usize::MAX).max(1);
        // A quarter of the pool at most: where guests are as large as that, probes must not take their room.
        let each = limits.probe_requests.min((pool / 4 / one).checked_div(probe_paths.len()).unwrap_or(0));
        let wanted = each.saturating_mul(probe_paths.len());
        let reserved = u32::try_from(wanted.saturating_mul(one)).unwrap_or(u32::MAX);
        let reserved = Arc::clone(&memories).try_acquire_many_owned(reserved).ok().filter(|_| reserved > 0);
        let kept = if reserved.is_some() { wanted } else { 0 };
        let total = limits.concurrent_requests.min((pool / one).saturating_sub(kept)).max(1);
        let share = |per_cent: usize| (total.saturating_mul(per_cent.min(100)) / 100).max(1);
        let each = if kept > 0 { each } else { 0 };
        Self {
            general: Arc::new(Semaphore::new(total)),
            anonymous: Arc::new(Semaphore::new(share(limits.anonymous_share))),
            streams: Arc::new(Semaphore::new(share(limits.stream_share))),
            memories,
            probes: probe_paths.iter().map(|path| (path.clone(), Arc::new(Semaphore::new(each)))).collect(),
            per_credential: share(limits.credential_share),
            held: Arc::default(),
            hash_key: RandomState::new(),
            wait: limits.queue_wait,
            total,
            _reserved: reserved,
        }
    }

    /// How many guests may run at the same time, besides probes.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// For whom a request is. `has_body`: a probe has none.
    pub(crate) fn caller(&self, method: &Method, path: &str, headers: &HeaderMap, has_body: bool) -> Caller {
        if !has_body
            && (method == Method::GET || method == Method::HEAD)
            && let Some(index) = self.probes.iter().position(|(probe, _)| probe == path)
        {
            return Caller::Probe(index);
        }
        match headers.get(AUTHORIZATION) {
            Some(credential) => Caller::Credential(self.hash_key.hash_one(credential.as_bytes())),
            None => Caller::Anonymous,
        }
    }

    /// A permit for a guest that takes `memories` of the pool.
    pub(crate) async fn take(&self, caller: Caller, memories: u32) -> Result<RequestPermit, ConcurrencyRefusal> {
        let share = match caller {
            Caller::Credential(credential) => Some(self.share(credential)?),
            Caller::Probe(_) | Caller::Anonymous => None,
        };
        let permits = async {
            match caller {
                Caller::Probe(index) => match self.probes.get(index) {
                    // What is free is free for probes too. Their own permits have their memories already.
                    Some((_, kept)) => match self.free(memories) {
                        Some(permits) => Some(permits),
                        None => Some(vec![Arc::clone(kept).acquire_owned().await.ok()?]),
                    },
                    None => None,
                },
                Caller::Credential(_) => self.general(memories).await,
                Caller::Anonymous => {
                    let anonymous = Arc::clone(&self.anonymous).acquire_owned().await.ok()?;
                    let mut permits = self.general(memories).await?;
                    permits.push(anonymous);
                    Some(permits)
                }
            }
        };
        let permits = timeout(self.wait, permits).await.ok().flatten().ok_or(ConcurrencyRefusal::Full)?;
        Ok(RequestPermit { _permits: permits, _share: share })
    }

    /// Room for a stream that lasts, besides the permit that its guest has.
    pub(crate) fn stream(&self) -> Result<OwnedSemaphorePermit, ConcurrencyRefusal> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| ConcurrencyRefusal::StreamShare)
    }

    fn free(&self, memories: u32) -> Option<Vec<OwnedSemaphorePermit>> {
        let permit = Arc::clone(&self.general).try_acquire_owned().ok()?;
        let memories = Arc::clone(&self.memories).try_acquire_many_owned(memories).ok()?;
        Some(vec![permit, memories])
    }

    async fn general(&self, memories: u32) -> Option<Vec<OwnedSemaphorePermit>> {
        let permit = Arc::clone(&self.general).acquire_owned().await.ok()?;
        let memories = Arc::clone(&self.memories).acquire_many_owned(memories).await.ok()?;
        Some(vec![permit, memories])
    }

    fn share(&self, credential: u64) -> Result<Share, ConcurrencyRefusal> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(credential).or_default();
        if *count >= self.per_credential {
            return Err(ConcurrencyRefusal::CredentialShare);
        }
        *count += 1;
        Ok(Share { held: Arc::clone(&self.held), credential })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn limits(concurrent_requests: usize, pool: usize, per_guest: u32) -> ConcurrencyLimits {
        let settings = Limits {
            concurrent_requests,
            probe_requests: 1,
            queue_wait: Duration::from_millis(20),
            ..Limits::default()
        };
        let probes = ["/healthz".to_owned(), "/readyz".to_owned()];
        ConcurrencyLimits::new(&settings, &probes, Arc::new(Semaphore::new(pool)), pool, per_guest)
    }

    fn caller(limits: &ConcurrencyLimits, method: Method, path: &str, authorization: Option<&'static str>) -> Caller {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
        }
        limits.caller(&method, path, &headers, false)
    }

    #[test]
    fn there_are_as_many_turns_as_the_pool_has_room_for() {
        for (wanted, pool, per_guest, expected) in
            [(800, 4000, 4, 800), (1000, 4000, 4, 998), (1000, 4000, 5, 798), (8, 4000, 4000, 1), (1, 0, 4, 1)]
        {
            assert_eq!(limits(wanted, pool, per_guest).total(), expected, "{wanted} of {pool} by {per_guest}");
        }
    }

    #[test]
    fn a_probe_is_a_read_of_its_path_without_a_body() {
        let limits = limits(8, 100, 1);
        assert_eq!(caller(&limits, Method::GET, "/healthz", None), Caller::Probe(0));
        assert_eq!(caller(&limits, Method::HEAD, "/readyz", Some("Bearer a")), Caller::Probe(1));
        assert_eq!(caller(&limits, Method::POST, "/healthz", None), Caller::Anonymous);
        assert_eq!(caller(&limits, Method::GET, "/healthz/", None), Caller::Anonymous);
        assert_eq!(limits.caller(&Method::GET, "/healthz", &HeaderMap::new(), true), Caller::Anonymous);
    }

    #[tokio::test]
    async fn a_credential_has_a_quarter_of_the_turns_and_others_have_the_rest() {
        let limits = limits(8, 100, 1);
        let one = caller(&limits, Method::POST, "/mcp", Some("Bearer one"));
        let two = caller(&limits, Method::POST, "/mcp", Some("Bearer two"));
        assert_ne!(one, two);
        let first = limits.take(one, 1).await.unwrap();
        let _second = limits.take(one, 1).await.unwrap();
        assert_eq!(limits.take(one, 1).await.err(), Some(ConcurrencyRefusal::CredentialShare));
        let _other = limits.take(two, 1).await.unwrap();
        drop(first);
        assert!(limits.take(one, 1).await.is_ok());
    }

    #[tokio::test]
    async fn what_has_no_credential_has_half_of_the_turns() {
        let limits = limits(8, 100, 1);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(limits.take(Caller::Anonymous, 1).await.unwrap());
        }
        assert_eq!(limits.take(Caller::Anonymous, 1).await.err(), Some(ConcurrencyRefusal::Full));
        assert!(limits.take(Caller::Credential(1), 1).await.is_ok());
        held.clear();
        assert!(limits.take(Caller::Anonymous, 1).await.is_ok());
    }

    #[tokio::test]
    async fn probes_have_a_turn_when_there_is_no_other_and_each_path_its_own() {
        let limits = limits(2, 8, 1);
        let _all = (limits.take(Caller::Credential(1), 1).await.unwrap(), limits.take(Caller::Credential(2), 1).await);
        assert_eq!(limits.take(Caller::Credential(3), 1).await.err(), Some(ConcurrencyRefusal::Full));
        let _health = limits.take(Caller::Probe(0), 1).await.unwrap();
        assert_eq!(limits.take(Caller::Probe(0), 1).await.err(), Some(ConcurrencyRefusal::Full));
        assert!(limits.take(Caller::Probe(1), 1).await.is_ok());
    }

    #[tokio::test]
    async fn a_guest_that_is_larger_than_the_pool_gets_no_turn() {
        let limits = limits(2, 4, 1);
        assert_eq!(limits.take(Caller::Credential(1), 5).await.err(), Some(ConcurrencyRefusal::Full));
    }
}
