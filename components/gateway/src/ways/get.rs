//! GET: the stream of what servers say by themselves, and of what a client has missed (MCP 2025-11-25 and earlier).

use gatehouse_configuration::{Servers, Upstream};
use gatehouse_gateway::answer::{JoinedStreams, MemberStreams, converse, first_answer};
use gatehouse_gateway::{MessageRecord, ProtocolRevision, Session, UpstreamTimeouts};
use http::StatusCode;
use shell_http::elapsed;
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::client::{Client, own_response};
use crate::clock::HostClock;
use crate::context::RequestContext;
use crate::permit::RequestPermit;
use crate::steps::plan;
use crate::upstream::member_streams;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::single_server::ServerAnswer;
use crate::upstream::transfers::{no_answers, send};

/// Answers the GET.
pub(crate) fn serve(context: &RequestContext<'_>, caller: &Caller, out: ResponseOutparam) {
    let (headers, revision) = (context.head.headers(), ProtocolRevision::of(context.head.headers()));
    let admitted = Session::presented(headers, revision, caller).and_then(|session| {
        let last_event_id = session.last_event_id(headers, revision, caller)?;
        Ok(StreamQuestion { revision, session, last_event_id, permit: RequestPermit::of_stream(context, caller)? })
    });
    match (admitted, &context.endpoint.route.servers) {
        (Err(refusal), _) => context.refuse(out, Some(caller), &refusal),
        (Ok(question), Servers::One(upstream)) => of_one(context, caller, upstream, question, out),
        (Ok(question), Servers::Federated(_)) => of_members(context, caller, question, out),
    }
}

/// What a client asks for.
struct StreamQuestion<'a> {
    revision: &'static ProtocolRevision,
    session: Session,
    /// As the server, or the federation, knows it.
    last_event_id: Option<String>,
    permit: RequestPermit<'a>,
}

fn of_one(
    context: &RequestContext<'_>,
    caller: &Caller,
    upstream: &Upstream,
    question: StreamQuestion<'_>,
    out: ResponseOutparam,
) {
    let StreamQuestion { revision, session, last_event_id, mut permit } = question;
    let request = session.id().and_then(|session_id| {
        let last_event_id = last_event_id.as_deref();
        UpstreamRequest { session_id, last_event_id, ..UpstreamRequest::for_stream(upstream) }.build(context, caller)
    });
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return context.refuse(out, Some(caller), &refusal),
    };
    context.log_begun(caller, &[MessageRecord::default()]);
    let mut answers = send(request, UpstreamTimeouts::of_stream(upstream));
    let time = context.deadline().until_over(elapsed());
    let (refusal, out) = match first_answer(&HostClock, &mut answers, time, &mut permit).into_head() {
        Ok(head) => {
            let answer = ServerAnswer::without_message(context, caller, revision, session.name());
            match answer.pass_on(answers, &head, &mut permit, out) {
                Ok(()) => return,
                Err(unanswered) => unanswered,
            }
        }
        Err(refusal) => (refusal, out),
    };
    context.refuse(out, Some(caller), &refusal);
}

fn of_members(context: &RequestContext<'_>, caller: &Caller, question: StreamQuestion<'_>, out: ResponseOutparam) {
    let StreamQuestion { revision, session, last_event_id, mut permit } = question;
    let mut answers = no_answers();
    context.log_begun(caller, &[MessageRecord::default()]);
    let started = plan::federation(context, revision).and_then(|federation| {
        let sessions = session.of_members(&federation)?;
        let (requests, stream) = federation.plan_get(sessions.as_ref(), last_event_id.as_deref());
        let asked = member_streams::start(context, caller, &requests, answers.transfers())?;
        let rewriting = context.rewriting(caller, true).federated(stream).resumable(session.name());
        Ok(MemberStreams::new(asked, rewriting))
    });
    let streams = match started {
        Ok(streams) => streams,
        Err(refusal) => return context.refuse(out, Some(caller), &refusal),
    };
    let mut log = || context.log_forwarded(caller, StatusCode::OK, &[MessageRecord::default()]);
    let mut joined = JoinedStreams::new(streams, &mut log);
    let mut response = own_response(context, out);
    let end = converse(&HostClock, &mut answers, &mut response, &mut joined, &mut permit);
    context.log_end(caller, StatusCode::OK, &end);
    let refusal = joined.refusal(&end);
    if response.has_begun() {
        if end.is_regular() {
            response.finish();
        }
    } else if let Some(Client(out)) = response.into_unopened() {
        context.refuse(out, Some(caller), &refusal);
    }
}
