//! Asks servers for the streams of what they say by themselves.

use gatehouse_audit_log::Event;
use gatehouse_configuration::{Member, Prefix};
use gatehouse_federation::StreamRequest;
use gatehouse_gateway::{MessageRecord, Refusal, UpstreamTimeouts};
use gatehouse_mcp_wire::header::EVENT_STREAM;

use crate::caller::Caller;
use crate::context::RequestContext;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::transfers::OutboundTransfers;

/// Asks members of a federation for their streams: those that are asked, in this order, and whether in a session. One that cannot be
/// called, for want of a token, says nothing.
///
/// # Errors
/// Where something that a member needs is not there, or none of them can be called.
pub(crate) fn start(
    context: &RequestContext<'_>,
    caller: &Caller,
    requests: &[StreamRequest],
    transfers: &mut OutboundTransfers,
) -> Result<Vec<(usize, bool)>, Refusal> {
    let (mut asked, mut not_asked) = (Vec::new(), None);
    for request in requests {
        let Some(Member { upstream, prefix }) = context.members().get(request.member) else { continue };
        let (session_id, last_event_id) = (request.session.as_deref(), request.last_event_id.as_deref());
        let has_session = session_id.is_some();
        let stream = UpstreamRequest {
            session_id,
            last_event_id,
            accept: Some(EVENT_STREAM),
            ..UpstreamRequest::for_stream(upstream)
        };
        match stream.build(context, caller).map_err(|refusal| refusal.at_member(prefix.as_ref())) {
            Ok(built) => {
                transfers.start(built, UpstreamTimeouts::of_stream(upstream));
                asked.push((request.member, has_session));
            }
            Err(refusal) if refusal.is_missing_token() => {
                let (member, reason) = (prefix.as_ref().map(Prefix::as_str), refusal.reason());
                let line = MessageRecord { member, reason: Some(&reason), ..MessageRecord::default() };
                context.log(Event::NotReady, Some(caller), None, None, line);
                not_asked.get_or_insert(refusal);
            }
            Err(refusal) => return Err(refusal),
        }
    }
    match not_asked {
        Some(refusal) if asked.is_empty() => Err(refusal),
        Some(_) | None => Ok(asked),
    }
}
