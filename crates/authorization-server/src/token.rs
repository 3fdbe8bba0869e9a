//! The token endpoint (OAuth 2.1, section 3.2).

use gatehouse_configuration::GrantType;
use gatehouse_openid::{
    AccessRejection, ExternalTokenRejection, IdentityAssertion, IdentityAssertionRejection, WorkloadRejection,
};
use gatehouse_protocol::{CodeVerifier, ParameterError, Parameters, ResourceUri, Scopes, SecretString};
use gatehouse_sessions::Rejection as SessionRejection;
use http::HeaderMap;
use serde::Serialize;
use thiserror::Error;

use crate::ErrorCode;
use crate::authorization::named_resource;
use crate::client::ClientUnknown;
use crate::code::CodeRejection;
use crate::credentials::{ClientRejection, PresentedCredentials, unavailable};
use crate::exchange_request::{self, ExchangeParameter, ExchangedTokens};

/// A token request, parsed; its client has not been looked up.
#[derive(Debug)]
pub struct TokenRequest {
    /// Who asks; `None` where a workload does, whose assertion is all that it shows.
    pub credentials: Option<PresentedCredentials>,
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
    /// `client_credentials`.
    ClientCredentials {
        /// What is asked for, where the client says.
        scopes: Option<Scopes>,
    },
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523, section 2.1), with an identity assertion (ID-JAG).
    JwtBearer {
        /// The assertion.
        assertion: SecretString,
        /// What is asked for, where the client says.
        scopes: Option<Scopes>,
    },
    /// The same, with a token of a workload's platform and without a client.
    Workload {
        /// The token.
        assertion: SecretString,
        /// What is asked for, where the workload says.
        scopes: Option<Scopes>,
    },
    /// `urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693).
    TokenExchange {
        /// The token that is exchanged, and that of who acts.
        tokens: ExchangedTokens,
        /// What is asked for, where the client says.
        scopes: Option<Scopes>,
    },
}

impl GrantRequest {
    /// Its type.
    pub const fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode { .. } => GrantType::AuthorizationCode,
            Self::RefreshToken { .. } => GrantType::RefreshToken,
            Self::ClientCredentials { .. } => GrantType::ClientCredentials,
            Self::JwtBearer { .. } | Self::Workload { .. } => GrantType::JwtBearer,
            Self::TokenExchange { .. } => GrantType::TokenExchange,
        }
    }
}

