//! What the browser brings back from the provider (OpenID Connect Core 1.0, sections 3.1.2.5 and 3.1.2.6).

use gatehouse_protocol::Parameters;

use crate::authorization_response::{AuthorizationCode, CallbackRejection, ProviderRefusal};
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
        // Some providers leave the state out of their errors.
        if let (Some(error), None, None) = (error, code, parameters.optional("state")?) {
            return Err(CallbackRejection::RefusedWithoutState(ProviderRefusal::parse(error)));
        }
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
        self.code_of(Some(metadata.issuer()), metadata.names_itself_in_answers())
    }

    /// The code, where the response is of the server with this `issuer`. Where nobody knows its issuer, its own redirect URI is what
    /// tells it from others.
    ///
    /// # Errors
    /// Where the response is another server's, or the server let nobody in.
    pub fn code_of(self, issuer: Option<&str>, names_itself: bool) -> Result<AuthorizationCode, LoginRejection> {
        // Before the outcome, and for errors as well (RFC 9207, section 2.4): an attacker's error must not end a login.
        match (self.iss, issuer) {
            (Some(iss), Some(issuer)) if !may_be(issuer, &iss) => {
                return Err(CallbackRejection::IssuerDiffers(LogText::new(&iss)).into());
            }
            (None, _) if names_itself => return Err(CallbackRejection::IssuerMissing.into()),
            _ => {}
        }
        match self.outcome {
            Outcome::Code(code) => Ok(code),
            Outcome::Error(refusal) => Err(refusal.into()),
        }
    }
}

#[cfg(test)]
mod tests;
