//! What stands in a slot.

use core::fmt;

use gatehouse_storage::{Key, StoreUnavailable};
use zeroize::Zeroizing;

use crate::sealing::HandleSecret;

/// One entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was added.
    pub content: Zeroizing<Vec<u8>>,
    pub(super) key: Key,
    pub(super) slot: HandleSecret,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.key.to_string()).finish()
    }
}

pub(super) fn unavailable(text: &str) -> StoreUnavailable {
    StoreUnavailable(text.to_owned())
}
