//! The streams of servers that speak by themselves, as one.

use gatehouse_mcp_wire::event_stream::Event;
use http::{Response, StatusCode};

use super::body_format::BodyFormat;
use super::conversation::{AnswerHandler, ConversationEnd, UpstreamEnd};
use super::rewriting::Rewriting;
use crate::Refusal;

/// Streams that were opened with GET. A server that has none, or loses it, does not end the others.
pub struct MemberStreams<'a> {
    /// Of each request.
    parts: Vec<Part>,
    rewriting: Rewriting<'a>,
}

struct Part {
    member: usize,
    /// Whether it was asked in a session, which it can have lost.
    has_session: bool,
    /// Whether it has a stream.
    is_open: bool,
}

impl<'a> MemberStreams<'a> {
    /// The streams of these members, each with whether it was asked in a session, in the order in which they were asked.
    pub fn new(members: impl IntoIterator<Item = (usize, bool)>, rewriting: Rewriting<'a>) -> Self {
        let part = |(member, has_session)| Part { member, has_session, is_open: false };
        Self { parts: members.into_iter().map(part).collect(), rewriting }
    }

    /// A server's answer begins.
    pub fn head(&mut self, number: usize, head: &Response<()>) {
        if let Some(part) = self.parts.get_mut(number) {
            let is_event_stream = BodyFormat::of(head.headers()) == BodyFormat::EventStream;
            part.is_open = head.status().is_success() && is_event_stream;
        }
    }

    /// An event as the client gets it, if it gets it. What one server says badly costs the others nothing.
    pub fn event(&mut self, number: usize, event: Event) -> Option<Event> {
        let part = self.parts.get(number).filter(|part| part.is_open)?;
        self.rewriting.event(part.member, event).ok().flatten()
    }

    /// An event as readers of 2024-11-05 get it, if they get it: they know messages alone.
    pub fn message(&mut self, number: usize, event: Event) -> Option<Event> {
        self.event(number, event).and_then(|event| event.data).filter(|data| !data.is_empty()).map(Event::message)
    }

    /// Whether a server has a stream.
    pub fn is_open(&self) -> bool {
        self.parts.iter().any(|part| part.is_open)
    }

    /// Whether the answer with this head says that the member has lost its session. One that began none answers 404 where it has
    /// no GET at all.
    fn is_session_lost(&self, number: usize, head: &Response<()>) -> bool {
        head.status() == StatusCode::NOT_FOUND && self.parts.get(number).is_some_and(|part| part.has_session)
    }
}

/// The answer to a GET of a route with several servers: their streams, until one of them has lost the session.
pub struct JoinedStreams<'a> {
    streams: MemberStreams<'a>,
    on_open: &'a mut dyn FnMut(),
    is_session_lost: bool,
}

impl<'a> JoinedStreams<'a> {
    /// These streams; `on_open` is called when the first of them opens.
    pub fn new(streams: MemberStreams<'a>, on_open: &'a mut dyn FnMut()) -> Self {
        Self { streams, on_open, is_session_lost: false }
    }

    /// What the client is told where no stream opened.
    pub fn refusal(&self, end: &ConversationEnd) -> Refusal {
        match end {
            ConversationEnd::Failed(refusal) | ConversationEnd::PermitLost(refusal) => refusal.clone(),
            ConversationEnd::Complete if self.is_session_lost => Refusal::UnknownSession,
            // No member has a stream, so neither has the route.
            ConversationEnd::Complete => Refusal::Method,
            ConversationEnd::Stream(_) => Refusal::UpstreamTimedOut,
        }
    }
}

