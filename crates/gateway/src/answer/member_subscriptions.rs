//! A federation's members whose subscriptions are one.

use gatehouse_configuration::Policy;
use gatehouse_federation::{FailureReason, MergedAnswer, Subscription};
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::{Body, Message};
use http::{Response, StatusCode};

use super::answers::Answers;
use super::conversation::{AnswerHandler, UpstreamEnd};
use super::member_answers::failure_reason;
use super::rewriting::filtered;
use super::transfers::Transfers;
use crate::{Caller, Milliseconds, Refusal};

/// How long members have to acknowledge a subscription, before the client is told of those that have.
const ACKNOWLEDGEMENT: Milliseconds = 10_000;

/// `subscriptions/listen` at several members.
pub struct MemberSubscriptions<'a> {
    policy: &'a Policy,
    caller: &'a Caller,
    subscription: Subscription,
    /// The member of each request, and the status of its answer.
    parts: Vec<(usize, StatusCode)>,
    started: Milliseconds,
}

impl<'a> MemberSubscriptions<'a> {
    /// The subscription at these members, in the order in which they were asked.
    pub fn new(
        policy: &'a Policy,
        caller: &'a Caller,
        subscription: Subscription,
        members: impl IntoIterator<Item = usize>,
        now: Milliseconds,
    ) -> Self {
        let parts = members.into_iter().map(|member| (member, StatusCode::OK)).collect();
        Self { policy, caller, subscription, parts, started: now }
    }

    /// What the client is told instead of a stream, where no member agreed to anything.
    pub fn refusal(&self) -> Option<MergedAnswer> {
        self.subscription.refusal()
    }

    fn part(&self, number: usize) -> (usize, StatusCode) {
        self.parts.get(number).copied().unwrap_or((number, StatusCode::OK))
    }

    fn events(&self, messages: Vec<Message>) -> Vec<Event> {
        let event = |message| Event::message(filtered(self.policy, self.caller, message).to_object().to_string());
        messages.into_iter().map(event).collect()
    }
}

impl<T: Transfers> AnswerHandler<T> for MemberSubscriptions<'_> {
    fn head(&mut self, number: usize, head: &Response<()>) -> Result<(), Refusal> {
        if let Some((_, status)) = self.parts.get_mut(number) {
            *status = head.status();
        }
        Ok(())
    }

    fn event(&mut self, number: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let (member, status) = self.part(number);
        let Some(text) = event.data.filter(|text| !text.is_empty()) else { return Ok(Vec::new()) };
        let messages = match Body::parse_answer(text.as_bytes()) {
            Ok(Body::Single(Message::Response(reply))) => self.subscription.answer(member, status.as_u16(), reply),
            Ok(Body::Single(message)) => self.subscription.message(member, message),
            Ok(Body::Batch(_)) | Err(_) => self.subscription.failed(member, FailureReason::Unreadable),
        };
        Ok(self.events(messages))
    }

    fn end(&mut self, number: usize, end: UpstreamEnd) -> Result<Vec<Event>, Refusal> {
        let (member, status) = self.part(number);
        let messages = self.subscription.failed(member, failure_reason(&end, !status.is_success()));
        Ok(self.events(messages))
    }

    fn is_complete(&self) -> bool {
        self.subscription.is_over()
    }

    fn tick(&mut self, now: Milliseconds, answers: &mut Answers<T>) -> Option<Vec<Event>> {
        let mut messages = Vec::new();
        if now.saturating_sub(self.started) >= ACKNOWLEDGEMENT {
            for member in self.subscription.awaited() {
                messages.extend(self.subscription.failed(member, FailureReason::TooLate));
                if let Some(number) = self.parts.iter().position(|(part, _)| *part == member) {
                    answers.abandon(number);
                }
            }
        }
        Some(self.events(messages))
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_federation::{Federation, Lifecycle, Plan};

    use super::*;
    use crate::answer::conversation::{ConversationEnd, converse};
    use crate::answer::scripted::{EventList, ManualClock, Script, ScriptedPermit, head};
    use crate::{Clock, example};

    const LISTEN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}}"#;
    const ACKNOWLEDGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1},"notifications":{"toolsListChanged":true}}}"#;
    const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}"#;
    const ERROR: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;

    fn subscribed(script: Vec<Script>) -> (ConversationEnd, Vec<String>, bool) {
        let (configuration, caller) = (example::federation(), example::caller());
        let route = &configuration.routes[0];
        let federation = Federation::of(route, Lifecycle::Stateless).unwrap();
        let Ok(Body::Single(message)) = Body::parse(LISTEN.as_bytes(), 64) else { panic!("{LISTEN}") };
        let Plan::Subscribe { requests, subscription } = federation.plan(&message, None) else {
            panic!("no subscription")
        };
        let clock = ManualClock::default();
        let members = requests.iter().map(|request| request.member);
        let mut handler = MemberSubscriptions::new(&route.policy, &caller, subscription, members, clock.elapsed());
        let (mut answers, mut sink) = (Answers::of(clock.transfers(script)), EventList::default());
        let end = converse(&clock, &mut answers, &mut sink, &mut handler, &mut ScriptedPermit::lasting());
        let is_refused = handler.refusal().is_some();
        (end, sink.data().into_iter().map(str::to_owned).collect(), is_refused)
    }

    #[test]
    fn the_client_is_told_what_all_members_agreed_to_and_then_what_changes() {
        let script = vec![
            head(0, 200, "text/event-stream"),
            head(1, 200, "text/event-stream"),
            Script::event(0, ACKNOWLEDGED),
            Script::event(1, ""),
            Script::event(1, ACKNOWLEDGED),
            Script::event(0, CHANGED),
        ];
        let (_, data, is_refused) = subscribed(script);
        assert_eq!(data.len(), 2, "{data:?}");
        assert!(data[0].contains("acknowledged") && data[1].contains("tools/list_changed"), "{data:?}");
        assert!(!is_refused);
    }

    #[test]
    fn a_member_that_says_nothing_holds_the_others_up_for_ten_seconds() {
        let script = vec![
            head(0, 200, "text/event-stream"),
            head(1, 200, "text/event-stream"),
            Script::event(0, ACKNOWLEDGED),
            Script::Wait(30_000),
            Script::event(1, ACKNOWLEDGED),
        ];
        let (_, data, _) = subscribed(script);
        assert_eq!(data.len(), 1, "{data:?}");
        assert!(data[0].contains("did not answer in time"), "{data:?}");
    }

    #[test]
    fn members_that_all_refuse_are_one_refusal() {
        let script = vec![
            head(0, 404, "application/json"),
            Script::piece(0, ERROR),
            Script::End(0),
            head(1, 500, "text/html"),
            Script::End(1),
        ];
        assert_eq!(subscribed(script), (ConversationEnd::Complete, Vec::new(), true));
    }

    #[test]
    fn what_cannot_be_read_is_a_failure_of_its_member() {
        let script = vec![
            head(0, 200, "text/event-stream"),
            head(1, 200, "text/event-stream"),
            Script::event(0, "[]"),
            Script::event(1, ACKNOWLEDGED),
            Script::Broken(1),
            head(9, 200, "text/event-stream"),
            Script::event(9, CHANGED),
        ];
        let (_, data, _) = subscribed(script);
        assert!(data[0].contains("answered with something else"), "{data:?}");
    }
}
