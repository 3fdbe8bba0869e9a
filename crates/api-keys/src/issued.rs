//! The key of a route that administrators fetch and replace.
//!
//! A counter of the store says the generation, and only grows: whoever replaces the key increments it. What a generation is
//! derived from, and when it was replaced, is in an entry of its own, so that a key is validated by one read. Whoever is
//! overtaken by another one who replaces the key ends the generation that they have made. So however many come at once, one
//! generation is left that has not ended: the highest.
//!
//! The first generation is the time in seconds. Were the store lost, no key from before it would be good again.

mod entry;

use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_sealed_storage::sealing::{KeyRing, Purpose};
use gatehouse_storage::{Key, Kind, Periods, Store, StoreUnavailable};
use thiserror::Error;

use self::entry::Entry;
use crate::IssuedKey;
use crate::key::written;

/// What keys are derived for.
const PURPOSE: Purpose = "api-key";
/// Counter: the generation.
const GENERATIONS: Kind = "api-key-generation";
/// Counter: who begins the first generation.
const FIRST: Kind = "api-key-first";
/// Somebody who begins the first generation and vanishes keeps others from it for so long at most.
const FIRST_PERIODS: Periods = Periods::of_seconds(30);

/// The longest time for which a former key can be good beside the current one.
pub const LONGEST_OVERLAP_SECONDS: u64 = 60 * 60;

/// How many generations that have ended are removed at once.
const REMOVED_AT_ONCE: u64 = 16;
/// How often one looks whether somebody else has come to the end of what they were doing, and for how long in between.
const LOOKS: u32 = 40;

/// Why a key is not accepted. The wire does not tell which.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyRejection {
    /// Nobody has ever issued it here.
    #[error("not one of this route")]
    Unrecognised,
    /// It was replaced by another one.
    #[error("replaced by another one")]
    Ended,
    /// The store does not answer.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

/// The key of one route, now and before.
#[derive(Clone, Copy, Debug)]
pub struct IssuedKeys<'a, S> {
    /// Where its generation is.
    pub store: &'a S,
    /// What it is derived from.
    pub keys: &'a KeyRing,
    /// The route's path.
    pub route: &'a str,
    /// The time.
    pub now: UnixTime,
    /// Seconds for which a key is good after it was replaced.
    pub overlap: u64,
}

