//! What every request to an MCP endpoint goes through, and what every answer of our own looks like.

use gatehouse_mcp::{Admission, Decision, Endpoint, Origin, Refusal, admit, allow_cross_origin, check_scopes, request_headers};
use gatehouse_protocol::SecretString;
use http::{Method, Request, Response};
use http_shell::inbound;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::bindings::gatehouse::auth::sessions::{self, Principal};
use crate::{log, one, rejection};

/// A request to an MCP endpoint.
pub(crate) struct Exchange<'a> {
    pub(crate) endpoint: Endpoint<'a>,
    pub(crate) head: &'a Request<()>,
    pub(crate) origin: Origin,
}

/// Who makes the request.
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) token: SecretString,
}

/// Answers the request: in the upstream's name where everything is in order, in our own otherwise.
pub(crate) fn serve(endpoint: Endpoint<'_>, head: &Request<()>, request: &IncomingRequest, out: ResponseOutparam) {
    let exchange = Exchange { endpoint, head, origin: Origin::of(head.headers(), endpoint.configuration) };
    let token = match admit(head, &exchange.origin) {
        Admission::Options(response) => {
            exchange.log("options", None, response.status().as_u16(), None);
            return inbound::respond(out, response);
        }
        Admission::Refused(refusal) => return exchange.refuse(out, None, &refusal),
        Admission::Token(token) => token,
    };
    let principal = match sessions::validate(token.expose(), &endpoint.resource()) {
        Ok(principal) => principal,
        Err(rejected) => return exchange.refuse(out, None, &rejection::of_token(rejected)),
    };
    let caller = Caller { principal, token };
    let checked = check_scopes(&endpoint, &caller.principal.scopes).and_then(|()| request_headers::check(head.headers()));
    if let Err(refusal) = checked {
        return exchange.refuse(out, Some(&caller), &refusal);
    }
    one::serve(&exchange, &caller, request, out);
}

impl Exchange<'_> {
    /// The request's body.
    ///
    /// # Errors
    /// Where it is too large, or broke off.
    pub(crate) fn body(&self, request: &IncomingRequest) -> Result<Vec<u8>, Refusal> {
        if self.head.method() == Method::GET {
            return Ok(Vec::new());
        }
        request_headers::check_length(self.head.headers(), &self.endpoint)?;
        inbound::body(request, self.endpoint.route.limits.request_bytes).map_err(|error| match error {
            inbound::Unreadable::TooLarge => Refusal::BodyTooLarge,
            inbound::Unreadable::Broken | inbound::Unreadable::Malformed => Refusal::BodyBroken,
        })
    }

    /// Answers in our own name.
    pub(crate) fn refuse(&self, out: ResponseOutparam, caller: Option<&Caller>, refusal: &Refusal) {
        self.log("refused", caller, refusal.status().as_u16(), Some(&refusal.reason()));
        let mut response: Response<Vec<u8>> = refusal.response(&self.endpoint);
        allow_cross_origin(response.headers_mut(), &self.origin);
        inbound::respond(out, response);
    }

    pub(crate) fn log(&self, event: &'static str, caller: Option<&Caller>, status: u16, reason: Option<&str>) {
        log(&Decision {
            event,
            route: Some(self.endpoint.path()),
            method: self.head.method().as_str(),
            status,
            subject: caller.map(|caller| caller.principal.subject.as_str()),
            client_id: caller.map(|caller| caller.principal.client_id.as_str()),
            reason,
        });
    }
}
