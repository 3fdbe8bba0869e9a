//! What every request to an MCP endpoint goes through, before the way of its method begins.

use gatehouse_audit_log::Event;
use gatehouse_gateway::{
    Admission, Credential, Endpoint, EndpointKind, MessageRecord, Origin, Refusal, admit, browser_refusal,
    check_client, check_scopes, request_headers,
};
use http::{Method, Request};
use shell_http::inbound;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::api_key;
use crate::caller::Caller;
use crate::context::RequestContext;
use crate::steps::rates;
use crate::ways::{delete, get, legacy_events, legacy_messages, post};

/// Answers the request: in the upstream's name where everything is in order, in our own otherwise.
pub(crate) fn serve(endpoint: Endpoint<'_>, head: &Request<()>, request: &IncomingRequest, out: ResponseOutparam) {
    let mut context = RequestContext::new(endpoint, head);
    // Before anything else: who may not reach the route learns nothing of it, and costs nothing.
    if let Err(reason) = context.client.check(&endpoint.route.networks) {
        inbound::drain(request);
        return context.refuse(out, None, &Refusal::Network(reason));
    }
    let credential = match admit(&endpoint, head, &context.origin) {
        Admission::Options(response) => {
            context.log(Event::Options, None, None, Some(response.status().as_u16()), MessageRecord::default());
            return inbound::respond(out, response);
        }
        Admission::Refused(refusal) => {
            inbound::drain(request);
            return context.refuse(out, None, &refusal);
        }
        Admission::Shown(credential) => credential,
    };
    if let Err(refusal) = rates::take_of_address(&mut context) {
        inbound::drain(request);
        return context.refuse(out, None, &refusal);
    }
    let caller = match credential {
        Credential::Token(token) => Caller::of_token(token, &endpoint, head.method(), context.client),
        Credential::ApiKey(key) => api_key::caller(&key, &endpoint, head.method()),
        Credential::BrowserSession(token) => {
            Caller::of_browser(token, &endpoint, head.method()).map_err(|refusal| browser_refusal(refusal, head))
        }
        Credential::Nothing => Caller::nobody(&endpoint),
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(refusal) => {
            inbound::drain(request);
            return context.refuse(out, None, &refusal);
        }
    };
    let admitted = check_client(&endpoint, &caller.identity.client_id)
        // Of somebody whom nobody knows, no scope can be demanded.
        .and_then(|()| match caller.identity.subject.is_nobody() {
            true => Ok(()),
            false => check_scopes(&endpoint, &caller.identity.scopes),
        })
        .and_then(|()| request_headers::check(head, &endpoint))
        .and_then(|()| rates::take(&mut context, &caller, 1));
    if let Err(refusal) = admitted {
        inbound::drain(request);
        return context.refuse(out, Some(&caller), &refusal);
    }
    match (endpoint.kind, head.method()) {
        (EndpointKind::LegacyEvents, _) => legacy_events::serve(&context, &caller, out),
        (EndpointKind::LegacyMessages, _) => legacy_messages::serve(&mut context, &caller, request, out),
        (EndpointKind::Streamable, &Method::GET) => get::serve(&context, &caller, out),
        (EndpointKind::Streamable, &Method::DELETE) => delete::serve(&context, &caller, out),
        (EndpointKind::Streamable, _) => post::serve(&mut context, &caller, request, out),
    }
}

/// Answers with the endpoint's metadata, from where the endpoint may be reached.
pub(crate) fn describe(endpoint: Endpoint<'_>, head: &Request<()>, out: ResponseOutparam) {
    if endpoint.route.networks.is_unrestricted() {
        let origin = Origin::of(head.headers(), &endpoint);
        return inbound::respond(out, gatehouse_gateway::metadata(&endpoint, head, &origin));
    }
    let context = RequestContext::new(endpoint, head);
    match context.client.check(&endpoint.route.networks) {
        Ok(()) => inbound::respond(out, gatehouse_gateway::metadata(&endpoint, head, &context.origin)),
        Err(reason) => context.refuse(out, None, &Refusal::Network(reason)),
    }
}
