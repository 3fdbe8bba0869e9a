//! The component's log.

use gatehouse_gateway::Decision;

/// A request that nobody can answer.
pub(crate) fn not_configured(method: &str, reason: &str) {
    let time = shell_http::now_in_milliseconds();
    log(&Decision {
        time,
        event: "not-configured",
        method,
        status: Some(503),
        reason: Some(reason),
        ..Decision::default()
    });
}

/// A line that is about no request of a client.
pub(crate) fn event(event: &'static str, route: Option<&str>, reason: &str) {
    let time = shell_http::now_in_milliseconds();
    log(&Decision { time, event, route, reason: Some(reason), ..Decision::default() });
}

/// Standard error is where every host keeps a component's log.
pub(crate) fn log(decision: &Decision<'_>) {
    eprintln!("{decision}");
}
