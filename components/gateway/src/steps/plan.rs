//! Which members of a federation get a message.

use gatehouse_federation::{Federation, Plan};
use gatehouse_gateway::{Era, Refusal};
use gatehouse_mcp_wire::json_rpc::Body;

use crate::caller::Caller;
use crate::posted::Posted;
use crate::request::Exchange;
use crate::steps::session::Session;

/// The members behind the route, for one request of this era.
///
/// # Errors
/// Never, where the route is a federation.
pub(crate) fn federation(exchange: &Exchange<'_>, era: &Era) -> Result<Federation, Refusal> {
    let era = if era.is_stateless { gatehouse_federation::Era::Modern } else { gatehouse_federation::Era::Legacy };
    Federation::of(exchange.endpoint.route, era)
        .ok_or_else(|| Refusal::Unavailable("the route has no members".to_owned()))
}

type Planned = (Federation, Session, Plan);

/// Who gets the message, in the session that the client presents.
///
/// # Errors
/// Those of the session, and of [`plan_in`].
pub(crate) fn plan(exchange: &Exchange<'_>, caller: &Caller, posted: &Posted) -> Result<Planned, Refusal> {
    let session = Session::of(exchange, caller, posted.era)?;
    let (federation, plan) = plan_in(exchange, posted, &session)?;
    Ok((federation, session, plan))
}

/// Who gets the message, in this session.
///
/// # Errors
/// Where the session is not one of the route's members, or the message is a batch.
pub(crate) fn plan_in(
    exchange: &Exchange<'_>,
    posted: &Posted,
    session: &Session,
) -> Result<(Federation, Plan), Refusal> {
    let Body::Single(message) = &posted.body else { return Err(Refusal::BatchNotAllowed) };
    let federation = federation(exchange, posted.era)?;
    let plan = federation.plan(message, session.of_members(&federation)?.as_ref());
    Ok((federation, plan))
}
