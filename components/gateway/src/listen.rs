//! GET: the stream of what servers say by themselves, and of what a client has missed (MCP 2025-11-25 and earlier).

use gatehouse_configuration::{Member, Servers, Upstream};
use gatehouse_federation::Listen;
use gatehouse_gateway::{Era, Refusal};
use gatehouse_mcp_wire::event_stream::Event;
use http::{HeaderMap, Response, StatusCode};
use wasip2::http::types::ResponseOutparam;

use crate::answer::{self, End, Gone, Hearing, Over, Patience, TICK};
use crate::answering::Answering;
use crate::exchange::{Caller, Exchange, Line};
use crate::federated;
use crate::one::{Answer, log_end};
use crate::places::Place;
use crate::reading::{Form, Reading, Said};
use crate::rewriting::Rewriting;
use crate::session::Session;
use crate::upstream::{self, Call};

/// The `Accept` of a GET.
const EVENTS: &str = "text/event-stream";

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
        upstream::request(exchange, caller, Call { session_id, last_event_id, ..Call::listening(upstream) })
    });
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    exchange.log_begun(caller, &[Line::default()]);
    let mut reading = Reading::default();
    reading.start(&request, upstream::listening_limits(upstream));
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
            Said::NoAnswer(_, reason) => break upstream::no_answer(&reason),
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
    let started = federated::federation(exchange, era).and_then(|federation| {
        let sessions = session.of_members(&federation)?;
        let (listens, stream) = federation.listen(sessions.as_ref(), last_event_id.as_deref());
        start(exchange, caller, members, &listens, &mut reading)?;
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
    let end = answer::converse(&mut reading, &mut answering, &mut together, &mut place);
    log_end(exchange, caller, StatusCode::OK, &end);
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

/// Asks members for their streams.
///
/// # Errors
/// Where something that a member needs is not there.
pub(crate) fn start(
    exchange: &Exchange<'_>,
    caller: &Caller,
    members: &[Member],
    listens: &[Listen],
    reading: &mut Reading,
) -> Result<(), Refusal> {
    for listen in listens {
        let Some(Member { upstream, prefix }) = members.get(listen.member) else { continue };
        let (session_id, last_event_id) = (listen.session.as_deref(), listen.last_event_id.as_deref());
        let call = Call { session_id, last_event_id, accept: Some(EVENTS), ..Call::listening(upstream) };
        let request =
            upstream::request(exchange, caller, call).map_err(|refusal| refusal.at_member(prefix.as_ref()))?;
        reading.start(&request, upstream::listening_limits(upstream));
    }
    Ok(())
}

/// The streams of several members. One that has none, or loses it, does not end the others.
struct Together<'a> {
    exchange: &'a Exchange<'a>,
    caller: &'a Caller,
    /// The member of each request, and whether it has a stream.
    parts: Vec<(usize, bool)>,
    rewriting: Rewriting<'a>,
    /// Whether a member does not know the session any more.
    is_lost: bool,
}

impl Hearing for Together<'_> {
    fn head(&mut self, from: usize, head: &Response<()>) -> Result<(), Refusal> {
        self.is_lost |= head.status() == StatusCode::NOT_FOUND;
        let is_first = !self.begins();
        if let Some((_, is_open)) = self.parts.get_mut(from) {
            *is_open = head.status().is_success() && Form::of(head.headers()) == Form::Events;
        }
        if is_first && self.begins() {
            self.exchange.log_forwarded(self.caller, StatusCode::OK.as_u16(), &[Line::default()]);
        }
        Ok(())
    }

    fn event(&mut self, from: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let Some((member, true)) = self.parts.get(from).copied() else { return Ok(Vec::new()) };
        // What one member says badly costs the others nothing.
        Ok(self.rewriting.event(member, event).ok().flatten().into_iter().collect())
    }

    fn over(&mut self, _: usize, _: Over) -> Result<Vec<Event>, Refusal> {
        Ok(Vec::new())
    }

    fn begins(&self) -> bool {
        self.parts.iter().any(|(_, is_open)| *is_open)
    }

    /// The client begins a new session, and closes this.
    fn is_done(&self) -> bool {
        self.is_lost
    }
}
