//! POST to a route with several servers: one of them answers, or all of them together.

use gatehouse_configuration::{Member, Prefix};
use gatehouse_federation::Plan;
use http::StatusCode;
use shell_http::elapsed;
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::permit::Place;
use crate::posted::Posted;
use crate::request::{Exchange, Line};
use crate::steps::plan::plan;
use crate::upstream::members::Group;
use crate::upstream::single_server::{Answer, EARLY, Voice};

/// Answers the message with what the members say.
pub(crate) fn post<'a>(
    exchange: &'a Exchange<'_>,
    caller: &'a Caller,
    members: &'a [Member],
    posted: &'a Posted,
    mut lines: Vec<Line<'a>>,
    out: ResponseOutparam,
) {
    let planned = plan(exchange, caller, posted);
    let (federation, session, plan) = match planned {
        Ok(planned) => planned,
        Err(refusal) => return exchange.refuse_messages(out, caller, &refusal, &posted.body, &lines),
    };
    let id = posted.request().map(|(_, id)| id);
    let group = Group { exchange, caller, members, federation: &federation, id, accept: None };
    let asked = elapsed();
    let (result, answering) = match plan {
        Plan::One { sending, stream } => {
            let Some(member) = members.get(sending.member) else { return };
            let prefix = member.prefix.as_ref();
            lines.iter_mut().for_each(|line| line.member = prefix.map(Prefix::as_str));
            let voice = Voice { number: sending.member, prefix, stream };
            return match group.request(&sending) {
                Ok(request) => {
                    let answer = Answer {
                        exchange,
                        caller,
                        era: posted.era,
                        session: session.name(),
                        may_list: posted.lists(),
                        member: Some(voice),
                        lines,
                        id,
                    };
                    answer.of_messages(posted, &member.upstream, &request, Place::of_call(exchange, caller), out);
                }
                Err(refusal) => exchange.refuse_messages(out, caller, &refusal, &posted.body, &lines),
            };
        }
        Plan::Answer { status, reply } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            exchange.log_forwarded(caller, status.as_u16(), &lines);
            let mut answering = group.answering(out);
            answering.has_status(status);
            return answering.finish_with(&reply.to_object().to_string());
        }
        Plan::Nothing => {
            exchange.log_forwarded(caller, StatusCode::ACCEPTED.as_u16(), &lines);
            let mut answering = group.answering(out);
            answering.has_status(StatusCode::ACCEPTED);
            return answering.finish();
        }
        Plan::All { sendings, merge } => {
            let mut answering = group.answering(out);
            if posted.may_begin_early(exchange) {
                answering = answering.beginning_after(EARLY);
            }
            exchange.log_begun(caller, &lines);
            let mut place = Place::of_call(exchange, caller);
            (group.ask_all(&sendings, merge, &mut answering, &mut place), answering)
        }
        Plan::Listen { sendings, listening } => {
            let mut answering = group.answering(out).beginning_after(EARLY);
            (group.subscribe(&sendings, listening, &mut answering, &lines), answering)
        }
    };
    lines.iter_mut().for_each(|line| line.upstream = Some(elapsed().saturating_sub(asked)));
    group.finish(result, answering, posted, &lines);
}
