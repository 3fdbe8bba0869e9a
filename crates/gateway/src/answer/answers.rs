//! Servers' answers as events, whatever format they have.

use std::collections::{HashMap, VecDeque};

use gatehouse_mcp_wire::event_stream::{Event, Parser};
use http::Response;

use super::body_format::BodyFormat;
use super::transfers::{Arrival, NoAnswer, Transfers};
use crate::{Clock, Milliseconds, Refusal};

/// Bytes. An answer, or one event of it, that must be read whole: as much as an instance of 128 MiB can hold, with what is made
/// of it.
const LARGEST: usize = 16 * 1024 * 1024;

/// Bytes. All answers together of which one is made.
const LARGEST_TOGETHER: usize = 8 * 1024 * 1024;

/// The answers to requests that are on their way.
#[derive(Debug)]
pub struct Answers<T> {
    transfers: T,
    /// With the bytes that were read of each.
    bodies: HashMap<usize, (Body, usize)>,
    /// Read, and not yet asked for.
    pending: VecDeque<UpstreamEvent>,
    /// Bytes that are read of one answer or event at most.
    largest: usize,
    /// Bytes that are read of all of them at most, and that have been.
    most_together: usize,
    read_together: usize,
}

/// What was read, and in which answer.
#[derive(Debug)]
pub enum UpstreamEvent {
    /// The head of the answer.
    Head(usize, Response<()>),
    /// An event; a whole JSON body is one, without a name and an id.
    Event(usize, Event),
    /// Its regular end.
    End(usize),
    /// There is no answer.
    NoAnswer(usize, NoAnswer),
    /// The answer broke off, or cannot be read; what the client is told.
    Broken(usize, Refusal),
    /// Nothing, for as long as the caller wanted to wait.
    Nothing,
}

#[derive(Debug)]
enum Body {
    Events(Parser),
    Json(Vec<u8>),
    Other,
}

impl<T: Transfers> Answers<T> {
    /// The answers to the requests that these transfers hold, or will hold.
    pub fn of(transfers: T) -> Self {
        Self::of_at_most(transfers, LARGEST)
    }

    /// The same, of which no more than so many bytes of one answer or event are read.
    pub fn of_at_most(transfers: T, bytes: usize) -> Self {
        let (bodies, pending) = (HashMap::new(), VecDeque::new());
        Self { transfers, bodies, pending, largest: bytes, most_together: usize::MAX, read_together: 0 }
    }

    /// The same, of which one answer is made: it holds all of them. Where they are too large together, the largest is given up.
    pub fn together(transfers: T) -> Self {
        Self { most_together: LARGEST_TOGETHER, ..Self::of(transfers) }
    }

    /// The transfers, to start more requests.
    pub fn transfers(&mut self) -> &mut T {
        &mut self.transfers
    }

    /// The transfers, for answers that pass as they are. Nothing but heads may have been read.
    pub fn into_transfers(self) -> T {
        self.transfers
    }

    /// The next thing that is said within `time`. A server that sends a byte now and then has not said anything.
    pub fn next(&mut self, clock: &impl Clock, time: Milliseconds) -> UpstreamEvent {
        let deadline = clock.elapsed().saturating_add(time);
        loop {
            if let Some(event) = self.pending.pop_front() {
                return event;
            }
            match self.transfers.next(deadline.saturating_sub(clock.elapsed())) {
                Arrival::Head(number, head) => return self.head(number, head),
                Arrival::NoAnswer(number, reason) => return UpstreamEvent::NoAnswer(number, reason),
                Arrival::Piece(number, bytes) => {
                    self.piece(number, &bytes);
                    if self.pending.is_empty() && clock.elapsed() >= deadline {
                        return UpstreamEvent::Nothing;
                    }
                }
                Arrival::End(number) => self.end(number),
                Arrival::Broken(number) => return UpstreamEvent::Broken(number, Refusal::UpstreamBrokeOff),
                Arrival::Nothing => return UpstreamEvent::Nothing,
            }
        }
    }

    /// Gives a request up.
    pub fn abandon(&mut self, number: usize) {
        self.transfers.abandon(number);
    }

    /// Whether nothing will be said any more.
    pub fn are_over(&self) -> bool {
        self.pending.is_empty() && self.transfers.are_over()
    }

