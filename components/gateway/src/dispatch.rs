//! What every request to an MCP endpoint goes through, before the way of its method begins.

use gatehouse_gateway::{
    Admission, Endpoint, EndpointKind, Origin, RequestId, Trace, admit, check_scopes, request_headers,
};
use gatehouse_rate_limit::Taken;
use http::{Method, Request};
use shell_http::{SystemEntropy, elapsed, inbound};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::bindings::gatehouse::auth::sessions;
use crate::caller::Caller;
use crate::rejection;
use crate::request::{Exchange, Line};
use crate::steps::rates;
use crate::ways::{delete, get, legacy_events, legacy_messages, post};

/// Answers the request: in the upstream's name where everything is in order, in our own otherwise.
pub(crate) fn serve(endpoint: Endpoint<'_>, head: &Request<()>, request: &IncomingRequest, out: ResponseOutparam) {
    let mut exchange = Exchange {
        endpoint,
        head,
        origin: Origin::of(head.headers(), endpoint.configuration),
        trace: Trace::of(head.headers(), &mut SystemEntropy),
        request_id: RequestId::generate(&mut SystemEntropy),
        taken: Taken::default(),
        started: elapsed(),
    };
    let token = match admit(&endpoint, head, &exchange.origin) {
        Admission::Options(response) => {
            exchange.log("options", None, None, Some(response.status().as_u16()), &Line::default());
            return inbound::respond(out, response);
        }
        Admission::Refused(refusal) => return exchange.refuse(out, None, &refusal),
        Admission::Token(token) => token,
    };
    let caller = match sessions::validate(token.expose(), &endpoint.resource()) {
        Ok(principal) => Caller::new(principal, token),
        Err(rejected) => return exchange.refuse(out, None, &rejection::of_token(rejected)),
    };
    let admitted = check_scopes(&endpoint, &caller.principal.scopes)
        .and_then(|()| request_headers::check(head, &endpoint))
        .and_then(|()| rates::take(&mut exchange, &caller, 1));
    if let Err(refusal) = admitted {
        return exchange.refuse(out, Some(&caller), &refusal);
    }
    match (endpoint.kind, head.method()) {
        (EndpointKind::LegacyEvents, _) => legacy_events::serve(&exchange, &caller, out),
        (EndpointKind::LegacyMessages, _) => legacy_messages::serve(&mut exchange, &caller, request, out),
        (EndpointKind::Streamable, &Method::GET) => get::serve(&exchange, &caller, out),
        (EndpointKind::Streamable, &Method::DELETE) => delete::serve(&exchange, &caller, out),
        (EndpointKind::Streamable, _) => post::serve(&mut exchange, &caller, request, out),
    }
}
