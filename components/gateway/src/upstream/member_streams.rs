//! Asks servers for the streams of what they say by themselves.

use gatehouse_configuration::Member;
use gatehouse_federation::StreamRequest;
use gatehouse_gateway::{Refusal, UpstreamTimeouts};
use gatehouse_mcp_wire::header::EVENT_STREAM;

use crate::caller::Caller;
use crate::context::RequestContext;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::transfers::OutboundTransfers;

/// Asks members of a federation for their streams.
///
/// # Errors
/// Where something that a member needs is not there.
pub(crate) fn start(
    context: &RequestContext<'_>,
    caller: &Caller,
    requests: &[StreamRequest],
    transfers: &mut OutboundTransfers,
) -> Result<(), Refusal> {
    for request in requests {
        let Some(Member { upstream, prefix }) = context.members().get(request.member) else { continue };
        let (session_id, last_event_id) = (request.session.as_deref(), request.last_event_id.as_deref());
        let request = UpstreamRequest {
            session_id,
            last_event_id,
            accept: Some(EVENT_STREAM),
            ..UpstreamRequest::for_stream(upstream)
        };
        let request = request.build(context, caller).map_err(|refusal| refusal.at_member(prefix.as_ref()))?;
        transfers.start(request, UpstreamTimeouts::of_stream(upstream));
    }
    Ok(())
}
