//! What servers say, passed on event by event.

use gatehouse_configuration::Prefix;
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::Id;
use http::Response;

use super::answers::{Answers, UpstreamEvent};
use super::transfers::{NoAnswer, Transfers};
use crate::{Clock, Milliseconds, Refusal};

/// How often a silent answer is asked whether its client is still there. Without it, a client that leaves during silence
/// would hold the upstream's connection until the next event.
pub const TICK: Milliseconds = 1000;

/// Where events go. Each call says what time it is ([`Clock::elapsed`]).
pub trait EventSink {
    /// Begins, before there is an event.
    ///
    /// # Errors
    /// Where the client has gone.
    fn begin(&mut self, now: Milliseconds) -> Result<(), StreamEnd>;

    /// Sends an event.
    ///
    /// # Errors
    /// Where nothing more can be sent.
    fn send(&mut self, now: Milliseconds, event: &Event) -> Result<(), StreamEnd>;

    /// There may be nothing to send; called about once a second.
    ///
    /// # Errors
    /// Where nothing more can be sent.
    fn tick(&mut self, now: Milliseconds) -> Result<(), StreamEnd>;

    /// Whether the client is there, as far as can be known.
    fn has_client(&self) -> bool {
        true
    }

    /// The upstreams answer with events, although they need not.
    fn prefer_events(&mut self) {}
}

/// What is made of what the upstreams say. Answers are numbered as their requests were started.
pub trait AnswerHandler<T> {
    /// The head of an answer.
    ///
    /// # Errors
    /// Where the answer cannot be passed on.
    fn head(&mut self, number: usize, head: &Response<()>) -> Result<(), Refusal>;

    /// An event: those that the client gets.
    ///
    /// # Errors
    /// Where the answer cannot be passed on.
    fn event(&mut self, number: usize, event: Event) -> Result<Vec<Event>, Refusal>;

    /// The end of an answer: the events that the client gets because of it.
    ///
    /// # Errors
    /// Where the client must be told that there is no answer.
    fn end(&mut self, number: usize, end: UpstreamEnd) -> Result<Vec<Event>, Refusal>;

    /// Whether the client's answer begins now, be it without an event.
    fn begins(&self) -> bool {
        false
    }

    /// Whether nothing else is waited for, be it that upstreams go on.
    fn is_complete(&self) -> bool {
        false
    }

    /// Whether more can come when all upstreams have ended.
    fn outlasts_answers(&self) -> bool {
        false
    }

    /// How long upstreams are waited for before the next [`AnswerHandler::tick`].
    fn interval(&self) -> Milliseconds {
        TICK
    }

    /// Called at least once in each [`AnswerHandler::interval`]: the events that the client gets; `None` to end the answer.
    fn tick(&mut self, _now: Milliseconds, _answers: &mut Answers<T>) -> Option<Vec<Event>> {
        Some(Vec::new())
    }
}

/// The right to last for longer than a moment, which can be lost.
pub trait Permit {
    /// Acquires it when it is time, and renews it; called about once a second.
    ///
    /// # Errors
    /// [`Refusal::TooManyLongRequests`] where it is lost: then the request must end.
    fn renew(&mut self) -> Result<(), Refusal>;

    /// Whether it is one of a stream, which may end at any time.
    fn is_for_stream(&self) -> bool;
}

/// How an upstream's answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamEnd {
    /// As it should.
    Complete,
    /// There was none.
    NoAnswer(NoAnswer),
    /// It broke off, or cannot be read; what the client is told.
    Broken(Refusal),
}

impl UpstreamEnd {
    /// What the client is told, where it waits for more than came.
    ///
    /// # Errors
    /// Where the answer did not end as it should.
    pub fn check(self) -> Result<(), Refusal> {
        match self {
            Self::Complete => Ok(()),
            Self::NoAnswer(reason) => Err(reason.into()),
            Self::Broken(refusal) => Err(refusal),
        }
    }
}

/// Why nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The client went away.
    ClientGone,
    /// The route's limit for streams was reached.
    TimeLimit,
}

/// How an answer came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConversationEnd {
    /// Everything has been said.
    Complete,
    /// Nothing more can be sent.
    Stream(StreamEnd),
    /// What came cannot be passed on.
    Failed(Refusal),
    /// It lasted, and the permit for that was lost.
    PermitLost(Refusal),
}

/// What is done with a client's answer at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It ends as it should.
    Finish,
    /// It ends with this as the reply.
    FinishWith(Refusal),
    /// It breaks off: half an answer must not look like a whole one.
    BreakOff,
}

