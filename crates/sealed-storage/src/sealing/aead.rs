//! XAES-256-GCM (<https://c2sp.org/XAES-256-GCM>) with a fresh random nonce in front.
//!
//! AES-256-GCM alone has nonces of 96 bits, so that random ones are safe for 2^32 messages under one key (NIST SP
//! 800-38D, section 8.3): a busy gateway seals as many ids of events in days. Here the first half of a nonce of 192 bits
//! derives a key of AES-256-GCM, and the second half is the nonce under that key. Random nonces are then safe for 2^80
//! messages, which is no limit any more, for three more block encryptions and a key schedule for each message.

use gatehouse_protocol::{Entropy, SecretBytes};
use hkdf::Hkdf;
use sha2::Sha256;
use xaes_256_gcm::aead::{Aead as _, KeyInit as _, Payload};
use xaes_256_gcm::{Key, Nonce, Xaes256Gcm};
use zeroize::Zeroizing;

use crate::sealing::Unopenable;

/// Bytes.
const NONCE_LENGTH: usize = 24;

/// What every derived secret's label begins with. Raised with the format of what is sealed, so that no key is ever used
/// with two ciphers.
const GENERATION: &[u8] = b"gatehouse/3/";

/// A 256-bit key for `label`, derived from `secret` by the expansion of HKDF (RFC 5869). Its extraction is for what is not evenly
/// random: server keys and handle secrets are random bytes, or were derived (section 3.3). Each would cost another four blocks of
/// SHA-256, and a request derives four keys.
pub(crate) fn derive(secret: &SecretBytes<32>, label: &[&[u8]]) -> SecretBytes<32> {
    let mut key = Zeroizing::new([0; 32]);
    let label = [&[GENERATION], label].concat();
    // HKDF-SHA256 takes keys of 32 bytes and more, and gives up to 8,160 bytes: this cannot fail. Were it to, the key would be all
    // zero bytes for nobody to use: opening fails then, and sealing is refused by the caller's round trip in the tests.
    let expanded = Hkdf::<Sha256>::from_prk(secret.expose())
        .is_ok_and(|hkdf| hkdf.expand_multi_info(&label, key.as_mut()).is_ok());
    debug_assert!(expanded);
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

fn cipher(key: &SecretBytes<32>) -> Xaes256Gcm {
    Xaes256Gcm::new(&Key::<Xaes256Gcm>::from(*key.expose()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Always the same nonce.
    struct Fixed<const N: usize>([u8; N]);

    impl<const N: usize> Entropy for Fixed<N> {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0);
        }
    }

    fn hexadecimal(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Both vectors of <https://c2sp.org/XAES-256-GCM>: one for each way of doubling a block, by the first bit of it.
    #[test]
    fn the_cipher_is_that_of_the_published_vectors() {
        for (byte, context, sealed) in [
            (1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
            (3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
        ] {
            let nonce = *b"ABCDEFGHIJKLMNOPQRSTUVWX";
            let key = SecretBytes::new([byte; 32]);
            let bytes = seal(&key, context.as_bytes(), b"XAES-256-GCM", &mut Fixed(nonce)).unwrap();
            let (front, rest) = bytes.split_at(NONCE_LENGTH);
            assert_eq!((front, hexadecimal(rest).as_str()), (nonce.as_slice(), sealed));
            assert_eq!(open(&key, context.as_bytes(), &bytes).unwrap().as_slice(), b"XAES-256-GCM");
        }
    }

    /// With AES-256-GCM alone, 96 bits of chance stood between two messages and one nonce.
    #[test]
    fn every_bit_of_the_192_bits_of_chance_makes_another_seal() {
        let key = SecretBytes::new([1; 32]);
        let sealed_with = |nonce: [u8; NONCE_LENGTH]| seal(&key, b"", b"message", &mut Fixed(nonce)).unwrap();
        let first = sealed_with([0; NONCE_LENGTH]);
        for bit in 0..NONCE_LENGTH * 8 {
            let mut nonce = [0; NONCE_LENGTH];
            nonce[bit / 8] = 1 << (bit % 8);
            assert_ne!(sealed_with(nonce)[NONCE_LENGTH..], first[NONCE_LENGTH..], "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_and_nothing_else_does(
            key in any::<[u8; 32]>(), nonce in any::<[u8; NONCE_LENGTH]>(), context in any::<Vec<u8>>(),
            plaintext in any::<Vec<u8>>(), bit in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(),
            other in any::<Vec<u8>>(),
        ) {
            let key = SecretBytes::new(key);
            let sealed = seal(&key, &context, &plaintext, &mut Fixed(nonce)).unwrap();
            let opened = open(&key, &context, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), plaintext.as_slice());
            let mut flipped = sealed.clone();
            let bit = bit.index(sealed.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(open(&key, &context, &flipped), Err(Unopenable));
            prop_assert_eq!(open(&key, &context, &sealed[..cut.index(sealed.len())]), Err(Unopenable));
            prop_assert_eq!(open(&key, &context, &other), Err(Unopenable));
            if other != context {
                prop_assert_eq!(open(&key, &other, &sealed), Err(Unopenable));
            }
        }
    }
}
