//! What the tests of this crate have in common.

use gatehouse_protocol::Entropy;

/// Repeatable, and different for every call.
pub(crate) struct Counting(pub(crate) u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}
