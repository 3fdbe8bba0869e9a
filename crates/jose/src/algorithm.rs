//! Signature algorithms (RFC 7518, section 3; RFC 8037; RFC 9864).

use core::fmt;

/// An algorithm with which a token may be signed.
///
/// All are asymmetric. `none` and the HMAC family cannot be expressed: the first is no signature, and the second
/// would take a public key for a secret that only its owner knows (RFC 8725, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256; what every OpenID provider must support.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519, under the name of RFC 8037.
    EdDsa,
    /// Ed25519, under the name of RFC 9864.
    Ed25519,
}

impl SigningAlgorithm {
    /// Every one that is implemented: all of them are accepted, and published.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
        Self::Ed25519,
    ];

    /// The algorithm with this `alg` name, which is compared exactly: names are case-sensitive (RFC 7515, section 4.1.1).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Whether the two are one algorithm, though perhaps under different names. A key or a party that names one of the two names
    /// of Ed25519 means the other as well: RFC 9864 gave it a name of its own, and nothing else.
    pub fn is_same_as(self, other: Self) -> bool {
        let is_ed25519 = |algorithm| matches!(algorithm, Self::EdDsa | Self::Ed25519);
        self == other || is_ed25519(self) && is_ed25519(other)
    }

    /// The names of several, for a message.
    pub fn names(algorithms: &[Self]) -> String {
        algorithms.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The `alg` name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_asymmetric_algorithms_that_can_be_verified_have_a_name_and_case_counts() {
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(SigningAlgorithm::parse(algorithm.as_str()), Some(algorithm));
        }
        for name in [
            "", "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "rs256", "RS1", "RS256 ", "dir", "ed25519",
            "Ed448", "ES256K", "ES512",
        ] {
            assert_eq!(SigningAlgorithm::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn ed25519_has_two_names_and_nothing_else_has() {
        for one in SigningAlgorithm::ALL {
            for other in SigningAlgorithm::ALL {
                let ed25519 = [SigningAlgorithm::EdDsa, SigningAlgorithm::Ed25519];
                let same = one == other || ed25519.contains(&one) && ed25519.contains(&other);
                assert_eq!(one.is_same_as(other), same, "{one} {other}");
            }
        }
    }
}
