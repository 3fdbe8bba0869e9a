//! Secrets: never printed, compared in constant time, wiped when dropped.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A secret text, such as a client secret or an upstream's API key.
#[derive(Clone)]
pub struct SecretString(String);

impl SecretString {
    /// Takes the secret over.
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The secret itself. Every call is a place to audit.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for SecretString {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SecretString {}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for SecretString {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A secret of `N` bytes, such as a key or a session's root secret.
#[derive(Clone)]
pub struct SecretBytes<const N: usize>([u8; N]);

impl<const N: usize> SecretBytes<N> {
    /// Takes the secret over.
    pub const fn new(secret: [u8; N]) -> Self {
        Self(secret)
    }

    /// The secret in `bytes`, or `None` where they are not exactly `N`.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The secret itself. Every call is a place to audit.
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> PartialEq for SecretBytes<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<const N: usize> Eq for SecretBytes<N> {}

impl<const N: usize> fmt::Debug for SecretBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<const N: usize> Drop for SecretBytes<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_redacted_wherever_it_stands() {
        let text = format!("{:?}", Some((SecretString::new("hunter2".into()), SecretBytes::new([7; 4]))));
        assert_eq!(text, "Some(([redacted], [redacted]))");
    }

    #[test]
    fn secrets_are_equal_only_when_every_byte_is() {
        assert_eq!(SecretString::new("abc".into()), SecretString::new("abc".into()));
        assert_ne!(SecretString::new("abc".into()), SecretString::new("abd".into()));
        assert_ne!(SecretString::new("abc".into()), SecretString::new("abcd".into()));
        assert!(SecretBytes::<4>::from_slice(&[1, 2, 3]).is_none());
    }
}
