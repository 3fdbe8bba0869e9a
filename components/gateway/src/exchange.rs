//! What every request to an MCP endpoint goes through, and what every answer of our own looks like.

use gatehouse_gateway::{
    About, Admission, Decision, Endpoint, EndpointKind, Handle, Origin, Refusal, RequestId, Trace, Verdict, admit,
    allow_cross_origin, check_scopes, request_headers, response_headers,
};
use gatehouse_mcp_wire::json_rpc::Body;
use gatehouse_protocol::{Claims, SecretString};
use gatehouse_rate_limit::Taken;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use shell_http::inbound::{self, Unreadable};
use shell_http::{Milliseconds, SystemEntropy, elapsed, now_in_milliseconds};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::bindings::gatehouse::auth::handles;
use crate::bindings::gatehouse::auth::sessions::{self, Principal};
use crate::{delete, legacy_events, legacy_messages, listen, log, post, rates, rejection};

/// Messages of a batch that have a line of their own in the log.
const MOST_LINES: usize = 20;

/// A request to an MCP endpoint.
pub(crate) struct Exchange<'a> {
    pub(crate) endpoint: Endpoint<'a>,
    pub(crate) head: &'a Request<()>,
    pub(crate) origin: Origin,
    pub(crate) trace: Trace,
    pub(crate) request_id: RequestId,
    /// What was counted of the request.
    pub(crate) taken: Taken,
    started: Milliseconds,
}

/// Who makes the request.
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) claims: Claims,
    pub(crate) token: SecretString,
}

/// What the log says of one message.
#[derive(Clone, Default)]
pub(crate) struct Line<'a> {
    pub(crate) about: About<'a>,
    pub(crate) rule: Option<&'a str>,
    pub(crate) member: Option<&'a str>,
    pub(crate) upstream: Option<Milliseconds>,
    pub(crate) reason: Option<&'a str>,
    /// Whether it was refused for this message, where it came in a batch.
    pub(crate) is_denied: bool,
    /// Of a batch: how many messages it has, and what those ask for that have no line of their own.
    pub(crate) messages: Option<usize>,
    pub(crate) further: Vec<String>,
}

/// The lines that are written of these messages: of a batch first one for itself, which leaves out nothing that was asked
/// for, then those of its first messages.
pub(crate) fn written<'a>(lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let [first, _, ..] = lines else { return lines.to_vec() };
    let (own, further) = lines.split_at_checked(MOST_LINES).unwrap_or((lines, &[]));
    let denied = lines.iter().find(|line| line.is_denied);
    let batch = Line {
        about: About::default(),
        rule: denied.and_then(|line| line.rule),
        messages: Some(lines.len()),
        further: further.iter().map(|line| line.about.text()).collect(),
        ..first.clone()
    };
    [&[batch], own].concat()
}

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
        Ok(principal) => Caller { claims: claims(&principal), principal, token },
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
        (EndpointKind::Streamable, &Method::GET) => listen::serve(&exchange, &caller, out),
        (EndpointKind::Streamable, &Method::DELETE) => delete::serve(&exchange, &caller, out),
        (EndpointKind::Streamable, _) => post::serve(&mut exchange, &caller, request, out),
    }
}

