//! Answers on their way to the client: as they are, or event by event.

use gatehouse_configuration::Limits;
use gatehouse_gateway::Refusal;
use gatehouse_mcp_wire::event_stream::Event;
use http::Response;
use shell_http::inbound::Writer;
use shell_http::outbound::{Arrival, Exchanges, NoAnswer};
use shell_http::{Milliseconds, elapsed};

use crate::places::Place;
use crate::reading::{Reading, Said};

/// How often a silent answer is asked whether its reader is still there. Without it, a client that leaves during silence
/// would hold the upstream's connection until the next event.
pub(crate) const TICK: Milliseconds = 1000;

/// Where events go.
pub(crate) trait Sink {
    /// Begins, before there is an event.
    fn begin(&mut self) -> Result<(), Gone>;

    /// Sends one.
    fn send(&mut self, event: &Event) -> Result<(), Gone>;

    /// There may be nothing to send; called about once a second.
    fn wait(&mut self) -> Result<(), Gone>;

    /// The upstreams answer with events, although they need not.
    fn prefer_events(&mut self) {}
}

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

/// Why nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The client went away.
    Reader,
    /// The route's limit for streams was reached.
    Time,
}

/// How an answer came to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// Everything has been said.
    Complete,
    /// Nothing more can be sent.
    Gone(Gone),
    /// What came cannot be passed on.
    Failed(Refusal),
    /// It lasted, and there was no place for it.
    NoPlace(Refusal),
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

/// A stream that has lost its place may end as if its time were over.
fn keep(place: &mut Place<'_>) -> Result<(), End> {
    place.keep().map_err(|refusal| if place.is_of_stream() { End::Gone(Gone::Time) } else { End::NoPlace(refusal) })
}

/// The time that a stream has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    idle: Milliseconds,
    total: Milliseconds,
    started: Milliseconds,
    heard: Milliseconds,
}

impl Patience {
    /// As long as `limits` say, from now on.
    pub(crate) fn of(limits: &Limits) -> Self {
        let milliseconds = |seconds: u64| seconds.saturating_mul(1000);
        let now = elapsed();
        Self {
            idle: milliseconds(limits.stream_idle),
            total: milliseconds(limits.stream_total),
            started: now,
            heard: now,
        }
    }

    /// Something came.
    pub(crate) fn heard(&mut self) {
        self.heard = elapsed();
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        let now = elapsed();
        now.saturating_sub(self.heard) >= self.idle || now.saturating_sub(self.started) >= self.total
    }

    /// All the time that there is left.
    pub(crate) fn left(&self) -> Milliseconds {
        self.total.saturating_sub(elapsed().saturating_sub(self.started))
    }
}

/// Passes every byte on as soon as it arrives, until either side ends. `farewell` is what the client of an event stream is
/// told where there is no place for it any more.
pub(crate) fn relay(
    exchanges: &mut Exchanges,
    writer: Writer,
    mut patience: Patience,
    place: &mut Place<'_>,
    farewell: impl FnOnce(&Refusal) -> Option<Event>,
) -> End {
    let writer = writer.at_most(patience.left());
    let (mut waited, mut ending) = (elapsed(), Ending::default());
    loop {
        match exchanges.next(TICK) {
            Arrival::Piece(_, bytes) => {
                patience.heard();
                ending.note(&bytes);
                if writer.write(&bytes).is_err() {
                    return End::Gone(Gone::Reader);
                }
            }
            Arrival::End(_) => {
                writer.finish();
                return End::Complete;
            }
            Arrival::Broken(_) | Arrival::NoAnswer(..) => {
                return End::Failed(Refusal::UpstreamMalformed("it broke off"));
            }
            Arrival::Head(..) => {}
            Arrival::Tick if !writer.has_reader() => return End::Gone(Gone::Reader),
            Arrival::Tick => {}
        }
        if elapsed().saturating_sub(waited) >= TICK {
            waited = elapsed();
            let kept = if patience.is_over() { Err(End::Gone(Gone::Time)) } else { keep(place) };
            let Err(end) = kept else { continue };
            // A subscription may end; half an answer must not look like a whole one.
            if place.is_of_stream() {
                writer.finish();
            } else if let End::NoPlace(refusal) = &end
                && ending.is_between_events()
                && let Some(event) = farewell(refusal)
                && writer.write(&event.to_bytes()).is_ok()
            {
                writer.finish();
            }
            return end;
        }
    }
}

/// The last bytes of a stream.
#[derive(Default)]
struct Ending(Vec<u8>);

impl Ending {
    fn note(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.0.drain(..self.0.len().saturating_sub(4));
    }

    /// Whether another event can follow.
    fn is_between_events(&self) -> bool {
        self.0.is_empty() || ["\n\n", "\r\n\r\n", "\r\r"].iter().any(|end| self.0.ends_with(end.as_bytes()))
    }
}
