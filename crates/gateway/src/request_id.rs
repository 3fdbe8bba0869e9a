//! The id of one request to the gateway, in its log, at its upstreams and in its answer.

use core::fmt;

use gatehouse_protocol::Entropy;
use http::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

/// The header of the id. One that a client sends is dropped: it could have one request look like another in the log.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// 16 random bytes, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// A new id.
    pub fn generate(entropy: &mut impl Entropy) -> Self {
        Self(hexadecimal(&entropy.bytes::<16>()))
    }

    /// The id in lower-case hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as `x-request-id` says it.
    pub(crate) fn value(&self) -> HeaderValue {
        HeaderValue::try_from(self.0.as_str()).unwrap_or(HeaderValue::from_static(""))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Two lower-case digits for each byte.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Counting;

    #[test]
    fn an_id_is_32_digits_and_never_the_same() {
        let mut entropy = Counting::default();
        let [one, other] = [RequestId::generate(&mut entropy), RequestId::generate(&mut entropy)];
        assert_eq!(one.as_str(), "000102030405060708090a0b0c0d0e0f");
        assert_eq!(one.value(), one.as_str());
        assert_ne!(one, other);
    }
}
