//! The number of a request, which stands on every line of the log about it.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Serialize, Serializer};

/// Which request a line of the log is about. Unique in the process, and, by its first half, very likely among all
/// processes whose logs are gathered in one place. It is no secret, and nothing depends on its being hard to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    process: u32,
    number: u64,
}

impl RequestId {
    /// The next one of this process.
    pub(crate) fn next() -> Self {
        static PROCESS: OnceLock<u32> = OnceLock::new();
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        // Where the machine has no randomness, the process's number tells it from others on the machine.
        let process = *PROCESS.get_or_init(|| getrandom::u32().unwrap_or_else(|_| std::process::id()));
        Self { process, number: NUMBER.fetch_add(1, Ordering::Relaxed) }
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self { process: 0xab, number: 7 }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.process, self.number)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_a_number_of_its_own() {
        let (first, second) = (RequestId::next(), RequestId::next());
        assert_ne!(first, second);
        assert_eq!(first.process, second.process);
        assert_eq!(RequestId::example().to_string(), "000000ab-7");
    }
}
