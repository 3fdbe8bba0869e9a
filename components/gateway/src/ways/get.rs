//! GET: the stream of what servers say by themselves, and of what a client has missed (MCP 2025-11-25 and earlier).

use gatehouse_configuration::{Member, Servers, Upstream};
use gatehouse_gateway::{Era, Refusal};
use http::{HeaderMap, StatusCode};
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::client::clock::{Patience, TICK};
use crate::client::response::Answering;
use crate::client::rewriting::Rewriting;
use crate::end::{End, Gone};
use crate::permit::Place;
use crate::request::{Exchange, Line};
use crate::steps::plan;
use crate::steps::session::Session;
use crate::upstream::answers::{Reading, Said};
use crate::upstream::conversation;
use crate::upstream::member_streams::{self, Together};
use crate::upstream::request::{self, Call};
use crate::upstream::single_server::Answer;

/// Answers the GET.
pub(crate) fn serve(exchange: &Exchange<'_>, caller: &Caller, out: ResponseOutparam) {
    let era = Era::of(exchange.head.headers());
    let asked = Session::of(exchange, caller, era).and_then(|session| {
        let last_event_id = session.last_event_id(exchange, caller, era)?;
        Ok(Asked { session, last_event_id, place: Place::of_stream(exchange, caller)? })
    });
    let asked = match asked {
        Ok(asked) => asked,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    match &exchange.endpoint.route.servers {
        Servers::One(upstream) => one(exchange, caller, era, upstream, asked, out),
        Servers::Federated(members) => several(exchange, caller, era, members, asked, out),
    }
}

struct Asked<'a> {
    session: Session,
    /// As the server, or the federation, knows it.
    last_event_id: Option<String>,
    place: Place<'a>,
}

fn one(
    exchange: &Exchange<'_>,
    caller: &Caller,
    era: &'static Era,
    upstream: &Upstream,
    asked: Asked<'_>,
    out: ResponseOutparam,
) {
    let Asked { session, last_event_id, mut place } = asked;
    let request = session.id().and_then(|session_id| {
        let last_event_id = last_event_id.as_deref();
        request::request(exchange, caller, Call { session_id, last_event_id, ..Call::listening(upstream) })
    });
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    exchange.log_begun(caller, &[Line::default()]);
    let mut reading = Reading::default();
    reading.start(&request, request::listening_limits(upstream));
    let patience = Patience::of(&exchange.endpoint.route.limits);
    let refusal = loop {
        match reading.next(TICK) {
            Said::Head(_, head) => {
                let session = session.name();
                let lines = vec![Line::default()];
                let answer = Answer { exchange, caller, era, session, may_list: true, member: None, lines, id: None };
                match answer.relay(reading, &head, &mut place, out) {
                    Ok(()) => return,
                    Err((refusal, out)) => return exchange.refuse(out, Some(caller), &refusal),
                }
            }
            Said::NoAnswer(_, reason) => break request::no_answer(&reason),
            Said::Tick if patience.is_over() => break Refusal::UpstreamTimedOut,
            Said::Tick => match place.keep() {
                Ok(()) => {}
                Err(refusal) => break refusal,
            },
            Said::Event(..) | Said::End(_) | Said::Broken(..) => break Refusal::UpstreamMalformed("it has no head"),
        }
    };
    exchange.refuse(out, Some(caller), &refusal);
}

fn several(
    exchange: &Exchange<'_>,
    caller: &Caller,
    era: &Era,
    members: &[Member],
    asked: Asked<'_>,
    out: ResponseOutparam,
) {
    let Asked { session, last_event_id, mut place } = asked;
    let mut reading = Reading::default();
    exchange.log_begun(caller, &[Line::default()]);
    let started = plan::federation(exchange, era).and_then(|federation| {
        let sessions = session.of_members(&federation)?;
        let (listens, stream) = federation.listen(sessions.as_ref(), last_event_id.as_deref());
        member_streams::start(exchange, caller, members, &listens, &mut reading)?;
        let parts = listens.iter().map(|listen| (listen.member, false)).collect();
        let rewriting = Rewriting::new(exchange, caller, true).federated(stream).resumable(session.name());
        Ok(Together { exchange, caller, parts, rewriting, is_lost: false })
    });
    let mut together = match started {
        Ok(together) => together,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    let headers = exchange.returned(&HeaderMap::new(), None, true);
    let mut answering = Answering::new(out, headers, Patience::of(&exchange.endpoint.route.limits));
    let end = conversation::converse(&mut reading, &mut answering, &mut together, &mut place);
    exchange.log_end(caller, StatusCode::OK, &end);
    match (answering.has_begun(), end) {
        (true, End::Complete | End::Gone(Gone::Time)) => answering.finish(),
        (true, _) => {}
        (false, end) => {
            let refusal = match end {
                End::Failed(refusal) | End::NoPlace(refusal) => refusal,
                End::Complete if together.is_lost => Refusal::UnknownSession,
                // No member has a stream, so neither has the route.
                End::Complete => Refusal::Method,
                End::Gone(_) => Refusal::UpstreamTimedOut,
            };
            if let Some(out) = answering.unopened() {
                exchange.refuse(out, Some(caller), &refusal);
            }
        }
    }
}
