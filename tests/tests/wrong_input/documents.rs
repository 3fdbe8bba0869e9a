//! The documents, the health check, and paths that are none.

use crate::row::{Expected, Row};
use crate::setting::Setting;

pub(crate) fn rows(setting: &Setting) -> Vec<Row> {
    let mut rows = Vec::new();
    for (path, allow) in [
        ("/.well-known/oauth-authorization-server", "GET"),
        ("/.well-known/openid-configuration", "GET"),
        ("/.well-known/oauth-protected-resource", "GET, HEAD, OPTIONS"),
        ("/.well-known/oauth-protected-resource/mcp", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD"),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            rows.push(Row::new("wrong method", method, path).gets(Expected::Method(allow)));
        }
    }
    for path in UNKNOWN {
        for method in ["GET", "POST"] {
            let row = Row::new("unknown path", method, path).bearer(&setting.access_token);
            rows.push(row.gets(Expected::Error(404, "invalid_request")));
        }
    }
    for method in ["PUT", "DELETE", "BREW", "OPTIONS"] {
        rows.push(Row::new("unknown path", method, "/unknown").gets(Expected::Error(404, "invalid_request")));
    }
    rows
}

/// Other spellings of paths that exist, and things that scanners ask for.
const UNKNOWN: [&str; 44] = [
    "/",
    "/unknown",
    "//",
    "//mcp",
    "/mcp//",
    "/%6dcp",
    "/%6Dcp",
    "/mcp%2f",
    "/mcp%2F",
    "/mcp%00",
    "/mcp%20",
    "/./mcp",
    "/x/../mcp",
    "/mcp/..",
    "/mcp/.",
    "/mcp/../token",
    "/MCP",
    "/Mcp",
    "/mcp;x",
    "/mcp;x=y/",
    "/mcp.json",
    "/mcp%3fx",
    "/mcp%23",
    "/%2e%2e/mcp",
    "/..%2fmcp",
    "/mcp/more",
    "/sse/",
    "//sse",
    "/Message",
    "/token/",
    "//token",
    "/Token",
    "/%74oken",
    "/authorize/",
    "/authorize;x",
    "/register/x",
    "/callback/",
    "/consent/",
    "/healthz/",
    "//healthz",
    "/.well-known/",
    "/.well-known/oauth-protected-resource/",
    "/.well-known/oauth-protected-resource/other",
    "/.well-known/oauth-protected-resource//mcp",
];
