//! A route with one server: what need not be read passes unchanged.

use gatehouse_configuration::Upstream;
use gatehouse_event_stream::Event;
use gatehouse_mcp::{Era, Handle, Refusal, SessionId, response_headers};
use http::{HeaderMap, Response, StatusCode};
use http_shell::inbound::Writer;
use http_shell::{Milliseconds, elapsed};
use wasip2::http::types::ResponseOutparam;

use crate::answer::{self, End, Gone, Hearing, Over, Patience};
use crate::answering::Answering;
use crate::exchange::{Caller, Exchange, Line};
use crate::post::Posted;
use crate::rates::Place;
use crate::reading::{Form, Reading, Said, is_encoded};
use crate::rewriting::Rewriting;
use crate::session::{self, Session};
use crate::upstream::{self, Call};

/// After this time of silence, an answer that may begin early does.
const EARLY: Milliseconds = 2_000;

/// Answers the messages with what the server says.
pub(crate) fn post(
    exchange: &Exchange<'_>,
    caller: &Caller,
    upstream: &Upstream,
    posted: &Posted,
    mut lines: Vec<Line<'_>>,
    out: ResponseOutparam,
) {
    let mut reading = Reading::default();
    let asked = elapsed();
    let mut begun = match begin(exchange, caller, upstream, posted, &mut reading) {
        Ok(begun) => begun,
        Err(refusal) => return exchange.refuse_messages(out, caller, &refusal, &posted.body, &lines),
    };
    let is_early = posted.may_begin_early(exchange);
    let said = reading.next(if is_early { EARLY } else { upstream::longest(upstream) });
    lines.iter_mut().for_each(|line| line.upstream = Some(elapsed().saturating_sub(asked)));
    let refusal = match said {
        Said::Head(_, head) => {
            let answer = Answer {
                exchange,
                caller,
                era: posted.era,
                session: begun.session.name(),
                may_list: posted.lists(),
                lines: &lines,
            };
            match answer.relay(reading, &head, out, || begun.keep_place()) {
                Ok(()) => return,
                Err((refusal, out)) => return exchange.refuse_messages(out, caller, &refusal, &posted.body, &lines),
            }
        }
        Said::Tick if is_early => return late(exchange, caller, posted, &lines, reading, &mut begun, out),
        Said::NoAnswer(_, reason) => upstream::no_answer(&reason),
        Said::Tick => Refusal::UpstreamTimedOut,
        Said::Event(..) | Said::End(_) | Said::Broken(..) => Refusal::UpstreamMalformed("it has no head"),
    };
    exchange.refuse_messages(out, caller, &refusal, &posted.body, &lines);
}

struct Begun {
    session: Session,
    place: Option<Place>,
}

impl Begun {
    fn keep_place(&mut self) -> bool {
        self.place.as_mut().is_none_or(Place::keep)
    }
}

fn begin(
    exchange: &Exchange<'_>,
    caller: &Caller,
    upstream: &Upstream,
    posted: &Posted,
    reading: &mut Reading,
) -> Result<Begun, Refusal> {
    let session = Session::of(exchange, caller, posted.era)?;
    let place = if posted.listens() { Some(Place::take(exchange, caller)?) } else { None };
    let call = Call {
        session_id: session.id()?,
        is_read: Rewriting::new(exchange, caller, posted.lists()).reads(),
        ..Call::passed_on(upstream, exchange, posted.bytes.clone())
    };
    let request = upstream::request(exchange, caller, call)?;
    reading.start(&request, upstream::limits(upstream));
    Ok(Begun { session, place })
}

/// The answer of the route's only server, whose head has come.
pub(crate) struct Answer<'a> {
    pub(crate) exchange: &'a Exchange<'a>,
    pub(crate) caller: &'a Caller,
    pub(crate) era: &'static Era,
    /// What ids of events are bound to.
    pub(crate) session: Option<String>,
    /// Whether a listing may be in it.
    pub(crate) may_list: bool,
    /// What the log says of the messages that it answers.
    pub(crate) lines: &'a [Line<'a>],
}

type Unanswered = (Refusal, ResponseOutparam);

