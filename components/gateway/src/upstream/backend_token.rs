//! The token with which one MCP server is called.

use gatehouse_configuration::{BackendTokenSource, KeptBackendToken, TokenOwner, Upstream};
use gatehouse_gateway::{NoBackendToken, Refusal};
use gatehouse_protocol::SecretString;

use crate::bindings::gatehouse::auth::backend_tokens::{self, Rejection, Session, Wanted};
use crate::caller::{Caller, token_refusal};
use crate::context::RequestContext;
use crate::upstream::{identity, link};

/// The token; `None` where the server is called without one.
///
/// # Errors
/// Where there is none: then the server is not called.
pub(super) fn of(
    context: &RequestContext<'_>,
    caller: &Caller,
    upstream: &Upstream,
) -> Result<Option<SecretString>, Refusal> {
    link::none(context);
    let Some(token) = upstream.backend_token.as_deref() else { return Ok(None) };
    match &token.source {
        BackendTokenSource::Connection(name) => return link::token(context, caller, name),
        BackendTokenSource::Kept(kept) => self::kept(context, caller, kept),
        BackendTokenSource::Setting(name) => {
            let token = shell_configuration::secret(name).map_err(unavailable)?;
            // A file that holds a token may end with a line break.
            let token = SecretString::new(token.expose().trim().to_owned());
            if token.expose().is_empty() {
                return Err(unavailable(format!("the variable {name} holds no token")));
            }
            Ok(token)
        }
        // There is nobody to tell of.
        BackendTokenSource::Assertion { .. } if caller.identity.subject.is_nobody() => {
            return Err(Refusal::NoProviderToken(caller.identity.credential));
        }
        BackendTokenSource::Assertion { audience } => identity::sign(context, caller, false, audience),
    }
    .map(Some)
}

fn kept(context: &RequestContext<'_>, caller: &Caller, kept: &KeptBackendToken) -> Result<SecretString, Refusal> {
    let (place, session) = match kept.owner {
        TokenOwner::Gateway => (None, None),
        TokenOwner::User { place } => {
            let access_token = caller.user_token()?.expose().to_owned();
            (Some(place), Some(Session { access_token, resource: caller.audience.clone() }))
        }
    };
    let wanted = Wanted { route: context.endpoint.path().to_owned(), fingerprint: kept.fingerprint.clone(), place };
    let token = backend_tokens::token(&wanted, session.as_ref(), &context.ids());
    token.map(SecretString::new).map_err(|rejection| refusal(rejection, caller))
}

fn refusal(rejection: Rejection, caller: &Caller) -> Refusal {
    match rejection {
        Rejection::Session(rejection) => token_refusal(rejection),
        Rejection::NoUserToken => {
            Refusal::InvalidToken("of a session without a usable token of the identity provider".into())
        }
        Rejection::NeverSignedIn => Refusal::NoProviderToken(caller.identity.credential),
        Rejection::Refused(reason) => Refusal::NoBackendToken(NoBackendToken::RefusedUser, reason),
        Rejection::UserAction(reason) => Refusal::NoBackendToken(NoBackendToken::UserAction, reason),
        Rejection::Misconfigured(reason) => Refusal::NoBackendToken(NoBackendToken::RefusedGateway, reason),
        Rejection::Unavailable(reason) => unavailable(reason),
    }
}

fn unavailable(reason: impl ToString) -> Refusal {
    Refusal::NoBackendToken(NoBackendToken::Unavailable, reason.to_string())
}