    fn head(&mut self, number: usize, head: Response<()>) -> UpstreamEvent {
        let body = match BodyFormat::of(head.headers()) {
            BodyFormat::EventStream => Body::Events(Parser::new(self.largest)),
            BodyFormat::Json => Body::Json(Vec::new()),
            BodyFormat::Other => Body::Other,
        };
        self.bodies.insert(number, (body, 0));
        UpstreamEvent::Head(number, head)
    }

    fn piece(&mut self, number: usize, bytes: &[u8]) {
        if !self.counts(number, bytes.len()) {
            return;
        }
        let is_too_large = match self.bodies.get_mut(&number).map(|(body, _)| body) {
            Some(Body::Events(parser)) => match parser.push(bytes) {
                Ok(events) => {
                    self.pending.extend(events.into_iter().map(|event| UpstreamEvent::Event(number, event)));
                    false
                }
                Err(_) => true,
            },
            Some(Body::Json(whole)) => {
                whole.extend_from_slice(bytes);
                whole.len() > self.largest
            }
            Some(Body::Other) | None => false,
        };
        if is_too_large {
            self.too_large(number);
        }
    }

    /// Counts bytes that came; whether this answer is read on.
    fn counts(&mut self, number: usize, bytes: usize) -> bool {
        let Some((Body::Events(_) | Body::Json(_), read)) = self.bodies.get_mut(&number) else { return false };
        *read = read.saturating_add(bytes);
        self.read_together = self.read_together.saturating_add(bytes);
        while self.read_together > self.most_together {
            let read_on = self.bodies.iter().filter(|(_, (body, _))| !matches!(body, Body::Other));
            let Some((largest, _)) = read_on.max_by_key(|(number, (_, read))| (*read, **number)) else { return false };
            self.too_large(*largest);
        }
        self.bodies.contains_key(&number)
    }

    fn too_large(&mut self, number: usize) {
        if let Some((_, read)) = self.bodies.remove(&number) {
            self.read_together = self.read_together.saturating_sub(read);
        }
        self.transfers.abandon(number);
        self.pending.push_back(UpstreamEvent::Broken(number, Refusal::UpstreamTooLarge));
    }

