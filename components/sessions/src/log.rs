//! What the callers cannot log, because they are not told.

use gatehouse_audit_log::{AuditRecord, Component, Decision, Event, LogTime, RequestId, TraceId};
use gatehouse_protocol::Subject;

use crate::bindings::exports::gatehouse::auth::sessions::RequestIds;

/// Writes lines that are joined with those of the caller's request.
pub(crate) struct RequestLog {
    request_id: Option<RequestId>,
    trace_id: Option<TraceId>,
}

impl RequestLog {
    /// For a call on behalf of this request. Ids that are not well formed are left out.
    pub(crate) fn of(ids: &RequestIds) -> Self {
        Self {
            request_id: RequestId::parse(&ids.request_id),
            trace_id: ids.trace_id.as_deref().and_then(TraceId::parse),
        }
    }

    /// Notes that the identity provider no longer refreshes the tokens of `subject`. Standard error is where every host
    /// collects the log.
    pub(crate) fn provider_refused(&self, subject: &Subject, reason: &str) {
        let time = LogTime::from_milliseconds(shell_http::now_in_milliseconds());
        let record = AuditRecord {
            request_id: self.request_id.as_ref(),
            trace_id: self.trace_id.as_ref(),
            action: Some("identity-provider-refresh"),
            decision: Some(Decision::Refused),
            subject: Some(subject.as_str()),
            reason: Some(reason),
            ..AuditRecord::new(time, Component::Sessions, Event::Refused)
        };
        eprintln!("{record}");
    }
}
