//! DELETE: the client ends its session (MCP 2025-11-25 and earlier).

use gatehouse_configuration::{Servers, Upstream};
use gatehouse_gateway::answer::first_answer;
use gatehouse_gateway::{MessageRecord, ProtocolRevision, Refusal, Session, UpstreamTimeouts};
use http::{Response, StatusCode};
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::clock::HostClock;
use crate::context::RequestContext;
use crate::permit::RequestPermit;
use crate::steps::plan;
use crate::upstream::member_sessions::end_all;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::single_server::ServerAnswer;
use crate::upstream::transfers::send;

/// Answers the DELETE.
pub(crate) fn serve(context: &RequestContext<'_>, caller: &Caller, out: ResponseOutparam) {
    let revision = ProtocolRevision::of(context.head.headers());
    let session = match Session::presented(context.head.headers(), revision, caller) {
        Ok(session) => session,
        Err(refusal) => return context.refuse(out, Some(caller), &refusal),
    };
    match &context.endpoint.route.servers {
        Servers::One(upstream) => at_one(context, caller, revision, upstream, &session, out),
        Servers::Federated(_) => match at_members(context, caller, revision, &session) {
            Ok(status) => {
                context.log_forwarded(caller, status, &[MessageRecord::default()]);
                let mut response = Response::new(Vec::new());
                *response.status_mut() = status;
                context.respond(out, response);
            }
            Err(refusal) => context.refuse(out, Some(caller), &refusal),
        },
    }
}

fn at_one(
    context: &RequestContext<'_>,
    caller: &Caller,
    revision: &'static ProtocolRevision,
    upstream: &Upstream,
    session: &Session,
    out: ResponseOutparam,
) {
    let request = session.id().and_then(|id| UpstreamRequest::end_of_session(upstream, id).build(context, caller));
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return context.refuse(out, Some(caller), &refusal),
    };
    context.log_begun(caller, &[MessageRecord::default()]);
    let mut answers = send(request, UpstreamTimeouts::of_session_end(upstream));
    let mut permit = RequestPermit::of_call(context, caller);
    let time = UpstreamTimeouts::longest(upstream);
    let (refusal, out) = match first_answer(&HostClock, &mut answers, time, &mut permit).into_head() {
        Ok(head) => {
            let answer = ServerAnswer::without_message(context, caller, revision, session.name());
            let answer = ServerAnswer { may_hold_listing: false, ..answer };
            match answer.pass_on(answers, &head, &mut permit, out) {
                Ok(()) => return,
                Err(unanswered) => unanswered,
            }
        }
        Err(refusal) => (refusal, out),
    };
    context.refuse(out, Some(caller), &refusal);
}

/// Ends the session at every member that has one. The client's is over in any case: what a member is not told of, it
/// forgets by itself.
fn at_members(
    context: &RequestContext<'_>,
    caller: &Caller,
    revision: &ProtocolRevision,
    session: &Session,
) -> Result<StatusCode, Refusal> {
    let federation = plan::federation(context, revision)?;
    let Some(sessions) = session.of_members(&federation)? else { return Err(Refusal::UnknownSession) };
    context.log_begun(caller, &[MessageRecord::default()]);
    end_all(context, caller, &federation.sessions(&sessions), &mut RequestPermit::of_call(context, caller))
}
