//! Why a key cannot sign.

use thiserror::Error;

/// A key that cannot sign. The text is for the log and holds nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SigningRejection {
    /// Not PEM with `BEGIN PRIVATE KEY`; the older formats have others.
    #[error("the private key is not PKCS #8 in PEM (-----BEGIN PRIVATE KEY-----, without a password)")]
    NotPkcs8,
    /// Another kind of key.
    #[error("the private key is of an unknown kind; use EC P-256, EC P-384, Ed25519 or RSA")]
    UnknownKind,
    /// RFC 7518, section 3.3: "A key of size 2048 bits or larger MUST be used".
    #[error("the private key is RSA with less than 2048 bits")]
    TooShort,
    /// The numbers are not those of a key.
    #[error("the private key is damaged")]
    Damaged,
    /// The other side lists algorithms, and none that the key can be used with.
    #[error("the private key cannot be used with an algorithm that the other side accepts")]
    NotAccepted,
    /// Not 32 bytes in base64url.
    #[error("the certificate's thumbprint is not a SHA-256 value in base64url")]
    Thumbprint,
    /// The claims are no JSON object.
    #[error("the claims cannot be written as JSON")]
    Claims,
}