impl Answer<'_> {
    /// Passes the answer on. `keep` is called about once a second, and ends it when it returns false.
    ///
    /// # Errors
    /// Where it cannot be passed on; nothing has been sent then.
    pub(crate) fn relay(
        &self,
        mut reading: Reading,
        head: &Response<()>,
        out: ResponseOutparam,
        keep: impl FnMut() -> bool,
    ) -> Result<(), Unanswered> {
        let form = Form::of(head.headers());
        let mut rewriting = Rewriting::new(self.exchange, self.caller, self.may_list);
        if self.era.has_sessions && form == Form::Events {
            rewriting = rewriting.resumable(self.session.clone());
        }
        let headers = match self.headers(head) {
            Ok(headers) => headers,
            Err(refusal) => return Err((refusal, out)),
        };
        if let Some(refusal) = unreadable(&rewriting, form, head) {
            return Err((refusal, out));
        }
        match form {
            Form::Json if rewriting.reads() => {
                return self.rewritten(&mut reading, &rewriting, head.status(), headers, out);
            }
            Form::Events if rewriting.changes_events() => {
                self.log(head);
                self.events(&mut reading, rewriting, head.status(), headers, out, keep);
            }
            Form::Events | Form::Json | Form::Other => {
                self.log(head);
                let Some(writer) = Writer::open(out, head.status(), &headers) else { return Ok(()) };
                let patience = Patience::of(&self.exchange.endpoint.route.limits);
                let end = answer::relay(&mut reading.into_exchanges(), writer, patience, keep);
                log_end(self.exchange, self.caller, head.status(), &end);
            }
        }
        Ok(())
    }

    fn headers(&self, head: &Response<()>) -> Result<HeaderMap, Refusal> {
        let issued = SessionId::issued(head.headers(), self.era)?.map(|id| Handle::Session(id.as_str().to_owned()));
        let issued = issued.map(|handle| session::bound(self.caller, &handle)).transpose()?;
        Ok(self.exchange.returned(head.headers(), issued))
    }

    fn log(&self, head: &Response<()>) {
        let reason = response_headers::redirects(head.headers())
            .then_some("the upstream redirects; its url should be the address that it redirects to");
        let line = |line: &Line<'_>| Line { about: line.about.clone(), reason, ..*line };
        let lines: Vec<_> = self.lines.iter().map(line).collect();
        self.exchange.log_forwarded(self.caller, head.status().as_u16(), &lines);
    }

    /// An answer in JSON, of which something may be left out.
    fn rewritten(
        &self,
        reading: &mut Reading,
        rewriting: &Rewriting<'_>,
        status: StatusCode,
        headers: HeaderMap,
        out: ResponseOutparam,
    ) -> Result<(), Unanswered> {
        let text = match whole(reading).and_then(|text| rewriting.text(0, text)) {
            Ok(text) => text,
            Err(refusal) => return Err((refusal, out)),
        };
        self.exchange.log_forwarded(self.caller, status.as_u16(), self.lines);
        let patience = Patience::of(&self.exchange.endpoint.route.limits);
        let mut answering = Answering::new(out, headers, patience);
        answering.has_status(status);
        match text {
            Some(text) if !text.is_empty() => {
                let _gone = answering.finish_with(&text);
            }
            _ => answering.finish(),
        }
        Ok(())
    }

    fn events(
        &self,
        reading: &mut Reading,
        rewriting: Rewriting<'_>,
        status: StatusCode,
        headers: HeaderMap,
        out: ResponseOutparam,
        keep: impl FnMut() -> bool,
    ) {
        let patience = Patience::of(&self.exchange.endpoint.route.limits);
        let mut answering = Answering::new(out, headers, patience);
        answering.has_status(status);
        let end = match answering.begin() {
            Ok(()) => answer::converse(reading, &mut answering, &mut Events { rewriting, keep }),
            Err(gone) => End::Gone(gone),
        };
        log_end(self.exchange, self.caller, status, &end);
        if matches!(end, End::Complete | End::Gone(Gone::Time)) {
            answering.finish();
        }
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
pub(crate) fn whole(reading: &mut Reading) -> Result<String, Refusal> {
    let mut text = String::new();
    loop {
        match reading.next(answer::TICK) {
            Said::Event(_, event) => text.push_str(event.data.as_deref().unwrap_or_default()),
            Said::End(_) => return Ok(text),
            Said::Broken(_, why) => return Err(Refusal::UpstreamMalformed(why)),
            Said::NoAnswer(_, reason) => return Err(upstream::no_answer(&reason)),
            Said::Tick if reading.is_over() => return Err(Refusal::UpstreamMalformed("it has no end")),
            Said::Tick | Said::Head(..) => {}
        }
    }
}

/// A server's stream of events.
struct Events<'a, K> {
    rewriting: Rewriting<'a>,
    keep: K,
}

