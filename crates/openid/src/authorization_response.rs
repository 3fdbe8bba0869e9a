//! What stands in an authorization response: the code, or the provider's refusal; and what makes it no such response.

use gatehouse_protocol::{LogText, ParameterError, SecretString};
use thiserror::Error;

/// The provider's authorization code; single use, and worth a sign-in until it is used.
#[derive(Debug)]
pub struct AuthorizationCode(SecretString);

/// A callback that no honest provider sends.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallbackRejection {
    /// A parameter is doubled, or there is no `state`.
    #[error("the callback cannot be read: {0}")]
    Parameter(#[from] ParameterError),
    /// The provider let nobody in, and left out whose login that was.
    #[error("{0}; it named no state, so that nobody knows whose login it was")]
    RefusedWithoutState(ProviderRefusal),
    /// Neither a code nor an error.
    #[error("the callback has neither a code nor an error")]
    Empty,
    /// A code and an error: two parties wrote it.
    #[error("the callback has both a code and an error")]
    CodeAndError,
    /// A code holds visible ASCII and spaces only (RFC 6749, appendix A.11).
    #[error("the callback's code holds a character that a code cannot")]
    MalformedCode,
    /// The response of another provider: a mix-up attack (RFC 9207, section 1).
    #[error("the callback is from the issuer {0}, where the login did not begin")]
    IssuerDiffers(LogText),
    /// The provider always names itself (RFC 9207, section 2.4), so somebody else wrote this.
    #[error("the callback does not name its issuer, though the provider's metadata says that it does")]
    IssuerMissing,
}

/// `error`: why the provider let nobody in (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProviderRefusal {
    /// `access_denied`: the user, or the provider in the user's place.
    #[error("the user or the identity provider denied the sign-in (access_denied)")]
    UserDenied,
    /// `login_required`, `consent_required`, `interaction_required`, `account_selection_required`: the user would have
    /// to do something that the provider does not offer in this flow, such as meet a conditional access policy.
    #[error("the identity provider asks for an interaction that it does not offer ({0})")]
    InteractionRequired(LogText),
    /// `temporarily_unavailable`.
    #[error("the identity provider is overloaded or in maintenance (temporarily_unavailable)")]
    TemporarilyUnavailable,
    /// `server_error`.
    #[error("the identity provider met an error of its own (server_error)")]
    ServerError,
    /// Every other: our registration at the provider, or our request, is not as it wants it.
    #[error(
        "the identity provider refused our request ({0}); check client_id, redirect URI and scopes there, and that it takes PKCE (code_challenge)"
    )]
    Misconfigured(LogText),
}

impl AuthorizationCode {
    /// The code in `text`.
    ///
    /// # Errors
    /// Where it holds what a code cannot.
    pub fn parse(text: &str) -> Result<Self, CallbackRejection> {
        if !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
            return Err(CallbackRejection::MalformedCode);
        }
        Ok(Self(SecretString::new(text.to_owned())))
    }

    /// The code as it stands in a token request.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl ProviderRefusal {
    pub(crate) fn parse(error: &str) -> Self {
        match error {
            "access_denied" => Self::UserDenied,
            "login_required" | "consent_required" | "interaction_required" | "account_selection_required" => {
                Self::InteractionRequired(LogText::new(error))
            }
            "temporarily_unavailable" => Self::TemporarilyUnavailable,
            "server_error" => Self::ServerError,
            other => Self::Misconfigured(LogText::new(other)),
        }
    }
}
