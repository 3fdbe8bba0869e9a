//! The log: one line of JSON for what somebody asked for. It says who, what and how it ended, and never what code, output, files or
//! ids there were.

use gatehouse_audit_log::{LogTime, RequestId, TraceId, TraceParent, X_REQUEST_ID};
use http::HeaderMap;
use serde::Serialize;

/// Which request a line is about: the ids that the gateway's own lines have.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    request_id: Option<RequestId>,
    trace_id: Option<TraceId>,
}

impl Ids {
    /// Those that a request of the gateway has.
    pub fn of(headers: &HeaderMap) -> Self {
        let request_id = headers.get(X_REQUEST_ID).and_then(|value| RequestId::parse(value.to_str().ok()?));
        Self { request_id, trace_id: TraceParent::of(headers).map(|parent| parent.trace_id) }
    }
}

/// One line. Fields that say nothing are left out.
#[derive(Debug, Default, Serialize)]
pub struct Line<'a> {
    /// `launch`, `run`, `resource-read`, `resource-list`, `environments-list`, `environment-end`, `environments`, `sweep`, `request` or
    /// `configuration`.
    pub event: &'static str,
    /// `allowed`, `refused` or `failed`.
    pub decision: &'static str,
    /// The caller; of an environment that was ended, whose it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// The tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<&'static str>,
    /// The environment's name in the log. It is not its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<&'a str>,
    /// How the code ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The limit that it hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<&'static str>,
    /// Milliseconds that it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_ms: Option<u64>,
    /// Why, where it was not simply done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Whole<'a> {
    time: LogTime,
    component: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a TraceId>,
    #[serde(flatten)]
    line: &'a Line<'a>,
}

/// The text of a line.
pub fn written(milliseconds: u64, ids: &Ids, line: &Line<'_>) -> String {
    let time = LogTime::from_milliseconds(milliseconds);
    let (request_id, trace_id) = (ids.request_id.as_ref(), ids.trace_id.as_ref());
    let whole = Whole { time, component: "sandbox", request_id, trace_id, line };
    // JSON escapes whatever ends a line but for three characters, which no text here has from outside.
    serde_json::to_string(&whole).unwrap_or_default()
}
