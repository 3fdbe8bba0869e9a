//! A signature whose algorithm the provider's metadata does not name.

use gatehouse_jose::{SigningAlgorithm, TokenRejection};
use gatehouse_protocol::LogText;
use thiserror::Error;

/// A token that is signed with another algorithm than the provider says. That is refused: whoever can have a provider sign
/// with something weaker than it says must not get far. The text is a predicate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "is signed with {used}, and the provider's metadata lists only {} (id_token_signing_alg_values_supported)",
    SigningAlgorithm::names(listed)
)]
pub struct UnlistedAlgorithm {
    /// What the token names.
    pub used: LogText,
    /// What the metadata names, of what can be verified.
    pub listed: Vec<SigningAlgorithm>,
}

impl UnlistedAlgorithm {
    /// The reason, where it is that, of a token which was verified with
    /// [`ProviderMetadata::id_token_algorithms`](crate::ProviderMetadata::id_token_algorithms).
    pub(crate) fn of(rejection: &TokenRejection) -> Option<Self> {
        match rejection {
            TokenRejection::Algorithm { used, accepted } => Some(Self { used: used.clone(), listed: accepted.clone() }),
            _ => None,
        }
    }
}
