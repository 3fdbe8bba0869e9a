//! What servers say, passed on event by event.

use gatehouse_gateway::Refusal;
use gatehouse_mcp_wire::event_stream::Event;
use http::Response;
use shell_http::outbound::NoAnswer;
use shell_http::{Milliseconds, elapsed};

use crate::client::clock::TICK;
use crate::client::sink::{Sink, keep};
use crate::end::{End, Gone};
use crate::permit::Place;
use crate::upstream::answers::{Reading, Said};

/// What is made of what the upstreams say.
pub(crate) trait Hearing {
    /// The head of an answer.
    fn head(&mut self, from: usize, head: &Response<()>) -> Result<(), Refusal>;

    /// An event: those that the client gets.
    fn event(&mut self, from: usize, event: Event) -> Result<Vec<Event>, Refusal>;

    /// The end of an answer: the events that the client gets because of it.
    fn over(&mut self, from: usize, over: Over) -> Result<Vec<Event>, Refusal>;

    /// Whether the client's answer begins now, be it without an event.
    fn begins(&self) -> bool {
        false
    }

    /// Whether nothing else is waited for, be it that upstreams go on.
    fn is_done(&self) -> bool {
        false
    }

    /// Whether more can come when all upstreams have ended.
    fn lasts(&self) -> bool {
        false
    }

    /// How long upstreams are waited for before the next [`Hearing::tick`].
    fn pace(&self) -> Milliseconds {
        TICK
    }

    /// Called at least once in each [`Hearing::pace`]: the events that the client gets; `None` to end the answer.
    fn tick(&mut self, _reading: &mut Reading) -> Option<Vec<Event>> {
        Some(Vec::new())
    }
}

/// How an upstream's answer ended.
#[derive(Debug)]
pub(crate) enum Over {
    /// As it should.
    Regularly,
    /// There was none.
    NoAnswer(NoAnswer),
    /// It broke off, or cannot be read; why.
    Broken(&'static str),
}

/// What is said first within `time`, while there is a place for who waits.
///
/// # Errors
/// Where there is none.
pub(crate) fn first(reading: &mut Reading, time: Milliseconds, place: &mut Place<'_>) -> Result<Said, Refusal> {
    let deadline = elapsed().saturating_add(time);
    loop {
        match reading.next(deadline.saturating_sub(elapsed()).min(TICK)) {
            Said::Tick if elapsed() < deadline => place.keep()?,
            said => return Ok(said),
        }
    }
}

/// Passes on what `hearing` makes of the answers until all has been said.
pub(crate) fn converse(
    reading: &mut Reading,
    sink: &mut impl Sink,
    hearing: &mut impl Hearing,
    place: &mut Place<'_>,
) -> End {
    match conversation(reading, sink, hearing, place) {
        Ok(()) => End::Complete,
        Err(end) => end,
    }
}

fn conversation(
    reading: &mut Reading,
    sink: &mut impl Sink,
    hearing: &mut impl Hearing,
    place: &mut Place<'_>,
) -> Result<(), End> {
    let (mut ticked, mut waited) = (elapsed(), elapsed());
    while !hearing.is_done() {
        if hearing.begins() {
            sink.begin().map_err(End::Gone)?;
        }
        let heard = match reading.next(hearing.pace()) {
            Said::Head(from, head) => hearing.head(from, &head).map(|()| Vec::new()),
            Said::Event(from, event) => hearing.event(from, event),
            Said::End(from) => hearing.over(from, Over::Regularly),
            Said::NoAnswer(from, reason) => hearing.over(from, Over::NoAnswer(reason)),
            Said::Broken(from, why) => hearing.over(from, Over::Broken(why)),
            Said::Tick => Ok(Vec::new()),
        };
        let mut events = heard.map_err(End::Failed)?;
        if elapsed().saturating_sub(ticked) >= hearing.pace() {
            ticked = elapsed();
            events.extend(hearing.tick(reading).ok_or(End::Gone(Gone::Time))?);
        }
        events.iter().try_for_each(|event| sink.send(event)).map_err(End::Gone)?;
        if elapsed().saturating_sub(waited) >= TICK {
            waited = elapsed();
            sink.wait().map_err(End::Gone)?;
            keep(place)?;
        }
        if reading.is_over() && !hearing.lasts() {
            return Ok(());
        }
    }
    Ok(())
}
