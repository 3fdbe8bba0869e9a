//! Answers on their way to the client: as they are, or event by event.

use gatehouse_configuration::Limits;
use gatehouse_event_stream::Event;
use gatehouse_mcp::Refusal;
use http::Response;
use http_shell::inbound::Writer;
use http_shell::outbound::{Arrival, Exchanges, NoAnswer};
use http_shell::{Milliseconds, elapsed};

use crate::rates::Place;
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
}

/// Passes on what `hearing` makes of the answers until all has been said.
pub(crate) fn converse(reading: &mut Reading, sink: &mut impl Sink, hearing: &mut impl Hearing) -> End {
    match conversation(reading, sink, hearing) {
        Ok(()) => End::Complete,
        Err(end) => end,
    }
}

fn conversation(reading: &mut Reading, sink: &mut impl Sink, hearing: &mut impl Hearing) -> Result<(), End> {
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
        }
        if reading.is_over() && !hearing.lasts() {
            return Ok(());
        }
    }
    Ok(())
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

/// Passes every byte on as soon as it arrives, until either side ends. With a `place` among the subject's streams it is
/// one that may end at any time.
pub(crate) fn relay(
    exchanges: &mut Exchanges,
    writer: Writer,
    mut patience: Patience,
    mut place: Option<Place>,
) -> End {
    let writer = writer.at_most(patience.left());
    let mut waited = elapsed();
    loop {
        match exchanges.next(TICK) {
            Arrival::Piece(_, bytes) => {
                patience.heard();
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
            let is_kept = place.as_mut().is_none_or(Place::keep);
            if patience.is_over() || !is_kept {
                // A subscription may end; half an answer must not look like a whole one.
                if place.is_some() {
                    writer.finish();
                }
                return End::Gone(Gone::Time);
            }
        }
    }
}
