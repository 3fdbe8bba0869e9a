//! One server's answer: what need not be read passes unchanged.

use gatehouse_configuration::{Prefix, Upstream};
use gatehouse_federation::Stream;
use gatehouse_gateway::{Era, Handle, Refusal, SessionId, response_headers};
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::Id;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use shell_http::inbound::Writer;
use shell_http::{Milliseconds, elapsed};
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::client::clock::{Patience, TICK};
use crate::client::relay;
use crate::client::response::Answering;
use crate::client::rewriting::Rewriting;
use crate::end::{End, Gone};
use crate::permit::Place;
use crate::posted::Posted;
use crate::request::{Exchange, Line};
use crate::upstream::answers::{Form, Reading, Said, is_encoded};
use crate::upstream::conversation::{self, Hearing, Over};
use crate::upstream::request;

/// After this time of silence, an answer that may begin early does.
pub(crate) const EARLY: Milliseconds = 2_000;

/// What one server answers.
pub(crate) struct Answer<'a> {
    pub(crate) exchange: &'a Exchange<'a>,
    pub(crate) caller: &'a Caller,
    pub(crate) era: &'static Era,
    /// What ids of events are bound to.
    pub(crate) session: Option<String>,
    /// Whether a listing may be in it.
    pub(crate) may_list: bool,
    /// Whose answer it is, where there are several.
    pub(crate) member: Option<Voice<'a>>,
    /// What the log says of the messages that it answers.
    pub(crate) lines: Vec<Line<'a>>,
    /// Of the request that it answers, where it is one.
    pub(crate) id: Option<&'a Id>,
}

/// One of a federation's members.
pub(crate) struct Voice<'a> {
    pub(crate) number: usize,
    pub(crate) prefix: Option<&'a Prefix>,
    pub(crate) stream: Stream,
}

type Unanswered = (Refusal, ResponseOutparam);

impl<'a> Answer<'a> {
    /// Sends the messages and passes the answer on.
    pub(crate) fn of_messages(
        mut self,
        posted: &Posted,
        upstream: &Upstream,
        request: &Request<Vec<u8>>,
        mut place: Place<'_>,
        out: ResponseOutparam,
    ) {
        let (exchange, caller, asked) = (self.exchange, self.caller, elapsed());
        exchange.log_begun(caller, &self.lines);
        let mut reading = Reading::default();
        reading.start(request, request::limits(upstream));
        let is_early = posted.may_begin_early(exchange);
        let time = if is_early { EARLY } else { request::longest(upstream) };
        let said = conversation::first(&mut reading, time, &mut place);
        self.lines.iter_mut().for_each(|line| line.upstream = Some(elapsed().saturating_sub(asked)));
        let prefix = self.member.as_ref().and_then(|member| member.prefix);
        let lines = self.lines.clone();
        let (refusal, out) = match said {
            Ok(Said::Head(_, head)) => match self.relay(reading, &head, &mut place, out) {
                Ok(()) => return,
                Err(unanswered) => unanswered,
            },
            Ok(Said::Tick) if is_early => return self.late(reading, &mut place, out),
            Ok(Said::NoAnswer(_, reason)) => (request::no_answer(&reason), out),
            Ok(Said::Tick) => (Refusal::UpstreamTimedOut, out),
            Ok(Said::Event(..) | Said::End(_) | Said::Broken(..)) => {
                (Refusal::UpstreamMalformed("it has no head"), out)
            }
            Err(refusal) => return exchange.refuse_messages(out, caller, &refusal, &posted.body, &lines),
        };
        exchange.refuse_messages(out, caller, &refusal.at_member(prefix), &posted.body, &lines);
    }

