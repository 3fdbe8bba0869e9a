//! The answer to one request, whose form is decided as late as possible.

use gatehouse_gateway::response_headers;
use gatehouse_mcp_wire::event_stream::{COMMENT, Event};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use shell_http::inbound::{self, Writer};
use shell_http::{Milliseconds, elapsed};
use wasip2::http::types::ResponseOutparam;

use crate::client::clock::Patience;
use crate::client::sink::Sink;
use crate::end::Gone;

/// Nothing in between then takes a quiet stream for a dead one.
const KEEP_ALIVE: Milliseconds = 15_000;

/// An answer to the client: JSON while nothing has been said before the one reply, events otherwise. Dropping it after
/// it has begun breaks it off.
pub(crate) struct Answering {
    state: State,
    status: StatusCode,
    /// Those of the answer in either form, but for what says which form it has.
    pub(crate) headers: HeaderMap,
    patience: Patience,
    /// When it begins as events, whether there are any or not.
    begins_at: Option<Milliseconds>,
    /// Whether one reply is an event, too: as the upstreams' are, whose clients are used to it.
    prefers_events: bool,
}

enum State {
    Unopened(ResponseOutparam),
    Open { writer: Writer, written: Milliseconds },
    Over,
}

impl Answering {
    /// An answer with these headers in any case.
    pub(crate) fn new(out: ResponseOutparam, headers: HeaderMap, patience: Patience) -> Self {
        Self {
            state: State::Unopened(out),
            status: StatusCode::OK,
            headers,
            patience,
            begins_at: None,
            prefers_events: false,
        }
    }

    /// Begins as events after this time, whether there are any or not.
    #[must_use]
    pub(crate) fn beginning_after(self, time: Milliseconds) -> Self {
        Self { begins_at: Some(elapsed().saturating_add(time)), ..self }
    }

    /// With an upstream's status in place of 200, as long as nothing has been sent.
    pub(crate) fn has_status(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// Whether the head has been sent.
    pub(crate) fn has_begun(&self) -> bool {
        !matches!(self.state, State::Unopened(_))
    }

    /// Ends with the one reply, `message`. A client that has gone is nobody's error.
    pub(crate) fn finish_with(mut self, message: &str) {
        if self.prefers_events && self.status == StatusCode::OK && !message.is_empty() && self.begin().is_err() {
            return;
        }
        match self.state {
            _ if message.is_empty() => self.finish(),
            State::Unopened(out) => {
                let mut response = Response::new(message.as_bytes().to_vec());
                *response.status_mut() = self.status;
                self.headers.remove(CONTENT_LENGTH);
                self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                *response.headers_mut() = self.headers;
                inbound::respond(out, response);
            }
            State::Open { .. } => {
                if self.write(&Event::message(message).to_bytes()).is_ok() {
                    self.finish();
                }
            }
            State::Over => {}
        }
    }

    /// Ends without another word.
    pub(crate) fn finish(self) {
        match self.state {
            State::Unopened(out) => {
                let mut response = Response::new(Vec::new());
                *response.status_mut() = self.status;
                *response.headers_mut() = self.headers;
                inbound::respond(out, response);
            }
            State::Open { writer, .. } => writer.finish(),
            State::Over => {}
        }
    }

    /// Gives back where the answer goes, if none of it has gone there.
    pub(crate) fn unopened(self) -> Option<ResponseOutparam> {
        match self.state {
            State::Unopened(out) => Some(out),
            State::Open { .. } | State::Over => None,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let State::Open { writer, written } = &mut self.state else { return Err(Gone::Reader) };
        *written = elapsed();
        writer.write(bytes).map_err(|_| Gone::Reader)
    }
}

impl Sink for Answering {
    fn prefer_events(&mut self) {
        self.prefers_events = true;
    }

    /// Begins a stream of events, before there is any: a client that leaves can be noticed from then on.
    fn begin(&mut self) -> Result<(), Gone> {
        if self.has_begun() {
            return Ok(());
        }
        if let State::Unopened(out) = std::mem::replace(&mut self.state, State::Over) {
            let mut headers = self.headers.clone();
            response_headers::make_event_stream(&mut headers);
            let writer = Writer::open(out, self.status, &headers).ok_or(Gone::Reader)?.at_most(self.patience.left());
            self.state = State::Open { writer, written: elapsed() };
        }
        Ok(())
    }

    fn send(&mut self, event: &Event) -> Result<(), Gone> {
        self.patience.heard();
        self.begin()?;
        self.write(&event.to_bytes())
    }

    fn wait(&mut self) -> Result<(), Gone> {
        if self.patience.is_over() {
            return Err(Gone::Time);
        }
        match &self.state {
            State::Unopened(_) if self.begins_at.is_some_and(|time| elapsed() >= time) => self.begin(),
            State::Unopened(_) => Ok(()),
            State::Open { writer, .. } if !writer.has_reader() => Err(Gone::Reader),
            State::Open { written, .. } if elapsed().saturating_sub(*written) >= KEEP_ALIVE => self.write(COMMENT),
            State::Open { .. } => Ok(()),
            State::Over => Err(Gone::Reader),
        }
    }
}
