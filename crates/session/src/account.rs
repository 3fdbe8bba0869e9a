//! A subject's own view of its sessions.

use gatehouse_directory::{Directory, Entry, List};
use gatehouse_protocol::{Entropy, Subject};
use gatehouse_storage::Store;

use crate::summary::Summary;
use crate::{Rejection, SessionName, Sessions, ending};

impl<S: Store> Sessions<'_, S> {
    /// The open sessions of `subject`, newest first: those among the newest 200 that it opened.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn list(&self, subject: &Subject) -> Result<Vec<Summary>, Rejection> {
        let mut open = Vec::new();
        for (_, name) in self.directory_entries(subject)? {
            // The place in the directory outlives the session; nobody who ends it by a token can find the place.
            if self.now < name.expires_at {
                open.extend(Summary::get(&name, self.store)?);
            }
        }
        Ok(open)
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

    /// Ends all sessions of `subject`.
    ///
    /// # Errors
    /// Where the store does not answer; some sessions may then still be there.
    pub fn end_all(&self, subject: &Subject) -> Result<(), Rejection> {
        self.directory_entries(subject)?.iter().try_for_each(|(entry, name)| self.end_listed(entry, name))
    }

    /// Gives a session its place in the directory.
    pub(crate) fn list_session(
        &self,
        subject: &Subject,
        name: &SessionName,
        entropy: &mut impl Entropy,
    ) -> Result<(), Rejection> {
        Ok(self.directory().add(List::Sessions, subject, &name.to_bytes(), entropy)?)
    }

    fn end_listed(&self, entry: &Entry, name: &SessionName) -> Result<(), Rejection> {
        if self.now < name.expires_at {
            ending::end(name, None, self.store)?;
        }
        Ok(self.directory().remove(entry)?)
    }

    fn directory_entries(&self, subject: &Subject) -> Result<Vec<(Entry, SessionName)>, Rejection> {
        let entries = self.directory().entries(List::Sessions, subject)?.into_iter();
        Ok(entries.filter_map(|entry| SessionName::from_bytes(&entry.content).map(|name| (entry, name))).collect())
    }

    fn directory(&self) -> Directory<'_, S> {
        Directory { store: self.store, keys: self.keys, now: self.now }
    }
}

#[cfg(test)]
mod tests;