/// The answer (RFC 6749, section 5.1).
#[derive(Serialize)]
pub struct TokenAnswer {
    /// The sealed session key.
    pub access_token: String,
    /// What kind of token it is, where another one was exchanged for it (RFC 8693, section 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
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
    #[error("grant_type must be one of those in the metadata of this server")]
    GrantType,
    /// The client is not known to be the one that it names.
    #[error(transparent)]
    Client(#[from] ClientRejection),
    /// The client may not use this grant: it does not have it, or it is public and the grant is for those that are not.
    #[error("this client may not use this grant_type")]
    UnauthorizedClient,
    /// The MCP server takes no tokens of this client.
    #[error("this client is none of those that this MCP server allows (allowed_clients)")]
    ClientNotAllowed,
    /// The client may not ask about tokens.
    #[error("this client may not introspect tokens")]
    MayNotIntrospect,
    /// The id of a machine is too long, or has spaces, and cannot be a subject.
    #[error("the client_id cannot be a subject: it must be 1 to 255 visible ASCII characters")]
    MachineSubject,
    /// `resource` is malformed, there are several, none that we protect, or another one than was granted.
    #[error("resource must be one of the MCP servers here, and the one that was granted")]
    Resource,
    /// `scope` is malformed, or holds what the client cannot have.
    #[error("scope is malformed, or holds something that cannot be granted")]
    Scope,
    /// The `resource` of the identity assertion is none that we protect.
    #[error("the identity assertion is for no MCP server here (resource)")]
    AssertedResource,
    /// The `scope` of the identity assertion is malformed, or holds nothing that the resource has.
    #[error("the identity assertion allows nothing that there is here (scope)")]
    AssertedScope,
    /// The identity assertion.
    #[error(transparent)]
    IdentityAssertion(#[from] IdentityAssertionRejection),
    /// The identity assertion, presented again.
    #[error("the identity assertion was used before")]
    AssertionReplayed,
    /// The token of a workload.
    #[error(transparent)]
    Workload(#[from] WorkloadRejection),
    /// A parameter of an exchange asks for what there is not.
    #[error(transparent)]
    Exchange(#[from] ExchangeParameter),
    /// The token that is exchanged.
    #[error("the subject_token is {0}")]
    SubjectToken(#[from] ExternalTokenRejection),
    /// The token of who acts.
    #[error("the actor_token is {0}")]
    ActorToken(ExternalTokenRejection),
    /// Somebody acts for the one who acts.
    #[error("the actor_token is one by which somebody else acts (act)")]
    ActorOfActor,
    /// The token that is exchanged says who may act, and it is not who wants to.
    #[error("the subject_token does not let this party act (may_act, cnf)")]
    MayNotAct,
    /// Whoever would act cannot be named, or through too many others.
    #[error(
        "nobody else can act by the subject_token: the chain of those who act would be too long, or hold who cannot be named"
    )]
    Actors,
    /// The token that is exchanged allows nothing here.
    #[error("the subject_token allows nothing that this client can have here (scope)")]
    SubjectScope,
    /// The user whom the assertion names may not come in.
    #[error(transparent)]
    Access(#[from] AccessRejection),
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
    /// Parses the form in `body`, whose media type is `media_type`.
    ///
    /// # Errors
    /// See [`TokenRejection`].
    pub fn parse(media_type: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<Self, TokenRejection> {
        let parameters = form(media_type, body)?;
        let grant_type = parameters.required("grant_type")?;
        let grant = match GrantType::parse(grant_type).ok_or(TokenRejection::GrantType)? {
            GrantType::AuthorizationCode => GrantRequest::AuthorizationCode {
                code: SecretString::new(parameters.required("code")?.to_owned()),
                redirect_uri: parameters.optional("redirect_uri")?.map(str::to_owned),
                code_verifier: CodeVerifier::parse(parameters.required("code_verifier")?)
                    .map_err(|_| TokenRejection::MalformedVerifier)?,
            },
            GrantType::RefreshToken => GrantRequest::RefreshToken {
                refresh_token: SecretString::new(parameters.required("refresh_token")?.to_owned()),
                scopes: scopes(&parameters)?,
            },
            GrantType::ClientCredentials => GrantRequest::ClientCredentials { scopes: scopes(&parameters)? },
            GrantType::JwtBearer => {
                let text = parameters.required("assertion")?;
                let (assertion, scopes) = (SecretString::new(text.to_owned()), scopes(&parameters)?);
                // An identity assertion is always a client's. Whoever says which client it is is none that has no credentials.
                if PresentedCredentials::are_absent(headers, &parameters) && !IdentityAssertion::is_one(text) {
                    let grant = GrantRequest::Workload { assertion, scopes };
                    return Ok(Self { credentials: None, resource: resource(&parameters)?, grant });
                }
                GrantRequest::JwtBearer { assertion, scopes }
            }
            GrantType::TokenExchange => {
                let tokens = exchange_request::tokens(&parameters)?;
                GrantRequest::TokenExchange { tokens, scopes: scopes(&parameters)? }
            }
        };
        let credentials = Some(PresentedCredentials::parse(headers, &parameters)?);
        let resource = match &grant {
            GrantRequest::TokenExchange { .. } => {
                exchange_request::target(&parameters).map_err(|_| TokenRejection::Resource)?
            }
            _ => resource(&parameters)?,
        };
        Ok(Self { credentials, resource, grant })
    }
}

impl From<ClientUnknown> for TokenRejection {
    fn from(error: ClientUnknown) -> Self {
        Self::Client(error.into())
    }
}

impl TokenRejection {
    /// Status, code and description on the wire (RFC 6749, section 5.2). Whatever is wrong with a code or a token
    /// reads the same.
    pub fn to_wire(&self) -> (u16, ErrorCode, String) {
        let own_words = || self.to_string();
        match self {
            Self::NotAForm | Self::Parameter(_) | Self::MalformedVerifier | Self::Exchange(_) => {
                (400, ErrorCode::InvalidRequest, own_words())
            }
            Self::GrantType => (400, ErrorCode::UnsupportedGrantType, own_words()),
            Self::Client(rejection) => rejection.to_wire(),
            Self::UnauthorizedClient | Self::MachineSubject | Self::ClientNotAllowed => {
                (400, ErrorCode::UnauthorizedClient, own_words())
            }
            Self::MayNotIntrospect => (403, ErrorCode::UnauthorizedClient, own_words()),
            Self::Resource => (400, ErrorCode::InvalidTarget, own_words()),
            Self::Scope => (400, ErrorCode::InvalidScope, own_words()),
            // What is wrong with what the assertion itself says (ID-JAG, section 7.6.2).
            Self::IdentityAssertion(_)
            | Self::AssertionReplayed
            | Self::AssertedResource
            | Self::AssertedScope
            | Self::Workload(_)
            | Self::Access(_) => invalid_grant(),
            // "The value of the error parameter MUST be the invalid_request error code" (RFC 8693, section 2.2.2).
            Self::SubjectToken(_)
            | Self::ActorToken(_)
            | Self::ActorOfActor
            | Self::MayNotAct
            | Self::Actors
            | Self::SubjectScope => {
                let text = "the subject_token or actor_token is not valid for this client and request";
                (400, ErrorCode::InvalidRequest, text.to_owned())
            }
            Self::Code(rejection) => match rejection {
                CodeRejection::Unrecognised
                | CodeRejection::Expired
                | CodeRejection::ClientMismatch
                | CodeRejection::RedirectUriMismatch
                | CodeRejection::VerifierMismatch
                | CodeRejection::SignedOut
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
                SessionRejection::TooOften { .. } => (429, ErrorCode::TemporarilyUnavailable, rejection.to_string()),
                SessionRejection::Unavailable(_) => unavailable(),
            },
            Self::Unavailable(_) => unavailable(),
        }
    }

    /// `Retry-After`, in seconds, where it is known (RFC 9110, section 10.2.3).
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Client(rejection) => rejection.retry_after(),
            Self::Session(SessionRejection::TooOften { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }
}

fn invalid_grant() -> (u16, ErrorCode, String) {
    (
        400,
        ErrorCode::InvalidGrant,
        "the code, refresh token or assertion is not valid for this client and request".to_owned(),
    )
}

/// The parameters of a request whose body must be a form.
pub(crate) fn form(media_type: Option<&str>, body: &[u8]) -> Result<Parameters, TokenRejection> {
    if media_type != Some("application/x-www-form-urlencoded") {
        return Err(TokenRejection::NotAForm);
    }
    Ok(Parameters::parse(core::str::from_utf8(body).map_err(|_| TokenRejection::NotAForm)?))
}

fn resource(parameters: &Parameters) -> Result<Option<ResourceUri>, TokenRejection> {
    named_resource(parameters).map_err(|_| TokenRejection::Resource)
}

fn scopes(parameters: &Parameters) -> Result<Option<Scopes>, TokenRejection> {
    let scope = parameters.optional("scope")?;
    scope.map(|scope| Scopes::parse(scope).map_err(|_| TokenRejection::Scope)).transpose()
}

#[cfg(test)]
mod tests;
