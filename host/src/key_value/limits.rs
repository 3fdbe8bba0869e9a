//! What may be asked of the store at once.

use std::time::Duration;

use super::outcome::KeyValueError;

/// Keys in one page of a listing, and in one operation on many.
pub(super) const PAGE: usize = 1000;
/// Bytes of a key.
const LONGEST_KEY: usize = 1024;
/// Bytes of a value, and of all values in one operation on many.
pub(super) const LARGEST_VALUE: usize = 16 * 1024 * 1024;

/// How much may wait for the store, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// How long an operation may take, from when it is asked for: after that it fails, and does not begin any more. While
    /// nothing gets through to the store it is a second at most.
    pub wait: Duration,
    /// How many writes may wait, and how many reads; more fail at once.
    pub queue: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { wait: Duration::from_secs(5), queue: 1024 }
    }
}

/// Whether an operation may be on so many keys.
pub(super) fn check_number(keys: usize) -> Result<(), KeyValueError> {
    if keys > PAGE { Err(KeyValueError::TooLarge("an operation takes 1000 keys at most")) } else { Ok(()) }
}

/// Whether a key may be as long.
pub(super) fn check_key(key: &str) -> Result<(), KeyValueError> {
    if key.len() > LONGEST_KEY { Err(KeyValueError::TooLarge("a key has 1024 bytes at most")) } else { Ok(()) }
}

/// The bytes of all values.
pub(super) fn bytes_of(values: &[Option<Vec<u8>>]) -> usize {
    values.iter().flatten().map(Vec::len).fold(0, usize::saturating_add)
}

/// Whether as many bytes may be read at once.
pub(super) fn check_read(bytes: usize) -> Result<(), KeyValueError> {
    match bytes > LARGEST_VALUE {
        true => Err(KeyValueError::TooLarge("the values of these keys have more than 16 MiB")),
        false => Ok(()),
    }
}

/// Whether as many bytes may be written at once.
pub(super) fn check_value(bytes: usize) -> Result<(), KeyValueError> {
    if bytes > LARGEST_VALUE { Err(KeyValueError::TooLarge("values have 16 MiB at most")) } else { Ok(()) }
}
