//! The end of the sessions of a federation's members.

use gatehouse_configuration::Member;
use gatehouse_gateway::Refusal;
use http::StatusCode;

use crate::caller::Caller;
use crate::client::clock::TICK;
use crate::permit::Place;
use crate::request::Exchange;
use crate::upstream::answers::{Reading, Said};
use crate::upstream::request::{self, Call};

/// Asks members to end their sessions; whether all that answered allow it.
pub(crate) fn end_all(
    exchange: &Exchange<'_>,
    caller: &Caller,
    members: &[Member],
    sessions: &[(usize, &str)],
    place: &mut Place<'_>,
) -> Result<StatusCode, Refusal> {
    let mut reading = Reading::default();
    for (member, session_id) in sessions {
        let Some(Member { upstream, .. }) = members.get(*member) else { continue };
        let call = Call::end_of_session(upstream, Some(session_id));
        reading.start(&request::request(exchange, caller, call)?, request::parting_limits(upstream));
    }
    let mut status = StatusCode::OK;
    while !reading.is_over() {
        match reading.next(TICK) {
            Said::Head(number, head) => {
                if head.status() == StatusCode::METHOD_NOT_ALLOWED {
                    status = StatusCode::METHOD_NOT_ALLOWED;
                }
                reading.end(number);
            }
            Said::Tick => place.keep()?,
            Said::NoAnswer(..) | Said::Broken(..) | Said::Event(..) | Said::End(_) => {}
        }
    }
    Ok(status)
}
