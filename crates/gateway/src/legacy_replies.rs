//! What a server of Streamable HTTP answers to a client of 2024-11-05, which reads it on its event stream.

use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::Id;
use http::{HeaderMap, Response};

use crate::answer::{AnswerHandler, BodyFormat, ErrorReply, Rewriting, UpstreamEnd, check_status};
use crate::{ProtocolRevision, Refusal, SealedReference, SessionId};

/// The answer to one message, for the mailbox.
pub struct LegacyReplies<'a> {
    id: Option<&'a Id>,
    member: usize,
    rewriting: Rewriting<'a>,
    /// Records the session that the answer begins.
    record_session: &'a mut dyn FnMut(&SealedReference) -> Result<(), Refusal>,
    reply: ErrorReply,
    has_sent_events: bool,
}

impl<'a> LegacyReplies<'a> {
    /// The answer of this member to the request with this id, or to a notification. `record_session` is told of the session
    /// that it begins, before any of the answer is given out: a client that has it may go on at once.
    pub fn new(
        id: Option<&'a Id>,
        member: usize,
        rewriting: Rewriting<'a>,
        record_session: &'a mut dyn FnMut(&SealedReference) -> Result<(), Refusal>,
    ) -> Self {
        Self {
            id,
            member,
            rewriting,
            record_session,
            reply: ErrorReply::of(&Response::new(())),
            has_sent_events: false,
        }
    }
}

impl<T> AnswerHandler<T> for LegacyReplies<'_> {
    fn head(&mut self, _: usize, head: &Response<()>) -> Result<(), Refusal> {
        check_status(head)?;
        self.reply = ErrorReply::of(head);
        let revision = ProtocolRevision::of(&HeaderMap::new());
        if self.rewriting.is_of_single_server()
            && let Some(id) = SessionId::issued(head.headers(), revision)?
        {
            (self.record_session)(&SealedReference::Session(id.as_str().to_owned()))?;
        }
        let is_readable = self.id.is_none() || BodyFormat::of(head.headers()) != BodyFormat::Other;
        if is_readable { Ok(()) } else { Err(self.reply.refusal("it is neither JSON nor events")) }
    }

    fn event(&mut self, _: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let Some(text) = event.data.filter(|data| !data.is_empty()) else { return Ok(Vec::new()) };
        let Some(text) = self.rewriting.text(self.member, self.reply.with_id(text, self.id)?)? else {
            return Ok(Vec::new());
        };
        self.has_sent_events = true;
        Ok(vec![Event::message(text)])
    }

    fn end(&mut self, _: usize, end: UpstreamEnd) -> Result<Vec<Event>, Refusal> {
        match end {
            UpstreamEnd::Complete if !self.has_sent_events && self.id.is_some() => {
                Err(Refusal::UpstreamMalformed("it is empty"))
            }
            end => end.check().map(|()| Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_mcp_wire::json_rpc::Body;

    use super::*;
    use crate::answer::scripted::{EventList, ManualClock, Script, ScriptedPermit, head};
    use crate::answer::{Answers, ConversationEnd, converse};
    use crate::example::{self, OpenSeal};

    fn replies(id: Option<&Id>, script: Vec<Script>) -> (ConversationEnd, Vec<String>, Vec<SealedReference>) {
        let (configuration, caller) = (example::one_upstream(), example::caller());
        let rewriting = Rewriting::new(&configuration.routes[0].policy, &caller, &OpenSeal, true);
        let (clock, mut sink, mut sessions) = (ManualClock::default(), EventList::default(), Vec::new());
        let mut record = |session: &SealedReference| {
            sessions.push(session.clone());
            Ok(())
        };
        let mut handler = LegacyReplies::new(id, 0, rewriting, &mut record);
        let mut answers = Answers::of(clock.transfers(script));
        let end = converse(&clock, &mut answers, &mut sink, &mut handler, &mut ScriptedPermit::lasting());
        (end, sink.data().into_iter().map(str::to_owned).collect(), sessions)
    }

    fn failed(why: &'static str) -> ConversationEnd {
        ConversationEnd::Failed(Refusal::UpstreamMalformed(why))
    }

    #[test]
    fn an_answer_reaches_the_mailbox_and_its_session_is_recorded() {
        let reply = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        let script = vec![
            Script::Head(0, 200, &[("content-type", "application/json"), ("mcp-session-id", "abc")]),
            Script::piece(0, reply),
            Script::End(0),
        ];
        let (end, data, sessions) = replies(Some(&Id::from(1)), script);
        assert_eq!((end, data), (ConversationEnd::Complete, vec![reply.to_owned()]));
        assert_eq!(sessions, [SealedReference::Session("abc".to_owned())]);
    }

    #[test]
    fn an_error_of_http_gets_the_id_of_its_request() {
        let error = r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"no"}}"#;
        let script = |body: &str| vec![head(0, 400, "application/json"), Script::piece(0, body), Script::End(0)];
        let (_, data, _) = replies(Some(&Id::from(7)), script(error));
        let body = Body::parse_answer(data[0].as_bytes()).unwrap();
        assert_eq!(body.messages()[0].id(), Some(&Id::from(7)));
        let (_, data, _) = replies(Some(&Id::from(7)), script(&error.replace("\"error\"", "\"id\":3,\"error\"")));
        assert!(data[0].contains("\"id\":7"), "{data:?}");
        for body in ["no JSON", r#"{"jsonrpc":"2.0","method":"a"}"#] {
            assert_eq!(replies(Some(&Id::from(7)), script(body)).0, failed("it is an error that is not JSON-RPC"));
        }
    }

    #[test]
    fn a_request_has_an_answer_and_a_notification_needs_none() {
        let accepted = || vec![head(0, 202, "text/plain"), Script::End(0)];
        assert_eq!(replies(None, accepted()).0, ConversationEnd::Complete);
        assert_eq!(replies(Some(&Id::from(1)), accepted()).0, failed("it is neither JSON nor events"));
        let empty = vec![head(0, 200, "text/event-stream"), Script::event(0, ""), Script::End(0)];
        assert_eq!(replies(Some(&Id::from(1)), empty).0, failed("it is empty"));
        assert_eq!(replies(None, vec![Script::Broken(0)]).0, ConversationEnd::Failed(Refusal::UpstreamBrokeOff));
    }
}
