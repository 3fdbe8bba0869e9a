//! Who renews something that is kept and ends: one caller at a time, in all instances.
//!
//! What is kept has a generation, which grows with each renewal. Whoever it is asked of may not be asked twice for one generation: it
//! takes the second use of a refresh token for theft, or counts what it is asked. So of all who find that it ends soon, one takes a
//! *lease*. For each generation there are attempts, each with a counter that one caller wins; the next attempt opens when the lease of
//! the one before is over, after a minute or when its holder gives up. Who wins is decided by the counters alone. A record notes which
//! attempt is under way and when its lease is over; it may be lost or overwritten by somebody late without letting a second caller
//! win, only the next attempt then takes longer.
//!
//! Counters of attempts that are over are removed, so that there are a handful of them however long the thing lives and however
//! often nobody answers. Who comes so late that they begin a removed one anew finds another generation, or a note of a later attempt,
//! and asks nobody.

use core::ops::RangeInclusive;

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_storage::{
    Claim, Issue, Key, Kind, Store, StoreUnavailable, claim, claim_issued_again, issue, issue_again,
};
use serde::{Deserialize, Serialize};

use crate::sealing::HandleSecret;

/// Seconds for which nobody else asks: more than the exchanges for metadata, an assertion, tokens and keys take.
pub const LEASE_SECONDS: u64 = 60;
/// How many attempts may follow each other at once where nobody answers.
const ATTEMPTS_AT_ONCE: u64 = 6;
/// Seconds between two attempts after those, at most: 1 first, then 2, and so on.
pub const LONGEST_PAUSE_SECONDS: u64 = 30;
/// How many counters of attempts that are over stay: so many that the pauses between them are longer than any store lags.
const ATTEMPTS_KEPT: u64 = 8;

/// Where the entries of one kept thing's renewals are.
#[derive(Clone, Debug)]
pub struct RenewalPlace {
    /// What their names are made of.
    pub name: HandleSecret,
    /// What seals the note.
    pub secret: HandleSecret,
    /// Until when they exist.
    pub expires_at: UnixTime,
    /// What the entries are called.
    pub kinds: RenewalKinds,
    /// Who opens attempts.
    pub opened: Opened,
}

/// What the entries are called in the store.
#[derive(Clone, Copy, Debug)]
pub struct RenewalKinds {
    /// The note of the attempt that is under way.
    pub note: Kind,
    /// A counter for each attempt.
    pub attempt: Kind,
}

/// Who opens the attempts of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Whoever stores the generation, with [`RenewalPlace::open`], before anybody can want it renewed.
    WithTheGeneration,
    /// Whoever wants it renewed: nothing need have been stored before. Generation 0 is then that nothing is there.
    ByWhoeverWantsIt,
}

/// The outcome of wanting to renew; waiting is not an error.
#[derive(Debug)]
pub enum RenewalClaim {
    /// This caller, and no other, renews it.
    Lease(RenewalLease),
    /// Somebody else does. Look again in a moment whether it was renewed, and try again where it was not.
    Wait,
    /// Nobody does before then: there was no answer for several times.
    Paused(UnixTime),
}

/// The right to renew one generation once.
#[derive(Debug)]
pub struct RenewalLease {
    place: Box<RenewalPlace>,
    generation: u64,
    attempt: u64,
}

/// Which attempt is under way.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Note {
    generation: u64,
    attempt: u64,
    /// Seconds: until then nobody else tries.
    over_at: u64,
    /// Whether its holder had no answer; then nobody waits for it either.
    #[serde(default)]
    gave_up: bool,
}

impl RenewalPlace {
    /// Opens the first attempt of a generation, where that is not done by whoever wants one.
    ///
    /// # Errors
    /// Where the store does not answer: then the generation must not be stored.
    pub fn open(&self, generation: u64, store: &impl Store) -> Result<(), StoreUnavailable> {
        match self.opened {
            Opened::WithTheGeneration => issue(store, &self.attempt(generation, 0)?),
            Opened::ByWhoeverWantsIt => Ok(()),
        }
    }

    /// Tries to become the one who renews `generation`. `current` tells which generation is kept now.
    ///
    /// # Errors
    /// Those of `current`, and where the store does not answer.
    pub fn claim<E: From<StoreUnavailable>>(
        &self,
        generation: u64,
        current: impl FnOnce() -> Result<u64, E>,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<RenewalClaim, E> {
        let before = self.note(generation, store)?;
        let attempt = match &before {
            Some(note) if now < note.over_at() && note.gave_up => return Ok(RenewalClaim::Paused(note.over_at())),
            Some(note) if now < note.over_at() => return Ok(RenewalClaim::Wait),
            Some(note) => note.attempt.saturating_add(1),
            None => 0,
        };
        let note = Note { generation, attempt, over_at: now.plus(LEASE_SECONDS).seconds(), gave_up: false };
        match self.claim_attempt(generation, attempt, store)? {
            Claim::Won => {}
            Claim::AlreadyClaimed => {
                // Whoever won has not noted it yet, or broke down before it could: its time runs from now.
                if self.note(generation, store)? == before {
                    self.put_note(&note, store, entropy)?;
                }
                return Ok(RenewalClaim::Wait);
            }
            // The one before broke down before it opened this attempt; now it is open.
            Claim::NeverIssued => return Ok(RenewalClaim::Wait),
        }
        // It may have been renewed after the caller had read it, by a lease that is over since; or this counter was one that had
        // been removed, because later attempts were under way.
        let is_current = current()? == generation;
        let is_late = self.note(generation, store)?.is_some_and(|noted| noted.attempt > attempt);
        if !is_current || is_late {
            return Ok(RenewalClaim::Wait);
        }
        if self.opened == Opened::WithTheGeneration {
            issue(store, &self.attempt(generation, attempt.saturating_add(1))?)?;
        }
        self.put_note(&note, store, entropy)?;
        if let Some(over) = attempt.checked_sub(ATTEMPTS_KEPT) {
            self.remove_attempts(generation, over..=over, store)?;
        }
        Ok(RenewalClaim::Lease(RenewalLease { place: Box::new(self.clone()), generation, attempt }))
    }

    /// Removes the note; the few counters expire.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn delete(&self, store: &impl Store) -> Result<(), StoreUnavailable> {
        store.delete(&self.note_key()?)
    }

