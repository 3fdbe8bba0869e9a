//! The component's log.

use gatehouse_gateway::Decision;
use http::Method;
use shell_http::now_in_milliseconds;

/// A request that nobody can answer.
pub(crate) fn not_configured(method: &Method, reason: &str) {
    write(&Decision {
        time: now_in_milliseconds(),
        event: "not-configured",
        method: method.as_str(),
        status: Some(503),
        reason: Some(reason),
        ..Decision::default()
    });
}

/// A line that is about no request of a client.
pub(crate) fn event(event: &'static str, route: Option<&str>, reason: &str) {
    let time = now_in_milliseconds();
    write(&Decision { time, event, route, reason: Some(reason), ..Decision::default() });
}

/// Standard error is where every host keeps a component's log.
pub(crate) fn write(decision: &Decision<'_>) {
    eprintln!("{decision}");
}
