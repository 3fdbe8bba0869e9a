//! A private key that signs one token, and the signature that it makes, for the trait [`Algorithm`] of `jwt-compact`.

use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use std::borrow::Cow;

use gatehouse_protocol::{Entropy, SecretString};
use jwt_compact::{Algorithm, AlgorithmExt as _, AlgorithmSignature, Claims, Header};
use rand_core::{TryCryptoRng, TryRng};
use serde::Serialize;

use crate::SigningRejection;

/// A signature as it stands in a token. Whether it can be one at all is for the algorithm to say.
pub(crate) struct SignatureBytes(pub(crate) Vec<u8>);

impl AlgorithmSignature for SignatureBytes {
    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(slice.to_vec()))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0)
    }
}

/// A private key that is about to sign one token, with the randomness for it.
pub(crate) struct Signer<'a, K> {
    key: &'a K,
    randomness: RefCell<Randomness<'a>>,
    has_failed: Cell<bool>,
}

impl<'a, K> Signer<'a, K> {
    pub(crate) const fn new(key: &'a K, entropy: &'a mut dyn Entropy) -> Self {
        Self { key, randomness: RefCell::new(Randomness(entropy)), has_failed: Cell::new(false) }
    }

    /// A token with this header and these claims.
    ///
    /// # Errors
    /// Where the claims have no JSON, or the key cannot sign.
    pub(crate) fn token<A: Algorithm<SigningKey = Self>>(
        self,
        algorithm: &A,
        header: &Header,
        claims: &Claims<impl Serialize>,
    ) -> Result<SecretString, SigningRejection> {
        let token = algorithm.token(header, claims, &self).map_err(|_| SigningRejection::Claims)?;
        if self.has_failed.get() { Err(SigningRejection::Damaged) } else { Ok(SecretString::new(token)) }
    }

    /// What [`Algorithm::sign`] returns. Where `sign` fails, it is empty, and [`Signer::token`] gives it to nobody.
    pub(crate) fn signature(&self, sign: impl FnOnce(&K, &mut Randomness<'a>) -> Option<Vec<u8>>) -> SignatureBytes {
        let randomness = self.randomness.try_borrow_mut().ok();
        let signature = randomness.and_then(|mut randomness| sign(self.key, &mut randomness));
        self.has_failed.set(signature.is_none());
        SignatureBytes(signature.unwrap_or_default())
    }
}

/// Our own source of randomness, as the crates of the algorithms want it. None of them asks the host itself.
pub(crate) struct Randomness<'a>(&'a mut dyn Entropy);

impl TryRng for Randomness<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

// `Entropy` is cryptographically secure by its contract.
impl TryCryptoRng for Randomness<'_> {}
