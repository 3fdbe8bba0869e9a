//! Which members of a federation get a message.

use gatehouse_federation::{Federation, Lifecycle, Plan};
use gatehouse_gateway::{PostedMessages, ProtocolRevision, Refusal, Session};
use gatehouse_mcp_wire::json_rpc::Body;

use crate::context::RequestContext;

/// The members behind the route, for one request of this revision.
///
/// # Errors
/// Never, where the route is a federation.
pub(crate) fn federation(context: &RequestContext<'_>, revision: &ProtocolRevision) -> Result<Federation, Refusal> {
    let lifecycle = if revision.is_stateless { Lifecycle::Stateless } else { Lifecycle::Session };
    Federation::of(context.endpoint.route, lifecycle)
        .ok_or_else(|| Refusal::Unavailable("the route has no members".to_owned()))
}

/// Who gets the message, in this session.
///
/// # Errors
/// Where the session is not one of the route's members, or the message is a batch.
pub(crate) fn plan(
    context: &RequestContext<'_>,
    posted: &PostedMessages,
    session: &Session,
) -> Result<(Federation, Plan), Refusal> {
    let Body::Single(message) = &posted.body else { return Err(Refusal::BatchNotAllowed) };
    let federation = federation(context, posted.revision)?;
    let plan = federation.plan(message, session.of_members(&federation)?.as_ref());
    Ok((federation, plan))
}
