//! The account in which a server acts: its token, and what becomes of a request where it must be linked first.

use gatehouse_gateway::{NeededLink, NoBackendToken, Refusal};
use gatehouse_protocol::{OwnPath, SecretString};

use crate::bindings::gatehouse::auth::connections::{self, Rejection};
use crate::caller::Caller;
use crate::context::RequestContext;

/// The token of the account that is linked at the connection, a user's own only for their sessions; `None` where the server is asked without one, because nobody is to act.
///
/// # Errors
/// Where the caller must link an account first, cannot do that, or that cannot be known.
pub(super) fn token(
    context: &RequestContext<'_>,
    caller: &Caller,
    name: &str,
) -> Result<Option<SecretString>, Refusal> {
    let needed = NeededLink {
        connection: name.to_owned(),
        url: context.endpoint.configuration.public_url.join(OwnPath::Connections.as_str()),
        elicitation_id: context.request_id.to_string(),
        told: context.link.told,
    };
    let has_session = caller.user_token().is_ok();
    let linked = connections::access_token(name, caller.identity.subject.as_str(), has_session, &context.ids());
    context.link.asked_with.replace(Some(needed.clone()));
    match linked {
        Ok(token) => Ok(Some(SecretString::new(token))),
        Err(Rejection::LinkNeeded) if context.link.is_call => Err(Refusal::LinkNeeded(Box::new(needed))),
        Err(Rejection::NoUser) if context.link.is_call => Err(Refusal::NoAccount),
        Err(Rejection::LinkNeeded | Rejection::NoUser) => Ok(None),
        Err(Rejection::Unavailable(reason)) => Err(Refusal::NoBackendToken(NoBackendToken::Unavailable, reason)),
    }
}

/// The server that is asked next acts in no account.
pub(super) fn none(context: &RequestContext<'_>) {
    context.link.asked_with.replace(None);
}

/// What the client is told where a server does not accept what it got: where it was a link's token, or none because there was no link,
/// the user can do something about it.
pub(super) fn instead(context: &RequestContext<'_>, refusal: Refusal) -> Refusal {
    match (refusal, context.link.asked_with.borrow().as_ref()) {
        (Refusal::UpstreamUnauthorized, Some(needed)) => Refusal::LinkNeeded(Box::new(needed.clone())),
        (refusal, _) => refusal,
    }
}
