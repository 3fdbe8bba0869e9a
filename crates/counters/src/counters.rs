//! Counters by their names.

use crate::begin;
use crate::place::{self, place};
use crate::store::{Around, Bucket};

/// The counters of a store. Under the name of one stands where it is.
///
/// A name has the form `kind.expiry.id`, and so has that of where the counter is, with the same expiry: whoever removes what has expired
/// needs to know nothing of this.
#[derive(Debug)]
pub struct Counters<'a, B, A> {
    /// Where the names and the counters are.
    pub entries: &'a B,
    /// What else there is.
    pub around: &'a A,
}

impl<B: Bucket, A: Around> Counters<'_, B, A> {
    /// Adds `delta` to the counter under `name`; the sum. `agreeing` opens the bucket of [`crate::roots`] and tells its root; it is asked
    /// only where the counter is not there yet.
    ///
    /// # Errors
    /// Where the store does not answer, or too many begin counters at once. Then it may have been counted.
    pub fn increment(
        &self,
        name: &str,
        delta: u64,
        agreeing: impl FnOnce() -> Result<(B, String), B::Error>,
    ) -> Result<u64, B::Error> {
        let place = match self.entries.get(name)? {
            Some(value) => place(name, &value)?,
            // Nobody has counted yet, and this does not.
            None if delta == 0 => return Ok(0),
            None => {
                let (turns, root) = agreeing()?;
                begin::Beginning { entries: self.entries, turns: &turns, root: &root, around: self.around }
                    .agree(name)?
            }
        };
        self.entries.increment(&place, delta)
    }

    /// Removes what is under `name`, a counter or a value.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn delete(&self, name: &str) -> Result<(), B::Error> {
        let place = self.entries.get(name)?.and_then(|value| place::pointed(&value));
        self.entries.delete(name)?;
        place.map_or(Ok(()), |place| self.entries.delete(&place))
    }
}
