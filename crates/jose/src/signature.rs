//! The signature algorithms, as implementations of the trait [`Algorithm`] of `jwt-compact`.
//!
//! That trait has two gaps, which [`Signer`](crate::signer::Signer) closes: its `sign` gets no randomness, and cannot fail.

mod deterministic;
mod rsa;

use jwt_compact::Algorithm;

pub(crate) use deterministic::{ed_dsa, ed25519, es256, es384};
pub(crate) use rsa::{ps256, ps384, ps512, rs256, rs384, rs512};

use crate::signer::SignatureBytes;

/// Whether `signature` is of these very bytes, by this key.
///
/// The validator of `jwt-compact` reads the claims first and checks the signature afterwards, so it is not used.
pub(crate) fn is_signed<A: Algorithm<Signature = SignatureBytes>>(
    algorithm: &A,
    key: &A::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    algorithm.verify_signature(&SignatureBytes(signature.to_vec()), key, message)
}

#[cfg(test)]
mod tests;
