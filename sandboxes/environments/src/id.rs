//! The id of an environment.

use core::fmt;

use gatehouse_protocol::Entropy;

/// Bytes of randomness.
const LENGTH: usize = 16;
/// Where the hyphens stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
/// Characters of the text.
const TEXT: usize = LENGTH * 2 + HYPHENS.len();

/// The id of an environment: 128 random bits, written in the form of a UUID (8-4-4-4-12 lower-case hexadecimal digits), which
/// is how the documented server writes it. No bit of it says a version: all of them are random.
///
/// An id alone opens nothing: the subject belongs to it. It is not written to logs nonetheless.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvironmentId(String);

impl EnvironmentId {
    /// A new id.
    pub fn generate(entropy: &mut impl Entropy) -> Self {
        let mut text = String::with_capacity(TEXT);
        for byte in entropy.bytes::<LENGTH>() {
            if HYPHENS.contains(&text.len()) {
                text.push('-');
            }
            text.push_str(&format!("{byte:02x}"));
        }
        Self(text)
    }

    /// Reads the text of an id. `None` for what no id looks like: such an environment was never there.
    pub fn parse(text: &str) -> Option<Self> {
        let is_one = |(at, byte): (usize, u8)| match HYPHENS.contains(&at) {
            true => byte == b'-',
            false => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        };
        (text.len() == TEXT && text.bytes().enumerate().all(is_one)).then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Says nothing of it.
impl fmt::Debug for EnvironmentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EnvironmentId")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example::Counting;

    struct Given([u8; LENGTH]);

    impl Entropy for Given {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0);
        }
    }

    #[test]
    fn an_id_has_the_form_of_a_uuid_and_no_two_are_the_same() {
        let mut entropy = Counting(0);
        let (one, other) = (EnvironmentId::generate(&mut entropy), EnvironmentId::generate(&mut entropy));
        assert_eq!(one.as_str(), "01010101-0101-0101-0101-010101010101");
        assert_ne!(one, other);
        assert_eq!(format!("{one:?}"), "EnvironmentId");
    }

    #[test]
    fn what_looks_like_no_id_is_none() {
        for text in [
            "",
            "01010101010101010101010101010101",
            "01010101-0101-0101-0101-01010101010",
            "01010101-0101-0101-0101-0101010101011",
            "0101010-10101-0101-0101-010101010101",
            "01010101-0101-0101-0101-01010101010g",
            "01010101-0101-0101-0101-01010101010A",
            "01010101-0101-0101-0101-0101010101\u{e9}",
            " 1010101-0101-0101-0101-010101010101",
        ] {
            assert_eq!(EnvironmentId::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_id_is_read_back_and_every_bit_of_chance_is_in_it(bytes in any::<[u8; LENGTH]>(), bit in 0..LENGTH * 8) {
            let id = EnvironmentId::generate(&mut Given(bytes));
            prop_assert_eq!(EnvironmentId::parse(id.as_str()), Some(id.clone()));
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(EnvironmentId::generate(&mut Given(flipped)), id);
        }
    }
}