    /// Passes an answer on whose head has come.
    ///
    /// # Errors
    /// Where it cannot be passed on; nothing has been sent then.
    pub(crate) fn relay(
        mut self,
        mut reading: Reading,
        head: &Response<()>,
        place: &mut Place<'_>,
        out: ResponseOutparam,
    ) -> Result<(), Unanswered> {
        let form = Form::of(head.headers());
        let issued = match self.issued(head) {
            Ok(issued) => issued,
            Err(refusal) => return Err((refusal, out)),
        };
        let (member, mut rewriting) = self.rewriting();
        if self.era.has_sessions && form == Form::Events {
            rewriting = rewriting.resumable(self.session.clone());
        }
        let is_rewritten =
            form == Form::Json && rewriting.reads() || form == Form::Events && rewriting.changes_events();
        let headers = self.exchange.returned(head.headers(), issued, is_rewritten);
        if let Some(refusal) = unreadable(&rewriting, form, head) {
            return Err((refusal, out));
        }
        let patience = Patience::of(&self.exchange.endpoint.route.limits);
        match form {
            Form::Json if is_rewritten => {
                let text = match whole(&mut reading, patience, place).and_then(|text| rewriting.text(member, text)) {
                    Ok(text) => text.unwrap_or_default(),
                    Err(refusal) => return Err((refusal, out)),
                };
                self.log(head);
                let mut answering = Answering::new(out, headers, patience);
                answering.has_status(head.status());
                answering.finish_with(&text);
            }
            Form::Events if is_rewritten => {
                self.log(head);
                let mut answering = Answering::new(out, headers, patience);
                answering.has_status(head.status());
                let mut events = Events { member, rewriting };
                let end = conversation::converse(&mut reading, &mut answering, &mut events, place);
                self.exchange.log_end(self.caller, head.status(), &end);
                match end {
                    End::Complete | End::Gone(Gone::Time) => answering.finish(),
                    End::NoPlace(refusal) => answering.finish_with(&self.reply(&refusal)),
                    End::Failed(_) | End::Gone(Gone::Reader) => {}
                }
            }
            Form::Events | Form::Json | Form::Other => {
                self.log(head);
                let Some(writer) = Writer::open(out, head.status(), &headers) else { return Ok(()) };
                let farewell = |refusal: &Refusal| (form == Form::Events).then(|| Event::message(self.reply(refusal)));
                let end = relay::relay(&mut reading.into_exchanges(), writer, patience, place, farewell);
                self.exchange.log_end(self.caller, head.status(), &end);
            }
        }
        Ok(())
    }

    /// Begins to answer before the server does.
    fn late(mut self, mut reading: Reading, place: &mut Place<'_>, out: ResponseOutparam) {
        let headers = self.exchange.returned(&HeaderMap::new(), None, true);
        let mut answering = Answering::new(out, headers, Patience::of(&self.exchange.endpoint.route.limits));
        let prefix = self.member.as_ref().and_then(|member| member.prefix);
        let (member, rewriting) = self.rewriting();
        let events = Events { member, rewriting };
        let mut late = Late { answer: &self, events, has_spoken: false };
        let end = conversation::converse(&mut reading, &mut answering, &mut late, place);
        let has_spoken = late.has_spoken;
        self.exchange.log_end(self.caller, StatusCode::OK, &end);
        match end {
            End::Complete | End::Gone(Gone::Time) => answering.finish(),
            End::Failed(refusal) if !has_spoken => {
                answering.finish_with(&self.reply(&refusal.at_member(prefix)));
            }
            End::NoPlace(refusal) => answering.finish_with(&self.reply(&refusal)),
            End::Failed(_) | End::Gone(Gone::Reader) => {}
        }
    }

    /// The refusal as an answer to the request, for a stream that has begun.
    fn reply(&self, refusal: &Refusal) -> String {
        refusal.reply(&self.exchange.endpoint, self.id).to_object().to_string()
    }

    /// Takes the member's stream: an answer is rewritten once.
    fn rewriting(&mut self) -> (usize, Rewriting<'a>) {
        let rewriting = Rewriting::new(self.exchange, self.caller, self.may_list);
        match self.member.take() {
            Some(Voice { number, stream, .. }) => (number, rewriting.federated(stream)),
            None => (0, rewriting),
        }
    }

