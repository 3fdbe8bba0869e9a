//! The end of a session that several servers have.

use http::StatusCode;

use super::answers::{Answers, UpstreamEvent};
use super::conversation::{Permit, TICK};
use super::transfers::Transfers;
use crate::{Clock, Refusal};

/// Waits for the answers to requests that end sessions: 405 where a server that answered does not allow it, 200 otherwise.
///
/// # Errors
/// Where the permit is lost.
pub fn all_allow_end<T: Transfers>(
    clock: &impl Clock,
    answers: &mut Answers<T>,
    permit: &mut impl Permit,
) -> Result<StatusCode, Refusal> {
    let mut status = StatusCode::OK;
    while !answers.are_over() {
        match answers.next(clock, TICK) {
            UpstreamEvent::Head(number, head) => {
                if head.status() == StatusCode::METHOD_NOT_ALLOWED {
                    status = StatusCode::METHOD_NOT_ALLOWED;
                }
                answers.abandon(number);
            }
            UpstreamEvent::Nothing => permit.renew()?,
            UpstreamEvent::NoAnswer(..)
            | UpstreamEvent::Broken(..)
            | UpstreamEvent::Event(..)
            | UpstreamEvent::End(_) => {}
        }
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::scripted::{ManualClock, Script, ScriptedPermit, head};
    use crate::answer::transfers::NoAnswer;

    fn end(script: Vec<Script>, renewals: usize) -> Result<StatusCode, Refusal> {
        let clock = ManualClock::default();
        let mut permit = ScriptedPermit { renewals, is_for_stream: false };
        all_allow_end(&clock, &mut Answers::of(clock.transfers(script)), &mut permit)
    }

    #[test]
    fn one_server_that_does_not_allow_it_is_enough() {
        let script = |status| vec![head(0, 200, "text/plain"), Script::Wait(1_500), head(1, status, "text/plain")];
        assert_eq!(end(script(204), usize::MAX), Ok(StatusCode::OK));
        assert_eq!(end(script(405), usize::MAX), Ok(StatusCode::METHOD_NOT_ALLOWED));
        assert!(matches!(end(script(204), 0), Err(Refusal::TooManyLongRequests(_))));
    }

    #[test]
    fn a_server_that_is_not_there_forgets_the_session_by_itself() {
        assert_eq!(end(vec![Script::NoAnswer(0, NoAnswer::TimedOut)], usize::MAX), Ok(StatusCode::OK));
    }
}