    /// The counter of an attempt.
    ///
    /// # Errors
    /// Never, for kinds that keys can have.
    pub fn attempt(&self, generation: u64, attempt: u64) -> Result<Key, StoreUnavailable> {
        let kind = self.kinds.attempt;
        let secret = self.name.derive(kind, generation).derive(kind, attempt);
        Ok(Key::new(kind, &secret.record_id(), self.expires_at)?)
    }

    fn claim_attempt(&self, generation: u64, attempt: u64, store: &impl Store) -> Result<Claim, StoreUnavailable> {
        let counter = self.attempt(generation, attempt)?;
        match self.opened {
            Opened::WithTheGeneration => claim(store, &counter),
            Opened::ByWhoeverWantsIt => match issue_again(store, &counter)? {
                Issue::Claimed => Ok(Claim::AlreadyClaimed),
                Issue::Open => claim_issued_again(store, &counter),
            },
        }
    }

    fn note_key(&self) -> Result<Key, StoreUnavailable> {
        let kind = self.kinds.note;
        Ok(Key::new(kind, &self.name.derive(kind, 0).record_id(), self.expires_at)?)
    }

    /// Which attempt for `generation` is under way; `None` where none was noted.
    fn note(&self, generation: u64, store: &impl Store) -> Result<Option<Note>, StoreUnavailable> {
        let key = self.note_key()?;
        let Some(sealed) = store.get(&key)? else { return Ok(None) };
        let text = self.secret.open_record(&key.to_string(), &sealed).map_err(|_| broken(&key))?;
        let note: Note = serde_json::from_slice(&text).map_err(|_| broken(&key))?;
        Ok(Some(note).filter(|note| note.generation == generation))
    }

    fn put_note(&self, note: &Note, store: &impl Store, entropy: &mut impl Entropy) -> Result<(), StoreUnavailable> {
        let key = self.note_key()?;
        let text = serde_json::to_vec(note).map_err(|_| broken(&key))?;
        let sealed = self.secret.seal_record(&key.to_string(), &text, entropy).map_err(|_| broken(&key))?;
        store.put(&key, &sealed)
    }

    fn remove_attempts(
        &self,
        generation: u64,
        attempts: RangeInclusive<u64>,
        store: &impl Store,
    ) -> Result<(), StoreUnavailable> {
        for attempt in attempts {
            store.delete(&self.attempt(generation, attempt)?)?;
        }
        Ok(())
    }
}

impl RenewalLease {
    /// The generation that is to be renewed.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The renewal is done: the next generation is stored. Removes what nobody needs any more of this one.
    ///
    /// # Errors
    /// Where the store does not answer; what is left expires.
    pub fn complete(self, store: &impl Store) -> Result<(), StoreUnavailable> {
        // Those of this generation that are there, the last of which this attempt opened.
        let first = self.attempt.saturating_sub(ATTEMPTS_KEPT - 1);
        let last = match self.place.opened {
            Opened::WithTheGeneration => self.attempt.saturating_add(1),
            Opened::ByWhoeverWantsIt => self.attempt,
        };
        self.place.remove_attempts(self.generation, first..=last, store)
    }

    /// Lets the next caller try: there was no answer. At once for the first times, then after a pause that grows, during which
    /// nobody waits for it.
    ///
    /// # Errors
    /// Where the store does not answer; the next caller then waits until the lease is over.
    pub fn give_up(
        self,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let pause = pause_after(self.attempt);
        let over_at = if pause == 0 { 0 } else { now.plus(pause).seconds() };
        let note = Note { generation: self.generation, attempt: self.attempt, over_at, gave_up: true };
        self.place.put_note(&note, store, entropy)
    }
}

impl Note {
    const fn over_at(&self) -> UnixTime {
        UnixTime::from_seconds(self.over_at)
    }
}

fn broken(key: &Key) -> StoreUnavailable {
    StoreUnavailable(format!("a {} record cannot be read", key.kind()))
}

/// Seconds in which nobody asks after there was no answer to the attempt with this number, from 0.
const fn pause_after(attempt: u64) -> u64 {
    match attempt.saturating_add(1).checked_sub(ATTEMPTS_AT_ONCE) {
        None => 0,
        Some(more @ 0..5) => 1 << more,
        Some(_) => LONGEST_PAUSE_SECONDS,
    }
}

#[cfg(test)]
mod tests;
