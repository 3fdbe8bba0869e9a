//! What the callers cannot log, because they are not told.

use gatehouse_protocol::Subject;
use serde::Serialize;

/// One line of the log.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    outcome: &'static str,
    reason: &'a str,
    subject: &'a str,
}

/// Notes that the identity provider no longer refreshes the tokens of `subject`. Standard error is where hosts collect
/// the log.
pub(crate) fn provider_refused(subject: &Subject, reason: &str) {
    let line = Line { event: "identity-provider-refresh", outcome: "denied", reason, subject: subject.as_str() };
    if let Ok(line) = serde_json::to_string(&line) {
        eprintln!("{line}");
    }
}