    /// The session that the answer begins, as the client holds it. A member's is part of the federation's, which begins
    /// when all of them do.
    fn issued(&self, head: &Response<()>) -> Result<Option<HeaderValue>, Refusal> {
        if self.member.is_some() {
            return Ok(None);
        }
        let issued = SessionId::issued(head.headers(), self.era)?;
        issued.map(|id| self.caller.bind_header(&Handle::Session(id.as_str().to_owned()))).transpose()
    }

    fn log(&self, head: &Response<()>) {
        let reason = response_headers::redirects(head.headers())
            .then_some("the upstream redirects; its url should be the address that it redirects to");
        let lines: Vec<_> = self.lines.iter().map(|line| Line { reason, ..line.clone() }).collect();
        self.exchange.log_forwarded(self.caller, head.status().as_u16(), &lines);
    }
}

/// Where something of the answer must be left out and it cannot be read.
fn unreadable(rewriting: &Rewriting<'_>, form: Form, head: &Response<()>) -> Option<Refusal> {
    let has_content = !matches!(head.status(), StatusCode::ACCEPTED | StatusCode::NO_CONTENT);
    let is_other = form == Form::Other && head.status().is_success() && has_content;
    if rewriting.reads() && (is_other || is_encoded(head.headers())) {
        return Some(Refusal::UpstreamMalformed("it is neither JSON nor events"));
    }
    let is_encoded_stream = form == Form::Events && rewriting.changes_events() && is_encoded(head.headers());
    is_encoded_stream.then_some(Refusal::UpstreamMalformed("its events are compressed"))
}

/// The text of a whole JSON body.
fn whole(reading: &mut Reading, patience: Patience, place: &mut Place<'_>) -> Result<String, Refusal> {
    let mut text = String::new();
    while !patience.is_over() {
        place.keep()?;
        match reading.next(TICK) {
            Said::Event(_, event) => text.push_str(event.data.as_deref().unwrap_or_default()),
            Said::End(_) => return Ok(text),
            Said::Broken(_, why) => return Err(Refusal::UpstreamMalformed(why)),
            Said::NoAnswer(_, reason) => return Err(request::no_answer(&reason)),
            Said::Tick if reading.is_over() => return Err(Refusal::UpstreamMalformed("it has no end")),
            Said::Tick | Said::Head(..) => {}
        }
    }
    Err(Refusal::UpstreamTimedOut)
}

/// A server's stream of events.
struct Events<'a> {
    member: usize,
    rewriting: Rewriting<'a>,
}

impl Hearing for Events<'_> {
    fn head(&mut self, _: usize, _: &Response<()>) -> Result<(), Refusal> {
        Ok(())
    }

    fn event(&mut self, _: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        Ok(self.rewriting.event(self.member, event)?.into_iter().collect())
    }

    fn over(&mut self, _: usize, over: Over) -> Result<Vec<Event>, Refusal> {
        match over {
            Over::Regularly => Ok(Vec::new()),
            Over::NoAnswer(reason) => Err(request::no_answer(&reason)),
            Over::Broken(why) => Err(Refusal::UpstreamMalformed(why)),
        }
    }

    fn begins(&self) -> bool {
        true
    }
}

/// An answer to a request, in a stream that has begun already.
struct Late<'a> {
    answer: &'a Answer<'a>,
    events: Events<'a>,
    /// Whether the client got anything of it.
    has_spoken: bool,
}

impl Hearing for Late<'_> {
    fn head(&mut self, _: usize, head: &Response<()>) -> Result<(), Refusal> {
        if Form::of(head.headers()) == Form::Other || is_encoded(head.headers()) {
            return Err(Refusal::UpstreamMalformed("it is neither JSON nor events"));
        }
        self.answer.log(head);
        Ok(())
    }

    fn event(&mut self, from: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let events = self.events.event(from, event)?;
        self.has_spoken |= !events.is_empty();
        Ok(events)
    }

    fn over(&mut self, from: usize, over: Over) -> Result<Vec<Event>, Refusal> {
        match over {
            Over::Regularly if !self.has_spoken => Err(Refusal::UpstreamMalformed("it is empty")),
            over => self.events.over(from, over),
        }
    }

    fn begins(&self) -> bool {
        true
    }
}
