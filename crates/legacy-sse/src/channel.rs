//! The channel itself: opened by its reader, closed by either side.

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealed_storage::sealing::{HandleSecret, Unopenable};
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable, issue};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::entries::{LARGEST_MESSAGE, MESSAGE, UPSTREAM_SESSION};

/// Hands the numbers out. 1 is the channel's, the messages' come after it.
const COUNT: Kind = "mailbox-count";
/// Up to which number the reader is done.
const READ: Kind = "mailbox-read";

/// Who decides about a message that came when the reader had passed over its number: see [`Channel::decides`].
const LATE: Kind = "mailbox-late";

/// Added to the count when the channel is closed, beyond what all numbers come to: being closed and having a number are
/// then decided in one step, and nobody gets a number after the end.
const CLOSED: u64 = 1 << 40;

/// A channel from any number of writers to one reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Random. Whoever has it can write and read.
    pub secret: HandleSecret,
    /// When it ends in any case, and everything that is in it.
    pub expires_at: UnixTime,
}

/// Why a channel did not take or give anything.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// It was closed, has expired, or was never opened.
    #[error("the channel is closed")]
    Closed,
    /// As much is waiting as may. The reader may only be slow: it can be tried again.
    #[error("the channel's reader is not taking its messages")]
    Full,
    /// It would never fit.
    #[error("the message is larger than {} bytes", LARGEST_MESSAGE)]
    TooLarge,
    /// Something that must answer did not.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreUnavailable> for Rejection {
    fn from(error: StoreUnavailable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Opens the channel. Its reader calls it once, before anybody can write.
///
/// # Errors
/// Where the store does not answer, or the channel was opened before.
pub fn open(store: &impl Store, channel: &Channel) -> Result<(), Rejection> {
    issue(store, &channel.key(COUNT, 0)?)?;
    // Begun before anybody could race for it.
    store.increment(&channel.key(READ, 0)?, 0)?;
    Ok(())
}

/// Closes the channel and removes what is in it. Closing it again removes what an earlier attempt could not.
///
/// # Errors
/// Where the store does not answer; what is then left ends with the channel.
pub fn close(store: &impl Store, channel: &Channel) -> Result<(), Rejection> {
    let mut state = channel.state(store)?;
    if !state.is_closed {
        state = channel.count(store, CLOSED)?;
    }
    for number in channel.read(store, 0)?.saturating_add(1)..=state.last {
        store.delete(&channel.key(MESSAGE, number)?)?;
    }
    Ok(store.delete(&channel.key(UPSTREAM_SESSION, 0)?)?)
}

/// Whether nobody reads from the channel any more.
///
/// # Errors
/// Where the store does not answer.
pub fn is_closed(store: &impl Store, channel: &Channel, now: UnixTime) -> Result<bool, Rejection> {
    Ok(channel.has_expired(now) || channel.state(store)?.is_closed)
}

/// How far the writers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The last number that was handed out; 0 before the first.
    pub(crate) last: u64,
    pub(crate) is_closed: bool,
}

impl Channel {
    pub(crate) fn has_expired(&self, now: UnixTime) -> bool {
        now >= self.expires_at
    }

    pub(crate) fn state(&self, store: &impl Store) -> Result<State, Rejection> {
        self.count(store, 0)
    }

    /// Hands `by` numbers out: up to the last of the state that comes back, unless it is closed.
    pub(crate) fn count(&self, store: &impl Store, by: u64) -> Result<State, Rejection> {
        let sum = store.increment(&self.key(COUNT, 0)?, by)?;
        // One less for the channel's own number. Without that, it was never opened.
        let last = (sum % CLOSED).checked_sub(1);
        Ok(State { last: last.unwrap_or(0), is_closed: last.is_none() || sum >= CLOSED })
    }

    /// Up to which number the reader is done, after `by` more.
    pub(crate) fn read(&self, store: &impl Store, by: u64) -> Result<u64, Rejection> {
        Ok(store.increment(&self.key(READ, 0)?, by)?)
    }

    /// Whether this caller is the first to ask about a message that the reader had passed over: the reader, which found it nonetheless
    /// and then takes it, or its writer, who then writes it under another number. Each of them asks once.
    pub(crate) fn decides(&self, store: &impl Store, number: u64) -> Result<bool, Rejection> {
        Ok(store.increment(&self.key(LATE, number)?, 1)? == 1)
    }

    /// The key of the record of `kind` with this number.
    pub(crate) fn key(&self, kind: Kind, number: u64) -> Result<Key, StoreUnavailable> {
        Ok(Key::new(kind, &self.secret.derive(kind, number).record_id(), self.expires_at)?)
    }

    /// Writes a record, sealed.
    ///
    /// Whoever closes the channel removes what he sees; who writes looks afterwards whether he was too late for that.
    pub(crate) fn put(
        &self,
        store: &impl Store,
        kind: Kind,
        number: u64,
        record: &[u8],
        entropy: &mut impl Entropy,
    ) -> Result<(), Rejection> {
        let key = self.key(kind, number)?;
        let sealed = self.secret.derive(kind, number).seal_record(&key.to_string(), record, entropy);
        store.put(&key, &sealed.map_err(|error| Rejection::Unavailable(error.to_string()))?)?;
        if self.state(store)?.is_closed {
            store.delete(&key)?;
            return Err(Rejection::Closed);
        }
        Ok(())
    }

    /// What is in a record; `None` where there is none.
    pub(crate) fn get(&self, store: &impl Store, kind: Kind, number: u64) -> Result<Option<Found>, Rejection> {
        let key = self.key(kind, number)?;
        let Some(sealed) = store.get(&key)? else { return Ok(None) };
        Ok(Some(self.secret.derive(kind, number).open_record(&key.to_string(), &sealed)))
    }
}

/// A record that is there; it does not open where it was altered in the store.
pub(crate) type Found = Result<Zeroizing<Vec<u8>>, Unopenable>;

#[cfg(test)]
mod tests;
