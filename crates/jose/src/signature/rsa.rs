//! RSA (RFC 7518, sections 3.3 and 3.5; RFC 8017, section 8).

use core::marker::PhantomData;
use std::borrow::Cow;

use jwt_compact::Algorithm;
use pkcs8::AssociatedOid;
use rsa::{PrivateKey, PublicKey};
use sha2::digest::{Digest, FixedOutputReset};
use sha2::{Sha256, Sha384, Sha512};

use crate::SigningAlgorithm;
use crate::signer::{SignatureBytes, Signer};

/// RSASSA-PKCS1-v1_5 with the hash function `D`. A signature needs randomness for blinding alone: it is the same each time.
pub(crate) struct Pkcs1<'a, D> {
    algorithm: SigningAlgorithm,
    types: PhantomData<fn(&'a D)>,
}

/// RSASSA-PSS with the hash function `D`, and a salt as long as its value.
pub(crate) struct Pss<'a, D> {
    algorithm: SigningAlgorithm,
    types: PhantomData<fn(&'a D)>,
}

pub(crate) const fn rs256<'a>() -> Pkcs1<'a, Sha256> {
    Pkcs1 { algorithm: SigningAlgorithm::Rs256, types: PhantomData }
}

pub(crate) const fn rs384<'a>() -> Pkcs1<'a, Sha384> {
    Pkcs1 { algorithm: SigningAlgorithm::Rs384, types: PhantomData }
}

pub(crate) const fn rs512<'a>() -> Pkcs1<'a, Sha512> {
    Pkcs1 { algorithm: SigningAlgorithm::Rs512, types: PhantomData }
}

pub(crate) const fn ps256<'a>() -> Pss<'a, Sha256> {
    Pss { algorithm: SigningAlgorithm::Ps256, types: PhantomData }
}

pub(crate) const fn ps384<'a>() -> Pss<'a, Sha384> {
    Pss { algorithm: SigningAlgorithm::Ps384, types: PhantomData }
}

pub(crate) const fn ps512<'a>() -> Pss<'a, Sha512> {
    Pss { algorithm: SigningAlgorithm::Ps512, types: PhantomData }
}

impl<'a, D: Digest + AssociatedOid> Algorithm for Pkcs1<'a, D> {
    type SigningKey = Signer<'a, PrivateKey>;
    type VerifyingKey = PublicKey;
    type Signature = SignatureBytes;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.algorithm.as_str())
    }

    fn sign(&self, signer: &Self::SigningKey, message: &[u8]) -> SignatureBytes {
        signer.signature(|key, randomness| key.pkcs1v15_sign_with_rng::<D, _>(randomness, message).ok())
    }

    fn verify_signature(&self, signature: &SignatureBytes, key: &PublicKey, message: &[u8]) -> bool {
        key.pkcs1v15_verify::<D>(message, &signature.0).is_ok()
    }
}

impl<'a, D: Digest + FixedOutputReset> Algorithm for Pss<'a, D> {
    type SigningKey = Signer<'a, PrivateKey>;
    type VerifyingKey = PublicKey;
    type Signature = SignatureBytes;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.algorithm.as_str())
    }

    fn sign(&self, signer: &Self::SigningKey, message: &[u8]) -> SignatureBytes {
        signer.signature(|key, randomness| key.pss_sign_with_rng::<D, _>(randomness, message).ok())
    }

    fn verify_signature(&self, signature: &SignatureBytes, key: &PublicKey, message: &[u8]) -> bool {
        key.pss_verify::<D>(message, &signature.0).is_ok()
    }
}
