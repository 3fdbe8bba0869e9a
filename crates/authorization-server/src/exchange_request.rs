//! What a request says that exchanges a token (RFC 8693, section 2.1).

use gatehouse_openid::ExternalTokenKind;
use gatehouse_protocol::{ParameterError, Parameters, ResourceUri, SecretString};
use thiserror::Error;

use crate::authorization::named_resource;

/// The type of what is given, and of what can be exchanged (RFC 8693, section 3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// An access token that is a JWT can be called so, too.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// What says who has signed in. It is exchanged where the client's configuration says so.
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// The tokens that a client presents.
#[derive(Debug)]
pub struct ExchangedTokens {
    /// That of the user.
    pub subject: SecretString,
    /// As what it is presented.
    pub subject_kind: ExternalTokenKind,
    /// That of who acts for the user, where it is not the client. It is an access token.
    pub actor: Option<SecretString>,
}

/// A parameter is wrong, or asks for what there is not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExchangeParameter {
    /// One is missing or doubled.
    #[error("{0}")]
    Parameter(#[from] ParameterError),
    /// What is presented.
    #[error("subject_token_type must be {ACCESS_TOKEN}, {JWT} or {ID_TOKEN}")]
    SubjectTokenType,
    /// What is asked for.
    #[error("requested_token_type can only be {ACCESS_TOKEN}")]
    RequestedTokenType,
    /// As what the token of who acts is presented.
    #[error("actor_token_type must be {ACCESS_TOKEN} or {JWT}")]
    ActorTokenType,
    /// The type of a token that is not there (section 2.1).
    #[error("actor_token_type must not be there without actor_token")]
    TypeWithoutActorToken,
}

/// `resource` and `audience` name no resource, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeveralTargets;

/// The tokens of the request, where no more is asked for than there is.
pub(crate) fn tokens(parameters: &Parameters) -> Result<ExchangedTokens, ExchangeParameter> {
    let secret = |token: &str| SecretString::new(token.to_owned());
    let subject = secret(parameters.required("subject_token")?);
    let subject_kind = match parameters.required("subject_token_type")? {
        ACCESS_TOKEN | JWT => ExternalTokenKind::Access,
        ID_TOKEN => ExternalTokenKind::SignIn,
        _ => return Err(ExchangeParameter::SubjectTokenType),
    };
    if parameters.optional("requested_token_type")?.is_some_and(|asked| asked != ACCESS_TOKEN) {
        return Err(ExchangeParameter::RequestedTokenType);
    }
    let actor = match parameters.optional("actor_token")? {
        None if parameters.optional("actor_token_type")?.is_some() => {
            return Err(ExchangeParameter::TypeWithoutActorToken);
        }
        None => None,
        Some(token) => match parameters.required("actor_token_type")? {
            ACCESS_TOKEN | JWT => Some(secret(token)),
            _ => return Err(ExchangeParameter::ActorTokenType),
        },
    };
    Ok(ExchangedTokens { subject, subject_kind, actor })
}

/// For what the token shall be: `resource`, or the same as `audience`. There is one.
pub(crate) fn target(parameters: &Parameters) -> Result<Option<ResourceUri>, SeveralTargets> {
    let resource = named_resource(parameters).map_err(|_| SeveralTargets)?;
    let mut named = parameters.all("audience").filter(|value| !value.is_empty());
    let Some(audience) = named.next() else { return Ok(resource) };
    let audience = ResourceUri::parse(audience).map_err(|_| SeveralTargets)?;
    match resource {
        _ if named.next().is_some() => Err(SeveralTargets),
        Some(resource) if resource != audience => Err(SeveralTargets),
        _ => Ok(Some(audience)),
    }
}
