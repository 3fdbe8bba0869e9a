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
    /// Every one that is implemented.
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

    /// Those that Gatehouse accepts and publishes. The others of [`SigningAlgorithm::ALL`] are implemented and tested, and no
    /// token reaches them: [`SigningAlgorithm::parse`] knows only these.
    pub const ACCEPTED: [Self; 5] = [Self::Rs256, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa];

    /// The accepted algorithm with this `alg` name, which is compared exactly: names are case-sensitive (RFC 7515, section
    /// 4.1.1).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ACCEPTED.into_iter().find(|algorithm| algorithm.as_str() == name)
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
    fn only_accepted_asymmetric_algorithms_have_a_name_and_case_counts() {
        for algorithm in SigningAlgorithm::ALL {
            let accepted = SigningAlgorithm::ACCEPTED.contains(&algorithm);
            assert_eq!(SigningAlgorithm::parse(algorithm.as_str()), accepted.then_some(algorithm));
        }
        for name in [
            "", "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "rs256", "RS1", "RS256 ", "dir", "RS384",
            "RS512", "PS384", "PS512", "Ed25519", "ES256K", "ES512",
        ] {
            assert_eq!(SigningAlgorithm::parse(name), None, "{name:?}");
        }
    }
}
