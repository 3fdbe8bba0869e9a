//! What is asked of the store, and of whom else.

/// One bucket of the store. A name is written as NATS allows it.
pub trait Bucket {
    /// Why it did not answer; and, in words, why it could not be counted.
    type Error: From<&'static str>;

    /// The value under `name`, if there is one. What was written before, by anybody, is seen.
    ///
    /// # Errors
    /// Where the store does not answer.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Self::Error>;

    /// The values under those of `names` under which there are some, in any order.
    ///
    /// # Errors
    /// Where the store does not answer.
    fn get_many(&self, names: &[String]) -> Result<Vec<(String, Vec<u8>)>, Self::Error>;

    /// Stores `value` under `name`, whatever is there.
    ///
    /// # Errors
    /// Where the store does not answer; it may be written nonetheless, and later.
    fn set(&self, name: &str, value: &[u8]) -> Result<(), Self::Error>;

    /// Removes what is under `name`, if anything is.
    ///
    /// # Errors
    /// Where the store does not answer.
    fn delete(&self, name: &str) -> Result<(), Self::Error>;

    /// Adds to the counter under `name`, in one step where it is there; the sum. A race that is lost is tried again.
    ///
    /// # Errors
    /// Where the store does not answer; it may be counted nonetheless.
    fn increment(&self, name: &str, delta: u64) -> Result<u64, Self::Error>;

    /// A page of the names. Those that were written once, and never again, come in the order in which they were written.
    ///
    /// # Errors
    /// Where the store does not answer.
    fn list(&self, cursor: Option<u64>) -> Result<Page, Self::Error>;
}

/// A page of names, and where the next one begins.
pub type Page = (Vec<String>, Option<u64>);

/// What else an instance has.
pub trait Around {
    /// A text that nobody else gets, ever: 1 to 64 letters and digits.
    fn unique(&self) -> String;

    /// Waits for a moment of a random length, so that those who met do not meet again.
    fn pause(&self);
}

/// A counter as the store keeps it.
pub(crate) fn number(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}