impl Exchange<'_> {
    /// The request's body.
    ///
    /// # Errors
    /// Where it is too large, or broke off.
    pub(crate) fn body(&self, request: &IncomingRequest) -> Result<Vec<u8>, Refusal> {
        inbound::body(request, self.endpoint.route.limits.request_bytes).map_err(|error| match error {
            Unreadable::TooLarge => Refusal::BodyTooLarge,
            Unreadable::Broken | Unreadable::Malformed => Refusal::BodyBroken,
        })
    }

    /// The headers of an answer that an upstream gave with these; of one of our own where there are none. One that is
    /// rewritten has other bytes than the upstream's.
    pub(crate) fn returned(
        &self,
        upstream: &HeaderMap,
        session_id: Option<HeaderValue>,
        is_rewritten: bool,
    ) -> HeaderMap {
        let rate_limit = &self.rate_limit();
        let own = response_headers::Own { request_id: &self.request_id, session_id, rate_limit, is_rewritten };
        response_headers::returned(upstream, &own, &self.origin)
    }

    fn rate_limit(&self) -> HeaderMap {
        self.taken.standing().fields().into_iter().collect()
    }

    /// Answers in our own name, before anybody knows which message is meant.
    pub(crate) fn refuse(&self, out: ResponseOutparam, caller: Option<&Caller>, refusal: &Refusal) {
        let response = refusal.response(&self.endpoint, None);
        self.log_refusal(caller, response.status().as_u16(), refusal, &[]);
        self.respond(out, response);
    }

    /// Answers messages in our own name to a client that reads answers elsewhere: here it sees the status.
    pub(crate) fn refuse_post(&self, out: ResponseOutparam, caller: &Caller, refusal: &Refusal, lines: &[Line<'_>]) {
        let response = refusal.response(&self.endpoint, None);
        self.log_refusal(Some(caller), response.status().as_u16(), refusal, lines);
        self.respond(out, response);
    }

    /// Answers the messages in our own name.
    pub(crate) fn refuse_messages(
        &self,
        out: ResponseOutparam,
        caller: &Caller,
        refusal: &Refusal,
        body: &Body,
        lines: &[Line<'_>],
    ) {
        let response = refusal.response_to(&self.endpoint, body);
        self.log_refusal(Some(caller), response.status().as_u16(), refusal, lines);
        self.respond(out, response);
    }

    /// Sends an answer of our own.
    pub(crate) fn respond(&self, out: ResponseOutparam, mut response: Response<Vec<u8>>) {
        allow_cross_origin(response.headers_mut(), &self.origin);
        response_headers::mark(response.headers_mut(), &self.request_id);
        response.headers_mut().extend(self.rate_limit());
        inbound::respond(out, response);
    }

    /// One line for a refusal of these messages, or of the request.
    pub(crate) fn log_refusal(&self, caller: Option<&Caller>, status: u16, refusal: &Refusal, lines: &[Line<'_>]) {
        let reason = refusal.reason();
        let verdict = Some(Verdict::Refused);
        match lines {
            [] => {
                self.log("refused", caller, verdict, Some(status), &Line { reason: Some(&reason), ..Line::default() });
            }
            lines => {
                for line in written(lines) {
                    let line = Line { reason: Some(&reason), ..line };
                    self.log("refused", caller, verdict, Some(status), &line);
                }
            }
        }
    }

    /// Notes messages that are about to go on, before anybody is asked: whatever becomes of this instance, the log says who
    /// wanted what.
    pub(crate) fn log_begun(&self, caller: &Caller, lines: &[Line<'_>]) {
        for line in written(lines) {
            self.log("begun", Some(caller), Some(Verdict::Allowed), None, &line);
        }
    }

    /// The lines of these messages, which went on.
    pub(crate) fn log_forwarded(&self, caller: &Caller, status: u16, lines: &[Line<'_>]) {
        for line in written(lines) {
            self.log("forwarded", Some(caller), Some(Verdict::Allowed), Some(status), &line);
        }
    }

    pub(crate) fn log(
        &self,
        event: &'static str,
        caller: Option<&Caller>,
        decision: Option<Verdict>,
        status: Option<u16>,
        line: &Line<'_>,
    ) {
        log(&Decision {
            time: now_in_milliseconds(),
            request_id: Some(&self.request_id),
            trace_id: Some(self.trace.id()),
            event,
            decision,
            rule: line.rule,
            route: Some(self.endpoint.path()),
            member: line.member,
            method: self.head.method().as_str(),
            about: line.about.clone(),
            messages: line.messages,
            further: line.further.clone(),
            status,
            subject: caller.map(|caller| caller.principal.subject.as_str()),
            client_id: caller.map(|caller| caller.principal.client_id.as_str()),
            upstream_ms: line.upstream,
            total_ms: Some(elapsed().saturating_sub(self.started)),
            reason: line.reason,
        });
    }
}

impl Caller {
    /// The caller, as the policy asks about it.
    pub(crate) fn as_policy_sees_it(&self) -> gatehouse_policy::Caller<'_> {
        gatehouse_policy::Caller {
            subject: &self.principal.subject,
            client_id: &self.principal.client_id,
            scopes: &self.principal.scopes,
            claims: &self.claims,
        }
    }

    /// Seals a handle, so that it opens for this subject at this route and for nobody else.
    ///
    /// # Errors
    /// Where it cannot be sealed: then it is not given out.
    pub(crate) fn bind(&self, handle: &Handle) -> Result<String, Refusal> {
        handles::bind(&self.principal, &handle.to_text()).map_err(rejection::of_binding)
    }

    /// Opens what [`Caller::bind`] made; `None` for what it has never made.
    ///
    /// # Errors
    /// Where nothing can be opened at the moment.
    pub(crate) fn open(&self, bound: &str) -> Result<Option<Handle>, Refusal> {
        match handles::open(&self.principal, bound) {
            Ok(text) => Ok(Handle::parse(&text)),
            Err(handles::Rejection::Unrecognised) => Ok(None),
            Err(handles::Rejection::Unavailable(reason)) => {
                Err(Refusal::Unavailable(format!("a handle cannot be opened: {reason}")))
            }
        }
    }
}

fn claims(principal: &Principal) -> Claims {
    let sessions::Claims { tenant, groups, roles } = principal.claims.clone();
    Claims { tenant, groups, roles }
}
