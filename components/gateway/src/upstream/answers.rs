//! Upstreams' answers as events, whatever form they have.

use std::collections::VecDeque;

use gatehouse_mcp_wire::event_stream::{Event, Parser};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Request, Response};
use shell_http::outbound::{Arrival, Exchanges, Limits, NoAnswer};
use shell_http::{Milliseconds, elapsed};

/// Bytes. An answer, or one event of it, that must be read whole: as much as an instance can hold beside its copy.
const LARGEST: usize = 32 * 1024 * 1024;

/// Requests on their way, and what their answers say.
#[derive(Default)]
pub(crate) struct Reading {
    exchanges: Exchanges,
    sources: Vec<Source>,
    /// Read, and not yet asked for.
    said: VecDeque<Said>,
    /// Bytes, where fewer than [`LARGEST`] are read of anything.
    largest: Option<usize>,
}

/// What was read, and in which answer.
#[derive(Debug)]
pub(crate) enum Said {
    /// The head of the answer.
    Head(usize, Response<()>),
    /// An event; a whole JSON body is one, without a name and an id.
    Event(usize, Event),
    /// Its regular end.
    End(usize),
    /// There is no answer.
    NoAnswer(usize, NoAnswer),
    /// The answer broke off, or cannot be read; why.
    Broken(usize, &'static str),
    /// Nothing, for as long as the caller wanted to wait.
    Tick,
}

enum Source {
    Expected,
    Events(Parser),
    Whole(Vec<u8>),
    /// Neither events nor JSON.
    Other,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Events,
    Json,
    Other,
}

impl Form {
    /// The form of the body with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("text/event-stream") {
            Self::Events
        } else if kind.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else {
            Self::Other
        }
    }
}

/// Whether the body is compressed, although we asked for it as it is.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity")
}

impl Reading {
    /// Reads no more than so many bytes of one answer or event.
    pub(crate) fn of_at_most(bytes: usize) -> Self {
        Self { largest: Some(bytes), ..Self::default() }
    }

    /// Starts a request; its number, from 0 on.
    pub(crate) fn start(&mut self, request: &Request<Vec<u8>>, limits: Limits) -> usize {
        self.sources.push(Source::Expected);
        self.exchanges.start(request, limits)
    }

    /// The next thing that is said within `time`. Who sends a byte now and then has not said anything.
    pub(crate) fn next(&mut self, time: Milliseconds) -> Said {
        let deadline = elapsed().saturating_add(time);
        loop {
            if let Some(said) = self.said.pop_front() {
                return said;
            }
            match self.exchanges.next(deadline.saturating_sub(elapsed())) {
                Arrival::Head(number, head) => return self.head(number, head),
                Arrival::NoAnswer(number, reason) => return Said::NoAnswer(number, reason),
                Arrival::Piece(number, bytes) => {
                    self.piece(number, &bytes);
                    if self.said.is_empty() && elapsed() >= deadline {
                        return Said::Tick;
                    }
                }
                Arrival::End(number) => self.end_of(number),
                Arrival::Broken(number) => return Said::Broken(number, "it broke off"),
                Arrival::Tick => return Said::Tick,
            }
        }
    }

    /// Gives the request up.
    pub(crate) fn end(&mut self, number: usize) {
        self.exchanges.end(number);
    }

    /// Whether nothing will be said any more.
    pub(crate) fn is_over(&self) -> bool {
        self.said.is_empty() && self.exchanges.are_over()
    }

    /// The requests themselves, for answers that pass as they are. Nothing but heads may have been read.
    pub(crate) fn into_exchanges(self) -> Exchanges {
        self.exchanges
    }

    fn head(&mut self, number: usize, head: Response<()>) -> Said {
        if let Some(source) = self.sources.get_mut(number) {
            *source = match Form::of(head.headers()) {
                Form::Events => Source::Events(Parser::new(self.largest.unwrap_or(LARGEST))),
                Form::Json => Source::Whole(Vec::new()),
                Form::Other => Source::Other,
            };
        }
        Said::Head(number, head)
    }

    fn piece(&mut self, number: usize, bytes: &[u8]) {
        let largest = self.largest.unwrap_or(LARGEST);
        let too_large = match self.sources.get_mut(number) {
            Some(Source::Events(parser)) => match parser.push(bytes) {
                Ok(events) => {
                    self.said.extend(events.into_iter().map(|event| Said::Event(number, event)));
                    false
                }
                Err(_) => true,
            },
            Some(Source::Whole(whole)) => {
                whole.extend_from_slice(bytes);
                whole.len() > largest
            }
            Some(Source::Expected | Source::Other) | None => false,
        };
        if too_large {
            self.exchanges.end(number);
            self.said.push_back(Said::Broken(number, "it is too large to be read"));
        }
    }

    fn end_of(&mut self, number: usize) {
        if let Some(Source::Whole(whole)) = self.sources.get_mut(number) {
            match String::from_utf8(std::mem::take(whole)) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => {
                    let event = Event { event: None, id: None, retry: None, data: Some(text) };
                    self.said.push_back(Said::Event(number, event));
                }
                Err(_) => return self.said.push_back(Said::Broken(number, "it is not UTF-8")),
            }
        }
        self.said.push_back(Said::End(number));
    }
}
