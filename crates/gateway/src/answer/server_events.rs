//! One server's answer as events.

use gatehouse_mcp_wire::event_stream::Event;
use http::Response;

use super::body_format::{BodyFormat, is_encoded};
use super::conversation::{AnswerHandler, UpstreamEnd};
use super::rewriting::Rewriting;
use crate::Refusal;

/// A server's stream of events, whose head has been passed on.
pub struct ServerEvents<'a> {
    member: usize,
    rewriting: Rewriting<'a>,
}

impl<'a> ServerEvents<'a> {
    /// The events of this member; of the only server, 0.
    pub fn new(member: usize, rewriting: Rewriting<'a>) -> Self {
        Self { member, rewriting }
    }
}

impl<T> AnswerHandler<T> for ServerEvents<'_> {
    fn head(&mut self, _: usize, _: &Response<()>) -> Result<(), Refusal> {
        Ok(())
    }

    fn event(&mut self, _: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        Ok(self.rewriting.event(self.member, event)?.into_iter().collect())
    }

    fn end(&mut self, _: usize, end: UpstreamEnd) -> Result<Vec<Event>, Refusal> {
        end.check().map(|()| Vec::new())
    }

    fn begins(&self) -> bool {
        true
    }
}

/// An answer to a request, in a stream of ours that has begun before it.
pub struct LateAnswer<'a> {
    member: usize,
    rewriting: Rewriting<'a>,
    on_head: &'a mut dyn FnMut(&Response<()>),
    has_sent_events: bool,
}

impl<'a> LateAnswer<'a> {
    /// The answer of this member, of whose head `on_head` is told.
    pub fn new(member: usize, rewriting: Rewriting<'a>, on_head: &'a mut dyn FnMut(&Response<()>)) -> Self {
        Self { member, rewriting, on_head, has_sent_events: false }
    }

    /// Whether the client got anything of it.
    pub fn has_sent_events(&self) -> bool {
        self.has_sent_events
    }
}

impl<T> AnswerHandler<T> for LateAnswer<'_> {
    fn head(&mut self, _: usize, head: &Response<()>) -> Result<(), Refusal> {
        if BodyFormat::of(head.headers()) == BodyFormat::Other || is_encoded(head.headers()) {
            return Err(Refusal::UpstreamMalformed("it is neither JSON nor events"));
        }
        (self.on_head)(head);
        Ok(())
    }

    fn event(&mut self, _: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let event = self.rewriting.event(self.member, event)?;
        self.has_sent_events |= event.is_some();
        Ok(event.into_iter().collect())
    }

    fn end(&mut self, _: usize, end: UpstreamEnd) -> Result<Vec<Event>, Refusal> {
        match end {
            UpstreamEnd::Complete if !self.has_sent_events => Err(Refusal::UpstreamMalformed("it is empty")),
            end => end.check().map(|()| Vec::new()),
        }
    }

    fn begins(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::answers::Answers;
    use crate::answer::conversation::{ConversationEnd, converse};
    use crate::answer::scripted::{EventList, ManualClock, Script, ScriptedPermit, head};
    use crate::example::{self, OpenSeal};

    fn events(script: Vec<Script>) -> (ConversationEnd, EventList) {
        let (configuration, caller) = (example::one_upstream(), example::caller());
        let rewriting = Rewriting::new(&configuration.routes[0].policy, &caller, &OpenSeal, true);
        let (clock, mut sink) = (ManualClock::default(), EventList::default());
        let mut answers = Answers::of(clock.transfers(script));
        let mut handler = ServerEvents::new(0, rewriting);
        let end = converse(&clock, &mut answers, &mut sink, &mut handler, &mut ScriptedPermit::lasting());
        (end, sink)
    }

    fn late(script: Vec<Script>) -> (ConversationEnd, Vec<String>, bool, usize) {
        let (configuration, caller) = (example::one_upstream(), example::caller());
        let rewriting = Rewriting::new(&configuration.routes[0].policy, &caller, &OpenSeal, true);
        let (clock, mut sink, mut heads) = (ManualClock::default(), EventList::default(), 0);
        let mut answers = Answers::of(clock.transfers(script));
        let mut on_head = |_: &Response<()>| heads += 1;
        let mut handler = LateAnswer::new(0, rewriting, &mut on_head);
        let end = converse(&clock, &mut answers, &mut sink, &mut handler, &mut ScriptedPermit::lasting());
        let has_sent_events = handler.has_sent_events();
        (end, sink.data().into_iter().map(str::to_owned).collect(), has_sent_events, heads)
    }

    #[test]
    fn a_stream_of_events_passes_to_its_end() {
        let (end, sink) = events(vec![head(0, 200, "text/event-stream"), Script::event(0, "{}"), Script::End(0)]);
        assert_eq!((end, sink.data()), (ConversationEnd::Complete, vec!["{}"]));
        assert!(sink.has_begun);
        let (end, _) = events(vec![Script::Broken(0)]);
        assert_eq!(end, ConversationEnd::Failed(Refusal::UpstreamMalformed("it broke off")));
    }

    #[test]
    fn a_late_answer_is_one_event_whatever_its_format() {
        for content_type in ["text/event-stream", "application/json"] {
            let body = if content_type == "application/json" { Script::piece(0, "{}") } else { Script::event(0, "{}") };
            let (end, data, has_sent_events, heads) = late(vec![head(0, 200, content_type), body, Script::End(0)]);
            assert_eq!(
                (end, data, has_sent_events, heads),
                (ConversationEnd::Complete, vec!["{}".to_owned()], true, 1)
            );
        }
    }

    #[test]
    fn a_late_answer_that_says_nothing_is_refused() {
        let failed = |why| ConversationEnd::Failed(Refusal::UpstreamMalformed(why));
        let (end, _, has_sent_events, _) = late(vec![head(0, 200, "application/json"), Script::End(0)]);
        assert_eq!((end, has_sent_events), (failed("it is empty"), false));
        let (end, .., heads) = late(vec![head(0, 200, "text/html"), Script::piece(0, "<p>"), Script::End(0)]);
        assert_eq!((end, heads), (failed("it is neither JSON nor events"), 0));
        let (end, ..) = late(vec![head(0, 200, "text/event-stream"), Script::event(0, "{}"), Script::Broken(0)]);
        assert_eq!(end, failed("it broke off"));
    }
}
