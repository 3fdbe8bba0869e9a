//! The token endpoint (OAuth 2.1, section 3.2).

use gatehouse_protocol::{ClientId, CodeVerifier, ParameterError, Parameters, ResourceUri, Scopes, SecretString};
use gatehouse_session::Rejection as SessionRejection;
use serde::Serialize;
use thiserror::Error;

use crate::ErrorCode;
use crate::client::ClientUnknown;
use crate::code::CodeRejection;

/// A token request, parsed; its client has not been looked up.
#[derive(Debug)]
pub struct TokenRequest {
    /// Who asks. Every client is public: it is identified, and PKCE or the refresh token proves the rest.
    pub client_id: ClientId,
    /// For what the tokens shall be, where the client says.
    pub resource: Option<ResourceUri>,
    /// The grant.
    pub grant: GrantRequest,
}

/// What the client presents.
#[derive(Debug)]
pub enum GrantRequest {
    /// `authorization_code`.
    AuthorizationCode {
        /// The code.
        code: SecretString,
        /// The redirect URI, where it is repeated.
        redirect_uri: Option<String>,
        /// The PKCE verifier; without one there are no tokens (CVE-2025-4144).
        code_verifier: CodeVerifier,
    },
    /// `refresh_token`.
    RefreshToken {
        /// The refresh token.
        refresh_token: SecretString,
        /// Narrowing, where asked for.
        scopes: Option<Scopes>,
    },
}

/// The answer (RFC 6749, section 5.1).
#[derive(Serialize)]
pub struct TokenAnswer {
    /// The sealed session key.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: u64,
    /// Absent where the client may not refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// What was granted, space-separated.
    pub scope: String,
}

