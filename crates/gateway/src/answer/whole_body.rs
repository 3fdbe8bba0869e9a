//! A JSON body that must be read whole.

use super::answers::{Answers, UpstreamEvent};
use super::conversation::{Permit, TICK};
use super::stream_deadline::StreamDeadline;
use super::transfers::Transfers;
use crate::{Clock, Refusal};

/// The text of the body of the only answer, whose head has come.
///
/// # Errors
/// Where it breaks off, lasts longer than `deadline`, or loses its permit.
pub fn read_whole<T: Transfers>(
    clock: &impl Clock,
    answers: &mut Answers<T>,
    deadline: StreamDeadline,
    permit: &mut impl Permit,
) -> Result<String, Refusal> {
    let mut text = String::new();
    while !deadline.is_over(clock.elapsed()) {
        permit.renew()?;
        match answers.next(clock, TICK) {
            UpstreamEvent::Event(_, event) => text = event.data.unwrap_or_default(),
            UpstreamEvent::End(_) => return Ok(text),
            UpstreamEvent::Broken(_, refusal) => return Err(refusal),
            UpstreamEvent::NoAnswer(_, reason) => return Err(reason.into()),
            UpstreamEvent::Nothing if answers.are_over() => return Err(Refusal::UpstreamMalformed("it has no end")),
            UpstreamEvent::Nothing | UpstreamEvent::Head(..) => {}
        }
    }
    Err(Refusal::UpstreamTimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::scripted::{ManualClock, Script, ScriptedPermit, head};
    use crate::answer::transfers::NoAnswer;
    use crate::example;

    fn whole(script: Vec<Script>, renewals: usize) -> Result<String, Refusal> {
        let clock = ManualClock::default();
        let deadline = StreamDeadline::new(&example::one_upstream().routes.remove(0).limits, 0);
        let mut permit = ScriptedPermit { renewals, is_for_stream: false };
        read_whole(&clock, &mut Answers::of(clock.transfers(script)), deadline, &mut permit)
    }

    #[test]
    fn the_body_is_read_to_its_end() {
        let json = || head(0, 200, "application/json");
        let script =
            vec![json(), Script::piece(0, "{\"a\":"), Script::Wait(2_500), Script::piece(0, "1}"), Script::End(0)];
        assert_eq!(whole(script, usize::MAX).as_deref(), Ok("{\"a\":1}"));
        assert_eq!(whole(vec![json(), Script::End(0)], usize::MAX).as_deref(), Ok(""));
    }

    #[test]
    fn a_body_without_an_end_is_refused() {
        let malformed = |why| Err(Refusal::UpstreamMalformed(why));
        assert_eq!(whole(vec![Script::Broken(0)], usize::MAX), Err(Refusal::UpstreamBrokeOff));
        assert_eq!(whole(Vec::new(), usize::MAX), malformed("it has no end"));
        assert_eq!(whole(vec![Script::NoAnswer(0, NoAnswer::TimedOut)], usize::MAX), Err(Refusal::UpstreamTimedOut));
        assert_eq!(whole(vec![Script::Wait(u64::MAX)], usize::MAX), Err(Refusal::UpstreamTimedOut));
    }

    #[test]
    fn the_permit_can_be_lost_meanwhile() {
        assert!(matches!(whole(vec![Script::Wait(9_000)], 2), Err(Refusal::TooManyLongRequests(_))));
    }
}
