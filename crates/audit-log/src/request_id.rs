//! The id of one request.

use core::fmt;

use gatehouse_protocol::Entropy;
use http::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

use crate::hexadecimal::hexadecimal;

/// The header in which every answer says its request's id, and every request to an MCP server, too. One that a client
/// sends is dropped: it could have one request look like another in the log.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// 16 random bytes, in hexadecimal: the id of one request to us, on each of its lines in the log and in its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// A new id.
    pub fn generate(entropy: &mut impl Entropy) -> Self {
        Self(hexadecimal(&entropy.bytes::<16>()))
    }

    /// The id that another of our components generated: 32 lower-case hexadecimal digits. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 32 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// The id: 32 lower-case hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as [`X_REQUEST_ID`] says it.
    pub fn to_header_value(&self) -> HeaderValue {
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u8);

    impl Entropy for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0;
                self.0 = self.0.wrapping_add(1);
            }
        }
    }

    #[test]
    fn an_id_is_32_digits_and_never_the_same() {
        let mut entropy = Counting(0);
        let [one, other] = [RequestId::generate(&mut entropy), RequestId::generate(&mut entropy)];
        assert_eq!(one.as_str(), "000102030405060708090a0b0c0d0e0f");
        assert_eq!(one.to_header_value(), one.as_str());
        assert_ne!(one, other);
    }

    #[test]
    fn only_an_id_of_our_own_form_is_read() {
        let id = RequestId::generate(&mut Counting(7));
        assert_eq!(RequestId::parse(id.as_str()), Some(id));
        for wrong in ["", "00", "000102030405060708090A0B0C0D0E0F", "000102030405060708090a0b0c0d0e0g"] {
            assert_eq!(RequestId::parse(wrong), None, "{wrong}");
        }
        assert_eq!(RequestId::parse(&"0".repeat(33)), None);
    }
}
