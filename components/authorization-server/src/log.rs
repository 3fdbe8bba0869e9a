//! The lines of one request in the audit log.

use gatehouse_audit_log::{
    AuditRecord, Component, Decision, Event, LogTime, RequestId, TokenEvent, TraceId, TraceParent,
};
use gatehouse_protocol::Subject;
use http::HeaderMap;
use shell_http::{Milliseconds, now_in_milliseconds};

/// Writes what is decided about one request. Each line has the request's id, and its trace where the client named one.
#[derive(Clone)]
pub(crate) struct RequestLog {
    request_id: RequestId,
    trace_id: Option<TraceId>,
    client_address: Option<String>,
    clock: fn() -> Milliseconds,
}

/// What a line says about a decision, beside its event.
#[derive(Clone, Copy, Default)]
pub(crate) struct Details<'a> {
    pub(crate) client_id: Option<&'a str>,
    pub(crate) subject: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    pub(crate) token: Option<TokenEvent>,
    /// Whom an operator looked at, or whose sessions they ended.
    pub(crate) target_subject: Option<&'a str>,
    /// Who acts for the subject.
    pub(crate) actors: &'a [String],
}

impl RequestLog {
    /// For a request with these headers. The id is the host's or a new one, and never the client's, which could have two
    /// requests look like one.
    pub(crate) fn begin(headers: &HeaderMap) -> Self {
        Self {
            request_id: shell_http::request_id(),
            trace_id: TraceParent::of(headers).map(|parent| parent.trace_id),
            client_address: None,
            clock: now_in_milliseconds,
        }
    }

    /// For what the gateway asks in the course of this request. An id that is not well formed is not used.
    pub(crate) fn on_behalf_of(request_id: &str, trace_id: Option<&str>) -> Self {
        Self {
            request_id: RequestId::parse(request_id).unwrap_or_else(shell_http::request_id),
            trace_id: trace_id.and_then(TraceId::parse),
            client_address: None,
            clock: now_in_milliseconds,
        }
    }

    /// The same, once it is known where the request comes from.
    pub(crate) fn with_client_address(self, client_address: Option<String>) -> Self {
        Self { client_address, ..self }
    }

    /// What answers and error pages call the request.
    pub(crate) fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// Notes that something is about to be done, in whose name and for whom: whatever becomes of this instance, the log
    /// says so.
    pub(crate) fn begun(&self, action: &'static str, client_id: Option<&str>, subject: Option<&str>) {
        let details = Details { client_id, subject, ..Details::default() };
        self.write(Event::Begun, action, Decision::Allowed, details);
    }

    /// Notes the same of something of which there is more to say.
    pub(crate) fn begun_about(&self, action: &'static str, details: Details<'_>) {
        self.write(Event::Begun, action, Decision::Allowed, details);
    }

    /// Notes that it was done.
    pub(crate) fn completed(&self, action: &'static str, details: Details<'_>) {
        self.write(Event::Completed, action, Decision::Allowed, details);
    }

    /// Notes that it was refused.
    pub(crate) fn refused(&self, action: &'static str, client_id: Option<&str>, reason: impl ToString) {
        let reason = &reason.to_string();
        let details = Details { client_id, reason: Some(reason), ..Details::default() };
        self.write(Event::Refused, action, Decision::Refused, details);
    }

    /// Notes the same of a request for tokens, which may have shown that somebody else has one of them, too.
    pub(crate) fn refused_token(
        &self,
        action: &'static str,
        client_id: Option<&str>,
        reason: impl ToString,
        token: Option<TokenEvent>,
    ) {
        let reason = &reason.to_string();
        let details = Details { client_id, reason: Some(reason), token, ..Details::default() };
        self.write(Event::Refused, action, Decision::Refused, details);
    }

    /// Notes that somebody else refused what was to be done for this user.
    pub(crate) fn refused_to(&self, action: &'static str, subject: &Subject, reason: &str) {
        let details = Details { subject: Some(subject.as_str()), reason: Some(reason), ..Details::default() };
        self.write(Event::Refused, action, Decision::Refused, details);
    }

    /// Notes that something that has a route was refused.
    pub(crate) fn refused_about(&self, action: &'static str, details: Details<'_>, reason: &str) {
        self.write(Event::Refused, action, Decision::Refused, Details { reason: Some(reason), ..details });
    }

    /// Notes that something that has a route failed by no fault of the client.
    pub(crate) fn failed_about(&self, action: &'static str, details: Details<'_>, reason: &str) {
        self.write(Event::Failed, action, Decision::Failed, Details { reason: Some(reason), ..details });
    }

    /// Notes that it failed by no fault of the client.
    pub(crate) fn failed(&self, action: &'static str, client_id: Option<&str>, reason: impl ToString) {
        let reason = &reason.to_string();
        let details = Details { client_id, reason: Some(reason), ..Details::default() };
        self.write(Event::Failed, action, Decision::Failed, details);
    }

    fn write(&self, event: Event, action: &'static str, decision: Decision, details: Details<'_>) {
        let time = LogTime::from_milliseconds((self.clock)());
        let record = AuditRecord {
            request_id: Some(&self.request_id),
            trace_id: self.trace_id.as_ref(),
            action: Some(action),
            decision: Some(decision),
            subject: details.subject,
            client_id: details.client_id,
            client_address: self.client_address.as_deref(),
            reason: details.reason,
            route: details.route,
            token: details.token,
            target_subject: details.target_subject,
            actors: details.actors.to_vec(),
            ..AuditRecord::new(time, Component::AuthorizationServer, event)
        };
        shell_http::log(&record);
    }
}

#[cfg(test)]
impl RequestLog {
    /// Without a host's clock and randomness.
    pub(crate) fn example() -> Self {
        let request_id = RequestId::parse(&"0".repeat(32)).unwrap();
        Self { request_id, trace_id: None, client_address: None, clock: || 0 }
    }
}
