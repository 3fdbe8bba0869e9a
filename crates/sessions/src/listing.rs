//! A subject's own view of its sessions.

use core::cmp::Reverse;
use std::collections::BTreeMap;

use gatehouse_protocol::{Entropy, Subject};
use gatehouse_sealed_storage::subject_index::{Entry, List, SubjectIndex};
use gatehouse_storage::Store;

use crate::summary::Summary;
use crate::{Rejection, SessionName, Sessions, ending};

/// The most sessions that a list shows.
const SHOWN: usize = 200;

/// The open sessions of a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The newest first, at most 200.
    pub newest: Vec<Summary>,
    /// How many there are.
    pub total: u32,
}

impl<S: Store> Sessions<'_, S> {
    /// The open sessions of `subject`.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn list(&self, subject: &Subject) -> Result<Listing, Rejection> {
        let mut open = BTreeMap::new();
        for (_, name) in self.directory_entries(subject)? {
            // The place in the directory outlives the session; nobody who ends it by a token can find the place. A session
            // whose place was moved while we read is found twice.
            if self.now < name.expires_at
                && let Some(summary) = Summary::get(&name, self.store)?
            {
                let place = open.len();
                open.entry(summary.id.clone()).or_insert((place, summary));
            }
        }
        let total = u32::try_from(open.len()).unwrap_or(u32::MAX);
        let mut newest: Vec<_> = open.into_values().collect();
        // A session that was passed over when others had to make room has the place of a newer one.
        newest.sort_unstable_by_key(|(place, summary)| (Reverse(summary.opened_at), *place));
        let newest = newest.into_iter().take(SHOWN).map(|(_, summary)| summary).collect();
        Ok(Listing { newest, total })
    }

    /// Ends the session of `subject` that [`Sessions::list`] calls `id`. Tells whether there was one: another subject's
    /// is none.
    ///
    /// # Errors
    /// Where the store does not answer; the session may then still be there.
    pub fn end_one(&self, subject: &Subject, id: &str) -> Result<bool, Rejection> {
        let entries = self.directory_entries(subject)?;
        let Some((entry, name)) = entries.into_iter().find(|(_, name)| name.id() == id) else { return Ok(false) };
        self.end_listed(&entry, &name)?;
        Ok(true)
    }

    /// Ends all sessions of `subject`: there are no more than its directory holds.
    ///
    /// # Errors
    /// Where the store does not answer; some sessions may then still be there, and the next call ends those.
    pub fn end_all(&self, subject: &Subject) -> Result<(), Rejection> {
        self.directory_entries(subject)?.iter().try_for_each(|(entry, name)| self.end_listed(entry, name))
    }

    /// Gives a session its place in the directory. Where that is full of sessions that are alive, one ends: of the oldest
    /// few, the one that would be over first. So it is not the session of a person that goes for those, of minutes, that a
    /// client opens by assertions.
    pub(crate) fn list_session(
        &self,
        subject: &Subject,
        name: &SessionName,
        entropy: &mut impl Entropy,
    ) -> Result<(), Rejection> {
        let alive_until = |entry: &Entry| match SessionName::from_bytes(&entry.content) {
            // The summary is what goes last when a session ends: where an end broke off, there is something to end.
            Some(name) if self.now < name.expires_at && Summary::is_there(&name, self.store)? => {
                Ok(Some(name.expires_at))
            }
            Some(_) | None => Ok(None),
        };
        self.subject_index().add(List::Sessions, subject, &name.to_bytes(), entropy, alive_until, |entry| {
            SessionName::from_bytes(&entry.content).map_or(Ok(()), |name| self.end_unless_expired(&name))
        })
    }

    fn end_listed(&self, entry: &Entry, name: &SessionName) -> Result<(), Rejection> {
        self.end_unless_expired(name)?;
        Ok(self.subject_index().remove(entry)?)
    }

    fn end_unless_expired(&self, name: &SessionName) -> Result<(), Rejection> {
        if self.now < name.expires_at { ending::end(name, self.store) } else { Ok(()) }
    }

    fn directory_entries(&self, subject: &Subject) -> Result<Vec<(Entry, SessionName)>, Rejection> {
        let entries = self.subject_index().entries(List::Sessions, subject)?.into_iter();
        Ok(entries.filter_map(|entry| SessionName::from_bytes(&entry.content).map(|name| (entry, name))).collect())
    }

    fn subject_index(&self) -> SubjectIndex<'_, S> {
        SubjectIndex { store: self.store, keys: self.keys, now: self.now }
    }
}

#[cfg(test)]
mod tests;
