//! All that is measured: each metric's names, its labels and what it means. `docs/telemetry.md` is held against this.
//!
//! What OpenTelemetry's semantic conventions name has their name (HTTP, MCP, databases, processes); what only a gateway has begins
//! with `gatehouse.`. A label's name in Prometheus is the attribute's, with `_` for each point.

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations in seconds, counted below each of these bounds.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// Its name in OTLP.
    pub otlp: &'static str,
    /// Its name for Prometheus.
    pub prometheus: &'static str,
    /// Its unit (UCUM).
    pub unit: &'static str,
    /// How it counts.
    pub kind: Kind,
    /// Its attributes.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// The bounds that the conventions advise for HTTP.
const OF_HTTP: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The same for MCP.
const OF_MCP: &[f64] = &[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// The same for databases, and finer ones below: a read of SQLite takes some 20 microseconds.
const OF_DATABASES: &[f64] = &[0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

pub(crate) const HTTP_METHOD: &str = "http.request.method";
pub(crate) const HTTP_ROUTE: &str = "http.route";
pub(crate) const HTTP_STATUS: &str = "http.response.status_code";
pub(crate) const ERROR_TYPE: &str = "error.type";
pub(crate) const MCP_METHOD: &str = "mcp.method.name";
pub(crate) const TOOL: &str = "gen_ai.tool.name";
pub(crate) const DECISION: &str = "gatehouse.decision";
pub(crate) const SERVER_ADDRESS: &str = "server.address";
pub(crate) const SERVER_PORT: &str = "server.port";
pub(crate) const PEER: &str = "gatehouse.peer";
pub(crate) const DB_SYSTEM: &str = "db.system.name";
pub(crate) const DB_OPERATION: &str = "db.operation.name";

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident = $definition:expr;)*) => {
        /// What is measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric { $($(#[$doc])* $name,)* }

        impl Metric {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it is.
            pub const fn definition(self) -> Definition {
                match self { $(Self::$name => $definition,)* }
            }
        }
    };
}

