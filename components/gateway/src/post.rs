//! POST: everything that is decided about messages before a server gets them.

use gatehouse_configuration::Servers;
use gatehouse_json_rpc::{Body, Call, Id, Message};
use gatehouse_mcp::{Era, Refusal, message};
use gatehouse_policy::{Decision, Target, actions, decide};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::audit::Facts;
use crate::exchange::{Caller, Exchange};
use crate::{federated, one, rates, schema};

/// Messages that the caller may send.
pub(crate) struct Posted {
    pub(crate) era: &'static Era,
    pub(crate) body: Body,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
    /// What the log says of each message.
    pub(crate) facts: Vec<Facts>,
}

/// Why they go no further: which request is refused, where that is known.
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) id: Option<Id>,
    pub(crate) facts: Vec<Facts>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, id: None, facts: Vec::new() }
    }
}

/// Answers the POST.
pub(crate) fn serve(exchange: &mut Exchange<'_>, caller: &Caller, request: &IncomingRequest, out: ResponseOutparam) {
    match posted(exchange, caller, request) {
        Ok(posted) => match &exchange.endpoint.route.servers {
            Servers::One(upstream) => one::post(exchange, caller, upstream, &posted, out),
            Servers::Federated(members) => federated::post(exchange, caller, members, &posted, out),
        },
        Err(refused) => exchange.refuse_messages(out, caller, &refused),
    }
}

/// Reads the messages, and decides about each.
///
/// # Errors
/// Where one of them goes no further: then none does.
pub(crate) fn posted(exchange: &mut Exchange<'_>, caller: &Caller, request: &IncomingRequest) -> Result<Posted, Refused> {
    let bytes = exchange.body(request)?;
    let body = Body::parse(&bytes, exchange.endpoint.route.limits.json_depth).map_err(Refusal::Unparsable)?;
    let era = message::admit(exchange.head, &body, &exchange.endpoint)
        .map_err(|refusal| Refused { refusal, id: only_id(&body), facts: Vec::new() })?;
    let mut posted = Posted { era, body, bytes, facts: Vec::new() };
    match decided(exchange, caller, &mut posted) {
        Ok(()) => Ok(posted),
        Err((refusal, id)) => Err(Refused { refusal, id, facts: posted.facts }),
    }
}

type Denied = (Refusal, Option<Id>);

fn decided(exchange: &mut Exchange<'_>, caller: &Caller, posted: &mut Posted) -> Result<(), Denied> {
    for message in posted.body.messages() {
        let (facts, decision) = policy(exchange, caller, message);
        posted.facts.push(facts);
        decision.map_err(|refusal| (refusal, message.id().cloned()))?;
    }
    let tools = posted.body.messages().iter().filter_map(called_tool).collect::<Vec<_>>();
    let tools = tools.iter().map(String::as_str).collect::<Vec<_>>();
    rates::take_tools(exchange, caller, &tools).map_err(|refusal| (refusal, only_id(&posted.body)))?;
    schema::check(exchange, caller, posted).map_err(|(refusal, id)| (refusal, id))
}

/// Holds one message against the route's policy: the body decides, never a header that mirrors it.
fn policy(exchange: &Exchange<'_>, caller: &Caller, message: &Message) -> (Facts, Result<(), Refusal>) {
    let route = exchange.endpoint.route;
    let mut facts = Facts::of(message, route.log_arguments);
    let actions = match actions(message) {
        Ok(actions) => actions,
        Err(malformed) => return (facts, Err(Refusal::Malformed(malformed.to_string()))),
    };
    for action in &actions {
        match decide(&route.policy, &caller.as_policy_sees_it(), action) {
            Decision::Allowed { rule } => facts.rule = rule.map(|rule| rule.name.clone()),
            Decision::Denied { rule, step_up } => {
                facts.rule = rule.map(|rule| rule.name.clone());
                return (facts, Err(Refusal::Denied { step_up }));
            }
        }
    }
    (facts, Ok(()))
}
