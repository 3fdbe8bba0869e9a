//! The component's log.

use gatehouse_audit_log::{AuditRecord, Component, Event, LogTime};
use http::Method;
use shell_http::now_in_milliseconds;

/// A request that nobody can answer.
pub(crate) fn not_configured(method: &Method, reason: &str) {
    let (method, reason) = (Some(method.as_str()), Some(reason));
    write(&AuditRecord { method, status: Some(503), reason, ..record(Event::NotConfigured) });
}

/// A line that is about no request of a client.
pub(crate) fn event(event: Event, route: Option<&str>, reason: &str) {
    write(&AuditRecord { route, reason: Some(reason), ..record(event) });
}

/// A line of the gateway's, written now.
pub(crate) fn record<'a>(event: Event) -> AuditRecord<'a> {
    AuditRecord::new(LogTime::from_milliseconds(now_in_milliseconds()), Component::Gateway, event)
}

pub(crate) fn write(record: &AuditRecord<'_>) {
    shell_http::log(record);
}
