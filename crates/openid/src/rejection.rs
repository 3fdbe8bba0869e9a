//! Why a sign-in failed: all of it for the log, and a word of it for the client.

use thiserror::Error;

use crate::client_error::ClientError;
use crate::{
    AccessRejection, AssertionRejection, CallbackRejection, ClientAuthenticationRejection, IdTokenRejection,
    KeysRejection, MetadataRejection, ProviderRefusal, TokenRejection,
};

/// Why a sign-in at the provider failed. Its text is for the operator's log and holds no secret and nobody's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LoginRejection {
    /// The provider's metadata.
    #[error("identity provider: {0}")]
    Metadata(#[from] MetadataRejection),
    /// The provider wants another way of authentication than we have.
    #[error("identity provider: {0}")]
    ClientAuthentication(#[from] ClientAuthenticationRejection),
    /// The client assertion that somebody else signs for us.
    #[error("identity provider: {0}")]
    Assertion(#[from] AssertionRejection),
    /// The callback.
    #[error("identity provider: {0}")]
    Callback(#[from] CallbackRejection),
    /// The provider let nobody in.
    #[error("identity provider: {0}")]
    Refusal(#[from] ProviderRefusal),
    /// The token endpoint.
    #[error("identity provider: {0}")]
    Token(#[from] TokenRejection),
    /// The key set.
    #[error("identity provider: {0}")]
    KeySet(#[from] KeysRejection),
    /// The id_token.
    #[error("identity provider: {0}")]
    IdToken(#[from] IdTokenRejection),
    /// The user is known, and may not come in.
    #[error("identity provider: {0}")]
    Access(#[from] AccessRejection),
}

impl LoginRejection {
    /// What the client is told.
    pub fn to_wire(&self) -> ClientError {
        match self {
            Self::Metadata(rejection) => match rejection {
                MetadataRejection::Answer(answer) => answer.to_wire(),
                MetadataRejection::Missing(_)
                | MetadataRejection::IssuerDiffers { .. }
                | MetadataRejection::Endpoint { .. }
                | MetadataRejection::NoUsableAlgorithm { .. } => ClientError::ServerError,
            },
            Self::ClientAuthentication(rejection) => match rejection {
                ClientAuthenticationRejection::NoSecrets
                | ClientAuthenticationRejection::NoAssertions
                | ClientAuthenticationRejection::Key(_) => ClientError::ServerError,
            },
            Self::Assertion(rejection) => match rejection {
                AssertionRejection::Answer(answer) => answer.to_wire(),
                AssertionRejection::Header(_) | AssertionRejection::NotAJwt => ClientError::ServerError,
            },
            Self::Callback(rejection) => match rejection {
                CallbackRejection::Parameter(_)
                | CallbackRejection::RefusedWithoutState(_)
                | CallbackRejection::Empty
                | CallbackRejection::CodeAndError
                | CallbackRejection::MalformedCode
                | CallbackRejection::IssuerDiffers(_)
                | CallbackRejection::IssuerMissing => ClientError::ServerError,
            },
            Self::Refusal(refusal) => match refusal {
                ProviderRefusal::UserDenied | ProviderRefusal::InteractionRequired(_) => ClientError::AccessDenied,
                ProviderRefusal::TemporarilyUnavailable => ClientError::TemporarilyUnavailable,
                ProviderRefusal::ServerError | ProviderRefusal::Misconfigured(_) => ClientError::ServerError,
            },
            Self::Token(rejection) => rejection.to_wire(),
            Self::KeySet(rejection) => match rejection {
                KeysRejection::Answer(answer) => answer.to_wire(),
                KeysRejection::KeySet(_) => ClientError::ServerError,
            },
            Self::IdToken(rejection) => match rejection {
                IdTokenRejection::Token(_)
                | IdTokenRejection::Unlisted(_)
                | IdTokenRejection::Issuer(_)
                | IdTokenRejection::Time(_)
                | IdTokenRejection::User(_)
                | IdTokenRejection::Missing(_)
                | IdTokenRejection::AudienceDiffers
                | IdTokenRejection::AuthorizedPartyMissing
                | IdTokenRejection::AuthorizedPartyDiffers
                | IdTokenRejection::NonceDiffers
                | IdTokenRejection::SubjectDiffers => ClientError::ServerError,
            },
            Self::Access(rejection) => rejection.to_wire(),
        }
    }
}

#[cfg(test)]
mod tests;
