//! Reads what was posted.

use gatehouse_gateway::{About, Refusal, message};
use gatehouse_mcp_wire::json_rpc::Body;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::caller::Caller;
use crate::posted::Posted;
use crate::request::{Exchange, Line};

/// Reads the messages; where they cannot be read, that is the answer.
pub(crate) fn read(
    exchange: &Exchange<'_>,
    caller: &Caller,
    request: &IncomingRequest,
    out: ResponseOutparam,
) -> Option<(Posted, ResponseOutparam)> {
    let read = exchange.body(request).and_then(|bytes| {
        let body = Body::parse(&bytes, exchange.endpoint.route.limits.json_depth).map_err(Refusal::Unparsable)?;
        Ok((bytes, body))
    });
    let (bytes, body) = match read {
        Ok(read) => read,
        Err(refusal) => {
            exchange.refuse(out, Some(caller), &refusal);
            return None;
        }
    };
    match message::admit(exchange.head, &body, &exchange.endpoint) {
        Ok(era) => Some((Posted { era, body, bytes }, out)),
        Err(refusal) => {
            exchange.refuse_messages(out, caller, &refusal, &body, &lines(exchange, &body));
            None
        }
    }
}

/// What the log says of these messages.
pub(crate) fn lines<'m>(exchange: &Exchange<'_>, body: &'m Body) -> Vec<Line<'m>> {
    let line = |message| Line { about: About::of(message, exchange.endpoint.route), ..Line::default() };
    body.messages().iter().map(line).collect()
}