impl<T> AnswerHandler<T> for JoinedStreams<'_> {
    fn head(&mut self, number: usize, head: &Response<()>) -> Result<(), Refusal> {
        self.is_session_lost |= self.streams.is_session_lost(number, head);
        let was_open = self.streams.is_open();
        self.streams.head(number, head);
        if !was_open && self.streams.is_open() {
            (self.on_open)();
        }
        Ok(())
    }

    fn event(&mut self, number: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        Ok(self.streams.event(number, event).into_iter().collect())
    }

    fn end(&mut self, _: usize, _: UpstreamEnd) -> Result<Vec<Event>, Refusal> {
        Ok(Vec::new())
    }

    fn begins(&self) -> bool {
        self.streams.is_open()
    }

    /// The client begins a new session, and closes this.
    fn is_complete(&self) -> bool {
        self.is_session_lost
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_federation::{Federation, Lifecycle};

    use super::*;
    use crate::answer::answers::Answers;
    use crate::answer::conversation::{StreamEnd, converse};
    use crate::answer::scripted::{EventList, ManualClock, Script, ScriptedPermit, head};
    use crate::example::{self, OpenSeal};

    const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

    fn joined(script: Vec<Script>) -> (EventList, usize, Refusal) {
        joined_where(true, script)
    }

    fn joined_where(has_session: bool, script: Vec<Script>) -> (EventList, usize, Refusal) {
        let (configuration, caller) = (example::federation(), example::caller());
        let route = &configuration.routes[0];
        let (_, stream) = Federation::of(route, Lifecycle::Session).unwrap().plan_get(None, None);
        let rewriting = Rewriting::new(&route.policy, &caller, &OpenSeal, true).federated(stream);
        let (clock, mut sink, mut opened) = (ManualClock::default(), EventList::default(), 0);
        let mut answers = Answers::of(clock.transfers(script));
        let mut on_open = || opened += 1;
        let mut handler =
            JoinedStreams::new(MemberStreams::new([(0, has_session), (1, true)], rewriting), &mut on_open);
        let end = converse(&clock, &mut answers, &mut sink, &mut handler, &mut ScriptedPermit::lasting());
        assert_eq!(end, ConversationEnd::Complete);
        let refusal = handler.refusal(&end);
        let timed_out = ConversationEnd::Stream(StreamEnd::TimeLimit);
        assert_eq!(handler.refusal(&timed_out), Refusal::UpstreamTimedOut);
        assert_eq!(handler.refusal(&ConversationEnd::Failed(Refusal::Denied)), Refusal::Denied);
        (sink, opened, refusal)
    }

    #[test]
    fn the_streams_of_all_members_flow_together() {
        let script = vec![
            head(0, 200, "text/event-stream"),
            head(1, 200, "text/event-stream"),
            Script::event(1, CHANGED),
            Script::event(0, "no JSON"),
            Script::event(0, CHANGED),
            Script::Broken(1),
            Script::event(0, CHANGED),
            Script::End(0),
        ];
        let (sink, opened, _) = joined(script);
        assert_eq!(sink.data(), [CHANGED; 3]);
        assert!(sink.has_begun);
        assert_eq!(opened, 1);
    }

    #[test]
    fn a_member_without_a_stream_has_nothing_to_say() {
        let script = vec![
            head(0, 405, "text/event-stream"),
            head(1, 200, "application/json"),
            Script::event(0, CHANGED),
            Script::piece(1, CHANGED),
            Script::End(0),
            Script::End(1),
            head(9, 200, "text/event-stream"),
        ];
        let (sink, opened, refusal) = joined(script);
        assert!(sink.events.is_empty() && !sink.has_begun);
        assert_eq!((opened, refusal), (0, Refusal::Method));
    }

    #[test]
    fn readers_of_2024_11_05_get_messages_alone() {
        let (configuration, caller) = (example::one_upstream(), example::caller());
        let rewriting = Rewriting::new(&configuration.routes[0].policy, &caller, &OpenSeal, true);
        let mut streams = MemberStreams::new([(0, false)], rewriting);
        let event = |data: &str| Event { event: Some("message".to_owned()), retry: Some(5), ..Event::message(data) };
        assert_eq!(streams.message(0, event(CHANGED)), None, "no stream is open");
        streams.head(0, &crate::answer::scripted::response(200, &[("content-type", "text/event-stream")]));
        assert_eq!(streams.message(0, event(CHANGED)), Some(Event::message(CHANGED)));
        assert_eq!(streams.message(0, event("")), None);
    }

    #[test]
    fn a_404_of_a_member_that_has_no_session_is_its_own_affair() {
        let script = vec![
            head(0, 404, "text/html"),
            head(1, 200, "text/event-stream"),
            Script::event(1, CHANGED),
            Script::End(0),
            Script::End(1),
        ];
        let (sink, opened, _) = joined_where(false, script);
        assert_eq!((sink.data(), opened), (vec![CHANGED], 1));
        let (_, _, refusal) = joined_where(false, vec![head(0, 404, "text/html"), head(1, 405, "text/html")]);
        assert_eq!(refusal, Refusal::Method);
    }

    #[test]
    fn a_member_that_lost_the_session_ends_it() {
        let script = vec![head(0, 404, "text/plain"), head(1, 200, "text/event-stream"), Script::event(1, CHANGED)];
        let (sink, _, refusal) = joined(script);
        assert!(sink.events.is_empty());
        assert_eq!(refusal, Refusal::UnknownSession);
    }
}