/// Why there are no tokens.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenRejection {
    /// The body is not a form.
    #[error("the body must be application/x-www-form-urlencoded")]
    NotAForm,
    /// A parameter is missing or doubled.
    #[error("{0}")]
    Parameter(#[from] ParameterError),
    /// `code_verifier` is malformed.
    #[error("code_verifier must be 43 to 128 unreserved characters")]
    MalformedVerifier,
    /// The grant is not one that there is.
    #[error("grant_type must be authorization_code or refresh_token")]
    GrantType,
    /// The client authenticates, and no client here has a secret.
    #[error("this client has no secret; send client_id alone")]
    UnexpectedAuthentication,
    /// No such client.
    #[error("the client is not registered here, or its registration has expired")]
    UnknownClient,
    /// `resource` is malformed, or there are several.
    #[error("resource must be one absolute URI without a fragment")]
    Resource,
    /// `scope` is malformed.
    #[error("scope is malformed")]
    Scope,
    /// The code.
    #[error(transparent)]
    Code(#[from] CodeRejection),
    /// The refresh token, or the session behind the code.
    #[error(transparent)]
    Session(#[from] SessionRejection),
    /// Something that must answer did not.
    #[error("{0}")]
    Unavailable(String),
}

impl TokenRequest {
    /// Parses the form in `body`, whose media type is `media_type`. `authenticates` says whether there is an
    /// `Authorization` header.
    ///
    /// # Errors
    /// See [`TokenRejection`].
    pub fn parse(media_type: Option<&str>, authenticates: bool, body: &[u8]) -> Result<Self, TokenRejection> {
        if media_type != Some("application/x-www-form-urlencoded") {
            return Err(TokenRejection::NotAForm);
        }
        let parameters = Parameters::parse(core::str::from_utf8(body).map_err(|_| TokenRejection::NotAForm)?);
        let grant_type = parameters.required("grant_type")?;
        if authenticates || parameters.optional("client_secret")?.is_some() {
            return Err(TokenRejection::UnexpectedAuthentication);
        }
        let grant = match grant_type {
            "authorization_code" => GrantRequest::AuthorizationCode {
                code: SecretString::new(parameters.required("code")?.to_owned()),
                redirect_uri: parameters.optional("redirect_uri")?.map(str::to_owned),
                code_verifier: CodeVerifier::parse(parameters.required("code_verifier")?)
                    .map_err(|_| TokenRejection::MalformedVerifier)?,
            },
            "refresh_token" => GrantRequest::RefreshToken {
                refresh_token: SecretString::new(parameters.required("refresh_token")?.to_owned()),
                scopes: scopes(&parameters)?,
            },
            _ => return Err(TokenRejection::GrantType),
        };
        let client_id =
            ClientId::parse(parameters.required("client_id")?).map_err(|_| TokenRejection::UnknownClient)?;
        Ok(Self { client_id, resource: resource(&parameters)?, grant })
    }
}

impl From<ClientUnknown> for TokenRejection {
    fn from(error: ClientUnknown) -> Self {
        match error {
            ClientUnknown::NotRegistered => Self::UnknownClient,
            ClientUnknown::Unavailable(error) => Self::Unavailable(error.to_string()),
        }
    }
}

impl TokenRejection {
    /// Status, code and description on the wire (RFC 6749, section 5.2). Whatever is wrong with a code or a token
    /// reads the same.
    pub fn to_wire(&self) -> (u16, ErrorCode, String) {
        let own_words = || self.to_string();
        match self {
            Self::NotAForm | Self::Parameter(_) | Self::MalformedVerifier => {
                (400, ErrorCode::InvalidRequest, own_words())
            }
            Self::GrantType => (400, ErrorCode::UnsupportedGrantType, own_words()),
            Self::UnexpectedAuthentication | Self::UnknownClient => (401, ErrorCode::InvalidClient, own_words()),
            Self::Resource => (400, ErrorCode::InvalidTarget, own_words()),
            Self::Scope => (400, ErrorCode::InvalidScope, own_words()),
            Self::Code(rejection) => match rejection {
                CodeRejection::Unrecognised
                | CodeRejection::Expired
                | CodeRejection::ClientMismatch
                | CodeRejection::RedirectUriMismatch
                | CodeRejection::VerifierMismatch
                | CodeRejection::Replayed(_) => invalid_grant(),
                CodeRejection::ResourceMismatch => (400, ErrorCode::InvalidTarget, rejection.to_string()),
                CodeRejection::Unavailable(_) => unavailable(),
            },
            Self::Session(rejection) => match rejection {
                SessionRejection::Unrecognised
                | SessionRejection::Expired
                | SessionRejection::Revoked
                | SessionRejection::Reused
                | SessionRejection::WrongClient => invalid_grant(),
                SessionRejection::BeyondGrant => (400, ErrorCode::InvalidScope, rejection.to_string()),
                SessionRejection::OtherResource => (400, ErrorCode::InvalidTarget, rejection.to_string()),
                SessionRejection::Unavailable(_) => unavailable(),
            },
            Self::Unavailable(_) => unavailable(),
        }
    }
}

fn invalid_grant() -> (u16, ErrorCode, String) {
    (400, ErrorCode::InvalidGrant, "the code or refresh token is not valid for this client and request".to_owned())
}

fn unavailable() -> (u16, ErrorCode, String) {
    (503, ErrorCode::TemporarilyUnavailable, "try again later".to_owned())
}

fn resource(parameters: &Parameters) -> Result<Option<ResourceUri>, TokenRejection> {
    let mut named = parameters.all("resource").filter(|value| !value.is_empty());
    let first = named.next();
    if named.any(|other| Some(other) != first) {
        return Err(TokenRejection::Resource);
    }
    first.map(|uri| ResourceUri::parse(uri).map_err(|_| TokenRejection::Resource)).transpose()
}

fn scopes(parameters: &Parameters) -> Result<Option<Scopes>, TokenRejection> {
    let scope = parameters.optional("scope")?;
    scope.map(|scope| Scopes::parse(scope).map_err(|_| TokenRejection::Scope)).transpose()
}

#[cfg(test)]
mod tests;
