use super::*;
use crate::LongRequestLimit;
use crate::answer::scripted::{EventList, ManualClock, Script, ScriptedPermit, ScriptedTransfers, head};

/// Passes events on, and says what else it hears.
#[derive(Default)]
struct Recorder {
    heard: Vec<String>,
    begins: bool,
    complete_after: Option<usize>,
    outlasts: bool,
    ticks_left: Option<usize>,
    abandons: Option<usize>,
}

impl AnswerHandler<ScriptedTransfers> for Recorder {
    fn head(&mut self, number: usize, head: &Response<()>) -> Result<(), Refusal> {
        self.heard.push(format!("{number} {}", head.status().as_u16()));
        if head.status().is_server_error() { Err(Refusal::UpstreamMalformed("an error")) } else { Ok(()) }
    }

    fn event(&mut self, number: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        self.heard.push(format!("{number} {}", event.data.as_deref().unwrap_or_default()));
        Ok(vec![event])
    }

    fn end(&mut self, number: usize, end: UpstreamEnd) -> Result<Vec<Event>, Refusal> {
        self.heard.push(format!("{number} {end:?}"));
        Ok(vec![Event::message(format!("end of {number}"))])
    }

    fn begins(&self) -> bool {
        self.begins
    }

    fn is_complete(&self) -> bool {
        self.complete_after.is_some_and(|most| self.heard.len() >= most)
    }

    fn outlasts_answers(&self) -> bool {
        self.outlasts
    }

    fn tick(&mut self, _: Milliseconds, answers: &mut Answers<ScriptedTransfers>) -> Option<Vec<Event>> {
        if let Some(number) = self.abandons {
            answers.abandon(number);
        }
        if let Some(left) = &mut self.ticks_left {
            *left = left.checked_sub(1)?;
        }
        Some(vec![Event::message("tick")])
    }
}

fn stream() -> Vec<Script> {
    vec![
        head(0, 200, "text/event-stream"),
        Script::event(0, "one"),
        Script::Wait(1_500),
        Script::event(0, "two"),
        Script::End(0),
    ]
}

fn talk(
    script: Vec<Script>,
    recorder: &mut Recorder,
    sink: &mut EventList,
    permit: &mut ScriptedPermit,
) -> ConversationEnd {
    let clock = ManualClock::default();
    converse(&clock, &mut Answers::of(clock.transfers(script)), sink, recorder, permit)
}

#[test]
fn what_the_handler_makes_of_events_reaches_the_client_in_order() {
    let (mut recorder, mut sink) = (Recorder::default(), EventList::default());
    let end = talk(stream(), &mut recorder, &mut sink, &mut ScriptedPermit::lasting());
    assert_eq!(end, ConversationEnd::Complete);
    assert_eq!(recorder.heard, ["0 200", "0 one", "0 two", "0 Complete"]);
    assert_eq!(sink.data(), ["one", "tick", "two", "end of 0"]);
    assert!(!sink.has_begun);
}

#[test]
fn an_answer_begins_without_an_event_where_the_handler_wants_it() {
    let (mut recorder, mut sink) = (Recorder { begins: true, ..Recorder::default() }, EventList::default());
    talk(vec![Script::NoAnswer(0, NoAnswer::TimedOut)], &mut recorder, &mut sink, &mut ScriptedPermit::lasting());
    assert!(sink.has_begun);
    assert_eq!(recorder.heard, ["0 NoAnswer(TimedOut)"]);
}

#[test]
fn nothing_is_waited_for_once_the_handler_is_complete() {
    let (mut recorder, mut sink) = (Recorder { complete_after: Some(2), ..Recorder::default() }, EventList::default());
    let end = talk(stream(), &mut recorder, &mut sink, &mut ScriptedPermit::lasting());
    assert_eq!(end, ConversationEnd::Complete);
    assert_eq!(sink.data(), ["one"]);
}

#[test]
fn a_handler_that_outlasts_the_answers_ends_when_it_says_so() {
    let mut recorder = Recorder { outlasts: true, ticks_left: Some(3), ..Recorder::default() };
    let mut sink = EventList::default();
    let end = talk(vec![Script::Broken(0)], &mut recorder, &mut sink, &mut ScriptedPermit::lasting());
    assert_eq!(end, ConversationEnd::Stream(StreamEnd::TimeLimit));
    assert_eq!(sink.data(), ["end of 0", "tick", "tick", "tick"]);
}

#[test]
fn a_handler_can_give_an_answer_up() {
    let mut recorder = Recorder { abandons: Some(0), ..Recorder::default() };
    let script = vec![head(0, 200, "text/event-stream"), Script::Wait(1_000), Script::event(0, "late")];
    let end = talk(script, &mut recorder, &mut EventList::default(), &mut ScriptedPermit::lasting());
    assert_eq!(end, ConversationEnd::Complete);
    assert_eq!(recorder.heard, ["0 200"]);
}

