//! POST to a route with one server.

use gatehouse_configuration::Upstream;
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::client::rewriting::Rewriting;
use crate::permit::Place;
use crate::posted::Posted;
use crate::request::{Exchange, Line};
use crate::steps::session::Session;
use crate::upstream::request::{self, Call};
use crate::upstream::single_server::Answer;

/// Answers the messages with what the route's only server says.
pub(crate) fn post(
    exchange: &Exchange<'_>,
    caller: &Caller,
    upstream: &Upstream,
    posted: &Posted,
    lines: Vec<Line<'_>>,
    out: ResponseOutparam,
) {
    let asked = Session::of(exchange, caller, posted.era).and_then(|session| {
        let place = match posted.listens() {
            true => Place::of_stream(exchange, caller)?,
            false => Place::of_call(exchange, caller),
        };
        let call = Call {
            session_id: session.id()?,
            is_read: Rewriting::new(exchange, caller, posted.lists()).reads(),
            ..Call::passed_on(upstream, posted.bytes.clone())
        };
        let request = request::request(exchange, caller, call)?;
        Ok((request, session.name(), place))
    });
    match asked {
        Ok((request, session, place)) => {
            let answer = Answer {
                exchange,
                caller,
                era: posted.era,
                session,
                may_list: posted.lists(),
                member: None,
                lines,
                id: posted.request().map(|(_, id)| id),
            };
            answer.of_messages(posted, upstream, &request, place, out);
        }
        Err(refusal) => exchange.refuse_messages(out, caller, &refusal, &posted.body, &lines),
    }
}
