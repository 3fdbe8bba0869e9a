//! Counters by their names.

use crate::begin;
use crate::store::{Around, Bucket, number};

/// Begins the name of where a counter is.
const KIND: &str = "counter.";

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
        let place = self.entries.get(name)?.and_then(|value| pointed(&value));
        self.entries.delete(name)?;
        place.map_or(Ok(()), |place| self.entries.delete(&place))
    }
}

/// Where a counter is of which this stands under its name. An earlier version kept the counter itself there.
pub(crate) fn place<E: From<&'static str>>(name: &str, value: &[u8]) -> Result<String, E> {
    match number(value) {
        Some(_) => Ok(name.to_owned()),
        None => pointed(value).ok_or_else(|| "what is under the name of a counter is none".into()),
    }
}

fn pointed(value: &[u8]) -> Option<String> {
    core::str::from_utf8(value).ok().filter(|text| text.starts_with(KIND)).map(str::to_owned)
}

/// A place for the counter under `name` that no other has.
pub(crate) fn new_place(name: &str, unique: &str) -> String {
    let expiry = name.split('.').nth(1).unwrap_or_default();
    format!("{KIND}{expiry}.{unique}")
}