impl<K: FnMut() -> bool> Hearing for Events<'_, K> {
    fn head(&mut self, _: usize, _: &Response<()>) -> Result<(), Refusal> {
        Ok(())
    }

    fn event(&mut self, from: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        Ok(self.rewriting.event(from, event)?.into_iter().collect())
    }

    fn over(&mut self, _: usize, over: Over) -> Result<Vec<Event>, Refusal> {
        match over {
            Over::Regularly => Ok(Vec::new()),
            Over::NoAnswer(reason) => Err(upstream::no_answer(&reason)),
            Over::Broken(why) => Err(Refusal::UpstreamMalformed(why)),
        }
    }

    fn second(&mut self, _: &mut Reading) -> bool {
        (self.keep)()
    }
}

/// Begins to answer before the server does.
fn late(
    exchange: &Exchange<'_>,
    caller: &Caller,
    posted: &Posted,
    lines: &[Line<'_>],
    mut reading: Reading,
    begun: &mut Begun,
    out: ResponseOutparam,
) {
    let headers = exchange.returned(&HeaderMap::new(), None);
    let mut answering = Answering::new(out, headers, Patience::of(&exchange.endpoint.route.limits));
    let rewriting = Rewriting::new(exchange, caller, posted.lists());
    let mut late = Late { exchange, caller, posted, lines, rewriting, begun, has_spoken: false };
    let end = match answering.begin() {
        Ok(()) => answer::converse(&mut reading, &mut answering, &mut late),
        Err(gone) => End::Gone(gone),
    };
    log_end(exchange, caller, StatusCode::OK, &end);
    match end {
        End::Complete | End::Gone(Gone::Time) => answering.finish(),
        End::Failed(refusal) if !late.has_spoken => {
            let id = posted.request().map(|(_, id)| id);
            let _gone = answering.finish_with(&refusal.reply(&exchange.endpoint, id).to_object().to_string());
        }
        End::Failed(_) | End::Gone(Gone::Reader) => {}
    }
}

/// An answer to a request, in a stream that has begun already.
struct Late<'a> {
    exchange: &'a Exchange<'a>,
    caller: &'a Caller,
    posted: &'a Posted,
    lines: &'a [Line<'a>],
    rewriting: Rewriting<'a>,
    begun: &'a mut Begun,
    /// Whether the client got anything of it.
    has_spoken: bool,
}

impl Hearing for Late<'_> {
    fn head(&mut self, _: usize, head: &Response<()>) -> Result<(), Refusal> {
        if Form::of(head.headers()) == Form::Other || is_encoded(head.headers()) {
            return Err(Refusal::UpstreamMalformed("it is neither JSON nor events"));
        }
        self.exchange.log_forwarded(self.caller, head.status().as_u16(), self.lines);
        Ok(())
    }

    fn event(&mut self, from: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let events: Vec<_> = self.rewriting.event(from, event)?.into_iter().collect();
        self.has_spoken |= !events.is_empty();
        Ok(events)
    }

    fn over(&mut self, _: usize, over: Over) -> Result<Vec<Event>, Refusal> {
        match over {
            Over::Regularly if self.has_spoken => Ok(Vec::new()),
            Over::Regularly => Err(Refusal::UpstreamMalformed("it is empty")),
            Over::NoAnswer(reason) => Err(upstream::no_answer(&reason)),
            Over::Broken(why) => Err(Refusal::UpstreamMalformed(why)),
        }
    }

    fn second(&mut self, _: &mut Reading) -> bool {
        self.begun.keep_place()
    }
}

/// Notes an answer that did not come to its end.
pub(crate) fn log_end(exchange: &Exchange<'_>, caller: &Caller, status: StatusCode, end: &End) {
    if let End::Failed(refusal) = end {
        let reason = refusal.reason();
        let line = Line { reason: Some(&reason), ..Line::default() };
        exchange.log("stream-broken", Some(caller), None, status.as_u16(), &line);
    }
}
