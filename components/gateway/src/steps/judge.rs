//! Whether messages may go on: by the policy, by what is under way, by the rates.

use gatehouse_gateway::{Refusal, denied};
use gatehouse_mcp_wire::json_rpc::{Body, Message};
use gatehouse_policy::{Decision, actions, decide};

use crate::caller::Caller;
use crate::permit;
use crate::posted::Posted;
use crate::request::{Exchange, Line};
use crate::steps::{rates, read};

/// Decides about each message: what the log says of them, and why they go no further, if they do not. The body decides,
/// never a header that mirrors it. Where one is refused, all are.
pub(crate) fn judge<'m, 'e: 'm>(
    exchange: &mut Exchange<'e>,
    caller: &Caller,
    posted: &'m Posted,
) -> (Vec<Line<'m>>, Result<(), Refusal>) {
    let mut lines = read::lines(exchange, &posted.body);
    let judgement = lines
        .iter_mut()
        .zip(posted.body.messages())
        .try_for_each(|(line, message)| {
            let judged = by_policy(exchange, caller, message, line);
            line.is_denied = judged.is_err();
            judged
        })
        .and_then(|()| permit::check(exchange, caller, &posted.body))
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
