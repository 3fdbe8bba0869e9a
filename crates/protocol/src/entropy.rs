//! Randomness, always passed in.

/// A cryptographically secure source of random bytes.
///
/// Components implement it with `wasi:random`; tests with a counter, so that what they see is repeatable.
pub trait Entropy {
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&mut self, bytes: &mut [u8]);

    /// `N` unpredictable bytes.
    fn bytes<const N: usize>(&mut self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}
