//! Every line that an instance writes in a test is one of the schema that we publish.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatehouse_host::CapturedLog;
use gatehouse_tool_schema::{Calls, ToolSchema};
use serde_json::value::RawValue;

/// The schema that we publish.
const SCHEMA: &str = include_str!("../../docs/audit.schema.json");

/// Lines that are validated together: a validator takes so many steps and no more.
const TOGETHER: usize = 100;

/// The lines that are none of `docs/audit.schema.json`, each with what is wrong.
pub fn foreign_audit_lines(lines: &[impl AsRef<str>]) -> Vec<String> {
    let schema = ToolSchema::parse(SCHEMA).expect("a schema");
    let mut found = Vec::new();
    for some in lines.chunks(TOGETHER) {
        let mut calls = Calls::of([("line", &schema)]);
        for line in some.iter().map(AsRef::as_ref) {
            let wrong = match serde_json::from_str::<&RawValue>(line) {
                Ok(json) => calls.validate("line", Some(json)).err().map(|wrong| wrong.to_string()),
                Err(wrong) => Some(wrong.to_string()),
            };
            found.extend(wrong.map(|wrong| format!("{wrong}: {line}")));
        }
    }
    found
}

/// Looks at all lines of a log when the instance that writes them is gone, and fails the test where one is none of the schema.
pub(crate) struct CheckedLines {
    log: Arc<CapturedLog>,
    /// Lines that another instance with the same log has looked at.
    seen: Arc<AtomicUsize>,
}

impl CheckedLines {
    pub(crate) fn of(log: &Arc<CapturedLog>) -> Self {
        Self { log: Arc::clone(log), seen: Arc::default() }
    }

    /// For another instance with the same log.
    pub(crate) fn beside(&self) -> Self {
        Self { log: Arc::clone(&self.log), seen: Arc::clone(&self.seen) }
    }
}

impl Drop for CheckedLines {
    fn drop(&mut self) {
        // A test that has failed says why itself.
        if std::thread::panicking() {
            return;
        }
        let lines = self.log.lines();
        let seen = self.seen.swap(lines.len(), Ordering::SeqCst);
        let foreign = foreign_audit_lines(lines.get(seen..).unwrap_or_default());
        assert!(foreign.is_empty(), "not in docs/audit.schema.json:\n{}", foreign.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn forwarded() -> Value {
        json!({
            "schema": "gatehouse-audit/1", "time": "2026-11-21T08:34:56.007Z", "component": "gateway", "event": "forwarded",
            "request_id": "000102030405060708090a0b0c0d0e0f", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "decision": "allowed", "route": "/mcp", "method": "POST", "status": 200, "credential": "own-token", "total_ms": 3,
        })
    }

    fn is_foreign(line: &Value) -> bool {
        !foreign_audit_lines(&[line.to_string()]).is_empty()
    }

    #[test]
    fn a_line_as_the_page_shows_it_is_one_of_the_schema() {
        let page = include_str!("../../docs/audit.md");
        let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
        assert_eq!(foreign_audit_lines(&[example.trim()]), Vec::<String>::new());
    }

    #[test]
    fn a_field_a_word_or_a_form_that_the_schema_lacks_is_noticed() {
        assert!(!is_foreign(&forwarded()));
        for (field, value) in [
            ("schema", json!("gatehouse-audit/2")),
            ("secret", json!("x")),
            ("event", json!("done")),
            ("component", json!("host")),
            ("request_id", json!("1")),
            ("time", json!("today")),
            ("status", json!("200")),
            ("decision", json!("refused")),
            ("tool", json!("a b")),
            ("further", json!("ping")),
        ] {
            let mut line = forwarded();
            line[field] = value;
            assert!(is_foreign(&line), "{line}");
        }
        for field in
            ["schema", "time", "component", "request_id", "trace_id", "decision", "route", "credential", "total_ms"]
        {
            let mut line = forwarded();
            line.as_object_mut().unwrap().remove(field);
            assert!(is_foreign(&line), "without {field}");
        }
        assert!(!foreign_audit_lines(&["no JSON"]).is_empty());
    }

    #[test]
    fn the_lines_of_the_host_have_forms_of_their_own() {
        let ended = json!({
            "time": "2026-11-21T08:34:56.007Z", "level": "info", "component": "host", "event": "request-ended", "path": "/mcp",
            "request_id": "000102030405060708090a0b0c0d0e0f", "method": "GET", "status": 200, "total_ms": 1.5, "bytes": 3,
            "guest": "gatehouse", "complete": true,
        });
        assert!(!is_foreign(&ended));
        let mut forged = ended.clone();
        forged["schema"] = json!("gatehouse-audit/1");
        assert!(is_foreign(&forged), "{forged}");
        let output = json!({
            "time": "2026-11-21T08:34:56.007Z", "level": "info", "request_id": "000102030405060708090a0b0c0d0e0f", "guest": "c",
            "stream": "stderr", "event": "output", "message": "text",
        });
        assert!(!is_foreign(&output));
    }
}
