//! What every request to an MCP endpoint goes through, and what every answer of our own looks like.

use gatehouse_configuration::{Member, Servers};
use gatehouse_gateway::{
    About, Decision, Endpoint, Origin, Refusal, RequestId, Trace, Verdict, allow_cross_origin, response_headers,
};
use gatehouse_mcp_wire::json_rpc::Body;
use gatehouse_rate_limit::Taken;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use shell_http::inbound::{self, Unreadable};
use shell_http::{Milliseconds, elapsed, now_in_milliseconds};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::caller::Caller;
use crate::end::End;
use crate::log;

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
    pub(crate) started: Milliseconds,
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

impl<'a> Exchange<'a> {
    /// The members of the route, where it has several servers.
    pub(crate) fn members(&self) -> &'a [Member] {
        match &self.endpoint.route.servers {
            Servers::One(_) => &[],
            Servers::Federated(members) => members,
        }
    }

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

    /// Notes an answer that did not come to its end.
    pub(crate) fn log_end(&self, caller: &Caller, status: StatusCode, end: &End) {
        let (event, refusal) = match end {
            End::Failed(refusal) => ("stream-broken", refusal),
            End::NoPlace(refusal) => ("given-up", refusal),
            End::Complete | End::Gone(_) => return,
        };
        let reason = refusal.reason();
        let line = Line { reason: Some(&reason), ..Line::default() };
        self.log(event, Some(caller), None, Some(status.as_u16()), &line);
    }

    pub(crate) fn log(
        &self,
        event: &'static str,
        caller: Option<&Caller>,
        decision: Option<Verdict>,
        status: Option<u16>,
        line: &Line<'_>,
    ) {
        log::log(&Decision {
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
