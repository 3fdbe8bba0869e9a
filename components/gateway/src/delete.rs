//! DELETE: the client ends its session (MCP 2025-11-25 and earlier).

use gatehouse_configuration::{Member, Servers, Upstream};
use gatehouse_gateway::{Era, Refusal};
use http::{Response, StatusCode};
use wasip2::http::types::ResponseOutparam;

use crate::answer;
use crate::exchange::{Caller, Exchange, Line};
use crate::one::Answer;
use crate::places::Place;
use crate::reading::{Reading, Said};
use crate::session::Session;
use crate::upstream::{self, Call};

/// Answers the DELETE.
pub(crate) fn serve(exchange: &Exchange<'_>, caller: &Caller, out: ResponseOutparam) {
    let era = Era::of(exchange.head.headers());
    let session = match Session::of(exchange, caller, era) {
        Ok(session) => session,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    match &exchange.endpoint.route.servers {
        Servers::One(upstream) => one(exchange, caller, era, upstream, &session, out),
        Servers::Federated(members) => match federated(exchange, caller, members, &session) {
            Ok(status) => {
                exchange.log_forwarded(caller, status.as_u16(), &[Line::default()]);
                let mut response = Response::new(Vec::new());
                *response.status_mut() = status;
                exchange.respond(out, response);
            }
            Err(refusal) => exchange.refuse(out, Some(caller), &refusal),
        },
    }
}

fn one(
    exchange: &Exchange<'_>,
    caller: &Caller,
    era: &'static Era,
    upstream: &Upstream,
    session: &Session,
    out: ResponseOutparam,
) {
    let request = session
        .id()
        .and_then(|session_id| upstream::request(exchange, caller, Call::end_of_session(upstream, session_id)));
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    exchange.log_begun(caller, &[Line::default()]);
    let (mut reading, mut place) = (Reading::default(), Place::of_call(exchange, caller));
    reading.start(&request, upstream::parting_limits(upstream));
    let refusal = match answer::first(&mut reading, upstream::longest(upstream), &mut place) {
        Ok(Said::Head(_, head)) => {
            let (session, lines) = (session.name(), vec![Line::default()]);
            let answer = Answer { exchange, caller, era, session, may_list: false, member: None, lines, id: None };
            match answer.relay(reading, &head, &mut place, out) {
                Ok(()) => return,
                Err((refusal, out)) => return exchange.refuse(out, Some(caller), &refusal),
            }
        }
        Ok(Said::NoAnswer(_, reason)) => upstream::no_answer(&reason),
        Ok(Said::Tick) => Refusal::UpstreamTimedOut,
        Ok(Said::Event(..) | Said::End(_) | Said::Broken(..)) => Refusal::UpstreamMalformed("it has no head"),
        Err(refusal) => refusal,
    };
    exchange.refuse(out, Some(caller), &refusal);
}

/// Ends the session at every member that has one. The client's is over in any case: what a member does not hear of, it
/// forgets by itself.
fn federated(
    exchange: &Exchange<'_>,
    caller: &Caller,
    members: &[Member],
    session: &Session,
) -> Result<StatusCode, Refusal> {
    let federation = crate::federated::federation(exchange, Era::of(exchange.head.headers()))?;
    let Some(sessions) = session.of_members(&federation)? else { return Err(Refusal::UnknownSession) };
    exchange.log_begun(caller, &[Line::default()]);
    end_all(exchange, caller, members, &federation.sessions(&sessions), &mut Place::of_call(exchange, caller))
}

/// Asks members to end their sessions; whether all that answered allow it.
pub(crate) fn end_all(
    exchange: &Exchange<'_>,
    caller: &Caller,
    members: &[Member],
    sessions: &[(usize, &str)],
    place: &mut Place<'_>,
) -> Result<StatusCode, Refusal> {
    let mut reading = Reading::default();
    for (member, session_id) in sessions {
        let Some(Member { upstream, .. }) = members.get(*member) else { continue };
        let call = Call::end_of_session(upstream, Some(session_id));
        reading.start(&upstream::request(exchange, caller, call)?, upstream::parting_limits(upstream));
    }
    let mut status = StatusCode::OK;
    while !reading.is_over() {
        match reading.next(answer::TICK) {
            Said::Head(number, head) => {
                if head.status() == StatusCode::METHOD_NOT_ALLOWED {
                    status = StatusCode::METHOD_NOT_ALLOWED;
                }
                reading.end(number);
            }
            Said::Tick => place.keep()?,
            Said::NoAnswer(..) | Said::Broken(..) | Said::Event(..) | Said::End(_) => {}
        }
    }
    Ok(status)
}
