//! What every request to an MCP endpoint carries along, and what every answer of our own looks like.

use gatehouse_audit_log::{AuditRecord, Decision, Event, RequestId};
use gatehouse_client_address::ClientAddress;
use gatehouse_configuration::{Member, Servers};
use gatehouse_gateway::answer::{ConversationEnd, Rewriting, StreamDeadline};
use gatehouse_gateway::{
    Endpoint, MessageRecord, Origin, PostedMessages, Refusal, Trace, allow_cross_origin, response_headers,
};
use gatehouse_mcp_wire::json_rpc::{Body, Id};
use gatehouse_rate_limit::Taken;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use shell_http::inbound::{self, Unreadable};
use shell_http::{Milliseconds, SystemEntropy, elapsed};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::caller::Caller;
use crate::log;

/// A request to an MCP endpoint.
pub(crate) struct RequestContext<'a> {
    pub(crate) endpoint: Endpoint<'a>,
    pub(crate) head: &'a Request<()>,
    pub(crate) origin: Origin,
    /// Where the request comes from.
    pub(crate) client: ClientAddress,
    /// The same for the log.
    client_address: Option<String>,
    pub(crate) trace: Trace,
    pub(crate) request_id: RequestId,
    /// What was counted of the request.
    pub(crate) taken: Taken,
    started: Milliseconds,
}

impl<'a> RequestContext<'a> {
    /// A request that has just come.
    pub(crate) fn new(endpoint: Endpoint<'a>, head: &'a Request<()>) -> Self {
        let client = shell_peer::client_address(head.headers(), &endpoint.configuration.client_addresses);
        Self {
            endpoint,
            head,
            origin: Origin::of(head.headers(), &endpoint),
            client,
            client_address: client.logged(),
            trace: Trace::of(head.headers(), &mut SystemEntropy),
            request_id: shell_http::request_id(),
            taken: Taken::default(),
            started: elapsed(),
        }
    }

    /// Goes on with the trace that the message names, where no header does.
    pub(crate) fn continue_trace(&mut self, posted: &PostedMessages) {
        self.trace = self.trace.clone().or_of(posted.meta().as_ref());
    }

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
        inbound::body(request, self.head.headers(), self.endpoint.route.limits.request_bytes).map_err(|error| {
            match error {
                Unreadable::TooLarge => Refusal::BodyTooLarge,
                Unreadable::Broken | Unreadable::Malformed => Refusal::BodyBroken,
            }
        })
    }

    /// The time that an answer has, from now on.
    pub(crate) fn deadline(&self) -> StreamDeadline {
        StreamDeadline::new(&self.endpoint.route.limits, elapsed())
    }

    /// What is done to messages for this caller.
    pub(crate) fn rewriting<'c>(&'c self, caller: &'c Caller, may_hold_listing: bool) -> Rewriting<'c> {
        Rewriting::new(&self.endpoint.route.policy, &caller.identity, caller, may_hold_listing)
    }

    /// A refusal as the answer to the request with this id.
    pub(crate) fn reply(&self, refusal: &Refusal, id: Option<&Id>) -> String {
        refusal.reply(&self.endpoint, id).to_object().to_string()
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
        let own = response_headers::Own {
            request_id: &self.request_id,
            session_id,
            rate_limit,
            is_rewritten,
            cors: self.endpoint.route.cors.as_ref(),
        };
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
    pub(crate) fn refuse_post(
        &self,
        out: ResponseOutparam,
        caller: &Caller,
        refusal: &Refusal,
        records: &[MessageRecord<'_>],
    ) {
        let response = refusal.response(&self.endpoint, None);
        self.log_refusal(Some(caller), response.status().as_u16(), refusal, records);
        self.respond(out, response);
    }

    /// Answers the messages in our own name.
    pub(crate) fn refuse_messages(
        &self,
        out: ResponseOutparam,
        caller: &Caller,
        refusal: &Refusal,
        body: &Body,
        records: &[MessageRecord<'_>],
    ) {
        let response = refusal.response_to(&self.endpoint, body);
        self.log_refusal(Some(caller), response.status().as_u16(), refusal, records);
        self.respond(out, response);
    }

    /// Sends an answer of our own.
    pub(crate) fn respond(&self, out: ResponseOutparam, mut response: Response<Vec<u8>>) {
        allow_cross_origin(response.headers_mut(), &self.origin, self.endpoint.route.cors.as_ref());
        response_headers::mark(response.headers_mut(), &self.request_id);
        response.headers_mut().extend(self.rate_limit());
        inbound::respond(out, response);
    }

    /// One line for a refusal of these messages, or of the request.
    pub(crate) fn log_refusal(
        &self,
        caller: Option<&Caller>,
        status: u16,
        refusal: &Refusal,
        records: &[MessageRecord<'_>],
    ) {
        let reason = refusal.reason();
        let request = [MessageRecord::default()];
        let records = if records.is_empty() { &request } else { records };
        for line in MessageRecord::lines(records) {
            let line = MessageRecord { reason: Some(&reason), ..line };
            self.log(Event::Refused, caller, Some(Decision::Refused), Some(status), line);
        }
    }

    /// Notes messages that are about to go on, before anybody is asked: whatever becomes of this instance, the log says who
    /// wanted what.
    pub(crate) fn log_begun(&self, caller: &Caller, records: &[MessageRecord<'_>]) {
        for line in MessageRecord::lines(records) {
            self.log(Event::Begun, Some(caller), Some(Decision::Allowed), None, line);
        }
    }

    /// The lines of these messages, which went on.
    pub(crate) fn log_forwarded(&self, caller: &Caller, status: StatusCode, records: &[MessageRecord<'_>]) {
        for line in MessageRecord::lines(records) {
            self.log(Event::Forwarded, Some(caller), Some(Decision::Allowed), Some(status.as_u16()), line);
        }
    }

    /// Notes an answer that did not come to its end.
    pub(crate) fn log_end(&self, caller: &Caller, status: StatusCode, end: &ConversationEnd) {
        if let Some((event, refusal)) = end.log_event() {
            let reason = refusal.reason();
            let line = MessageRecord { reason: Some(&reason), ..MessageRecord::default() };
            self.log(event, Some(caller), None, Some(status.as_u16()), line);
        }
    }

    pub(crate) fn log(
        &self,
        event: Event,
        caller: Option<&Caller>,
        decision: Option<Decision>,
        status: Option<u16>,
        line: MessageRecord<'_>,
    ) {
        log::write(&AuditRecord {
            request_id: Some(&self.request_id),
            trace_id: Some(self.trace.id()),
            decision,
            rule: line.rule,
            route: Some(self.endpoint.path()),
            member: line.member,
            method: Some(self.head.method().as_str()),
            call: line.call,
            messages: line.messages,
            further: line.further,
            status,
            subject: caller.and_then(|caller| caller.identity.known_subject()),
            client_id: caller.and_then(|caller| caller.identity.known_client()),
            actors: caller.map(|caller| caller.identity.logged_actors()).unwrap_or_default(),
            client_address: self.client_address.as_deref(),
            credential: caller.map(|caller| caller.identity.credential),
            upstream_ms: line.upstream,
            total_ms: Some(elapsed().saturating_sub(self.started)),
            reason: line.reason,
            ..log::record(event)
        });
    }
}
