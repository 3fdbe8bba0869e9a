//! The id of a request, which stands on every line of the log about it.

use std::cell::RefCell;
use std::fmt;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

/// The header of every answer that says its request's id.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// So many ids' bytes are fetched from the kernel at once: a system call for each would cost more than the id.
const FETCHED_AT_ONCE: usize = 64;

/// Which request a line of the log is about: 16 random bytes, written as 32 hexadecimal digits. It is no secret, and
/// nothing depends on its being hard to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// A new one.
    pub(crate) fn generate() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        thread_local! {
            static FETCHED: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
        }
        let fetched = FETCHED.with_borrow_mut(|fetched| {
            let mut more = [[0; 16]; FETCHED_AT_ONCE];
            if fetched.is_empty() && getrandom::fill(more.as_flattened_mut()).is_ok() {
                fetched.extend(more);
            }
            fetched.pop()
        });
        // Where the machine has no randomness, a number in this process, and the process's on the machine.
        let number = || u128::from(NUMBER.fetch_add(1, Ordering::Relaxed));
        Self(fetched.unwrap_or_else(|| (u128::from(process::id()) << 64 | number()).to_be_bytes()))
    }

    /// Its bytes.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The first eight digits: enough for people to tell requests apart.
    pub(super) fn short(self) -> String {
        self.to_string().chars().take(8).collect()
    }

    /// The id as [`X_REQUEST_ID`] says it.
    pub(crate) fn to_header_value(self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).unwrap_or(HeaderValue::from_static(""))
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self([0xab; 16])
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_request_has_an_id_of_its_own_of_32_digits() {
        let first = RequestId::generate();
        let on_threads = [(); 2].map(|()| {
            std::thread::spawn(|| (0..3 * FETCHED_AT_ONCE).map(|_| RequestId::generate()).collect::<Vec<_>>())
        });
        let ids: HashSet<_> = on_threads.into_iter().flat_map(|thread| thread.join().unwrap()).chain([first]).collect();
        assert_eq!(ids.len(), 6 * FETCHED_AT_ONCE + 1);
        assert_eq!(first.to_header_value(), first.to_string());
        assert_eq!(RequestId::example().to_string(), "ab".repeat(16));
        assert_eq!(RequestId::example().short(), "abababab");
    }
}