metrics! {
    /// Requests to the host.
    ServerDuration = Definition {
        otlp: "http.server.request.duration",
        prometheus: "http_server_request_duration_seconds",
        unit: "s",
        kind: Kind::Histogram(OF_HTTP),
        labels: &[HTTP_METHOD, HTTP_ROUTE, HTTP_STATUS],
        help: "From the head of a request to the end of its answer. A stream counts when it ends.",
    };
    /// Requests under way.
    ActiveRequests = Definition {
        otlp: "http.server.active_requests",
        prometheus: "http_server_active_requests",
        unit: "{request}",
        kind: Kind::Gauge,
        labels: &[],
        help: "Requests that are under way, streams among them.",
    };
    /// What MCP endpoints were asked for.
    Requests = Definition {
        otlp: "gatehouse.requests",
        prometheus: "gatehouse_requests_total",
        unit: "{request}",
        kind: Kind::Counter,
        labels: &[HTTP_ROUTE, MCP_METHOD, TOOL, DECISION, HTTP_STATUS],
        help: "What the routes were asked for, each message of a batch on its own, by what was decided and the status of the answer.",
    };
    /// How long messages took.
    OperationDuration = Definition {
        otlp: "mcp.server.operation.duration",
        prometheus: "mcp_server_operation_duration_seconds",
        unit: "s",
        kind: Kind::Histogram(OF_MCP),
        labels: &[HTTP_ROUTE, MCP_METHOD, TOOL, ERROR_TYPE],
        help: "From a message of MCP to the end of its answer. The messages of a batch have the time of the batch.",
    };
    /// Requests of ours to others.
    ClientDuration = Definition {
        otlp: "http.client.request.duration",
        prometheus: "http_client_request_duration_seconds",
        unit: "s",
        kind: Kind::Histogram(OF_HTTP),
        labels: &[HTTP_METHOD, SERVER_ADDRESS, SERVER_PORT, PEER, HTTP_STATUS, ERROR_TYPE],
        help: "From a request to an MCP server, an identity provider or another party to the head of its answer.",
    };
    /// Calls of the store.
    StoreDuration = Definition {
        otlp: "db.client.operation.duration",
        prometheus: "db_client_operation_duration_seconds",
        unit: "s",
        kind: Kind::Histogram(OF_DATABASES),
        labels: &[DB_SYSTEM, DB_OPERATION, ERROR_TYPE],
        help: "An operation of the key-value store, with the time that it waited for its turn.",
    };
    /// Streams of events.
    Streams = Definition {
        otlp: "gatehouse.streams.open",
        prometheus: "gatehouse_streams_open",
        unit: "{stream}",
        kind: Kind::Gauge,
        labels: &["gatehouse.stream"],
        help: "Streams of events to clients that are open: those that answer a request, and those that only wait for notifications.",
    };
    /// Connections.
    Connections = Definition {
        otlp: "gatehouse.connections.open",
        prometheus: "gatehouse_connections_open",
        unit: "{connection}",
        kind: Kind::Gauge,
        labels: &[],
        help: "Connections of clients that are open.",
    };
    /// What became of tokens.
    Tokens = Definition {
        otlp: "gatehouse.tokens",
        prometheus: "gatehouse_tokens_total",
        unit: "{token}",
        kind: Kind::Counter,
        labels: &["gatehouse.token"],
        help: "Our own tokens: issued, refreshed, revoked, and those that somebody presented a second time, which ends their session.",
    };
    /// What the authorization server decided.
    AuthorizationDecisions = Definition {
        otlp: "gatehouse.authorization.decisions",
        prometheus: "gatehouse_authorization_decisions_total",
        unit: "{decision}",
        kind: Kind::Counter,
        labels: &["gatehouse.action", DECISION],
        help: "What the authorization server was asked for, by what it decided.",
    };
    /// Limits that were reached.
    Limits = Definition {
        otlp: "gatehouse.limits.reached",
        prometheus: "gatehouse_limits_reached_total",
        unit: "{request}",
        kind: Kind::Counter,
        labels: &["gatehouse.limit"],
        help: "Requests that were refused because a limit was reached; the name is that of docs/limits.md.",
    };
    /// Warnings and errors of the host.
    Notices = Definition {
        otlp: "gatehouse.host.notices",
        prometheus: "gatehouse_host_notices_total",
        unit: "{line}",
        kind: Kind::Counter,
        labels: &["gatehouse.level"],
        help: "Lines of the log with which the host itself warns, or says that it or a guest has failed.",
    };
    /// Spans that were not kept.
    DroppedSpans = Definition {
        otlp: "gatehouse.telemetry.spans.dropped",
        prometheus: "gatehouse_telemetry_spans_dropped_total",
        unit: "{span}",
        kind: Kind::Counter,
        labels: &[],
        help: "Spans that were not exported, because too many waited or nobody took them.",
    };
    /// Exports.
    Exports = Definition {
        otlp: "gatehouse.telemetry.exports",
        prometheus: "gatehouse_telemetry_exports_total",
        unit: "{request}",
        kind: Kind::Counter,
        labels: &["gatehouse.signal", "gatehouse.outcome"],
        help: "Requests with metrics or spans to the OTLP endpoint.",
    };
    /// The version.
    Build = Definition {
        otlp: "gatehouse.build.info",
        prometheus: "gatehouse_build_info",
        unit: "1",
        kind: Kind::Gauge,
        labels: &["service.version"],
        help: "1, with the version of the host.",
    };
    /// Processor time.
    ProcessCpu = Definition {
        otlp: "process.cpu.time",
        prometheus: "process_cpu_seconds_total",
        unit: "s",
        kind: Kind::Counter,
        labels: &[],
        help: "Processor time of the host's process, as the user and in the kernel.",
    };
    /// Memory.
    ProcessMemory = Definition {
        otlp: "process.memory.usage",
        prometheus: "process_resident_memory_bytes",
        unit: "By",
        kind: Kind::Gauge,
        labels: &[],
        help: "Memory of the host's process that is present.",
    };
    /// Open files.
    ProcessFiles = Definition {
        otlp: "process.unix.file_descriptor.count",
        prometheus: "process_open_fds",
        unit: "{file_descriptor}",
        kind: Kind::Gauge,
        labels: &[],
        help: "Files and connections that the host's process has open.",
    };
    /// How many may be open.
    ProcessMostFiles = Definition {
        otlp: "gatehouse.process.file_descriptor.limit",
        prometheus: "process_max_fds",
        unit: "{file_descriptor}",
        kind: Kind::Gauge,
        labels: &[],
        help: "How many files and connections the host's process may have open.",
    };
    /// When the process began.
    ProcessStart = Definition {
        otlp: "gatehouse.process.start_time",
        prometheus: "process_start_time_seconds",
        unit: "s",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the host began, in seconds since 1970.",
    };
}
