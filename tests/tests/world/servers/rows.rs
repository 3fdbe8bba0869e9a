//! The servers: how each is started, and what it can be asked without an account or the internet.

use crate::installed::{Program, Registry};

/// A server of others.
pub(crate) struct Row {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// The last part of its routes' paths.
    pub(crate) path: &'static str,
    /// The package whose version is shown.
    pub(crate) package: (Registry, &'static str),
    /// What is started, with these arguments: `{port}`, `{folder}` (an empty one) and `{everything}` (the command of
    /// server-everything over stdin) are replaced in them.
    program: Program,
    arguments: &'static [&'static str],
    /// Variables, in which the same is replaced.
    environment: &'static [(&'static str, &'static str)],
    /// Where it is reached.
    pub(crate) url: &'static str,
    /// A tool, and arguments that it takes, as JSON.
    pub(crate) call: (&'static str, &'static str),
    /// A tool, and arguments that its input schema forbids.
    pub(crate) wrong_call: (&'static str, &'static str),
    /// What is to be known for its route.
    pub(crate) remark: &'static str,
}

const MCP: &str = "http://127.0.0.1:{port}/mcp";
const EVERYTHING: &str = "@modelcontextprotocol/server-everything/dist/index.js";
const ECHO: (&str, &str) = ("echo", r#"{"message":"hello"}"#);

#[rustfmt::skip]
pub(crate) static SERVERS: [Row; 18] = [
    Row {
        name: "server-everything", path: "everything", package: (Registry::Npm, "@modelcontextprotocol/server-everything"),
        program: Program::Npm(EVERYTHING), arguments: &["streamableHttp"], environment: &[("PORT", "{port}")], url: MCP,
        call: ("trigger-long-running-operation", r#"{"duration":0.2,"steps":2}"#), wrong_call: ("trigger-long-running-operation", r#"{"duration":"long"}"#),
        remark: "",
    },
    Row {
        name: "context7", path: "context7", package: (Registry::Npm, "@upstash/context7-mcp"),
        program: Program::Npm("@upstash/context7-mcp/dist/index.js"), arguments: &["--transport", "http", "--port", "{port}"], environment: &[], url: MCP,
        call: ("resolve-library-id", r#"{"query":"hooks","libraryName":"react"}"#), wrong_call: ("resolve-library-id", r#"{}"#),
        remark: "`secret_headers` for an API key",
    },
    Row {
        name: "AntV chart", path: "chart", package: (Registry::Npm, "@antv/mcp-server-chart"),
        program: Program::Npm("@antv/mcp-server-chart/build/index.js"),
        arguments: &["--transport", "streamable", "--host", "127.0.0.1", "--port", "{port}"],
        // Nothing listens there: the chart is refused, in the same words each time.
        environment: &[("VIS_REQUEST_SERVER", "http://127.0.0.1:9/chart")], url: MCP,
        call: ("generate_pie_chart", r#"{"data":[{"category":"a","value":1}]}"#), wrong_call: ("generate_pie_chart", r#"{"data":"none"}"#),
        remark: "it has no sessions, and answers `GET` with 404",
    },
    Row {
        name: "dbhub", path: "dbhub", package: (Registry::Npm, "@bytebase/dbhub"),
        program: Program::Npm("@bytebase/dbhub/dist/index.js"), arguments: &["--demo", "--transport", "http", "--port", "{port}"], environment: &[], url: MCP,
        call: ("execute_sql", r#"{"sql":"select emp_no, first_name from employee order by emp_no limit 3"}"#), wrong_call: ("execute_sql", r#"{"sql":1}"#),
        remark: "with its demo database",
    },
    Row {
        name: "mcp-server-motherduck", path: "motherduck", package: (Registry::PyPi, "mcp-server-motherduck"),
        program: Program::Script(Registry::PyPi, "mcp-server-motherduck"),
        arguments: &["--transport", "http", "--port", "{port}", "--db-path", ":memory:", "--read-write"], environment: &[], url: MCP,
        call: ("execute_query", r#"{"sql":"select 42 as answer"}"#), wrong_call: ("execute_query", r#"{"sql":1}"#),
        remark: "with a database in memory",
    },
    Row {
        name: "excel-mcp-server", path: "excel", package: (Registry::PyPi, "excel-mcp-server"),
        program: Program::Script(Registry::PyPi, "excel-mcp-server"), arguments: &["streamable-http", "--port", "{port}", "--allow-dir", "{folder}"], environment: &[], url: MCP,
        call: ("list_workbooks", "{}"), wrong_call: ("describe_workbook", r#"{}"#),
        remark: "",
    },
    Row {
        name: "duckduckgo-mcp-server", path: "duckduckgo", package: (Registry::PyPi, "duckduckgo-mcp-server"),
        program: Program::Script(Registry::PyPi, "duckduckgo-mcp-server"), arguments: &["--transport", "streamable-http", "--port", "{port}"], environment: &[], url: MCP,
        call: ("search", r#"{"query":"model context protocol"}"#), wrong_call: ("search", r#"{"query":7}"#),
        remark: "",
    },
    Row {
        name: "wikipedia-mcp", path: "wikipedia", package: (Registry::PyPi, "wikipedia-mcp"),
        program: Program::Script(Registry::PyPi, "wikipedia-mcp"), arguments: &["--transport", "http", "--port", "{port}"], environment: &[], url: MCP,
        call: ("search_wikipedia", r#"{"query":"Gatehouse"}"#), wrong_call: ("search_wikipedia", r#"{"query":7}"#),
        remark: "",
    },
    Row {
        name: "mongodb-mcp-server", path: "mongodb", package: (Registry::Npm, "mongodb-mcp-server"),
        program: Program::Npm("mongodb-mcp-server/dist/esm/index.js"),
        arguments: &["--transport", "http", "--httpPort", "{port}", "--telemetry", "disabled"], environment: &[], url: MCP,
        call: ("list-connections", "{}"), wrong_call: ("list-databases", r#"{}"#),
        remark: "without a database",
    },
    Row {
        name: "supergateway (sessions)", path: "supergateway", package: (Registry::Npm, "supergateway"),
        program: Program::Npm("supergateway/dist/index.js"),
        arguments: &["--stdio", "{everything}", "--outputTransport", "streamableHttp", "--stateful", "--port", "{port}"], environment: &[], url: MCP,
        call: ECHO, wrong_call: ("echo", r#"{}"#),
        remark: "",
    },
    Row {
        name: "supergateway (no sessions)", path: "supergateway-stateless", package: (Registry::Npm, "supergateway"),
        program: Program::Npm("supergateway/dist/index.js"),
        arguments: &["--stdio", "{everything}", "--outputTransport", "streamableHttp", "--port", "{port}"], environment: &[], url: MCP,
        call: ECHO, wrong_call: ("echo", r#"{}"#),
        remark: "",
    },
    Row {
        name: "supergateway (HTTP+SSE)", path: "supergateway-events", package: (Registry::Npm, "supergateway"),
        program: Program::Npm("supergateway/dist/index.js"), arguments: &["--stdio", "{everything}", "--port", "{port}"], environment: &[],
        url: "http://127.0.0.1:{port}/sse", call: ECHO, wrong_call: ("echo", "{}"),
        remark: "`transport = \"sse\"`, with which arguments are not validated",
    },
    Row {
        name: "server-pdf", path: "pdf", package: (Registry::Npm, "@modelcontextprotocol/server-pdf"),
        program: Program::Npm("@modelcontextprotocol/server-pdf/dist/index.js"), arguments: &[], environment: &[("PORT", "{port}")], url: MCP,
        call: ("list_pdfs", "{}"), wrong_call: ("display_pdf", r#"{"url":7}"#),
        remark: "",
    },
    Row {
        name: "Playwright", path: "playwright", package: (Registry::Npm, "@playwright/mcp"),
        program: Program::Npm("@playwright/mcp/cli.js"),
        arguments: &["--port", "{port}", "--headless", "--isolated", "--no-sandbox", "--executable-path", "{browser}", "--output-dir", "{folder}"],
        // It serves nobody who calls it 127.0.0.1.
        environment: &[], url: "http://localhost:{port}/mcp",
        call: ("browser_tabs", r#"{"action":"list"}"#), wrong_call: ("browser_tabs", r#"{"action":"dance"}"#),
        remark: "`url` with `localhost`: it answers no other name",
    },
    Row {
        name: "mcp-proxy (npm)", path: "proxy", package: (Registry::Npm, "mcp-proxy"),
        program: Program::Npm("mcp-proxy/dist/bin/mcp-proxy.mjs"),
        arguments: &["--host", "127.0.0.1", "--port", "{port}", "--", "{node}", "{everything.js}", "stdio"], environment: &[], url: MCP,
        call: ECHO, wrong_call: ("echo", r#"{}"#),
        remark: "",
    },
    Row {
        name: "mcp-proxy (PyPI)", path: "python-proxy", package: (Registry::PyPiSdk1, "mcp-proxy"),
        program: Program::Script(Registry::PyPiSdk1, "mcp-proxy"), arguments: &["--port", "{port}", "--", "{node}", "{everything.js}", "stdio"], environment: &[], url: MCP,
        call: ECHO, wrong_call: ("echo", r#"{}"#),
        remark: "its package needs `mcp<2`",
    },
    Row {
        name: "fastmcp (mounted in Starlette)", path: "mounted", package: (Registry::PyPi, "fastmcp"),
        program: Program::Ours(Registry::PyPi, "fastmcp_app.py"), arguments: &["--port", "{port}", "--mounted"], environment: &[], url: "http://127.0.0.1:{port}/mcp/",
        call: ("count", r#"{"steps":2}"#), wrong_call: ("count", r#"{"steps":"two"}"#),
        remark: "`url` with `/` at its end: without it, the server redirects, and Gatehouse answers 502 that says so",
    },
    Row {
        name: "fastmcp (GZip)", path: "compressing", package: (Registry::PyPi, "fastmcp"),
        program: Program::Ours(Registry::PyPi, "fastmcp_app.py"), arguments: &["--port", "{port}", "--gzip"], environment: &[], url: MCP,
        call: ("count", r#"{"steps":2}"#), wrong_call: ("count", r#"{"steps":"two"}"#),
        remark: "",
    },
];

impl Row {
    /// Whether it speaks HTTP+SSE (2024-11-05) alone.
    pub(crate) fn has_events_alone(&self) -> bool {
        self.url.ends_with("/sse")
    }

    /// What is started.
    pub(crate) fn program(&self) -> Program {
        self.program
    }

    /// Its arguments and variables, after `replace`.
    pub(crate) fn settings(&self, replace: impl Fn(&str) -> String) -> (Vec<String>, Vec<(&'static str, String)>) {
        let arguments = self.arguments.iter().map(|argument| replace(argument));
        let variables = self.environment.iter().map(|(name, value)| (*name, replace(value)));
        (arguments.collect(), variables.collect())
    }
}

/// The file of server-everything, which others have behind them.
pub(crate) const EVERYTHING_PROGRAM: Program = Program::Npm(EVERYTHING);
