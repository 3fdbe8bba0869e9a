//! How clients prove at the token endpoint who they are.

use core::fmt;

use gatehouse_configuration::{ClientKeys, RegisteredAuthentication, SecretName};
use gatehouse_protocol::{Entropy, SecretBytes, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A `token_endpoint_auth_method` (RFC 7591, section 2; OpenID Connect Core, section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationMethod {
    /// A public client: it only says who it is.
    None,
    /// A secret in the header `Authorization` (RFC 6749, section 2.3.1).
    ClientSecretBasic,
    /// A secret in the body.
    ClientSecretPost,
    /// An assertion that the client signs (RFC 7523).
    PrivateKeyJwt,
}

impl AuthenticationMethod {
    /// Every one, as the metadata lists them.
    pub const ALL: [Self; 4] = [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt];
    /// Those that prove something.
    pub const CONFIDENTIAL: [Self; 3] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The method of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

impl fmt::Display for AuthenticationMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A client's method, and what its proof is held against.
#[derive(Clone, Debug)]
pub enum ClientAuthentication {
    /// Nothing is proved.
    None,
    /// The secret comes in the header.
    SecretBasic(ClientSecret),
    /// The secret comes in the body.
    SecretPost(ClientSecret),
    /// The assertion is signed with one of these keys.
    PrivateKeyJwt(ClientKeys),
}

/// What is known of a client's secret.
#[derive(Clone, Debug)]
pub enum ClientSecret {
    /// The setting that holds it.
    Setting(SecretName),
    /// Its SHA-256: all that is kept of a secret that we gave out. The secrets are random, so there is nothing to guess.
    Digest(SecretDigest),
}

/// The SHA-256 of a secret; compared in constant time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretDigest(SecretBytes<32>);

impl SecretDigest {
    /// The digest of `secret`.
    pub fn of(secret: &SecretString) -> Self {
        Self(SecretBytes::new(Sha256::digest(secret.expose()).into()))
    }
}

impl ClientAuthentication {
    /// The client's method.
    pub const fn method(&self) -> AuthenticationMethod {
        match self {
            Self::None => AuthenticationMethod::None,
            Self::SecretBasic(_) => AuthenticationMethod::ClientSecretBasic,
            Self::SecretPost(_) => AuthenticationMethod::ClientSecretPost,
            Self::PrivateKeyJwt(_) => AuthenticationMethod::PrivateKeyJwt,
        }
    }
}

impl From<&RegisteredAuthentication> for ClientAuthentication {
    fn from(configured: &RegisteredAuthentication) -> Self {
        match configured {
            RegisteredAuthentication::None => Self::None,
            RegisteredAuthentication::SecretBasic(name) => Self::SecretBasic(ClientSecret::Setting(name.clone())),
            RegisteredAuthentication::SecretPost(name) => Self::SecretPost(ClientSecret::Setting(name.clone())),
            RegisteredAuthentication::PrivateKeyJwt(keys) => Self::PrivateKeyJwt(keys.clone()),
        }
    }
}

/// A new secret for a client that registers: 256 random bits, in characters that no encoding changes.
pub(crate) fn generate_secret(entropy: &mut impl Entropy) -> SecretString {
    use base64::Engine as _;
    SecretString::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()))
}

/// The method as it is kept, with a client that registered or published a document.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthenticationText {
    None,
    ClientSecretBasic([u8; 32]),
    ClientSecretPost([u8; 32]),
    PrivateKeyJwt(KeysText),
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeysText {
    Jwks(String),
    JwksUri(String),
}

impl From<AuthenticationText> for ClientAuthentication {
    fn from(text: AuthenticationText) -> Self {
        let digest = |bytes| ClientSecret::Digest(SecretDigest(SecretBytes::new(bytes)));
        match text {
            AuthenticationText::None => Self::None,
            AuthenticationText::ClientSecretBasic(bytes) => Self::SecretBasic(digest(bytes)),
            AuthenticationText::ClientSecretPost(bytes) => Self::SecretPost(digest(bytes)),
            AuthenticationText::PrivateKeyJwt(KeysText::Jwks(keys)) => Self::PrivateKeyJwt(ClientKeys::Inline(keys)),
            AuthenticationText::PrivateKeyJwt(KeysText::JwksUri(uri)) => Self::PrivateKeyJwt(ClientKeys::At(uri)),
        }
    }
}

impl AuthenticationText {
    /// What is kept of `secret`, for the method `method` that has one.
    pub(crate) fn of_secret(in_header: bool, secret: &SecretString) -> Self {
        let SecretDigest(digest) = SecretDigest::of(secret);
        if in_header { Self::ClientSecretBasic(*digest.expose()) } else { Self::ClientSecretPost(*digest.expose()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_known_by_its_exact_name() {
        for method in AuthenticationMethod::ALL {
            assert_eq!(AuthenticationMethod::parse(method.as_str()), Some(method));
        }
        for name in ["", "None", "client_secret_jwt", "tls_client_auth", "client_secret_basic "] {
            assert_eq!(AuthenticationMethod::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_digest_is_of_one_secret_and_prints_as_redacted() {
        let digest = |secret: &str| SecretDigest::of(&SecretString::new(secret.to_owned()));
        assert_eq!(digest("a"), digest("a"));
        assert_ne!(digest("a"), digest("b"));
        assert_eq!(format!("{:?}", digest("a")), "SecretDigest([redacted])");
    }
}
