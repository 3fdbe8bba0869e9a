//! Proof Key for Code Exchange (RFC 7636), S256 only: OAuth 2.1 keeps `plain` for clients that cannot hash, and no
//! MCP client is one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::{Entropy, SecretString};

/// `code_challenge`, made with S256: the SHA-256 of the verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge([u8; 32]);

/// The text is not an S256 challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an S256 code_challenge is 43 base64url characters")]
pub struct InvalidChallenge;

impl CodeChallenge {
    /// Parses the `code_challenge` parameter of a request whose `code_challenge_method` is `S256`.
    ///
    /// # Errors
    /// Where it is not the unpadded base64url form of 32 bytes (RFC 7636, section 4.2).
    pub fn parse(text: &str) -> Result<Self, InvalidChallenge> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidChallenge)?;
        bytes.try_into().map(Self).map_err(|_| InvalidChallenge)
    }

    /// The challenge as it stands on the wire.
    pub fn to_wire(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Whether `verifier` is the one that the challenge was made of (RFC 7636, section 4.6), in constant time.
    pub fn is_met_by(&self, verifier: &CodeVerifier) -> bool {
        self.0.ct_eq(&verifier.challenge().0).into()
    }
}

/// `code_verifier`: 43 to 128 unreserved characters (RFC 7636, section 4.1).
#[derive(Debug)]
pub struct CodeVerifier(SecretString);

/// The text is not a code verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a code_verifier is 43 to 128 characters of A-Z a-z 0-9 - . _ ~")]
pub struct InvalidVerifier;

impl CodeVerifier {
    /// Parses the `code_verifier` parameter of a token request.
    ///
    /// # Errors
    /// Where its length or a character is outside RFC 7636, section 4.1.
    pub fn parse(text: &str) -> Result<Self, InvalidVerifier> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if !(43..=128).contains(&text.len()) || !text.bytes().all(unreserved) {
            return Err(InvalidVerifier);
        }
        Ok(Self(SecretString::new(text.to_owned())))
    }

    /// A new verifier for a request of our own, of 256 random bits.
    pub fn generate(entropy: &mut impl Entropy) -> Self {
        Self(SecretString::new(URL_SAFE_NO_PAD.encode(entropy.bytes::<32>())))
    }

    /// The S256 challenge for this verifier.
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(Sha256::digest(self.0.expose().as_bytes()).into())
    }

    /// The verifier as it stands in a token request.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_vector_of_rfc_7636_appendix_b_matches() {
        let verifier = CodeVerifier::parse(VERIFIER).unwrap();
        let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
        assert!(challenge.is_met_by(&verifier));
        assert_eq!(verifier.challenge().to_wire(), CHALLENGE);
    }

    #[test]
    fn a_challenge_is_not_met_by_another_verifier_nor_by_itself() {
        let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
        let flipped = VERIFIER.replacen('d', "e", 1);
        assert!(!challenge.is_met_by(&CodeVerifier::parse(&flipped).unwrap()));
        assert!(!challenge.is_met_by(&CodeVerifier::parse(CHALLENGE).unwrap()), "`plain` must not pass as S256");
    }

    #[test]
    fn malformed_challenges_and_verifiers_are_refused() {
        for bad in ["", "short", &CHALLENGE[1..], &format!("{CHALLENGE}="), &CHALLENGE.replace('-', "+")] {
            assert_eq!(CodeChallenge::parse(bad), Err(InvalidChallenge), "{bad:?}");
        }
        for good in ["a".repeat(43), "~".repeat(128)] {
            assert!(CodeVerifier::parse(&good).is_ok());
        }
        for bad in ["a".repeat(42), "a".repeat(129), "a".repeat(42) + "+", "a".repeat(42) + "é"] {
            assert!(CodeVerifier::parse(&bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_verifier_meets_its_own_challenge_and_no_other(one in "[A-Za-z0-9._~-]{43,128}", two in "[A-Za-z0-9._~-]{43,128}") {
            let (first, second) = (CodeVerifier::parse(&one).unwrap(), CodeVerifier::parse(&two).unwrap());
            let challenge = CodeChallenge::parse(&first.challenge().to_wire()).unwrap();
            prop_assert!(challenge.is_met_by(&first));
            prop_assert_eq!(challenge.is_met_by(&second), one == two);
        }

        #[test]
        fn any_text_is_a_challenge_in_one_spelling_or_none(text in "[A-Za-z0-9_=+/-]{40,46}") {
            if let Ok(challenge) = CodeChallenge::parse(&text) {
                prop_assert_eq!(challenge.to_wire(), text);
            }
        }
    }
}
