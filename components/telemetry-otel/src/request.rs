//! What has been seen of the request that is under way.

use gatehouse_telemetry::Moment;
use wasip2::clocks::wall_clock;

/// A stream can last for hours and go on reading the store: what is more than this is left out.
const MOST_EVENTS: usize = 512;
/// The end of a request is told by lines, so there is room for more of them.
const MOST_LINES: usize = 1024;

/// What a request is, and what has happened for it.
pub(crate) struct InProgress {
    pub(crate) began: Moment,
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) traceparent: Option<String>,
    /// That of the answer, once it is known.
    pub(crate) status: Option<u16>,
    /// In the order in which they ended.
    pub(crate) events: Vec<Event>,
    /// Requests to other parties; the place of each is its number.
    pub(crate) exchanges: Vec<Exchange>,
}

/// Something that has happened.
pub(crate) enum Event {
    /// A component wrote a line.
    Line { at: Moment, line: String },
    /// The store was asked.
    Store { operation: &'static str, began: Moment, ended: Moment, failed: bool },
    /// The exchange with this number is over.
    Exchanged(usize),
}

/// A request to another party.
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) traceparent: Option<String>,
    pub(crate) began: Moment,
    /// When, and how: the status, or a word for what went wrong.
    pub(crate) ended: Option<(Moment, Result<u16, &'static str>)>,
}

impl InProgress {
    /// Keeps the event, if there is room for it.
    pub(crate) fn happened(&mut self, event: Event) {
        let most = if matches!(event, Event::Line { .. }) { MOST_LINES } else { MOST_EVENTS };
        if self.events.len() < most {
            self.events.push(event);
        }
    }

    /// The number of an exchange that begins; none that exists where there is no room for it.
    pub(crate) fn sent(&mut self, exchange: Exchange) -> usize {
        if self.exchanges.len() < MOST_EVENTS {
            self.exchanges.push(exchange);
            self.exchanges.len().saturating_sub(1)
        } else {
            usize::MAX
        }
    }

    /// The exchange with this number is over.
    pub(crate) fn arrived(&mut self, number: usize, answer: Result<u16, &'static str>) {
        if let Some(exchange) = self.exchanges.get_mut(number).filter(|exchange| exchange.ended.is_none()) {
            exchange.ended = Some((now(), answer));
            self.happened(Event::Exchanged(number));
        }
    }
}

/// The host's clock.
pub(crate) fn now() -> Moment {
    let now = wall_clock::now();
    Moment(now.seconds.saturating_mul(1_000_000_000).saturating_add(now.nanoseconds.into()))
}