impl ConversationEnd {
    /// What the log calls it, and why, where the answer did not come to its end.
    pub fn log_event(&self) -> Option<(gatehouse_audit_log::Event, &Refusal)> {
        match self {
            Self::Failed(refusal) => Some((gatehouse_audit_log::Event::StreamBroken, refusal)),
            Self::PermitLost(refusal) => Some((gatehouse_audit_log::Event::GivenUp, refusal)),
            Self::Complete | Self::Stream(_) => None,
        }
    }

    /// Whether a stream that ends like this ends as it should.
    pub fn is_regular(&self) -> bool {
        matches!(self, Self::Complete | Self::Stream(StreamEnd::TimeLimit))
    }

    /// What is done with the client's answer, to a request with this `id`, if it is one. A failure of the server's is the reply,
    /// and `member` says whose it is where there are several. Only where events have been sent, and the server broke off, does
    /// the client's answer break off as well: a client can resume it.
    pub fn closing(self, has_sent_events: bool, id: Option<&Id>, member: Option<&Prefix>) -> Closing {
        match self {
            Self::Complete | Self::Stream(StreamEnd::TimeLimit) => Closing::Finish,
            Self::PermitLost(refusal) => Closing::FinishWith(refusal),
            Self::Failed(Refusal::UpstreamBrokeOff) if has_sent_events => Closing::BreakOff,
            Self::Failed(refusal) if id.is_some() => Closing::FinishWith(refusal.at_member(member)),
            Self::Failed(_) | Self::Stream(StreamEnd::ClientGone) => Closing::BreakOff,
        }
    }
}

/// Passes on what `handler` makes of the answers until everything has been said.
pub fn converse<T: Transfers>(
    clock: &impl Clock,
    answers: &mut Answers<T>,
    sink: &mut impl EventSink,
    handler: &mut impl AnswerHandler<T>,
    permit: &mut impl Permit,
) -> ConversationEnd {
    match conversation(clock, answers, sink, handler, permit) {
        Ok(()) => ConversationEnd::Complete,
        // Whose client leaves may lose its upstreams by that. It is not their fault then.
        Err(ConversationEnd::Failed(_)) if !sink.has_client() => ConversationEnd::Stream(StreamEnd::ClientGone),
        Err(end) => end,
    }
}

fn conversation<T: Transfers>(
    clock: &impl Clock,
    answers: &mut Answers<T>,
    sink: &mut impl EventSink,
    handler: &mut impl AnswerHandler<T>,
    permit: &mut impl Permit,
) -> Result<(), ConversationEnd> {
    let (mut handler_ticked, mut sink_ticked) = (clock.elapsed(), clock.elapsed());
    while !handler.is_complete() {
        if handler.begins() {
            sink.begin(clock.elapsed()).map_err(ConversationEnd::Stream)?;
        }
        let events = match answers.next(clock, handler.interval()) {
            UpstreamEvent::Head(number, head) => handler.head(number, &head).map(|()| Vec::new()),
            UpstreamEvent::Event(number, event) => handler.event(number, event),
            UpstreamEvent::End(number) => handler.end(number, UpstreamEnd::Complete),
            UpstreamEvent::NoAnswer(number, reason) => handler.end(number, UpstreamEnd::NoAnswer(reason)),
            UpstreamEvent::Broken(number, refusal) => handler.end(number, UpstreamEnd::Broken(refusal)),
            UpstreamEvent::Nothing => Ok(Vec::new()),
        };
        let mut events = events.map_err(ConversationEnd::Failed)?;
        let now = clock.elapsed();
        if now.saturating_sub(handler_ticked) >= handler.interval() {
            handler_ticked = now;
            let more = handler.tick(now, answers).ok_or(ConversationEnd::Stream(StreamEnd::TimeLimit))?;
            events.extend(more);
        }
        events.iter().try_for_each(|event| sink.send(clock.elapsed(), event)).map_err(ConversationEnd::Stream)?;
        let now = clock.elapsed();
        if now.saturating_sub(sink_ticked) >= TICK {
            sink_ticked = now;
            sink.tick(now).map_err(ConversationEnd::Stream)?;
            renew(permit)?;
        }
        if answers.are_over() && !handler.outlasts_answers() {
            return Ok(());
        }
    }
    Ok(())
}

/// A stream that has lost its permit may end as if its time were over.
///
/// # Errors
/// Where the permit is lost.
pub(super) fn renew(permit: &mut impl Permit) -> Result<(), ConversationEnd> {
    permit.renew().map_err(|refusal| {
        if permit.is_for_stream() {
            ConversationEnd::Stream(StreamEnd::TimeLimit)
        } else {
            ConversationEnd::PermitLost(refusal)
        }
    })
}

#[cfg(test)]
mod tests;
