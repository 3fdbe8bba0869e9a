//! What the tests of records have in common: bytes that can be told apart, and keys.

use gatehouse_protocol::Entropy;

use crate::sealing::KeyRing;

/// Gives other bytes each time.
pub(crate) struct Counting(pub(crate) u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}

/// One key, which begins with this letter.
pub(crate) fn key_ring(letter: char) -> KeyRing {
    KeyRing::parse(&format!("{letter}:{letter}{}", "A".repeat(42))).unwrap()
}
