//! A federation's members that answer one request together.

use gatehouse_federation::{FailureReason, MemberOutcome};
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::header::MCP_SESSION_ID;
use gatehouse_mcp_wire::json_rpc::{Body, Id, Message, Reply};
use http::{Response, StatusCode};

use super::answers::Answers;
use super::body_format::BodyFormat;
use super::conversation::{AnswerHandler, UpstreamEnd};
use super::rewriting::LEFT_OUT;
use super::server_status::check_status;
use super::transfers::{NoAnswer, Transfers};
use crate::{Milliseconds, Refusal};

/// A request to a member, as far as its answer depends on it.
#[derive(Clone, Copy, Debug)]
pub struct MemberRequestTimes {
    /// The member.
    pub member: usize,
    /// Whether it was sent in a session.
    pub has_session: bool,
    /// The time after which the member has not answered.
    pub longest: Milliseconds,
}

/// The answers of several members to one request. Nothing of them reaches the client before they are one.
#[derive(Debug)]
pub struct MemberAnswers<'a> {
    id: Option<&'a Id>,
    parts: Vec<Part>,
    started: Milliseconds,
    has_events: bool,
}

#[derive(Debug)]
struct Part {
    request: MemberRequestTimes,
    status: StatusCode,
    session: Option<String>,
    outcome: Option<MemberOutcome>,
    /// Whether items of its listing have been left out.
    leaves_out: bool,
}

impl Part {
    /// The first outcome counts.
    fn settle(&mut self, outcome: MemberOutcome) {
        self.outcome.get_or_insert(outcome);
    }
}

impl<'a> MemberAnswers<'a> {
    /// Answers to the request with this id, or to a notification. The requests are those that were started, in order.
    pub fn new(id: Option<&'a Id>, requests: Vec<MemberRequestTimes>, now: Milliseconds) -> Self {
        let part = |request| Part { request, status: StatusCode::OK, session: None, outcome: None, leaves_out: false };
        Self { id, parts: requests.into_iter().map(part).collect(), started: now, has_events: false }
    }

    /// Whether a member answers with events.
    pub fn has_events(&self) -> bool {
        self.has_events
    }

    /// The members of which nothing came that can be part of an answer, or not all of it, and why.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &'static str)> {
        self.parts.iter().filter_map(|part| match part.outcome {
            Some(MemberOutcome::Failed(reason)) => Some((part.request.member, reason.as_str())),
            _ if part.leaves_out => Some((part.request.member, LEFT_OUT)),
            _ => None,
        })
    }

    /// What came of each request.
    pub fn into_outcomes(self) -> Vec<(usize, MemberOutcome)> {
        let no_answer = || MemberOutcome::Failed(FailureReason::DidNotAnswer);
        self.parts.into_iter().map(|part| (part.request.member, part.outcome.unwrap_or_else(no_answer))).collect()
    }
}

