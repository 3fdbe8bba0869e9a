//! The id of a request, which stands on every line of the log about it.

use std::fmt;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

/// The header of every answer that says its request's id.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Which request a line of the log is about: 16 random bytes, written as 32 hexadecimal digits. It is no secret, and
/// nothing depends on its being hard to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// A new one.
    pub(crate) fn generate() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let mut bytes = [0; 16];
        if getrandom::fill(&mut bytes).is_err() {
            // Where the machine has no randomness, a number in this process, and the process's on the machine.
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            bytes = (u128::from(process::id()) << 64 | u128::from(number)).to_be_bytes();
        }
        Self(bytes)
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
    use super::*;

    #[test]
    fn every_request_has_an_id_of_its_own_of_32_digits() {
        let (first, second) = (RequestId::generate(), RequestId::generate());
        assert_ne!(first, second);
        assert_eq!(first.to_header_value(), first.to_string());
        assert_eq!(RequestId::example().to_string(), "ab".repeat(16));
        assert_eq!(RequestId::example().short(), "abababab");
    }
}
