//! When something may be fetched that somebody named who has not shown who they are: documents of clients, and their keys.
//!
//! Every such fetch is a request in our name, and holds one of the host's instances until it is over. So what failed
//! lately is not asked for again, few fetches are under way at once, and those for clients that nobody here has approved
//! are counted by the hour. Nobody waits: who may not fetch now is told so.

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealed_storage::document_cache::{
    DocumentCache, Failed, FetchLimits, FetchSlot, FetchSlots, RecentFailures,
};
use gatehouse_storage::{Kind, Store, StoreUnavailable};
use thiserror::Error;

use crate::fetched_url::counted_host;
use crate::hourly::{self, TooMany};

/// A counter for each hour: fetches for clients that nobody has approved.
const NEW: Kind = "client-documents";
/// Seconds after which a fetch that found too many under way may be tried again: the longest that one takes.
const BUSY_SECONDS: u64 = 10;
/// Seconds for which a failure counts.
const FAILED_SECONDS: u64 = 2 * 60;

/// What is known of the client for which something is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquaintance {
    /// Nothing: anybody may have invented it.
    New,
    /// A user has approved it, or it is the operator's own.
    Known,
}

/// Why nothing is fetched now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotNow {
    /// The URL failed lately.
    #[error("it could not be had a moment ago")]
    RecentFailures,
    /// Its host failed lately: at another URL, which anybody may have named.
    #[error("its host did not answer a moment ago, or many other documents there could not be had")]
    HostFailedLately,
    /// Too many fetches are under way.
    #[error("too many documents are being read at this moment")]
    Busy,
    /// Too many new clients came in this hour.
    #[error("too many new clients have come in this hour")]
    TooMany {
        /// Seconds until the next hour.
        retry_after: u64,
    },
}

impl NotNow {
    /// Seconds after which it may be tried again; `None` where that is not for us to say.
    pub const fn retry_after(self) -> Option<u64> {
        match self {
            Self::RecentFailures => None,
            Self::HostFailedLately => Some(FAILED_SECONDS),
            Self::Busy => Some(BUSY_SECONDS),
            Self::TooMany { retry_after } => Some(retry_after),
        }
    }
}

/// What came of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer that can be used.
    Usable,
    /// An answer that cannot be used.
    Unusable,
    /// No answer, or not in time; or the host has no address that we connect to, which must read the same.
    NoAnswer,
    /// Our own host does not let us ask there: that says nothing about the other side, and costs nobody anything.
    NotAsked,
}

/// The surroundings of fetches.
#[derive(Debug)]
pub struct Fetches<'a, S> {
    /// Where failures are remembered, and what is fetched is kept.
    pub documents: DocumentCache<'a, S>,
    /// How many fetches for new clients there may be in an hour.
    pub per_hour: u32,
}

/// A fetch that may be made.
#[derive(Debug)]
#[must_use]
pub struct Fetch<'u> {
    turn: FetchSlot,
    host: String,
    url: &'u str,
    acquaintance: Acquaintance,
    began: UnixTime,
}

impl<S: Store> Fetches<'_, S> {
    /// Whether `url` may be fetched now. If so, it must be fetched within
    /// [`FETCH_MILLISECONDS`](gatehouse_sealed_storage::document_cache::FETCH_MILLISECONDS), and [`Fetches::end`] be told what came of it.
    ///
    /// # Errors
    /// The outer one where the store does not answer, the inner one where the time is not now.
    pub fn begin<'u>(
        &self,
        url: &'u str,
        acquaintance: Acquaintance,
    ) -> Result<Result<Fetch<'u>, NotNow>, StoreUnavailable> {
        let host = counted_host(url);
        match (self.documents.failed_lately(&host, url)?, acquaintance) {
            (RecentFailures::Url, _) => return Ok(Err(NotNow::RecentFailures)),
            (RecentFailures::Host, Acquaintance::New) => return Ok(Err(NotNow::HostFailedLately)),
            // Nobody makes us leave a known client alone by naming other URLs at its host.
            (RecentFailures::Host, Acquaintance::Known) | (RecentFailures::Nothing, _) => {}
        }
        let (store, now) = (self.documents.store, self.documents.now);
        // Before a turn: those for whom there is no more room in the hour take none.
        if acquaintance == Acquaintance::New
            && let Err(TooMany { retry_after }) = hourly::look(NEW, self.per_hour, store, now)?
        {
            return Ok(Err(NotNow::TooMany { retry_after }));
        }
        let turns = self.turns();
        let Some(turn) = turns.begin(&host, acquaintance.at_once())? else { return Ok(Err(NotNow::Busy)) };
        if acquaintance == Acquaintance::New
            && let Err(TooMany { retry_after }) = hourly::count(NEW, self.per_hour, store, now)?
        {
            hourly::take_back(NEW, store, now)?;
            turns.end(turn)?;
            return Ok(Err(NotNow::TooMany { retry_after }));
        }
        Ok(Ok(Fetch { turn, host, url, acquaintance, began: now }))
    }

    /// The fetch is over: others may fetch, or leave it alone for a while.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn end(&self, fetch: Fetch<'_>, outcome: Outcome, entropy: &mut impl Entropy) -> Result<(), StoreUnavailable> {
        let Fetch { turn, host, url, acquaintance, began } = fetch;
        let seconds = acquaintance.remembered_seconds();
        let mut remember = |failed| self.documents.remember_failure(&host, failed, seconds, entropy);
        match outcome {
            Outcome::Usable => {}
            Outcome::Unusable => remember(Failed::Url(url))?,
            Outcome::NoAnswer => {
                remember(Failed::Url(url))?;
                remember(Failed::Host)?;
            }
            Outcome::NotAsked => {
                remember(Failed::UrlAlone(url))?;
                if acquaintance == Acquaintance::New {
                    hourly::take_back(NEW, self.documents.store, began)?;
                }
            }
        }
        self.turns().end(turn)
    }

    fn turns(&self) -> FetchSlots<'_, S> {
        FetchSlots { store: self.documents.store, keys: self.documents.keys, now: self.documents.now }
    }
}

impl Acquaintance {
    /// Clients that are known have turns of their own: strangers cannot take them, nor be in the way where they try.
    const fn at_once(self) -> FetchLimits {
        match self {
            Self::New => FetchLimits { counters: "strangers-", of_host: 1, in_all: 16 },
            Self::Known => FetchLimits { counters: "", of_host: 4, in_all: 20 },
        }
    }

    /// For how long a failure counts. A known client that stumbles is soon looked at again.
    const fn remembered_seconds(self) -> u64 {
        match self {
            Self::New => FAILED_SECONDS,
            Self::Known => 20,
        }
    }
}

#[cfg(test)]
mod tests;
