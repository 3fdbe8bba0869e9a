//! A line of the audit log (`gatehouse-audit-log`), as far as something is counted of it.

use serde::Deserialize;

/// What is read of a line. Who asked, from where and with which arguments is not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AuditLine {
    pub(crate) component: String,
    pub(crate) event: String,
    pub(crate) action: Option<String>,
    pub(crate) decision: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) route: Option<String>,
    pub(crate) rpc_method: Option<String>,
    pub(crate) tool: Option<String>,
    pub(crate) messages: Option<u64>,
    pub(crate) further: Vec<String>,
    pub(crate) token: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) traceparent: Option<String>,
}

impl AuditLine {
    /// `None` where a guest wrote something else.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        if !line.starts_with('{') {
            return None;
        }
        serde_json::from_str(line).ok()
    }

    /// The decision in one of its words; `None` where there is none.
    pub(crate) fn decision(&self) -> Option<&'static str> {
        word_of(self.decision.as_deref()?, &[ALLOWED, REFUSED, FAILED])
    }

    /// What became of a token, in one of its words.
    pub(crate) fn token(&self) -> Option<&'static str> {
        word_of(self.token.as_deref()?, &["issued", "refreshed", "revoked", "reused"])
    }
}

pub(crate) const ALLOWED: &str = "allowed";
pub(crate) const REFUSED: &str = "refused";
pub(crate) const FAILED: &str = "failed";

fn word_of(text: &str, words: &[&'static str]) -> Option<&'static str> {
    words.iter().copied().find(|word| *word == text)
}

#[cfg(test)]
mod tests {
    use gatehouse_audit_log::{AuditRecord, Component, Decision, Event, LogTime, McpCall};

    use super::*;

    #[test]
    fn what_the_components_write_is_read_again() {
        let record = AuditRecord {
            decision: Some(Decision::Refused),
            route: Some("/mcp"),
            rule: Some("readers"),
            call: McpCall { rpc_method: Some("tools/call"), tool: Some("echo".to_owned()), ..McpCall::default() },
            further: vec!["ping".to_owned()],
            messages: Some(21),
            ..AuditRecord::new(LogTime::from_milliseconds(0), Component::Gateway, Event::Refused)
        };
        let line = AuditLine::parse(&record.to_string()).unwrap();
        assert_eq!(
            (line.component.as_str(), line.event.as_str(), line.decision()),
            ("gateway", "refused", Some(REFUSED))
        );
        assert_eq!((line.route.as_deref(), line.rule.as_deref()), (Some("/mcp"), Some("readers")));
        assert_eq!((line.rpc_method.as_deref(), line.tool.as_deref()), (Some("tools/call"), Some("echo")));
        assert_eq!((line.messages, line.further), (Some(21), vec!["ping".to_owned()]));
        for other in ["", "text", "[]", "{", r#"{"event":1}"#] {
            assert!(AuditLine::parse(other).is_none(), "{other}");
        }
    }
}
