//! What a request says that exchanges a token (RFC 8693, section 2.1).

use gatehouse_protocol::{ParameterError, Parameters, ResourceUri, SecretString};
use thiserror::Error;

use crate::authorization::named_resource;

/// The type of what is given, and of what can be exchanged (RFC 8693, section 3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// An access token that is a JWT can be called so, too.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A parameter is wrong, or asks for what there is not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExchangeParameter {
    /// One is missing or doubled.
    #[error("{0}")]
    Parameter(#[from] ParameterError),
    /// What is presented.
    #[error("subject_token_type must be {ACCESS_TOKEN} or {JWT}")]
    SubjectTokenType,
    /// What is asked for.
    #[error("requested_token_type can only be {ACCESS_TOKEN}")]
    RequestedTokenType,
    /// Somebody else who acts.
    #[error("actor_token is not taken: it is the authenticated client that acts")]
    ActorToken,
}

/// `resource` and `audience` name no resource, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeveralTargets;

/// The token that is exchanged, where no more is asked for than there is.
pub(crate) fn subject_token(parameters: &Parameters) -> Result<SecretString, ExchangeParameter> {
    let token = parameters.required("subject_token")?;
    if ![ACCESS_TOKEN, JWT].contains(&parameters.required("subject_token_type")?) {
        return Err(ExchangeParameter::SubjectTokenType);
    }
    if parameters.optional("requested_token_type")?.is_some_and(|asked| asked != ACCESS_TOKEN) {
        return Err(ExchangeParameter::RequestedTokenType);
    }
    if ["actor_token", "actor_token_type"].into_iter().any(|name| parameters.all(name).next().is_some()) {
        return Err(ExchangeParameter::ActorToken);
    }
    Ok(SecretString::new(token.to_owned()))
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
