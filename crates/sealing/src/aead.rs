//! AES-256-GCM with a fresh random nonce in front.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use gatehouse_protocol::{Entropy, SecretBytes};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Unopenable;

/// Bytes (NIST SP 800-38D, section 8.2.2). Random nonces are safe for 2^32 messages under one key; every purpose has
/// a key of its own, and server keys are rotated long before (`docs/security.md`).
const NONCE_LENGTH: usize = 12;

/// A 256-bit key for `label`, derived from `secret` (RFC 5869).
pub(crate) fn derive(secret: &SecretBytes<32>, label: &[&[u8]]) -> SecretBytes<32> {
    let mut key = Zeroizing::new([0; 32]);
    // HKDF-SHA256 gives up to 8,160 bytes; 32 cannot fail. Were it to, the key would be all zero bytes for nobody to
    // use: opening fails then, and sealing is refused by the caller's round trip in the tests.
    let expanded = Hkdf::<Sha256>::new(None, secret.expose()).expand_multi_info(label, key.as_mut());
    debug_assert!(expanded.is_ok());
    SecretBytes::new(*key)
}

/// Nonce, ciphertext and tag.
pub(crate) fn seal(
    key: &SecretBytes<32>,
    context: &[u8],
    plaintext: &[u8],
    entropy: &mut impl Entropy,
) -> Result<Vec<u8>, Unopenable> {
    let nonce: [u8; NONCE_LENGTH] = entropy.bytes();
    let payload = Payload { msg: plaintext, aad: context };
    let sealed = cipher(key).encrypt(&Nonce::from(nonce), payload).map_err(|_| Unopenable)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// What was sealed with the same key and context.
pub(crate) fn open(key: &SecretBytes<32>, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopenable> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LENGTH>().ok_or(Unopenable)?;
    let payload = Payload { msg: ciphertext, aad: context };
    cipher(key).decrypt(&Nonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| Unopenable)
}

fn cipher(key: &SecretBytes<32>) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key.expose()))
}
