//! Servers and clients that follow a script, and a clock that goes on by it.

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_protocol::UnixTime;
use http::{HeaderMap, Response, StatusCode};

use super::client_response::{ClientConnection, ClientGone, ClientStream};
use super::conversation::{EventSink, Permit, StreamEnd};
use super::transfers::{Arrival, NoAnswer, Transfers};
use crate::{Clock, Milliseconds, Refusal};

/// A clock that only moves when somebody waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct ManualClock(Rc<Cell<Milliseconds>>);

impl ManualClock {
    pub(crate) fn advance(&self, time: Milliseconds) {
        self.0.set(self.0.get() + time);
    }

    pub(crate) fn transfers(&self, script: Vec<Script>) -> ScriptedTransfers {
        ScriptedTransfers { clock: self.clone(), script: script.into(), abandoned: HashSet::new() }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(1_800_000_000 + self.0.get() / 1_000)
    }

    fn elapsed(&self) -> Milliseconds {
        self.0.get()
    }

    fn wait(&self, time: Milliseconds) {
        self.advance(time);
    }
}

/// What servers do next.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    Head(usize, u16, &'static [(&'static str, &'static str)]),
    Typed(usize, u16, &'static str),
    NoAnswer(usize, NoAnswer),
    Piece(usize, Vec<u8>),
    End(usize),
    Broken(usize),
    /// Nothing for this long.
    Wait(Milliseconds),
}

impl Script {
    pub(crate) fn piece(number: usize, text: &str) -> Self {
        Self::Piece(number, text.as_bytes().to_vec())
    }

    pub(crate) fn event(number: usize, data: &str) -> Self {
        Self::Piece(number, Event::message(data).to_bytes())
    }

    fn number(&self) -> Option<usize> {
        match self {
            Self::Head(number, ..)
            | Self::Typed(number, ..)
            | Self::NoAnswer(number, _)
            | Self::Piece(number, _)
            | Self::End(number)
            | Self::Broken(number) => Some(*number),
            Self::Wait(_) => None,
        }
    }
}

/// The head of an answer with this media type.
pub(crate) fn head(number: usize, status: u16, content_type: &'static str) -> Script {
    Script::Typed(number, status, content_type)
}

/// Requests whose answers are scripted; nothing is left when the script is over.
#[derive(Debug)]
pub(crate) struct ScriptedTransfers {
    clock: ManualClock,
    script: VecDeque<Script>,
    pub(crate) abandoned: HashSet<usize>,
}

impl Transfers for ScriptedTransfers {
    fn next(&mut self, time: Milliseconds) -> Arrival {
        loop {
            let Some(next) = self.script.pop_front() else {
                self.clock.advance(time);
                return Arrival::Nothing;
            };
            if next.number().is_some_and(|number| self.abandoned.contains(&number)) {
                continue;
            }
            return match next {
                Script::Head(number, status, pairs) => Arrival::Head(number, response(status, pairs)),
                Script::Typed(number, status, content_type) => {
                    Arrival::Head(number, response(status, &[("content-type", content_type)]))
                }
                Script::NoAnswer(number, reason) => Arrival::NoAnswer(number, reason),
                Script::Piece(number, bytes) => Arrival::Piece(number, bytes),
                Script::End(number) => Arrival::End(number),
                Script::Broken(number) => Arrival::Broken(number),
                Script::Wait(left) if left > time => {
                    self.clock.advance(time);
                    self.script.push_front(Script::Wait(left - time));
                    Arrival::Nothing
                }
                Script::Wait(left) => {
                    self.clock.advance(left);
                    if left == time {
                        return Arrival::Nothing;
                    }
                    return self.next(time - left);
                }
            };
        }
    }

    fn abandon(&mut self, number: usize) {
        self.abandoned.insert(number);
    }

    fn are_over(&self) -> bool {
        self.script.iter().all(|next| match next.number() {
            Some(number) => self.abandoned.contains(&number),
            None => false,
        })
    }
}

pub(crate) fn response(status: u16, pairs: &[(&str, &str)]) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    *response.headers_mut() = crate::example::headers(pairs);
    response
}

/// What a client got.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) status: Option<StatusCode>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) is_finished: bool,
}

impl Received {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// A client that reads until it leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptedClient {
    pub(crate) received: Rc<RefCell<Received>>,
    pub(crate) has_left: Rc<Cell<bool>>,
    pub(crate) takes_no_head: bool,
}

impl ClientConnection for ScriptedClient {
    type Stream = Self;

    fn open(self, status: StatusCode, headers: &HeaderMap, _: Milliseconds) -> Option<Self> {
        if self.takes_no_head {
            return None;
        }
        let mut received = self.received.borrow_mut();
        received.status = Some(status);
        received.headers = headers.clone();
        drop(received);
        Some(self)
    }

    fn respond(self, response: Response<Vec<u8>>) {
        let (parts, body) = response.into_parts();
        *self.received.borrow_mut() =
            Received { status: Some(parts.status), headers: parts.headers, body, is_finished: true };
    }
}

impl ClientStream for ScriptedClient {
    fn write(&mut self, bytes: &[u8]) -> Result<(), ClientGone> {
        if self.has_left.get() {
            return Err(ClientGone);
        }
        self.received.borrow_mut().body.extend_from_slice(bytes);
        Ok(())
    }

    fn has_client(&self) -> bool {
        !self.has_left.get()
    }

    fn finish(self) {
        self.received.borrow_mut().is_finished = true;
    }
}

/// A permit that is lost at some renewal.
#[derive(Debug)]
pub(crate) struct ScriptedPermit {
    pub(crate) renewals: usize,
    pub(crate) is_for_stream: bool,
}

impl ScriptedPermit {
    pub(crate) fn lasting() -> Self {
        Self { renewals: usize::MAX, is_for_stream: false }
    }
}

impl Permit for ScriptedPermit {
    fn renew(&mut self) -> Result<(), Refusal> {
        match self.renewals.checked_sub(1) {
            Some(left) => {
                self.renewals = left;
                Ok(())
            }
            None => Err(Refusal::TooManyLongRequests(crate::LongRequestLimit::CallsOfSubject)),
        }
    }

    fn is_for_stream(&self) -> bool {
        self.is_for_stream
    }
}

/// Keeps what it gets.
#[derive(Debug, Default)]
pub(crate) struct EventList {
    pub(crate) has_begun: bool,
    pub(crate) events: Vec<Event>,
    pub(crate) prefers_events: bool,
    /// After so many events, the client has left.
    pub(crate) leaves_after: Option<usize>,
}

impl EventList {
    pub(crate) fn data(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event.data.as_deref()).collect()
    }
}

impl EventSink for EventList {
    fn begin(&mut self, _: Milliseconds) -> Result<(), StreamEnd> {
        self.has_begun = true;
        Ok(())
    }

    fn send(&mut self, _: Milliseconds, event: &Event) -> Result<(), StreamEnd> {
        if self.leaves_after.is_some_and(|most| self.events.len() >= most) {
            return Err(StreamEnd::ClientGone);
        }
        self.events.push(event.clone());
        Ok(())
    }

    fn tick(&mut self, _: Milliseconds) -> Result<(), StreamEnd> {
        Ok(())
    }

    fn has_client(&self) -> bool {
        self.leaves_after.is_none_or(|most| self.events.len() < most)
    }

    fn prefer_events(&mut self) {
        self.prefers_events = true;
    }
}
