//! New tokens for a refresh token (RFC 6749, section 6; OpenID Connect Core 1.0, section 12).

use gatehouse_configuration::IdentityProvider;
use gatehouse_protocol::{LogText, SecretString};
use http::{Request, Response, StatusCode};
use thiserror::Error;

use crate::answer::may_pass;
use crate::token_exchange::{TokenAnswer, authenticated};
use crate::{
    AccessRejection, AnswerRejection, ClientAuthentication, IdTokenRejection, ProviderMetadata, TokenRejection,
};

/// The request for new tokens. The scopes are always named: Entra refuses a request without them (AADSTS70011).
///
/// The body and the headers hold secrets.
pub fn refresh_request(
    provider: &IdentityProvider,
    metadata: &ProviderMetadata,
    authentication: &ClientAuthentication,
    refresh_token: &SecretString,
) -> Request<Vec<u8>> {
    let scope = provider.scopes.to_string();
    let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose()), ("scope", &scope)];
    authenticated(metadata.token_endpoint(), &provider.client_id, authentication, &grant)
}

/// What the provider gave for a refresh token. None of it ever reaches the client, the log or an error.
#[derive(Clone, Debug)]
pub struct RefreshedTokens {
    /// Who the user is, not yet verified; providers may leave it out.
    pub id_token: Option<SecretString>,
    /// For the provider's own interfaces, and for upstreams that act in the user's name.
    pub access_token: SecretString,
    /// The one to use from now on: a new one, or the old one where the provider gave none.
    pub refresh_token: SecretString,
    /// How long the access token works, in seconds from the answer, where the provider says.
    pub expires_in: Option<u64>,
}

/// There are no new tokens. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RefreshRejection {
    /// The refresh token has ended, the user was removed, or must do something such as change a password. Only a new
    /// sign-in helps: the session is over.
    #[error("the identity provider wants the user to sign in again ({0})")]
    SignInAgain(LogText),
    /// The rules no longer let the user in, by the claims that came: the session is over.
    #[error("the user may no longer come in: {0}")]
    Access(#[from] AccessRejection),
    /// Somebody else's, or damaged. What came with it is not used.
    #[error("refreshing at the identity provider: {0}")]
    IdToken(#[from] IdTokenRejection),
    /// The provider is overloaded or broken; the same refresh token may work later.
    #[error("refreshing at the identity provider failed for now: {0}")]
    Temporary(TokenRejection),
    /// The provider refuses us, not the user: an expired secret, a scope that is no longer granted.
    #[error("refreshing at the identity provider is refused; check client_id, credentials and scopes there: {0}")]
    Misconfigured(TokenRejection),
}

impl RefreshedTokens {
    /// Reads the answer to [`refresh_request`] with `refresh_token`.
    ///
    /// # Errors
    /// See [`RefreshRejection`].
    pub fn parse(response: &Response<Vec<u8>>, refresh_token: &SecretString) -> Result<Self, RefreshRejection> {
        let answer =
            TokenAnswer::parse(response).map_err(|rejection| RefreshRejection::of(rejection, response.body()))?;
        Ok(Self {
            id_token: answer.id_token,
            access_token: answer.access_token,
            refresh_token: answer.refresh_token.unwrap_or_else(|| refresh_token.clone()),
            expires_in: answer.expires_in,
        })
    }
}

impl RefreshRejection {
    fn of(rejection: TokenRejection, body: &[u8]) -> Self {
        match &rejection {
            TokenRejection::Refused { status, error } => match error.as_str() {
                // Of these, RFC 6749 has the first; the others are of OpenID Connect Core, section 3.1.2.6, and Entra sends
                // them here as well. Some providers send them with 200 or 401.
                "invalid_grant"
                | "interaction_required"
                | "login_required"
                | "consent_required"
                | "account_selection_required" => Self::SignInAgain(error.clone()),
                "temporarily_unavailable" | "server_error" | "slow_down" => Self::Temporary(rejection),
                _ if may_pass(*status) => Self::Temporary(rejection),
                // Providers also say this where the user is gone. Everything else would come for every user.
                "invalid_request" | "access_denied" if *status == StatusCode::BAD_REQUEST => {
                    Self::SignInAgain(error.clone())
                }
                _ => Self::Misconfigured(rejection),
            },
            TokenRejection::Answer(AnswerRejection::Status(status)) if may_pass(*status) => Self::Temporary(rejection),
            TokenRejection::Answer(AnswerRejection::Status(StatusCode::BAD_REQUEST)) if is_of_token_endpoint(body) => {
                // A text of ours; this type knows no spaces.
                Self::SignInAgain(LogText::new("status-400-without-an-error-code"))
            }
            TokenRejection::Answer(_) | TokenRejection::TokenType(_) | TokenRejection::Missing(_) => {
                Self::Misconfigured(rejection)
            }
        }
    }

    /// Whether the session is over. Otherwise it stays as it is, and whoever asked may ask again later.
    pub const fn ends_the_session(&self) -> bool {
        match self {
            Self::SignInAgain(_) | Self::IdToken(IdTokenRejection::SubjectDiffers) => true,
            Self::Access(rejection) => !matches!(rejection, AccessRejection::GroupsUnknown(_)),
            Self::IdToken(_) | Self::Temporary(_) | Self::Misconfigured(_) => false,
        }
    }
}

/// Whether a token endpoint may have answered so, and not a machine before it: with nothing, or with JSON.
fn is_of_token_endpoint(body: &[u8]) -> bool {
    body.trim_ascii().is_empty() || serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok()
}

#[cfg(test)]
mod tests;
