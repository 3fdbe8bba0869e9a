//! POST to a route with one server.

use gatehouse_configuration::Upstream;
use gatehouse_gateway::{MessageRecord, PostedMessages, Refusal, Session};
use http::Request;
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::context::RequestContext;
use crate::permit::RequestPermit;
use crate::steps::schema;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::single_server::ServerAnswer;

/// Answers the messages with what the route's only server says. `bytes` is the body as it came.
#[expect(clippy::too_many_arguments, reason = "what the steps before have found out")]
pub(super) fn post(
    context: &RequestContext<'_>,
    caller: &Caller,
    upstream: &Upstream,
    posted: &PostedMessages,
    bytes: Vec<u8>,
    session: &Session,
    records: Vec<MessageRecord<'_>>,
    out: ResponseOutparam,
) {
    match prepare(context, caller, upstream, posted, bytes, session) {
        Ok((request, permit)) => {
            let answer = ServerAnswer {
                context,
                caller,
                revision: posted.revision,
                session: session.name(),
                may_hold_listing: posted.may_return_listing(),
                member: None,
                records,
                id: posted.request_id(),
            };
            answer.of_messages(posted, upstream, request, permit, out);
        }
        Err(refusal) => context.refuse_messages(out, caller, &refusal, &posted.body, &records),
    }
}

fn prepare<'a>(
    context: &'a RequestContext<'_>,
    caller: &'a Caller,
    upstream: &Upstream,
    posted: &PostedMessages,
    bytes: Vec<u8>,
    session: &Session,
) -> Result<(Request<Vec<u8>>, RequestPermit<'a>), Refusal> {
    schema::check(context, caller, posted, upstream, session)?;
    let permit = match posted.opens_subscription() {
        true => RequestPermit::of_stream(context, caller)?,
        false => RequestPermit::of_call(context, caller),
    };
    let request = UpstreamRequest { session_id: session.id()?, ..UpstreamRequest::posted(upstream, bytes) };
    Ok((request.build(context, caller)?, permit))
}
