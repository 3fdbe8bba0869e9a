//! What a server says first.

use http::Response;

use super::answers::{Answers, UpstreamEvent};
use super::conversation::{Permit, TICK};
use super::transfers::Transfers;
use crate::{Clock, Milliseconds, Refusal};

/// After this time of silence, an answer that may begin before its server's does.
pub const EARLY_ANSWER: Milliseconds = 2_000;

/// What a server said first.
#[derive(Debug)]
pub enum FirstAnswer {
    /// The head of its answer.
    Head(Response<()>),
    /// Nothing yet.
    Silence,
    /// What cannot be passed on, or that it does not answer.
    Failed(Refusal),
    /// The permit for waiting was lost.
    PermitLost(Refusal),
}

impl FirstAnswer {
    /// The head, where nothing is left to wait for.
    ///
    /// # Errors
    /// Why there is none; for silence [`Refusal::UpstreamTimedOut`].
    pub fn into_head(self) -> Result<Response<()>, Refusal> {
        match self {
            Self::Head(head) => Ok(head),
            Self::Silence => Err(Refusal::UpstreamTimedOut),
            Self::Failed(refusal) | Self::PermitLost(refusal) => Err(refusal),
        }
    }
}

/// What is said first within `time`, while there is a permit to wait.
pub fn first_answer<T: Transfers>(
    clock: &impl Clock,
    answers: &mut Answers<T>,
    time: Milliseconds,
    permit: &mut impl Permit,
) -> FirstAnswer {
    let deadline = clock.elapsed().saturating_add(time);
    loop {
        match answers.next(clock, deadline.saturating_sub(clock.elapsed()).min(TICK)) {
            UpstreamEvent::Head(_, head) => return FirstAnswer::Head(head),
            UpstreamEvent::NoAnswer(_, reason) => return FirstAnswer::Failed(reason.into()),
            UpstreamEvent::Event(..) | UpstreamEvent::End(_) | UpstreamEvent::Broken(..) => {
                return FirstAnswer::Failed(Refusal::UpstreamMalformed("it has no head"));
            }
            UpstreamEvent::Nothing if clock.elapsed() >= deadline => return FirstAnswer::Silence,
            UpstreamEvent::Nothing => {
                if let Err(refusal) = permit.renew() {
                    return FirstAnswer::PermitLost(refusal);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LongRequestLimit;
    use crate::answer::scripted::{ManualClock, Script, ScriptedPermit, head};
    use crate::answer::transfers::NoAnswer;

    fn first(script: Vec<Script>, renewals: usize) -> FirstAnswer {
        let clock = ManualClock::default();
        let mut permit = ScriptedPermit { renewals, is_for_stream: false };
        first_answer(&clock, &mut Answers::of(clock.transfers(script)), 5_000, &mut permit)
    }

    #[test]
    fn the_head_comes_first() {
        let said = first(vec![Script::Wait(4_500), head(0, 201, "application/json")], usize::MAX);
        assert_eq!(said.into_head().unwrap().status(), 201);
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let refused = |script| first(script, usize::MAX).into_head().unwrap_err();
        let no_head = Refusal::UpstreamMalformed("it has no head");
        assert_eq!(refused(vec![Script::Broken(0)]), no_head);
        assert_eq!(refused(vec![Script::End(0)]), no_head);
        assert_eq!(refused(vec![Script::NoAnswer(0, NoAnswer::TimedOut)]), Refusal::UpstreamTimedOut);
    }

    #[test]
    fn silence_ends_with_its_time_or_with_the_permit() {
        let silence = || vec![Script::Wait(10_000)];
        assert!(matches!(first(silence(), usize::MAX), FirstAnswer::Silence));
        assert_eq!(first(silence(), usize::MAX).into_head().unwrap_err(), Refusal::UpstreamTimedOut);
        let lost = first(silence(), 2);
        assert!(matches!(&lost, FirstAnswer::PermitLost(_)));
        let expected = Refusal::TooManyLongRequests(LongRequestLimit::CallsOfSubject);
        assert_eq!(lost.into_head().unwrap_err(), expected);
    }
}
