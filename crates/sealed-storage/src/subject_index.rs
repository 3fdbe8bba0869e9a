//! What belongs to a subject, found again by the subject alone.
//!
//! Everything else in the store is reached through a secret that somebody holds: a token, a code, a cookie. A user who
//! asks "which sessions do I have?" holds none of them. So each list of a subject has a secret of its own, derived from
//! a server key, and entries in numbered slots under it: for each period of 30 days a counter hands the numbers out.
//! Who lists asks the counter for the highest number and reads downwards. The store alone tells neither whose a slot is
//! nor which slots belong together.
//!
//! A list holds so many entries and no more ([`List::most`]): with one more, an old one goes, and what it stands for with
//! it. So whoever reads a list reads all of it, and whoever ends what is in it ends everything.
//!
//! Only what is alive counts. What stands for something that is over makes room without anybody's loss; what is alive is
//! passed over, and stays, as long as there is something over among the few that come next. So nobody ends a session by
//! opening and ending others.

mod entry;
mod slots;

use gatehouse_protocol::{Entropy, Subject, UnixTime};
use gatehouse_storage::{Store, StoreUnavailable};

use crate::sealing::{HandleSecret, KeyRing, Purpose};

pub use entry::Entry;

use entry::unavailable;
use slots::{Slots, periods};

/// The lists that a subject has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Open sessions.
    Sessions,
    /// Consents that are remembered.
    Consents,
    /// Consents that an administrator gave for all users of an identity provider. They belong to the provider, and not to whoever
    /// gave them.
    AdministratorConsents,
}

impl List {
    /// How many entries it holds at most. It is what a subject that signs in without end can make us keep, and do.
    pub const fn most(self) -> u64 {
        match self {
            Self::Sessions => 1_000,
            Self::Consents => 200,
            Self::AdministratorConsents => 100,
        }
    }

    const fn purpose(self) -> Purpose {
        match self {
            Self::Sessions => "directory-sessions",
            Self::Consents => "directory-consents",
            Self::AdministratorConsents => "directory-administrator-consents",
        }
    }
}

/// The lists of all subjects in `store`, found with `keys`, seen at `now`.
#[derive(Clone, Copy, Debug)]
pub struct SubjectIndex<'a, S> {
    /// Where the entries are.
    pub store: &'a S,
    /// What the subjects' secrets are derived from.
    pub keys: &'a KeyRing,
    /// The time of the request.
    pub now: UnixTime,
}

/// How many of the oldest entries are looked at to make room for one. More of them alive in a row, and one of them ends
/// although another one may be over: an addition must not take as long as the list.
const LOOKED_AT: u64 = 64;

/// What has to make room, and until when it is alive, if it is.
type Displaced = (Entry, Option<UnixTime>);

