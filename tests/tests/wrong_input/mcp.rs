//! `/mcp` (RFC 6750; RFC 9728, section 5.1; MCP, transports and authorization).

use crate::row::{Expected, Row};
use crate::setting::Setting;

const ALLOW: &str = "GET, POST, DELETE, OPTIONS";
const MESSAGE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

pub(crate) fn rows(setting: &Setting) -> Vec<Row> {
    let post = |name: &str| {
        let row = Row::new("", "POST", "/mcp").json(MESSAGE).header("accept", "application/json, text/event-stream");
        row.named(&format!("POST /mcp: {name}"))
    };
    let token = setting.access_token.as_str();
    let mut rows = Vec::new();
    for method in ["GET", "POST", "DELETE"] {
        rows.push(Row::new("no token", method, "/mcp").gets(Expected::Challenge(401, None)));
        rows.push(
            Row::new("a token in the query", method, &format!("/mcp?access_token={token}"))
                .gets(Expected::Challenge(401, None)),
        );
        rows.push(
            Row::new("an unknown token", method, "/mcp")
                .bearer("x")
                .gets(Expected::Challenge(401, Some("invalid_token"))),
        );
    }
    let in_form = Row::new("a token in the form", "POST", "/mcp").form(&format!("access_token={token}"));
    rows.push(in_form.gets(Expected::Challenge(401, None)));
    for value in ["Basic YTpi", "Digest x", "bearerx", token] {
        let shown: String = value.chars().take(12).collect();
        rows.push(
            post(&format!("another scheme: {shown}"))
                .header("authorization", value)
                .gets(Expected::Challenge(401, None)),
        );
    }
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer \"a\"",
        "Bearer =",
        "Bearer \u{e9}",
        "",
        "Bearer a\tb",
    ] {
        let row = post(&format!("malformed: {value:?}")).header("authorization", value);
        rows.push(row.gets(Expected::Challenge(400, Some("invalid_request"))));
    }
    for second in [token, "x"] {
        let row = post("two tokens").bearer(token).bearer(second);
        rows.push(row.gets(Expected::Challenge(400, Some("invalid_request"))));
    }
    for (what, token) in [
        ("a refresh token", &setting.refresh_token),
        ("a code", &setting.authorization.code),
        ("a ticket", &setting.ticket),
    ] {
        rows.push(post(what).bearer(token).gets(Expected::Challenge(401, Some("invalid_token"))));
    }
    for (name, value) in
        [("mcp-protocol-version", "2025-11-25"), ("mcp-method", "ping"), ("mcp-name", "x"), ("last-event-id", "1")]
    {
        let row = post(&format!("{name} twice")).bearer(token).header(name, value).header(name, value);
        rows.push(row.gets(Expected::Rpc(400)));
    }
    rows.push(
        post("mcp-session-id twice")
            .bearer(token)
            .header("mcp-session-id", "x")
            .header("mcp-session-id", "x")
            .gets(Expected::Rpc(400)),
    );
    for id in ["x", "", "\u{e9}", "a b", &"x".repeat(10_000)] {
        let shown: String = id.chars().take(20).collect();
        rows.push(
            post(&format!("mcp-session-id {shown:?}"))
                .bearer(token)
                .header("mcp-session-id", id)
                .gets(Expected::Rpc(404)),
        );
    }
    for origin in ["https://evil.example", "null", ""] {
        rows.push(post(&format!("origin {origin:?}")).bearer(token).header("origin", origin).gets(Expected::Rpc(403)));
        let preflight = Row::new("origin", "OPTIONS", "/mcp").header("access-control-request-method", "POST");
        rows.push(preflight.header("origin", origin).gets(Expected::Rpc(403)));
    }
    let oversized = Row::new("announced too large", "POST", "/mcp").bearer(token);
    let oversized = oversized.header("content-type", "application/json").header("content-length", "4194305");
    rows.push(oversized.gets(Expected::Rpc(413)));
    for method in ["HEAD", "PUT", "PATCH", "TRACE", "BREW", "post"] {
        rows.push(Row::new("wrong method", method, "/mcp").bearer(token).gets(Expected::Method(ALLOW)));
    }
    rows
}
