//! What belongs to a subject, found again by the subject alone.
//!
//! Everything else in the store is reached through a secret that somebody holds: a token, a code, a cookie. A user who
//! asks "which sessions do I have?" holds none of them. So each list of a subject has a secret of its own, derived from
//! a server key, and entries in numbered slots under it: for each period of 30 days a counter hands the numbers out.
//! Who lists asks the counter for the highest number and reads downwards. The store alone tells neither whose a slot is
//! nor which slots belong together.
//!
//! A list holds so many entries and no more ([`List::most`]): with one more, the oldest goes, and what it stands for with
//! it. So whoever reads a list reads all of it, and whoever ends what is in it ends everything.

mod slots;

use core::fmt;

use gatehouse_protocol::{Entropy, Subject, UnixTime};
use gatehouse_sealing::{HandleSecret, KeyRing, Purpose};
use gatehouse_storage::{Key, Store, StoreUnavailable};
use zeroize::Zeroizing;

use crate::slots::{Slots, periods};

/// The lists that a subject has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Open sessions.
    Sessions,
    /// Consents that are remembered.
    Consents,
}

impl List {
    /// How many entries it holds at most, counted from the newest one, those that were removed among them. It is what a
    /// subject that signs in without end can make us keep, and do.
    pub const fn most(self) -> u64 {
        match self {
            Self::Sessions => 1_000,
            Self::Consents => 200,
        }
    }

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
    /// Where the list is full, `end` gets the oldest entry first and ends what it stands for. Where that fails, the entry
    /// stays, and nothing is added.
    ///
    /// # Errors
    /// Where the store does not answer; then the entry may be missing, and what it stands for must not begin.
    pub fn add<E: From<StoreUnavailable>>(
        &self,
        list: List,
        subject: &Subject,
        content: &[u8],
        entropy: &mut impl Entropy,
        end: impl FnOnce(&Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let newest = self.secrets(list, subject).next().ok_or_else(|| unavailable("there is no server key"))?;
        let slots = Slots::new(&newest, *periods(self.now).end(), list.most());
        let number = slots.take(self.store)?;
        if let Some(oldest) = self.displaced(list, subject, &slots, number)? {
            end(&oldest)?;
            self.remove(&oldest)?;
        }
        Ok(slots.put(number, content, self.store, entropy)?)
    }

    /// The entries in a list of `subject`, newest first: all of them. An entry that was altered in the store is left out.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn entries(&self, list: List, subject: &Subject) -> Result<Vec<Entry>, StoreUnavailable> {
        let mut entries = Vec::new();
        for slots in self.newest_first(list, subject) {
            let taken = slots.taken(self.store)?;
            for number in slots.kept(taken).rev() {
                entries.extend(slots.get(number, self.store)?);
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

    /// The entry that has to go where the newest one gets this `number` in `current`: so many were added after it as the list
    /// holds.
    fn displaced(
        &self,
        list: List,
        subject: &Subject,
        current: &Slots,
        number: u64,
    ) -> Result<Option<Entry>, StoreUnavailable> {
        let most = list.most();
        if slots::given_out(number) > most {
            return current.get(number, self.store);
        }
        // How many of the entries before those of the current slots may stay.
        let mut may_stay = most.saturating_sub(slots::given_out(number));
        for older in self.newest_first(list, subject).skip(1) {
            let taken = older.taken(self.store)?;
            match slots::given_out(taken).checked_sub(may_stay) {
                Some(1..) => return older.get(taken.saturating_sub(may_stay), self.store),
                Some(0) | None => may_stay = may_stay.saturating_sub(slots::given_out(taken)),
            }
        }
        Ok(None)
    }

    /// All slots in which entries of a list can be, those of the newest first: for each period those under the newest key,
    /// which has written since the older ones ceased to.
    fn newest_first(&self, list: List, subject: &Subject) -> impl Iterator<Item = Slots> {
        let secrets: Vec<HandleSecret> = self.secrets(list, subject).collect();
        periods(self.now).rev().flat_map(move |period| {
            let slots = |secret| Slots::new(secret, period, list.most());
            secrets.iter().map(slots).collect::<Vec<_>>()
        })
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
