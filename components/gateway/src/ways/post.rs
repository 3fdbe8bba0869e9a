//! POST: messages, decided about and given to the servers.

use gatehouse_configuration::Servers;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::caller::Caller;
use crate::request::Exchange;
use crate::steps::judge::judge;
use crate::steps::read::read;
use crate::steps::schema;

mod federation;
mod single_server;

/// Answers the POST.
pub(crate) fn serve(exchange: &mut Exchange<'_>, caller: &Caller, request: &IncomingRequest, out: ResponseOutparam) {
    let Some((posted, out)) = read(exchange, caller, request, out) else { return };
    let (lines, judgement) = judge(exchange, caller, &posted);
    let judgement = judgement.and_then(|()| schema::check(exchange, caller, &posted, None));
    if let Err(refusal) = judgement {
        return exchange.refuse_messages(out, caller, &refusal, &posted.body, &lines);
    }
    match &exchange.endpoint.route.servers {
        Servers::One(upstream) => single_server::post(exchange, caller, upstream, &posted, lines, out),
        Servers::Federated(members) => federation::post(exchange, caller, members, &posted, lines, out),
    }
}
