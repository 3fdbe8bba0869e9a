//! DELETE: the client ends its session (MCP 2025-11-25 and earlier).

use gatehouse_configuration::{Member, Servers, Upstream};
use gatehouse_gateway::{Era, Refusal};
use http::{Response, StatusCode};
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::permit::Place;
use crate::request::{Exchange, Line};
use crate::steps::plan;
use crate::steps::session::Session;
use crate::upstream::answers::{Reading, Said};
use crate::upstream::conversation;
use crate::upstream::member_sessions::end_all;
use crate::upstream::request::{self, Call};
use crate::upstream::single_server::Answer;

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
        .and_then(|session_id| request::request(exchange, caller, Call::end_of_session(upstream, session_id)));
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    exchange.log_begun(caller, &[Line::default()]);
    let (mut reading, mut place) = (Reading::default(), Place::of_call(exchange, caller));
    reading.start(&request, request::parting_limits(upstream));
    let refusal = match conversation::first(&mut reading, request::longest(upstream), &mut place) {
        Ok(Said::Head(_, head)) => {
            let (session, lines) = (session.name(), vec![Line::default()]);
            let answer = Answer { exchange, caller, era, session, may_list: false, member: None, lines, id: None };
            match answer.relay(reading, &head, &mut place, out) {
                Ok(()) => return,
                Err((refusal, out)) => return exchange.refuse(out, Some(caller), &refusal),
            }
        }
        Ok(Said::NoAnswer(_, reason)) => request::no_answer(&reason),
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
    let federation = plan::federation(exchange, Era::of(exchange.head.headers()))?;
    let Some(sessions) = session.of_members(&federation)? else { return Err(Refusal::UnknownSession) };
    exchange.log_begun(caller, &[Line::default()]);
    end_all(exchange, caller, members, &federation.sessions(&sessions), &mut Place::of_call(exchange, caller))
}