impl<S: Store> SubjectIndex<'_, S> {
    /// Adds an entry to a list of `subject`. It is found for at least 90 days, the longest that a session lives, and is
    /// gone after 120; what `content` stands for may end before.
    ///
    /// `alive_until` says until when what an entry stands for is alive; `None` where it is over. Where the list is full of
    /// what is alive, `end` gets, of the few oldest entries, the one that would be over first, and ends what it stands for.
    /// Where that fails, the entry stays, and nothing is added.
    ///
    /// # Errors
    /// Where the store does not answer; then the entry may be missing, and what it stands for must not begin.
    pub fn add<E: From<StoreUnavailable>>(
        &self,
        list: List,
        subject: &Subject,
        content: &[u8],
        entropy: &mut impl Entropy,
        alive_until: impl Fn(&Entry) -> Result<Option<UnixTime>, E>,
        end: impl FnOnce(&Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let newest = self.secrets(list, subject).next().ok_or_else(|| unavailable("there is no server key"))?;
        let slots = Slots::new(&newest, *periods(self.now).end(), list.most());
        let at = |number| self.displaced_at(list, subject, &slots, number, &alive_until);
        let mut number = slots.take(self.store)?;
        let mut here = self.alive(at(number)?)?;
        // What would be over first of those that come next; `None` where there is room.
        let mut first_over = here.as_ref().map(|(_, until)| *until);
        for ahead in 1..LOOKED_AT {
            let Some(so_far) = first_over else { break };
            let next = at(number.saturating_add(ahead))?;
            first_over = next.and_then(|(_, until)| until).map(|until| until.min(so_far));
        }
        // Goes there. Each number that it takes on the way is nobody else's, and what has to make room there gets that
        // number itself.
        let mut passed: Option<(u64, Entry, UnixTime)> = None;
        for _ in 1..LOOKED_AT {
            let Some((entry, until)) = here.take() else { break };
            if first_over.is_some_and(|first| until <= first) {
                here = Some((entry, until));
                break;
            }
            let entry = slots.keep(number, entry, self.store, entropy)?;
            if passed.as_ref().is_none_or(|(_, _, first)| until < *first) {
                passed = Some((number, entry, until));
            }
            number = slots.take(self.store)?;
            here = self.alive(at(number)?)?;
        }
        if let Some((entry, until)) = here {
            let last = match passed {
                Some((passed_at, passed, first)) if first <= until => {
                    slots.keep(number, entry, self.store, entropy)?;
                    number = passed_at;
                    passed
                }
                Some(_) | None => entry,
            };
            end(&last)?;
            self.remove(&last)?;
        }
        Ok(slots.put(number, content, self.store, entropy)?)
    }

    /// The entries in a list of `subject`, newest first: all of them. An entry that was altered in the store is left out.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn entries(&self, list: List, subject: &Subject) -> Result<Vec<Entry>, StoreUnavailable> {
        // The oldest slots first: what makes room for others is entered among the newest before it is removed from the old
        // ones, so that whoever reads in this order does not miss it.
        let mut entries = Vec::new();
        let slots: Vec<Slots> = self.newest_first(list, subject).collect();
        for slots in slots.iter().rev() {
            let taken = slots.taken(self.store)?;
            for number in slots.kept(taken) {
                entries.extend(slots.get(number, self.store)?);
            }
        }
        entries.reverse();
        Ok(entries)
    }

    /// Writes other content into the place of an entry of `subject`, so that nothing has to make room. Tells whether it did:
    /// an entry of an older period or key would be gone before what is written today.
    ///
    /// # Errors
    /// Where the store does not answer; the entry then says what it said, or what it was to say.
    pub fn replace(
        &self,
        list: List,
        subject: &Subject,
        entry: &Entry,
        content: &[u8],
        entropy: &mut impl Entropy,
    ) -> Result<bool, StoreUnavailable> {
        let Some(newest) = self.secrets(list, subject).next() else { return Ok(false) };
        let slots = Slots::new(&newest, *periods(self.now).end(), list.most());
        if !slots.hold(entry)? {
            return Ok(false);
        }
        slots::put(&entry.slot, &entry.key, content, self.store, entropy)?;
        Ok(true)
    }

    /// Removes an entry. Removing it again succeeds.
    ///
    /// # Errors
    /// Where the store does not answer; the entry may then still be there.
    pub fn remove(&self, entry: &Entry) -> Result<(), StoreUnavailable> {
        self.store.delete(&entry.key)
    }

    /// What has to make room where the newest entry gets this `number`. Changes nothing: the number may be another's.
    fn displaced_at<E: From<StoreUnavailable>>(
        &self,
        list: List,
        subject: &Subject,
        current: &Slots,
        number: u64,
        alive_until: impl Fn(&Entry) -> Result<Option<UnixTime>, E>,
    ) -> Result<Option<Displaced>, E> {
        let Some(entry) = self.displaced(list, subject, current, number)? else { return Ok(None) };
        let until = alive_until(&entry)?.filter(|until| self.now < *until);
        Ok(Some((entry, until)))
    }

    /// What is alive of what has to make room for the caller; what is over is removed.
    fn alive(&self, displaced: Option<Displaced>) -> Result<Option<(Entry, UnixTime)>, StoreUnavailable> {
        match displaced {
            Some((entry, Some(until))) => Ok(Some((entry, until))),
            Some((entry, None)) => self.remove(&entry).map(|()| None),
            None => Ok(None),
        }
    }

    /// The entry that has to make room where the newest one gets this `number` in `current`: so many were added after it as the list
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

#[cfg(test)]
mod tests;
