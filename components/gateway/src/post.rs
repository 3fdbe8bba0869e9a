//! POST: everything that is decided about messages before a server gets them.

use gatehouse_configuration::Servers;
use gatehouse_gateway::{About, Era, Refusal, denied, message};
use gatehouse_mcp_wire::json_rpc::{Body, Call, Id, Message};
use gatehouse_policy::{Decision, actions, decide};
use http::header::ACCEPT;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::exchange::{Caller, Exchange, Line};
use crate::{federated, one, places, rates, schema};

/// Messages, read.
pub(crate) struct Posted {
    pub(crate) era: &'static Era,
    pub(crate) body: Body,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

/// Answers the POST.
pub(crate) fn serve(exchange: &mut Exchange<'_>, caller: &Caller, request: &IncomingRequest, out: ResponseOutparam) {
    let Some((posted, out)) = read(exchange, caller, request, out) else { return };
    let (lines, judgement) = judge(exchange, caller, &posted);
    let judgement = judgement.and_then(|()| schema::check(exchange, caller, &posted, None));
    if let Err(refusal) = judgement {
        return exchange.refuse_messages(out, caller, &refusal, &posted.body, &lines);
    }
    match &exchange.endpoint.route.servers {
        Servers::One(upstream) => one::post(exchange, caller, upstream, &posted, lines, out),
        Servers::Federated(members) => federated::post(exchange, caller, members, &posted, lines, out),
    }
}

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

/// Decides about each message: what the log says of them, and why they go no further, if they do not. The body decides,
/// never a header that mirrors it. Where one is refused, all are.
pub(crate) fn judge<'m, 'e: 'm>(
    exchange: &mut Exchange<'e>,
    caller: &Caller,
    posted: &'m Posted,
) -> (Vec<Line<'m>>, Result<(), Refusal>) {
    let mut lines = lines(exchange, &posted.body);
    let judgement = lines
        .iter_mut()
        .zip(posted.body.messages())
        .try_for_each(|(line, message)| {
            let judged = by_policy(exchange, caller, message, line);
            line.is_denied = judged.is_err();
            judged
        })
        .and_then(|()| places::check(exchange, caller, &posted.body))
        .and_then(|()| by_rates(exchange, caller, &posted.body));
    (lines, judgement)
}

fn by_policy<'m, 'e: 'm>(
    exchange: &Exchange<'e>,
    caller: &Caller,
    message: &Message,
    line: &mut Line<'m>,
) -> Result<(), Refusal> {
    if exchange.endpoint.route.policy.rules.is_empty() {
        // Whatever is wrong with the message, the server says it better.
        return Ok(());
    }
    let actions = actions(message).map_err(|malformed| Refusal::InvalidParams(malformed.to_string().into()))?;
    for action in &actions {
        match decide(&exchange.endpoint.route.policy, &caller.as_policy_sees_it(), action) {
            Decision::Allowed { rule } => line.rule = rule.map(|rule| rule.name.as_str()),
            Decision::Denied { rule, step_up } => {
                line.rule = rule.map(|rule| rule.name.as_str());
                return Err(denied(&exchange.endpoint, &caller.principal.scopes, step_up.as_ref()));
            }
        }
    }
    Ok(())
}

/// The request itself has been counted; the further messages of a batch have not.
fn by_rates(exchange: &mut Exchange<'_>, caller: &Caller, body: &Body) -> Result<(), Refusal> {
    match body.messages().len() {
        0 | 1 => {}
        several => rates::take(exchange, caller, several.saturating_sub(1))?,
    }
    let calls = body.messages().iter().filter_map(Message::call);
    let tools: Vec<String> =
        calls.filter(|call| call.method == "tools/call").filter_map(|call| call.param("name")).collect();
    rates::take_tools(exchange, caller, &tools.iter().map(String::as_str).collect::<Vec<_>>())
}

fn lines<'m>(exchange: &Exchange<'_>, body: &'m Body) -> Vec<Line<'m>> {
    let line = |message| Line { about: About::of(message, exchange.endpoint.route), ..Line::default() };
    body.messages().iter().map(line).collect()
}

impl Posted {
    /// The only message, where it is a request.
    pub(crate) fn request(&self) -> Option<(&Call, &Id)> {
        match &self.body {
            Body::Single(Message::Request(call)) => Some((call, call.id.as_ref()?)),
            Body::Single(Message::Notification(_) | Message::Response(_)) | Body::Batch(_) => None,
        }
    }

    /// Whether the answer is a stream that lasts.
    pub(crate) fn listens(&self) -> bool {
        self.request().is_some_and(|(call, _)| call.method == "subscriptions/listen")
    }

    /// Whether the answer may hold something that a policy has a say in: a listing, or what it makes private.
    pub(crate) fn lists(&self) -> bool {
        let is_listing = |call: &Call| call.method.ends_with("/list") || call.method == "resources/read";
        self.body.messages().iter().filter_map(Message::call).any(is_listing)
    }

    /// Whether the answer may begin before the server's: then a client that leaves is noticed, and in 2026-07-28 leaving
    /// is how a request is cancelled. Clients of that era read events; one that says it does not gets none.
    pub(crate) fn may_begin_early(&self, exchange: &Exchange<'_>) -> bool {
        let accepted = exchange.head.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let events = ["text/event-stream", "text/*", "*/*"];
        let ranges = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
        self.era.is_stateless
            && self.request().is_some()
            && ranges.map(str::trim).any(|range| events.iter().any(|event| range.eq_ignore_ascii_case(event)))
    }
}
