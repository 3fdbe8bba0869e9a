//! Algorithms whose signatures need no randomness: ECDSA as RFC 6979 makes it, and Ed25519.

use core::marker::PhantomData;
use std::borrow::Cow;

use jwt_compact::{Algorithm, Renamed};
use signature::{SignatureEncoding, Verifier};

use crate::SigningAlgorithm;
use crate::signer::{SignatureBytes, Signer};

/// An algorithm with private keys `S`, public keys `V`, and signatures `G` of a fixed length.
pub(crate) struct Deterministic<'a, S, V, G> {
    algorithm: SigningAlgorithm,
    types: PhantomData<fn(&'a S, V) -> G>,
}

type Es256<'a> = Deterministic<'a, p256::ecdsa::SigningKey, p256::ecdsa::VerifyingKey, p256::ecdsa::Signature>;
type Es384<'a> = Deterministic<'a, p384::ecdsa::SigningKey, p384::ecdsa::VerifyingKey, p384::ecdsa::Signature>;
type EdDsa<'a> = Deterministic<'a, ed25519_dalek::SigningKey, ed25519_dalek::VerifyingKey, ed25519_dalek::Signature>;

/// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
pub(crate) const fn es256<'a>() -> Es256<'a> {
    Deterministic::named(SigningAlgorithm::Es256)
}

/// ECDSA on P-384 with SHA-384 (RFC 7518, section 3.4).
pub(crate) const fn es384<'a>() -> Es384<'a> {
    Deterministic::named(SigningAlgorithm::Es384)
}

/// Ed25519 under the name `EdDSA` (RFC 8037, section 3.1).
pub(crate) const fn ed_dsa<'a>() -> EdDsa<'a> {
    Deterministic::named(SigningAlgorithm::EdDsa)
}

/// The same under the name `Ed25519` (RFC 9864, section 2.2).
pub(crate) fn ed25519<'a>() -> Renamed<EdDsa<'a>> {
    Renamed::new(ed_dsa(), SigningAlgorithm::Ed25519.as_str())
}

impl<S, V, G> Deterministic<'_, S, V, G> {
    const fn named(algorithm: SigningAlgorithm) -> Self {
        Self { algorithm, types: PhantomData }
    }
}

impl<'a, S, V, G> Algorithm for Deterministic<'a, S, V, G>
where
    S: signature::Signer<G>,
    V: Verifier<G>,
    G: SignatureEncoding,
{
    type SigningKey = Signer<'a, S>;
    type VerifyingKey = V;
    type Signature = SignatureBytes;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.algorithm.as_str())
    }

    fn sign(&self, signer: &Signer<'a, S>, message: &[u8]) -> SignatureBytes {
        signer.signature(|key, _| Some(key.try_sign(message).ok()?.to_vec()))
    }

    fn verify_signature(&self, signature: &SignatureBytes, key: &V, message: &[u8]) -> bool {
        G::try_from(signature.0.as_slice()).is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}
