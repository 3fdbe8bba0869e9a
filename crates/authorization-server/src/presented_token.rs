//! A token that a client presents to ask about it (RFC 7662, section 2.1), or to take it back (RFC 7009, section 2.1).
//! Both requests have the same parameters.

use gatehouse_protocol::{Actors, SecretString};
use http::HeaderMap;
use serde::Serialize;

use crate::credentials::{AuthenticatedClient, PresentedCredentials};
use crate::token::{TokenRejection, form};

/// The request, parsed; its client has not been looked up.
#[derive(Debug)]
pub struct PresentedToken {
    /// Who asks.
    pub credentials: PresentedCredentials,
    /// The token.
    pub token: SecretString,
}

impl PresentedToken {
    /// Parses the form in `body`, whose media type is `media_type`.
    ///
    /// # Errors
    /// See [`TokenRejection`].
    pub fn parse(media_type: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<Self, TokenRejection> {
        let form = form(media_type, body)?;
        let token = SecretString::new(form.required("token")?.to_owned());
        // Our tokens say themselves what they are, so the hint does not matter; given twice, it is still an error.
        form.optional("token_type_hint")?;
        Ok(Self { credentials: PresentedCredentials::parse(headers, &form)?, token })
    }
}

/// Whether a client may ask what a token is good for: the operator says which, and they prove who they are. Otherwise the
/// endpoint would tell anybody which tokens are good (RFC 7662, section 4).
///
/// # Errors
/// Where it may not.
pub fn may_introspect(client: &AuthenticatedClient) -> Result<(), TokenRejection> {
    if client.is_confidential() && client.client().may_introspect {
        Ok(())
    } else {
        Err(TokenRejection::MayNotIntrospect)
    }
}

/// What a token is good for (RFC 7662, section 2.2).
#[derive(Debug, Serialize)]
pub struct Introspection {
    active: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    token: Option<ActiveToken>,
}

/// A token that is good for something.
#[derive(Debug, Serialize)]
pub struct ActiveToken {
    /// What it allows, space-separated.
    pub scope: String,
    /// Through whom.
    pub client_id: String,
    /// Whose it is.
    pub sub: String,
    /// The resource that it is for.
    pub aud: String,
    /// Our issuer.
    pub iss: String,
    /// Seconds since the Unix epoch.
    pub exp: u64,
    /// Who acts for the subject, where a token was exchanged (RFC 8693, section 4.1).
    #[serde(skip_serializing_if = "Actors::is_empty", serialize_with = "Actors::as_claim")]
    pub act: Actors,
    /// `Bearer` for an access token; a refresh token has no type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
}

impl Introspection {
    /// A token that is good for something.
    pub const fn active(token: ActiveToken) -> Self {
        Self { active: true, token: Some(token) }
    }

    /// One that is good for nothing; why, and whether it ever was, is not said.
    pub const fn inactive() -> Self {
        Self { active: false, token: None }
    }
}

#[cfg(test)]
mod tests;
