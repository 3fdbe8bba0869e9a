//! How an operation of the store ends.

/// Why an operation did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyValueError {
    /// `increment` on a key that holds a value.
    #[error("the key holds a value that is not a counter")]
    NotACounter,
    /// `increment` past the range of a 64-bit integer.
    #[error("the counter would overflow")]
    CounterOverflow,
    /// A key, a value, or an operation on many that is larger than the store takes.
    #[error("{0}")]
    TooLarge(&'static str),
    /// A listing that was to go on where no page has ended.
    #[error("the cursor is of no page of keys")]
    WrongCursor,
    /// Its time was over. In SQLite, another process holds the database, or the disk is too slow: unless it had begun just then,
    /// it was not done. Redis gave no answer, and may still do what it was asked.
    #[error("the key-value store did not answer in time")]
    TimedOut,
    /// So many wait already that this one did not begin to.
    #[error("too many operations wait for the key-value store")]
    QueueFull,
    /// The backend failed.
    #[error("the key-value store failed: {0}")]
    Database(String),
}

impl KeyValueError {
    /// Why, in a word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::NotACounter => "not-a-counter",
            Self::CounterOverflow => "counter-overflow",
            Self::TooLarge(_) => "too-large",
            Self::WrongCursor => "wrong-cursor",
            Self::TimedOut => "timeout",
            Self::QueueFull => "queue-full",
            Self::Database(_) => "failed",
        }
    }

    /// Whether the guest asked for something that cannot be; otherwise the store does not work as it should.
    pub(crate) fn is_of_guest(&self) -> bool {
        match self {
            Self::NotACounter | Self::CounterOverflow | Self::TooLarge(_) | Self::WrongCursor => true,
            Self::TimedOut | Self::QueueFull | Self::Database(_) => false,
        }
    }
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys; in order, where the backend has one.
    pub keys: Vec<String>,
    /// Where the next page starts; `None` on the last.
    pub cursor: Option<String>,
}

/// How a compare-and-swap ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The value is there now.
    Swapped,
    /// Someone was faster; this is what the key holds.
    Changed(Option<Vec<u8>>),
}

/// What one piece of a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swept {
    /// Nothing: another process has the lease.
    Elsewhere,
    /// It removed so many entries.
    Removed {
        /// How many.
        entries: usize,
        /// Whether there may be more.
        more: bool,
    },
}
