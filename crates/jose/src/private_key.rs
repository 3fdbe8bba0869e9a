//! Private keys by their kinds, and how they are read and sign.

use gatehouse_protocol::{Entropy, SecretString};
use jwt_compact::{Claims, Header};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef, SecretDocument};
use rsa::traits::PublicKeyParts as _;
use serde::Serialize;

use crate::public_key::{LONGEST_RSA_BITS, SHORTEST_RSA_BITS};
use crate::signature::{ed_dsa, ed25519, es256, es384, ps256, ps384, ps512, rs256, rs384, rs512};
use crate::signer::Signer;
use crate::{SigningAlgorithm, SigningRejection};

/// The crates of the algorithms wipe their keys when they are dropped.
#[derive(Clone)]
pub(crate) enum PrivateKey {
    Rsa(Box<rsa::PrivateKey>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl PrivateKey {
    pub(crate) fn from_pem(pem: &SecretString) -> Result<Self, SigningRejection> {
        const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
        const ELLIPTIC_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
        const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
        const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
        const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

        let (label, document) =
            SecretDocument::from_pem(pem.expose().trim()).map_err(|_| SigningRejection::NotPkcs8)?;
        if label != "PRIVATE KEY" {
            return Err(SigningRejection::NotPkcs8);
        }
        let info = PrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|_| SigningRejection::NotPkcs8)?;
        let curve = info.algorithm.parameters_oid().ok();
        let key = match (info.algorithm.oid, curve) {
            (RSA, _) => return rsa_key(info),
            (ELLIPTIC_CURVE, Some(P256)) => p256::ecdsa::SigningKey::try_from(info).map(Self::P256),
            (ELLIPTIC_CURVE, Some(P384)) => p384::ecdsa::SigningKey::try_from(info).map(Self::P384),
            (ED25519, _) => ed25519_dalek::SigningKey::try_from(info).map(|key| Self::Ed25519(Box::new(key))),
            _ => return Err(SigningRejection::UnknownKind),
        };
        key.map_err(|_| SigningRejection::Damaged)
    }

    /// The algorithms with which the key can sign; the best first.
    pub(crate) const fn algorithms(&self) -> &'static [SigningAlgorithm] {
        use SigningAlgorithm::{Ed25519, EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            Self::Rsa(_) => &[Ps256, Rs256, Ps384, Ps512, Rs384, Rs512],
            Self::P256(_) => &[Es256],
            Self::P384(_) => &[Es384],
            Self::Ed25519(_) => &[EdDsa, Ed25519],
        }
    }

    /// A token with this header and these claims.
    pub(crate) fn token(
        &self,
        algorithm: SigningAlgorithm,
        header: &Header,
        claims: &Claims<impl Serialize>,
        entropy: &mut dyn Entropy,
    ) -> Result<SecretString, SigningRejection> {
        use SigningAlgorithm::{Ed25519, EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match (self, algorithm) {
            (Self::Rsa(key), Rs256) => Signer::new(&**key, entropy).token(&rs256(), header, claims),
            (Self::Rsa(key), Rs384) => Signer::new(&**key, entropy).token(&rs384(), header, claims),
            (Self::Rsa(key), Rs512) => Signer::new(&**key, entropy).token(&rs512(), header, claims),
            (Self::Rsa(key), Ps256) => Signer::new(&**key, entropy).token(&ps256(), header, claims),
            (Self::Rsa(key), Ps384) => Signer::new(&**key, entropy).token(&ps384(), header, claims),
            (Self::Rsa(key), Ps512) => Signer::new(&**key, entropy).token(&ps512(), header, claims),
            (Self::P256(key), Es256) => Signer::new(key, entropy).token(&es256(), header, claims),
            (Self::P384(key), Es384) => Signer::new(key, entropy).token(&es384(), header, claims),
            (Self::Ed25519(key), EdDsa) => Signer::new(&**key, entropy).token(&ed_dsa(), header, claims),
            (Self::Ed25519(key), Ed25519) => Signer::new(&**key, entropy).token(&ed25519(), header, claims),
            _ => Err(SigningRejection::NotAccepted),
        }
    }
}

fn rsa_key(info: PrivateKeyInfoRef<'_>) -> Result<PrivateKey, SigningRejection> {
    let key = rsa::PrivateKey::try_from(info).map_err(|_| SigningRejection::Damaged)?;
    match key.n().as_ref().bit_width() as usize {
        ..SHORTEST_RSA_BITS => Err(SigningRejection::TooShort),
        SHORTEST_RSA_BITS..=LONGEST_RSA_BITS => Ok(PrivateKey::Rsa(Box::new(key))),
        _ => Err(SigningRejection::Damaged),
    }
}