#[test]
fn what_cannot_be_passed_on_ends_it() {
    let script = vec![head(0, 500, "text/event-stream"), Script::event(0, "one")];
    let (mut recorder, mut sink) = (Recorder::default(), EventList::default());
    let end = talk(script, &mut recorder, &mut sink, &mut ScriptedPermit::lasting());
    assert_eq!(end, ConversationEnd::Failed(Refusal::UpstreamMalformed("an error")));
    assert!(sink.events.is_empty());
}

#[test]
fn a_client_that_leaves_ends_it() {
    let mut sink = EventList { leaves_after: Some(1), ..EventList::default() };
    let end = talk(stream(), &mut Recorder::default(), &mut sink, &mut ScriptedPermit::lasting());
    assert_eq!(end, ConversationEnd::Stream(StreamEnd::ClientGone));
    assert_eq!(sink.data(), ["one"]);
}

#[test]
fn a_call_that_loses_its_permit_is_told_so_and_a_stream_ends() {
    for (is_for_stream, expected) in [
        (false, ConversationEnd::PermitLost(Refusal::TooManyLongRequests(LongRequestLimit::CallsOfSubject))),
        (true, ConversationEnd::Stream(StreamEnd::TimeLimit)),
    ] {
        let mut permit = ScriptedPermit { renewals: 0, is_for_stream };
        let end = talk(stream(), &mut Recorder::default(), &mut EventList::default(), &mut permit);
        assert_eq!(end, expected);
    }
}

#[test]
fn an_end_says_what_becomes_of_the_answer() {
    let failed = || Refusal::UpstreamMalformed("bad");
    let lost = || Refusal::TooManyLongRequests(LongRequestLimit::All);
    let prefix = gatehouse_configuration::Configuration::parse(
        r#"public_url = "https://gateway.example"
        identity_provider = { name = "a", issuer = "https://login.example", client_id = "b" }
        [[routes]]
        path = "/all"
        name = "All"
        members = [{ prefix = "files", url = "http://10.0.0.7/" }]"#,
    )
    .map(|configuration| match &configuration.routes[0].servers {
        gatehouse_configuration::Servers::Federated(members) => members[0].prefix.clone(),
        gatehouse_configuration::Servers::One(_) => None,
    })
    .unwrap();
    let broke_off = || ConversationEnd::Failed(Refusal::UpstreamBrokeOff);
    let at_member = |refusal: Refusal| Closing::FinishWith(refusal.at_member(prefix.as_ref()));
    let id = Id::from(1);
    for (end, has_sent_events, id, closing) in [
        (ConversationEnd::Complete, true, Some(&id), Closing::Finish),
        (ConversationEnd::Stream(StreamEnd::TimeLimit), true, Some(&id), Closing::Finish),
        (ConversationEnd::Stream(StreamEnd::ClientGone), false, Some(&id), Closing::BreakOff),
        (ConversationEnd::Failed(failed()), true, Some(&id), at_member(failed())),
        (ConversationEnd::Failed(failed()), false, Some(&id), at_member(failed())),
        (ConversationEnd::Failed(failed()), true, None, Closing::BreakOff),
        (broke_off(), true, Some(&id), Closing::BreakOff),
        (broke_off(), false, Some(&id), at_member(Refusal::UpstreamBrokeOff)),
        (ConversationEnd::PermitLost(lost()), true, None, Closing::FinishWith(lost())),
    ] {
        assert_eq!(end.is_regular(), closing == Closing::Finish, "{end:?}");
        assert_eq!(end.clone().closing(has_sent_events, id, prefix.as_ref()), closing, "{end:?}");
    }
}

#[test]
fn the_log_says_what_did_not_come_to_its_end() {
    let failed = ConversationEnd::Failed(Refusal::UpstreamTimedOut);
    assert_eq!(failed.log_event(), Some((gatehouse_audit_log::Event::StreamBroken, &Refusal::UpstreamTimedOut)));
    let lost = Refusal::TooManyLongRequests(LongRequestLimit::All);
    assert_eq!(
        ConversationEnd::PermitLost(lost.clone()).log_event(),
        Some((gatehouse_audit_log::Event::GivenUp, &lost))
    );
    assert_eq!(ConversationEnd::Complete.log_event(), None);
    assert_eq!(ConversationEnd::Stream(StreamEnd::ClientGone).log_event(), None);
}

#[test]
fn an_upstream_that_ended_too_early_is_a_refusal() {
    assert_eq!(UpstreamEnd::Complete.check(), Ok(()));
    assert_eq!(UpstreamEnd::NoAnswer(NoAnswer::TimedOut).check(), Err(Refusal::UpstreamTimedOut));
    assert_eq!(UpstreamEnd::Broken(Refusal::UpstreamBrokeOff).check(), Err(Refusal::UpstreamBrokeOff));
}
