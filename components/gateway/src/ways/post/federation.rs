//! POST to a route with several servers: one of them answers, or all of them together.

use gatehouse_configuration::Prefix;
use gatehouse_federation::Plan;
use gatehouse_gateway::answer::EARLY_ANSWER;
use gatehouse_gateway::{MessageRecord, PostedMessages, Session};
use http::StatusCode;
use shell_http::elapsed;
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::client::own_response;
use crate::context::RequestContext;
use crate::permit::RequestPermit;
use crate::steps::plan::plan;
use crate::steps::schema;
use crate::upstream::federation::FederatedRequest;
use crate::upstream::single_server::{FederationMember, ServerAnswer};

/// Answers the message with what the members say.
pub(super) fn post<'a>(
    context: &'a RequestContext<'_>,
    caller: &'a Caller,
    posted: &'a PostedMessages,
    session: &Session,
    mut records: Vec<MessageRecord<'a>>,
    out: ResponseOutparam,
) {
    let planned = plan(context, posted, session).and_then(|(federation, plan)| {
        schema::check_planned(context, caller, posted, &plan)?;
        Ok((federation, plan))
    });
    let (federation, plan) = match planned {
        Ok(planned) => planned,
        Err(refusal) => return context.refuse_messages(out, caller, &refusal, &posted.body, &records),
    };
    let id = posted.request_id();
    let federated = FederatedRequest { context, caller, federation: &federation, id, accept: None };
    let started = elapsed();
    let (outcome, response) = match plan {
        Plan::ToOne { request, stream } => {
            let number = request.member;
            let Some(member) = context.members().get(number) else { return };
            let prefix = member.prefix.as_ref();
            records.iter_mut().for_each(|record| record.member = prefix.map(Prefix::as_str));
            return match federated.request(request) {
                Ok(built) => {
                    let answer = ServerAnswer {
                        context,
                        caller,
                        revision: posted.revision,
                        session: session.name(),
                        may_hold_listing: posted.may_return_listing(),
                        member: Some(FederationMember { number, prefix, stream: Some(stream) }),
                        records,
                        id,
                    };
                    let permit = RequestPermit::of_call(context, caller);
                    answer.of_messages(posted, &member.upstream, built, permit, out);
                }
                Err(refusal) => context.refuse_messages(out, caller, &refusal, &posted.body, &records),
            };
        }
        Plan::Answer { status, reply } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            context.log_forwarded(caller, status, &records);
            let mut response = own_response(context, out);
            response.set_status(status);
            return response.finish_with(elapsed(), &reply.to_object().to_string());
        }
        Plan::Accept => {
            context.log_forwarded(caller, StatusCode::ACCEPTED, &records);
            let mut response = own_response(context, out);
            response.set_status(StatusCode::ACCEPTED);
            return response.finish();
        }
        Plan::ToAll { requests, merge } => {
            let mut response = own_response(context, out);
            if posted.may_begin_early(context.head.headers()) {
                response = response.beginning_at(elapsed().saturating_add(EARLY_ANSWER));
            }
            context.log_begun(caller, &records);
            let mut permit = RequestPermit::of_call(context, caller);
            (federated.ask_all(requests, merge, &mut response, &mut permit), response)
        }
        Plan::Subscribe { requests, subscription } => {
            let mut response = own_response(context, out).beginning_at(elapsed().saturating_add(EARLY_ANSWER));
            (federated.subscribe(requests, subscription, &mut response, &records), response)
        }
    };
    records.iter_mut().for_each(|record| record.upstream = Some(elapsed().saturating_sub(started)));
    federated.finish(outcome, response, posted, &records);
}