    fn end(&mut self, number: usize) {
        let body = self.bodies.get_mut(&number).map(|(body, _)| core::mem::replace(body, Body::Other));
        if let Some(Body::Json(whole)) = body {
            match String::from_utf8(whole) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => {
                    let event = Event { data: Some(text), ..Event::default() };
                    self.pending.push_back(UpstreamEvent::Event(number, event));
                }
                Err(_) => {
                    let refusal = Refusal::UpstreamMalformed("it is not UTF-8");
                    return self.pending.push_back(UpstreamEvent::Broken(number, refusal));
                }
            }
        }
        self.pending.push_back(UpstreamEvent::End(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::scripted::{ManualClock, Script, head};

    fn said(script: Vec<Script>) -> Vec<String> {
        let clock = ManualClock::default();
        let mut answers = Answers::of_at_most(clock.transfers(script), 64);
        let mut said = Vec::new();
        while !answers.are_over() {
            said.push(match answers.next(&clock, 1_000) {
                UpstreamEvent::Head(number, head) => format!("{number} head {}", head.status().as_u16()),
                UpstreamEvent::Event(number, event) => format!("{number} {}", event.data.unwrap_or_default()),
                UpstreamEvent::End(number) => format!("{number} end"),
                UpstreamEvent::NoAnswer(number, reason) => format!("{number} {reason:?}"),
                UpstreamEvent::Broken(number, refusal) => format!("{number} {}", refusal.reason()),
                UpstreamEvent::Nothing => "nothing".to_owned(),
            });
        }
        said
    }

    #[test]
    fn a_json_body_is_one_event_when_it_is_whole() {
        let script =
            vec![head(0, 200, "application/json"), Script::piece(0, "{\"a\":"), Script::piece(0, "1}"), Script::End(0)];
        assert_eq!(said(script), ["0 head 200", "0 {\"a\":1}", "0 end"]);
    }

    #[test]
    fn an_empty_json_body_says_nothing_before_its_end() {
        assert_eq!(said(vec![head(0, 202, "application/json"), Script::End(0)]), ["0 head 202", "0 end"]);
    }

    #[test]
    fn events_are_said_as_they_arrive_from_several_servers() {
        let script = vec![
            head(0, 200, "text/event-stream"),
            head(1, 200, "text/event-stream"),
            Script::piece(1, "data: one\n\nda"),
            Script::piece(0, "data: two\n\n"),
            Script::piece(1, "ta: three\n\n"),
            Script::End(1),
            Script::Broken(0),
        ];
        let expected =
            ["0 head 200", "1 head 200", "1 one", "0 two", "1 three", "1 end", "0 the upstream's answer broke off"];
        assert_eq!(said(script), expected);
    }

    #[test]
    fn what_is_too_large_is_given_up() {
        let large = "x".repeat(65);
        for content_type in ["application/json", "text/event-stream"] {
            let script = vec![head(0, 200, content_type), Script::piece(0, &large), Script::piece(0, "more")];
            assert_eq!(
                said(script),
                ["0 head 200", "0 the upstream's answer is too large to be rewritten"],
                "{content_type}"
            );
        }
    }

    /// What becomes of each answer, where one is made of all of them.
    fn ends(script: Vec<Script>) -> Vec<(usize, Option<Refusal>)> {
        let clock = ManualClock::default();
        let mut answers = Answers::together(clock.transfers(script));
        let mut ends = Vec::new();
        while !answers.are_over() {
            match answers.next(&clock, 1_000) {
                UpstreamEvent::End(number) => ends.push((number, None)),
                UpstreamEvent::Broken(number, refusal) => ends.push((number, Some(refusal))),
                _ => {}
            }
        }
        ends
    }

    #[test]
    fn answers_of_which_one_is_made_are_bounded_together() {
        let half = "x".repeat(LARGEST_TOGETHER / 2);
        let script = vec![
            head(0, 200, "application/json"),
            head(1, 200, "text/event-stream"),
            head(2, 200, "application/json"),
            Script::piece(0, &half),
            Script::End(0),
            Script::piece(1, &half),
            Script::piece(2, "1"),
            Script::piece(1, "1"),
        ];
        let expected = [(0, None), (1, Some(Refusal::UpstreamTooLarge))];
        assert_eq!(ends(script), expected, "what is whole, and what is small, is kept");
    }

    #[test]
    fn an_answer_that_was_whole_first_keeps_all_the_room_and_those_behind_it_are_given_up() {
        let all = "x".repeat(LARGEST_TOGETHER);
        let script = vec![
            head(0, 200, "application/json"),
            Script::piece(0, &all),
            Script::End(0),
            head(1, 200, "application/json"),
            Script::piece(1, "1"),
            head(2, 200, "text/event-stream"),
            Script::piece(2, "1"),
        ];
        let too_large = Some(Refusal::UpstreamTooLarge);
        assert_eq!(ends(script), [(0, None), (1, too_large.clone()), (2, too_large)]);
    }

    #[test]
    fn json_that_is_not_utf_8_is_broken() {
        let script = vec![head(0, 200, "application/json"), Script::Piece(0, vec![0xff]), Script::End(0)];
        assert_eq!(said(script), ["0 head 200", "0 the upstream's answer cannot be passed on: it is not UTF-8"]);
    }

    #[test]
    fn a_body_that_is_neither_json_nor_events_is_passed_over() {
        let script = vec![head(0, 200, "text/html"), Script::piece(0, "<p>"), Script::End(0)];
        assert_eq!(said(script), ["0 head 200", "0 end"]);
    }

    #[test]
    fn why_there_is_no_answer_is_said() {
        let script = vec![Script::NoAnswer(0, NoAnswer::TimedOut), Script::Wait(500), Script::piece(7, "unknown")];
        assert_eq!(said(script), ["0 TimedOut", "nothing"]);
    }

    #[test]
    fn a_server_that_sends_a_byte_now_and_then_has_said_nothing() {
        let clock = ManualClock::default();
        let mut script = vec![head(0, 200, "text/event-stream")];
        for _ in 0..10 {
            script.extend([Script::Wait(300), Script::piece(0, "d")]);
        }
        let mut answers = Answers::of(clock.transfers(script));
        assert!(matches!(answers.next(&clock, 1_000), UpstreamEvent::Head(..)));
        assert!(matches!(answers.next(&clock, 1_000), UpstreamEvent::Nothing));
        assert!(clock.elapsed() <= 1_300);
    }
}
