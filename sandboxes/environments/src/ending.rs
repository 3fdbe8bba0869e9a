//! Ending an environment before its time.
//!
//! Who ends one writes a *mark* first, and then removes what is there. A run that is under way may write a root at any moment, so whoever
//! has written one looks for the mark afterwards, and removes the root and its chunks again. In whichever order the two come, one of
//! them sees what the other has written. The mark makes the environment unknown, and is there for longer than any root that a run could
//! leave behind.

use gatehouse_protocol::{Entropy, Subject};
use gatehouse_storage::{Key, Kind, Periods, Store};

use crate::environments::{Environment, Environments};
use crate::listing::Listed;
use crate::places::RUN_PERIOD;
use crate::records::ChunkName;
use crate::secrets::Secret;
use crate::{EnvironmentError, EnvironmentId};

/// The mark.
const ENDED: Kind = "sandbox-ended";
/// Counter: who wanted to end an environment. The first gives its places back.
const ENDING: Kind = "sandbox-ending";

impl<S: Store> Environments<'_, S> {
    /// Ends an environment: everything of it is removed, and it is unknown to its owner. Tells whether it was there.
    ///
    /// # Errors
    /// Where the store does not answer. Where the mark was written, the environment is unknown nonetheless, and what is left of it ends
    /// with its period.
    pub fn end(&self, listed: &Listed) -> Result<bool, EnvironmentError> {
        let Listed { subject, id, .. } = listed;
        let Some(found) = self.find(subject, id)? else { return Ok(false) };
        // In both places where it is looked for: whoever looks may have a clock of the period before.
        for key in self.marks(&found.secret)? {
            self.store.put(&key, b"ended")?;
        }
        let last = self.remove_what_is_there((subject, id))?.unwrap_or(found);
        let end = self.mark_periods().end_of_new(self.now);
        let counter = Key::new(ENDING, &last.secret.handle.derive(ENDING, 0).record_id(), end)?;
        if self.store.increment(&counter, 1)? == 1 {
            let (of_subject, in_all) = self.places(subject);
            of_subject.leave(self.store, self.now, last.root.counted)?;
            in_all.leave(self.store, self.now, last.root.counted)?;
        }
        Ok(true)
    }

    /// Removes the root, and then what it names; what was there.
    fn remove_what_is_there(
        &self,
        (subject, id): (&Subject, &EnvironmentId),
    ) -> Result<Option<Environment>, EnvironmentError> {
        // The mark is there by now, and is not asked for.
        let Some(there) = self.find_unless(subject, id, &[])? else { return Ok(None) };
        let index = self.index(&there);
        let of_index = index.iter().flat_map(|index| index.chunks());
        self.remove(&there, there.root.index.chunks().iter().chain(of_index))?;
        Ok(Some(there))
    }

    /// Where the mark of an environment is, if it has one; nowhere where nobody can end any.
    pub(crate) fn marks(&self, secret: &Secret) -> Result<Vec<Key>, EnvironmentError> {
        if self.administration.is_none() {
            return Ok(Vec::new());
        }
        let id = secret.handle.derive(ENDED, 0).record_id();
        let ends = self.mark_periods().possible_ends(self.now);
        ends.into_iter().map(|end| Ok(Key::new(ENDED, &id, end)?)).collect()
    }

    /// A root can be written for as long as a run has the environment, and is good for the cool-down from then on.
    fn mark_periods(&self) -> Periods {
        Periods::of_seconds(self.settings.cool_down_seconds.saturating_add(3 * RUN_PERIOD))
    }

    /// Whether somebody has ended the environment.
    pub(crate) fn is_ended(&self, environment: &Environment) -> Result<bool, EnvironmentError> {
        let marks = self.marks(&environment.secret)?;
        if marks.is_empty() {
            return Ok(false);
        }
        let values = self.store.get_many(&marks.iter().collect::<Vec<_>>())?;
        Ok(values.iter().any(Option::is_some))
    }

    /// Writes a root, and removes it again where somebody has ended the environment meanwhile.
    pub(crate) fn put_root_unless_ended(
        &self,
        environment: &Environment,
        entropy: &mut impl Entropy,
    ) -> Result<(), EnvironmentError> {
        self.put_root(environment, entropy)?;
        // It is written. Where nobody can tell whether it should be, a mark that may be there hides it all the same.
        if self.is_ended(environment).unwrap_or(false) {
            self.store.delete(&environment.key)?;
            return Err(EnvironmentError::Gone);
        }
        Ok(())
    }

    /// Removes a root, and then these chunks of it.
    pub(crate) fn remove<'a>(
        &self,
        environment: &Environment,
        chunks: impl Iterator<Item = &'a ChunkName>,
    ) -> Result<(), EnvironmentError> {
        self.store.delete(&environment.key)?;
        for name in chunks {
            self.store.delete(&environment.secret.chunk(&name.hash, environment.key.expires_at())?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
