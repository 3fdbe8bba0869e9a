//! Requests that pretend to be notifications: a server may well do what they say.

use super::bodies::code;
use super::{Bypass, FORBIDDEN, call};

const JSON: &str = "content-type: application/json";

/// docs/cases.md, S14: a `tools/call` without an id was forwarded past what is decided about requests.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_a_request_never_passes_as_a_notification() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    for version in ["", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "2027-01-01", "x"] {
        let header = format!("mcp-protocol-version: {version}");
        let more: &[&str] = if version.is_empty() { &[JSON] } else { &[JSON, &header] };
        let lines = bypass.lines(&bearer, more);
        // Also what the policy allows: what is no request is no call of a tool.
        for tool in ["read", FORBIDDEN] {
            let call = call(tool);
            for id in
                ["", r#""id":null,"#, r#""id":1.5,"#, r#""id":"","#, r#""id":{},"#, r#""id":[],"#, r#""id":true,"#]
            {
                let body = call.replace(r#""id":1,"#, id);
                for body in [
                    body.clone(),
                    format!("[{body}]"),
                    format!(r#"[{{"jsonrpc":"2.0","id":7,"method":"ping"}},{body}]"#),
                ] {
                    let what = format!("{version}: {body}");
                    let answer = bypass.refuses(&what, &bypass.post("/mcp", &lines, body.as_bytes()), &[400]).await;
                    assert_eq!(code(&answer.body()), -32600, "{what}");
                }
            }
        }
        let cancelled = r#"{"jsonrpc":"2.0","id":1,"method":"notifications/cancelled","params":{"requestId":7}}"#;
        let answer = bypass.refuses(cancelled, &bypass.post("/mcp", &lines, cancelled.as_bytes()), &[400]).await;
        assert_eq!(code(&answer.body()), -32600, "{version}");
    }
    bypass.end("requests without an id").await;
}

/// docs/cases.md, S6.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_very_many_messages_is_refused_in_one_line_of_the_log() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    let lines = bypass.lines(&bearer, &[JSON, "mcp-protocol-version: 2025-03-26"]);
    let one = r#"{"jsonrpc":"2.0","method":"notifications/a"}"#;
    let log = bypass.world.gatehouse.log.clone();
    for (refused, messages) in [(1, 51), (2, 90_000)] {
        let body = format!("[{}]", vec![one; messages].join(","));
        let what = format!("{messages} messages");
        let answer = bypass.refuses(&what, &bypass.post("/mcp", &lines, body.as_bytes()), &[400]).await;
        assert_eq!(code(&answer.body()), -32600, "{what}");
        let about = || log.lines().iter().filter(|line| line.contains("more than 50 messages")).count();
        log.wait_for(|_| about() >= refused).await;
        assert_eq!(about(), refused, "{what}");
        assert!(!log.lines().iter().any(|line| line.contains("notifications/a")), "{what}");
    }
    bypass.end("long batches").await;
}