impl<T: Transfers> AnswerHandler<T> for MemberAnswers<'_> {
    fn head(&mut self, number: usize, head: &Response<()>) -> Result<(), Refusal> {
        let Some(part) = self.parts.get_mut(number) else { return Ok(()) };
        self.has_events |= BodyFormat::of(head.headers()) == BodyFormat::EventStream;
        part.status = head.status();
        let session = head.headers().get(MCP_SESSION_ID).and_then(|id| id.to_str().ok());
        part.session = session.filter(|id| !id.is_empty()).map(str::to_owned);
        if part.request.has_session && head.status() == StatusCode::NOT_FOUND {
            part.settle(MemberOutcome::SessionLost);
        } else if check_status(head) == Err(Refusal::UpstreamUnauthorized) {
            part.settle(MemberOutcome::Failed(FailureReason::Unauthorized));
        } else if self.id.is_none() {
            let is_accepted = head.status().is_success();
            let refused = MemberOutcome::Failed(FailureReason::Refused);
            part.settle(if is_accepted { MemberOutcome::Accepted } else { refused });
        }
        Ok(())
    }

    fn event(&mut self, number: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        if let Some(part) = self.parts.get_mut(number)
            && let Some(text) = event.data.filter(|text| !text.is_empty())
        {
            match reply(&text, self.id) {
                Ok(Some((reply, left_out))) => {
                    part.leaves_out |= left_out > 0;
                    let (status, session) = (part.status.as_u16(), part.session.clone());
                    part.settle(MemberOutcome::Answer { status, session, reply });
                }
                Ok(None) => {}
                Err(NotJsonRpc) => part.settle(MemberOutcome::Failed(FailureReason::Unreadable)),
            }
        }
        Ok(Vec::new())
    }

    fn end(&mut self, number: usize, end: UpstreamEnd) -> Result<Vec<Event>, Refusal> {
        if let Some(part) = self.parts.get_mut(number) {
            let is_refusal = !part.status.is_success();
            part.settle(MemberOutcome::Failed(failure_reason(&end, is_refusal)));
        }
        Ok(Vec::new())
    }

    fn is_complete(&self) -> bool {
        self.parts.iter().all(|part| part.outcome.is_some())
    }

    /// A member that has begun to answer and does not come to an end holds the others up no longer than one that says
    /// nothing.
    fn tick(&mut self, now: Milliseconds, answers: &mut Answers<T>) -> Option<Vec<Event>> {
        let passed = now.saturating_sub(self.started);
        for (number, part) in self.parts.iter_mut().enumerate() {
            if part.outcome.is_none() && passed > part.request.longest {
                part.settle(MemberOutcome::Failed(FailureReason::TooLate));
                answers.abandon(number);
            }
        }
        Some(Vec::new())
    }
}

struct NotJsonRpc;

/// The answer to the request in a message or a batch of them, if it is in there, and how many items have been left out.
fn reply(text: &str, id: Option<&Id>) -> Result<Option<(Reply, usize)>, NotJsonRpc> {
    let (body, left_out) = Body::parse_answer_counting(text.as_bytes()).map_err(|_| NotJsonRpc)?;
    let messages = match body {
        Body::Single(message) => vec![message],
        Body::Batch(messages) => messages,
    };
    Ok(messages.into_iter().find_map(|message| match message {
        Message::Response(reply) if reply.id.is_none() || reply.id.as_ref() == id => Some((reply, left_out)),
        Message::Response(_) | Message::Request(_) | Message::Notification(_) => None,
    }))
}

