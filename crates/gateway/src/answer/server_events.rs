//! One server's answer as events.

use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::Id;
use http::Response;

use super::body_format::{BodyFormat, is_encoded};
use super::conversation::{AnswerHandler, UpstreamEnd};
use super::error_reply::ErrorReply;
use super::rewriting::Rewriting;
use super::server_status::check_status;
use crate::{ProtocolRevision, Refusal};

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

    /// Whether items of listings have been left out.
    pub fn leaves_out(&self) -> bool {
        self.rewriting.leaves_out()
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
    id: Option<&'a Id>,
    on_head: &'a mut dyn FnMut(&Response<()>),
    /// The version in which a member of a federation was asked.
    member_revision: Option<&'static ProtocolRevision>,
    reply: ErrorReply,
    has_sent_events: bool,
}

impl<'a> LateAnswer<'a> {
    /// The answer of this member to the request with this id; `on_head` is told of its head.
    pub fn new(
        member: usize,
        rewriting: Rewriting<'a>,
        id: Option<&'a Id>,
        on_head: &'a mut dyn FnMut(&Response<()>),
    ) -> Self {
        let reply = ErrorReply::of(&Response::new(()));
        Self { member, rewriting, id, on_head, member_revision: None, reply, has_sent_events: false }
    }

    /// One of a member of a federation, which was asked in this version.
    #[must_use]
    pub fn of_member(self, revision: &'static ProtocolRevision) -> Self {
        Self { member_revision: Some(revision), ..self }
    }

    /// Whether items of listings have been left out.
    pub fn leaves_out(&self) -> bool {
        self.rewriting.leaves_out()
    }

    /// Whether the client got anything of it.
    pub fn has_sent_events(&self) -> bool {
        self.has_sent_events
    }
}

impl<T> AnswerHandler<T> for LateAnswer<'_> {
    fn head(&mut self, _: usize, head: &Response<()>) -> Result<(), Refusal> {
        check_status(head)?;
        self.reply = ErrorReply::of(head);
        if let Some(revision) = self.member_revision {
            self.reply = self.reply.of_member(revision);
        }
        if BodyFormat::of(head.headers()) == BodyFormat::Other || is_encoded(head.headers()) {
            return Err(self.reply.refusal("it is neither JSON nor events"));
        }
        (self.on_head)(head);
        Ok(())
    }

    fn event(&mut self, _: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let data = match event.data {
            Some(data) if !data.is_empty() => Some(self.reply.with_id(data, self.id)?),
            other => other,
        };
        let event = self.rewriting.event(self.member, Event { data, ..event })?;
        self.has_sent_events |= event.is_some();
        Ok(event.into_iter().collect())
    }

    fn end(&mut self, _: usize, end: UpstreamEnd) -> Result<Vec<Event>, Refusal> {
        match end {
            UpstreamEnd::Complete if !self.has_sent_events => Err(self.reply.refusal("it is empty")),
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
        let (mut on_head, id) = (|_: &Response<()>| heads += 1, Id::from(7));
        let mut handler = LateAnswer::new(0, rewriting, Some(&id), &mut on_head);
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
        assert_eq!(end, ConversationEnd::Failed(Refusal::UpstreamBrokeOff));
    }

    #[test]
    fn an_answer_that_breaks_off_when_its_client_has_left_is_not_the_servers_fault() {
        let (configuration, caller) = (example::one_upstream(), example::caller());
        let rewriting = Rewriting::new(&configuration.routes[0].policy, &caller, &OpenSeal, true);
        let (clock, mut sink) = (ManualClock::default(), EventList { leaves_after: Some(1), ..EventList::default() });
        let script = vec![head(0, 200, "text/event-stream"), Script::event(0, "{}"), Script::Broken(0)];
        let mut answers = Answers::of(clock.transfers(script));
        let mut handler = ServerEvents::new(0, rewriting);
        let end = converse(&clock, &mut answers, &mut sink, &mut handler, &mut ScriptedPermit::lasting());
        assert_eq!(end, ConversationEnd::Stream(crate::answer::StreamEnd::ClientGone));
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
    fn a_late_error_has_the_id_of_its_request_and_says_when_to_come_again() {
        let error = r#"{"jsonrpc":"2.0","error":{"code":-32022,"message":"m"},"id":null}"#;
        let script = vec![head(0, 400, "application/json"), Script::piece(0, error), Script::End(0)];
        let (end, data, ..) = late(script);
        assert_eq!(end, ConversationEnd::Complete);
        assert!(data[0].contains(r#""id":7"#) && data[0].contains("-32022"), "{data:?}");
        let busy = |retry_after| Refusal::UpstreamBusy { retry_after };
        let malformed = Refusal::UpstreamMalformed("it is an error that is not JSON-RPC");
        for (script, refusal) in [
            (Script::Head(0, 503, &[("content-type", "text/html"), ("retry-after", "30")]), busy(30)),
            (Script::Head(0, 429, &[("content-type", "application/json"), ("retry-after", "1")]), busy(1)),
            (Script::Head(0, 503, &[("content-type", "application/json"), ("retry-after", "soon")]), malformed.clone()),
            (Script::Head(0, 400, &[("content-type", "application/json"), ("retry-after", "30")]), malformed),
            (Script::Head(0, 401, &[("content-type", "application/json")]), Refusal::UpstreamUnauthorized),
        ] {
            let (end, data, has_sent_events, _) = late(vec![script, Script::piece(0, "<p>"), Script::End(0)]);
            assert_eq!((end, has_sent_events), (ConversationEnd::Failed(refusal.clone()), false), "{refusal:?}");
            assert_eq!(data, [""; 0]);
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
        assert_eq!(end, ConversationEnd::Failed(Refusal::UpstreamBrokeOff));
    }
}
