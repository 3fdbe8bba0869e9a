//! Public keys by their kinds, and what they verify.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::BoxedUint;

use crate::SigningAlgorithm;
use crate::signature::{ed_dsa, ed25519, es256, es384, is_signed, ps256, ps384, ps512, rs256, rs384, rs512};

/// The shortest RSA modulus, in bits (RFC 7518, section 3.3: "MUST be used").
pub(crate) const SHORTEST_RSA_BITS: usize = 2048;
/// The longest. Twice as long a modulus takes four times as long to verify with.
pub(crate) const LONGEST_RSA_BITS: usize = 4096;

/// The numbers of a key. They are made into a key only when a signature is there: a key set has many, and a token names
/// one.
#[derive(Clone, Debug)]
pub(crate) enum PublicKey {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// In the uncompressed form of SEC 1.
    P256([u8; 65]),
    /// In the uncompressed form of SEC 1.
    P384([u8; 97]),
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// An RSA key of `n` and `e` in base64url. One under 2048 bits is no key any more.
    pub(crate) fn rsa(modulus: &str, exponent: &str) -> Option<Self> {
        let modulus = bytes_of(modulus)?;
        let significant = modulus.iter().position(|byte| *byte != 0).and_then(|start| modulus.get(start..))?;
        let bits = significant.len() * 8 - significant.first()?.leading_zeros() as usize;
        if bits < SHORTEST_RSA_BITS {
            return None;
        }
        Some(Self::Rsa { modulus: significant.to_vec(), exponent: bytes_of(exponent)? })
    }

    /// A point with coordinates of exactly 32 bytes (RFC 7518, section 6.2.1.2).
    pub(crate) fn p256(x: &str, y: &str) -> Option<Self> {
        point::<32, 65>(x, y).map(Self::P256)
    }

    /// A point with coordinates of exactly 48 bytes.
    pub(crate) fn p384(x: &str, y: &str) -> Option<Self> {
        point::<48, 97>(x, y).map(Self::P384)
    }

    /// RFC 8037, section 2.
    pub(crate) fn ed25519(x: &str) -> Option<Self> {
        bytes_of(x)?.try_into().ok().map(Self::Ed25519)
    }

    /// Whether the key is of the algorithm's type.
    pub(crate) const fn is_for(&self, algorithm: SigningAlgorithm) -> bool {
        use SigningAlgorithm::{Ed25519, EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match algorithm {
            Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512 => matches!(self, Self::Rsa { .. }),
            Es256 => matches!(self, Self::P256(_)),
            Es384 => matches!(self, Self::P384(_)),
            EdDsa | Ed25519 => matches!(self, Self::Ed25519(_)),
        }
    }

    /// Whether `signature` is this key's, of `message`. It is not where the key cannot be one, such as a point that is not on its
    /// curve.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8], algorithm: SigningAlgorithm) -> bool {
        match self {
            Self::Rsa { modulus, exponent } => {
                rsa_key(modulus, exponent).is_some_and(|key| rsa_has_signed(&key, message, signature, algorithm))
            }
            Self::P256(point) => {
                algorithm == SigningAlgorithm::Es256
                    && p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
                        .is_ok_and(|key| is_signed(&es256(), &key, message, signature))
            }
            Self::P384(point) => {
                algorithm == SigningAlgorithm::Es384
                    && p384::ecdsa::VerifyingKey::from_sec1_bytes(point)
                        .is_ok_and(|key| is_signed(&es384(), &key, message, signature))
            }
            Self::Ed25519(point) => ed25519_dalek::VerifyingKey::from_bytes(point).is_ok_and(|key| match algorithm {
                SigningAlgorithm::EdDsa => is_signed(&ed_dsa(), &key, message, signature),
                SigningAlgorithm::Ed25519 => is_signed(&ed25519(), &key, message, signature),
                _ => false,
            }),
        }
    }
}

fn rsa_has_signed(key: &rsa::PublicKey, message: &[u8], signature: &[u8], algorithm: SigningAlgorithm) -> bool {
    use SigningAlgorithm::{Ed25519, EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    match algorithm {
        Rs256 => is_signed(&rs256(), key, message, signature),
        Rs384 => is_signed(&rs384(), key, message, signature),
        Rs512 => is_signed(&rs512(), key, message, signature),
        Ps256 => is_signed(&ps256(), key, message, signature),
        Ps384 => is_signed(&ps384(), key, message, signature),
        Ps512 => is_signed(&ps512(), key, message, signature),
        Es256 | Es384 | EdDsa | Ed25519 => false,
    }
}

fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Option<rsa::PublicKey> {
    let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, u32::try_from(bytes.len() * 8).ok()?).ok();
    let sizes = SHORTEST_RSA_BITS..=LONGEST_RSA_BITS;
    rsa::PublicKey::new_with_size_limits(number(modulus)?, number(exponent)?, sizes).ok()
}

fn point<const N: usize, const LENGTH: usize>(x: &str, y: &str) -> Option<[u8; LENGTH]> {
    const UNCOMPRESSED: &[u8] = &[4];
    let exactly = |text: &str| <[u8; N]>::try_from(bytes_of(text)?).ok();
    [UNCOMPRESSED, &exactly(x)?, &exactly(y)?].concat().try_into().ok()
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
