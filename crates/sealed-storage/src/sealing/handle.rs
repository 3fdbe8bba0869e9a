//! Secrets that name a record and seal it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, SecretBytes};
use zeroize::Zeroizing;

use crate::sealing::{Unopenable, aead};

/// A random secret that travels inside a sealed handle (a token, a code, a state). From it come the id under which a
/// record is stored and the key that seals the record; neither tells the secret, nor the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandleSecret(SecretBytes<32>);

impl HandleSecret {
    /// Bytes.
    pub const LENGTH: usize = 32;

    /// A new random secret.
    pub fn generate(entropy: &mut impl Entropy) -> Self {
        Self(SecretBytes::new(entropy.bytes()))
    }

    /// The secret in `bytes`, `None` where they are not exactly 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        SecretBytes::from_slice(bytes).map(Self)
    }

    /// Another secret that only the holder of this one can derive.
    #[must_use]
    pub fn derive(&self, label: &str, number: u64) -> Self {
        Self(aead::derive(&self.0, &[b"derived/", label.as_bytes(), b"/", &number.to_be_bytes()]))
    }

    /// The id under which the record of this secret is stored: 43 base64url characters.
    pub fn record_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(aead::derive(&self.0, &[b"record-id"]).expose())
    }

    /// Seals a record that is stored under the name `record_name`.
    ///
    /// # Errors
    /// Where the cipher refuses, which it does only for texts of many gigabytes.
    pub fn seal_record(
        &self,
        record_name: &str,
        record: &[u8],
        entropy: &mut impl Entropy,
    ) -> Result<Vec<u8>, Unopenable> {
        aead::seal(&self.record_key(), record_name.as_bytes(), record, entropy)
    }

    /// Opens a record that was found under the name `record_name`: one that was moved there from elsewhere does not
    /// open.
    ///
    /// # Errors
    /// One error for everything that can be wrong.
    pub fn open_record(&self, record_name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopenable> {
        aead::open(&self.record_key(), record_name.as_bytes(), sealed)
    }

    /// The secret itself, to put into a sealed handle.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    fn record_key(&self) -> SecretBytes<32> {
        aead::derive(&self.0, &[b"record-key"])
    }
}

impl From<SecretBytes<32>> for HandleSecret {
    fn from(secret: SecretBytes<32>) -> Self {
        Self(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(9);
        }
    }

    #[test]
    fn a_record_opens_with_its_secret_under_its_name_only() {
        let secret = HandleSecret::from_slice(&[1; 32]).unwrap();
        let sealed = secret.seal_record("code.1.a", b"record", &mut Fixed).unwrap();
        assert_eq!(secret.open_record("code.1.a", &sealed).unwrap().as_slice(), b"record");
        assert_eq!(secret.open_record("code.1.b", &sealed), Err(Unopenable));
        assert_eq!(HandleSecret::from_slice(&[2; 32]).unwrap().open_record("code.1.a", &sealed), Err(Unopenable));
        assert_eq!(secret.open_record("code.1.a", &sealed[..23]), Err(Unopenable));
    }

    #[test]
    fn what_is_derived_differs_by_label_and_number_and_tells_nothing_of_its_origin() {
        let secret = HandleSecret::from_slice(&[1; 32]).unwrap();
        let ids: std::collections::BTreeSet<_> = [("a", 1), ("a", 2), ("b", 1)]
            .map(|(label, number)| secret.derive(label, number).record_id())
            .into_iter()
            .chain([secret.record_id()])
            .collect();
        assert_eq!(ids.len(), 4);
        assert_eq!(secret.derive("a", 1), secret.derive("a", 1));
        assert!(ids.iter().all(|id| id.len() == 43));
    }
}
