//! The end of the sessions of a federation's members.

use gatehouse_configuration::Member;
use gatehouse_gateway::answer::all_allow_end;
use gatehouse_gateway::{Refusal, UpstreamTimeouts};
use http::StatusCode;

use crate::caller::Caller;
use crate::clock::HostClock;
use crate::context::RequestContext;
use crate::permit::RequestPermit;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::transfers::no_answers;

/// Asks members to end their sessions; whether all that answered allow it. One that cannot be called, for want of a token, forgets the
/// session by itself.
pub(crate) fn end_all(
    context: &RequestContext<'_>,
    caller: &Caller,
    sessions: &[(usize, &str)],
    permit: &mut RequestPermit<'_>,
) -> Result<StatusCode, Refusal> {
    let mut answers = no_answers();
    for (member, session_id) in sessions {
        let Some(Member { upstream, .. }) = context.members().get(*member) else { continue };
        match UpstreamRequest::end_of_session(upstream, Some(session_id)).build(context, caller) {
            Ok(request) => {
                answers.transfers().start(request, UpstreamTimeouts::of_session_end(upstream));
            }
            Err(refusal) if refusal.is_missing_token() => {}
            Err(refusal) => return Err(refusal),
        }
    }
    all_allow_end(&HostClock, &mut answers, permit)
}
