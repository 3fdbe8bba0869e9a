//! What the browser brings back from the provider (OpenID Connect Core 1.0, sections 3.1.2.5 and 3.1.2.6).

use gatehouse_protocol::{ParameterError, Parameters, SecretString};
use thiserror::Error;

use crate::issuer::may_be;
use crate::{LogText, LoginRejection, ProviderMetadata};

/// An authorization response, before it is known to which login it belongs.
#[derive(Debug)]
pub struct Callback {
    state: String,
    iss: Option<String>,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Code(AuthorizationCode),
    Error(ProviderRefusal),
}

/// The provider's authorization code; single use, and worth a sign-in until it is used.
#[derive(Debug)]
pub struct AuthorizationCode(SecretString);

/// A callback that no honest provider sends.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallbackRejection {
    /// A parameter is doubled, or there is no `state`.
    #[error("the callback cannot be read: {0}")]
    Parameter(#[from] ParameterError),
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
    #[error("the identity provider refused our request ({0}); check client_id, redirect URI and scopes there")]
    Misconfigured(LogText),
}

impl Callback {
    /// Parses the query of a request to the callback, without the question mark.
    ///
    /// # Errors
    /// Where the query is not an authorization response, whoever sent it. There is then no login to go back to, and the
    /// error is for the person at the browser.
    pub fn parse(query: &str) -> Result<Self, CallbackRejection> {
        let parameters = Parameters::parse(query);
        // Not read, because they are free text; but doubled ones say that the query was tampered with.
        for unread in ["error_description", "error_uri"] {
            parameters.optional(unread)?;
        }
        let code = parameters.optional("code")?;
        let error = parameters.optional("error")?;
        Ok(Self {
            state: parameters.required("state")?.to_owned(),
            iss: parameters.optional("iss")?.map(str::to_owned),
            outcome: match (code, error) {
                (Some(_), Some(_)) => return Err(CallbackRejection::CodeAndError),
                (None, None) => return Err(CallbackRejection::Empty),
                (Some(code), None) => Outcome::Code(AuthorizationCode::parse(code)?),
                (None, Some(error)) => Outcome::Error(ProviderRefusal::parse(error)),
            },
        })
    }

    /// What leads to the login and its secrets. Nothing else of the callback may be used before it did.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The code, where `metadata` is of the provider at which the login of this `state` began.
    ///
    /// # Errors
    /// Where the response is another provider's, or the provider let nobody in.
    pub fn code(self, metadata: &ProviderMetadata) -> Result<AuthorizationCode, LoginRejection> {
        // Before the outcome, and for errors as well (RFC 9207, section 2.4): an attacker's error must not end a login.
        match self.iss {
            Some(iss) if !may_be(metadata.issuer(), &iss) => {
                return Err(CallbackRejection::IssuerDiffers(LogText::new(&iss)).into());
            }
            None if metadata.names_itself_in_answers() => return Err(CallbackRejection::IssuerMissing.into()),
            Some(_) | None => {}
        }
        match self.outcome {
            Outcome::Code(code) => Ok(code),
            Outcome::Error(refusal) => Err(refusal.into()),
        }
    }
}

impl AuthorizationCode {
    fn parse(text: &str) -> Result<Self, CallbackRejection> {
        if !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
            return Err(CallbackRejection::MalformedCode);
        }
        Ok(Self(SecretString::new(text.to_owned())))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl ProviderRefusal {
    fn parse(error: &str) -> Self {
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

#[cfg(test)]
mod tests;