/// Why a member whose answer ended like this has no part in the client's.
pub(super) fn failure_reason(end: &UpstreamEnd, is_refusal: bool) -> FailureReason {
    match end {
        UpstreamEnd::NoAnswer(NoAnswer::TimedOut) => FailureReason::TooLate,
        UpstreamEnd::Broken(Refusal::UpstreamTooLarge) => FailureReason::TooLarge,
        UpstreamEnd::NoAnswer(NoAnswer::Unreachable(_)) | UpstreamEnd::Broken(_) => FailureReason::DidNotAnswer,
        UpstreamEnd::Complete if is_refusal => FailureReason::Refused,
        UpstreamEnd::Complete => FailureReason::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;
    use crate::answer::conversation::{ConversationEnd, converse};
    use crate::answer::scripted::{EventList, ManualClock, Script, ScriptedPermit, head};

    const REPLY: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

    fn outcomes(id: Option<&Id>, has_session: bool, members: usize, script: Vec<Script>) -> (Vec<String>, bool) {
        let clock = ManualClock::default();
        let request = |member| MemberRequestTimes { member, has_session, longest: 3_000 };
        let mut handler = MemberAnswers::new(id, (0..members).map(request).collect(), clock.elapsed());
        let mut answers = Answers::of(clock.transfers(script));
        let mut sink = EventList::default();
        let end = converse(&clock, &mut answers, &mut sink, &mut handler, &mut ScriptedPermit::lasting());
        assert_eq!(end, ConversationEnd::Complete);
        assert!(sink.events.is_empty(), "nothing reaches the client");
        let has_events = handler.has_events();
        let outcomes = handler.into_outcomes().into_iter().map(|(member, outcome)| match outcome {
            MemberOutcome::Answer { status, session, .. } => {
                format!("{member} answers {status} {}", session.unwrap_or_default())
            }
            MemberOutcome::Accepted => format!("{member} accepts"),
            MemberOutcome::SessionLost => format!("{member} lost the session"),
            MemberOutcome::Failed(reason) => format!("{member} {reason:?}"),
        });
        (outcomes.collect(), has_events)
    }

    #[test]
    fn each_member_answers_in_its_format() {
        let script = vec![
            Script::Head(0, 200, &[("content-type", "application/json"), ("mcp-session-id", "s0")]),
            head(1, 200, "text/event-stream"),
            Script::event(1, r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#),
            Script::piece(0, &format!("[{REPLY}]")),
            Script::End(0),
            Script::event(1, ""),
            Script::event(1, REPLY),
        ];
        let (outcomes, has_events) = outcomes(Some(&Id::from(1)), false, 2, script);
        assert_eq!(outcomes, ["0 answers 200 s0", "1 answers 200 "]);
        assert!(has_events);
    }

    #[test]
    fn what_is_no_answer_to_the_request_is_a_failure() {
        let script = vec![
            head(0, 200, "application/json"),
            Script::piece(0, r#"{"jsonrpc":"2.0","id":2,"result":{}}"#),
            Script::End(0),
            head(1, 200, "application/json"),
            Script::piece(1, "no JSON"),
            Script::End(1),
            head(2, 500, "text/html"),
            Script::End(2),
            Script::NoAnswer(3, NoAnswer::TimedOut),
            Script::NoAnswer(4, NoAnswer::Unreachable("why".to_owned())),
            head(5, 200, "text/event-stream"),
            Script::Broken(5),
            Script::piece(9, "of nobody"),
            head(6, 401, "application/json"),
            Script::piece(6, REPLY),
            head(7, 407, "text/html"),
        ];
        let (outcomes, _) = outcomes(Some(&Id::from(1)), false, 8, script);
        let expected = ["0 Unreadable", "1 Unreadable", "2 Refused", "3 TooLate", "4 DidNotAnswer", "5 DidNotAnswer"];
        assert_eq!(outcomes[..6], expected);
        assert_eq!(outcomes[6..], ["6 Unauthorized", "7 Unauthorized"]);
    }

    #[test]
    fn a_notification_is_accepted_or_refused_by_its_head() {
        let script = vec![head(0, 202, "text/plain"), head(1, 400, "text/plain"), head(7, 200, "text/plain")];
        assert_eq!(outcomes(None, false, 2, script).0, ["0 accepts", "1 Refused"]);
    }

    #[test]
    fn a_404_in_a_session_is_a_lost_session() {
        let script = || vec![head(0, 404, "text/plain"), Script::End(0)];
        let id = Id::from(1);
        assert_eq!(outcomes(Some(&id), true, 1, script()).0, ["0 lost the session"]);
        assert_eq!(outcomes(Some(&id), false, 1, script()).0, ["0 Refused"]);
    }

    #[test]
    fn a_member_whose_answer_is_too_large_has_no_part() {
        assert_eq!(failure_reason(&UpstreamEnd::Broken(Refusal::UpstreamTooLarge), false), FailureReason::TooLarge);
        let (clock, id) = (ManualClock::default(), Id::from(1));
        let request = MemberRequestTimes { member: 4, has_session: false, longest: 3_000 };
        let mut handler = MemberAnswers::new(Some(&id), vec![request], clock.elapsed());
        let script = vec![head(0, 200, "application/json"), Script::piece(0, &"x".repeat(65))];
        let mut answers = Answers::of_at_most(clock.transfers(script), 64);
        converse(&clock, &mut answers, &mut EventList::default(), &mut handler, &mut ScriptedPermit::lasting());
        assert_eq!(handler.failures().collect::<Vec<_>>(), [(4, FailureReason::TooLarge.as_str())]);
    }

    #[test]
    fn a_member_that_does_not_come_to_an_end_holds_nobody_up() {
        let script = vec![
            head(0, 200, "text/event-stream"),
            head(1, 200, "application/json"),
            Script::piece(1, REPLY),
            Script::End(1),
            Script::Wait(60_000),
            Script::event(0, REPLY),
        ];
        assert_eq!(outcomes(Some(&Id::from(1)), false, 2, script).0, ["0 TooLate", "1 answers 200 "]);
    }

    #[test]
    fn a_member_of_which_nothing_came_did_not_answer() {
        assert_eq!(outcomes(Some(&Id::from(1)), false, 1, Vec::new()).0, ["0 DidNotAnswer"]);
    }
}