impl<S: Store> IssuedKeys<'_, S> {
    /// Whether there is something under `note`, where the key is good at the route. One that was never issued costs no question to
    /// the store, and every other one costs one, in which the note is read as well.
    ///
    /// # Errors
    /// Where it is not good, or nobody can tell.
    pub fn validate(&self, key: &IssuedKey<'_>, note: Option<&Key>) -> Result<bool, KeyRejection> {
        let derived = self.keys.derived(key.server_key, PURPOSE, &[self.route, &key.generation.to_string()]);
        if derived.is_none_or(|derived| derived != key.secret) {
            return Err(KeyRejection::Unrecognised);
        }
        let name = self.name(key.generation)?;
        let (sealed, note) = match note {
            Some(note) => {
                let mut values = self.store.get_many(&[&name, note])?.into_iter();
                (values.next().flatten(), values.next().flatten())
            }
            None => (self.store.get(&name)?, None),
        };
        match sealed.and_then(|sealed| Entry::open(&sealed, &name, self.keys)) {
            None => Err(KeyRejection::Unrecognised),
            Some(Entry { ended_at: None, .. }) => Ok(note.is_some()),
            Some(Entry { ended_at: Some(ended_at), .. }) => {
                let overlap = self.overlap.min(LONGEST_OVERLAP_SECONDS);
                if self.now < ended_at.plus(overlap) { Ok(note.is_some()) } else { Err(KeyRejection::Ended) }
            }
        }
    }

    /// The current key: the same one until it is replaced. The first who asks begins it. A key whose server key has been
    /// retired cannot be told again, and is replaced.
    ///
    /// `pause` lets a moment pass.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn fetch(&self, entropy: &mut impl Entropy, pause: &impl Fn()) -> Result<SecretString, StoreUnavailable> {
        for _ in 0..LOOKS {
            let generation = self.generation()?;
            if let Some(key) = self.current(generation)? {
                return Ok(key);
            }
            match generation {
                0 if self.begins_first()? => self.begin(self.now.seconds().max(1), None, entropy)?,
                _ => pause(),
            }
        }
        // Whoever was about to make it has vanished, or its server key is gone.
        self.replace(entropy)?;
        let generation = self.generation()?;
        self.current(generation)?.ok_or_else(|| StoreUnavailable("the current key cannot be told".to_owned()))
    }

    /// Replaces the current key, and tells the one that is current then. The former one is good for [`Self::overlap`] more
    /// seconds.
    ///
    /// # Errors
    /// Where the store does not answer. Then the former key may be good still, and the call is to be made again.
    pub fn regenerate(&self, entropy: &mut impl Entropy, pause: &impl Fn()) -> Result<SecretString, StoreUnavailable> {
        if self.generation()? != 0 {
            self.replace(entropy)?;
        }
        self.fetch(entropy, pause)
    }

    /// Ends every generation that there is, and makes another one.
    fn replace(&self, entropy: &mut impl Entropy) -> Result<(), StoreUnavailable> {
        let former = self.generation()?;
        let ended = self.end(former, entropy)?;
        self.begin(1, Some((former, ended)), entropy)
    }

    /// Makes a generation, `step` above the last one, of which the former one is known.
    fn begin(
        &self,
        step: u64,
        former: Option<(u64, Option<Entry>)>,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let generation = self.store.increment(&self.counter()?, step)?;
        let oldest = match &former {
            Some((former, entry)) => self.remove_old(entry.as_ref().map_or(*former, |entry| entry.oldest), *former)?,
            None => generation,
        };
        let server_key = self.keys.ids().next().unwrap_or_default().to_owned();
        self.put(generation, &Entry { server_key, ended_at: None, oldest }, entropy)?;
        // Those who came between: who has not written their generation yet sees that this one is above it, and ends it.
        if let Some((former, _)) = former {
            for between in former.saturating_add(1)..generation {
                self.end(between, entropy)?;
            }
        }
        if self.generation()? > generation {
            self.end(generation, entropy)?;
        }
        Ok(())
    }

    /// Notes that a generation has ended, now or before. One whose server key is gone is removed: were the server key to come
    /// back, the former key would be good again.
    fn end(&self, generation: u64, entropy: &mut impl Entropy) -> Result<Option<Entry>, StoreUnavailable> {
        let Some(mut entry) = self.entry(generation)? else {
            self.store.delete(&self.name(generation)?)?;
            return Ok(None);
        };
        if entry.ended_at.is_none() {
            entry.ended_at = Some(self.now);
            self.put(generation, &entry, entropy)?;
        }
        Ok(Some(entry))
    }

    /// Removes generations from `oldest` on that can never be good again, and says which is the oldest that is left.
    fn remove_old(&self, oldest: u64, former: u64) -> Result<u64, StoreUnavailable> {
        let last = oldest.saturating_add(REMOVED_AT_ONCE).min(former);
        for generation in oldest..last {
            let is_over = |ended_at: UnixTime| ended_at.plus(LONGEST_OVERLAP_SECONDS) <= self.now;
            match self.entry(generation)? {
                Some(entry) if !entry.ended_at.is_some_and(is_over) => return Ok(generation),
                Some(_) => self.store.delete(&self.name(generation)?)?,
                None => {}
            }
        }
        Ok(last)
    }

    /// The key of a generation that has not ended, where it can be told.
    fn current(&self, generation: u64) -> Result<Option<SecretString>, StoreUnavailable> {
        let entry = if generation == 0 { None } else { self.entry(generation)? };
        let Some(Entry { server_key, ended_at: None, .. }) = entry else { return Ok(None) };
        let secret = self.keys.derived(&server_key, PURPOSE, &[self.route, &generation.to_string()]);
        Ok(secret.map(|secret| written(generation, &server_key, &secret)))
    }

    /// The highest generation that somebody has begun; 0 where there is none.
    fn generation(&self) -> Result<u64, StoreUnavailable> {
        self.store.increment(&self.counter()?, 0)
    }

    /// Whether it is for this caller to begin the first generation.
    fn begins_first(&self) -> Result<bool, StoreUnavailable> {
        let key = Key::new(FIRST, &entry::id(&[self.route]), FIRST_PERIODS.end_of_new(self.now))?;
        Ok(self.store.increment(&key, 1)? == 1)
    }

    fn counter(&self) -> Result<Key, StoreUnavailable> {
        Ok(Key::new(GENERATIONS, &entry::id(&[self.route]), entry::END)?)
    }

    fn name(&self, generation: u64) -> Result<Key, StoreUnavailable> {
        entry::name(self.route, generation)
    }

    fn entry(&self, generation: u64) -> Result<Option<Entry>, StoreUnavailable> {
        let name = self.name(generation)?;
        Ok(self.store.get(&name)?.and_then(|sealed| Entry::open(&sealed, &name, self.keys)))
    }

    fn put(&self, generation: u64, entry: &Entry, entropy: &mut impl Entropy) -> Result<(), StoreUnavailable> {
        let name = self.name(generation)?;
        self.store.put(&name, entry.seal(&name, self.keys, entropy)?.as_bytes())
    }
}

#[cfg(test)]
mod tests;
