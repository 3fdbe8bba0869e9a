//! What belongs to a subject, found again by the subject alone.
//!
//! Everything else in the store is reached through a secret that somebody holds: a token, a code, a cookie. A user who
//! asks "which sessions do I have?" holds none of them. So each list of a subject has a secret of its own, derived from
//! a server key, and entries in numbered slots under it: for each period of 30 days a counter hands the numbers out.
//! Who lists asks the counter for the highest number and reads downwards. The store alone tells neither whose a slot is
//! nor which slots belong together.

mod slots;

use core::fmt;

use gatehouse_protocol::{Entropy, Subject, UnixTime};
use gatehouse_sealing::{HandleSecret, KeyRing, Purpose};
use gatehouse_storage::{Key, Store, StoreUnavailable};
use zeroize::Zeroizing;

use crate::slots::{Slots, periods};

/// The most slots that are read for one list: what a page shows, and what a subject that signs in without end can make
/// us do.
const SLOTS_READ: usize = 200;

/// The lists that a subject has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Open sessions.
    Sessions,
    /// Consents that are remembered.
    Consents,
}

impl List {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Sessions => "directory-sessions",
            Self::Consents => "directory-consents",
        }
    }
}

/// The lists of all subjects in `store`, found with `keys`, seen at `now`.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'a, S> {
    /// Where the entries are.
    pub store: &'a S,
    /// What the subjects' secrets are derived from.
    pub keys: &'a KeyRing,
    /// The time of the request.
    pub now: UnixTime,
}

/// One entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was added.
    pub content: Zeroizing<Vec<u8>>,
    key: Key,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.key.to_string()).finish()
    }
}

impl<S: Store> Directory<'_, S> {
    /// Adds an entry to a list of `subject`. It is found for at least 90 days, the longest that a session lives, and is
    /// gone after 120; what `content` stands for may end before.
    ///
    /// # Errors
    /// Where the store does not answer; then the entry may be missing, and what it stands for must not begin.
    pub fn add(
        &self,
        list: List,
        subject: &Subject,
        content: &[u8],
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let newest = self.secrets(list, subject).next().ok_or_else(|| unavailable("there is no server key"))?;
        let slots = Slots::new(&newest, *periods(self.now).end());
        let number = slots.take(self.store)?;
        slots.put(number, content, self.store, entropy)
    }

    /// The entries in a list of `subject`, newest first. No more than the 200 newest slots are read, those of removed
    /// entries among them. An entry that was altered in the store is left out.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn entries(&self, list: List, subject: &Subject) -> Result<Vec<Entry>, StoreUnavailable> {
        let mut entries = Vec::new();
        let mut left = SLOTS_READ;
        for period in periods(self.now).rev() {
            // Newest key first: it has written since the older ones ceased to.
            for secret in self.secrets(list, subject) {
                let slots = Slots::new(&secret, period);
                let taken = slots.taken(self.store)?;
                for number in (1..=taken).rev().take(left) {
                    left -= 1;
                    entries.extend(slots.get(number, self.store)?);
                }
            }
        }
        Ok(entries)
    }

    /// Removes an entry. Removing it again succeeds.
    ///
    /// # Errors
    /// Where the store does not answer; the entry may then still be there.
    pub fn remove(&self, entry: &Entry) -> Result<(), StoreUnavailable> {
        self.store.delete(&entry.key)
    }

    /// One secret for each server key, that of the newest first: written is under the newest, looked up under all.
    fn secrets(&self, list: List, subject: &Subject) -> impl Iterator<Item = HandleSecret> {
        self.keys.subject_secrets(list.purpose(), subject)
    }
}

fn unavailable(text: &str) -> StoreUnavailable {
    StoreUnavailable(text.to_owned())
}

#[cfg(test)]
mod tests;
